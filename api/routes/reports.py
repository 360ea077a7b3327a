"""Questions to the read models: what was sold, who pays for it, how busy the lanes are, what stands on the counters."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response

from api import schemas
from api.request_errors import OtherLaneError, ParameterInvalidError
from api.routes import parameters
from api.routes.call import Call, answered
from api.routes.operation import OFFICE, Content, Operation
from api.routes.parameters import filter_by
from engine.domain.actor import Role
from engine.domain.errors import ProjectionError
from projections.checkout_totals import Dimension, Selection

_TAG: Final = "reports"
_LEDGER_READERS: Final = frozenset({Role.FINANCE, Role.ADMIN})
_BOARD_READERS: Final = frozenset({Role.CASHIER, Role.MANAGER, Role.ADMIN})
_MAX_TARGET_WAIT_S: Final = 3600
_DEFAULT_TARGET_WAIT_S: Final = 60


async def get_totals(call: Call) -> Response:
    by = _dimensions(call)
    from_day, until_day = _days(call)
    selection = Selection(
        canteen_id=_canteen(call),
        lane_id=call.query("lane_id"),
        from_day=from_day,
        until_day=until_day,
        meal_period=call.query("meal_period"),
        tender=call.query("tender"),
        dish_id=call.query("dish_id"),
    )
    rows = await _current(call, "checkout_totals", lambda: call.container.views.totals.totals(by, selection))
    return answered({"by": [dimension.value for dimension in by], "rows": rows})


async def get_ledger(call: Call) -> Response:
    from_day, until_day = _days(call)
    canteen_id = _canteen(call)
    funder_id = call.query("funder_id")
    ledger = call.container.views.ledger

    def ask() -> dict[str, Any]:
        return {
            "accounts": ledger.trial_balance(from_day=from_day, until_day=until_day, canteen_id=canteen_id),
            "claims": ledger.claims(from_day=from_day, until_day=until_day, funder_id=funder_id, canteen_id=canteen_id),
            # Prepaid money belongs to residents, not to a canteen.
            "prepaid": () if canteen_id else ledger.prepaid_statement(from_day=from_day, until_day=until_day),
        }

    return answered(await _current(call, "subsidy_ledger", ask))


async def get_queue_metrics(call: Call) -> Response:
    canteen_id = _canteen(call)
    lane_id = call.query("lane_id")
    day = call.query_day("business_day")
    if not canteen_id or day is None:
        raise ParameterInvalidError("canteen_id and business_day are needed.", parameter="canteen_id, business_day")
    business_day = day.isoformat()
    target_wait_s = call.query_number("target_wait_s", _DEFAULT_TARGET_WAIT_S, least=1, most=_MAX_TARGET_WAIT_S)
    queue = call.container.views.queue

    def ask() -> dict[str, Any]:
        return {
            "buckets": [
                {
                    **asdict(bucket),
                    "utilisation": bucket.utilisation,
                    "throughput_per_minute": bucket.throughput_per_minute,
                }
                for bucket in queue.buckets(canteen_id=canteen_id, lane_id=lane_id, business_day=business_day)
            ],
            "service_times": queue.service_times(canteen_id=canteen_id, lane_id=lane_id, business_day=business_day),
            "estimated_waits": queue.waits(canteen_id, business_day, target_wait_s=target_wait_s),
        }

    return answered(await _current(call, "queue_metrics", ask))


async def list_open_checkouts(call: Call) -> Response:
    canteen_id = _canteen(call)
    if not canteen_id:
        raise ParameterInvalidError("canteen_id is needed.", parameter="canteen_id")
    lane_id = call.query("lane_id")
    view = call.container.views.open_checkouts
    rows = await _current(call, "open_checkouts", lambda: view.at_lanes(canteen_id, lane_id))
    return answered({"checkouts": rows})


async def _current(call: Call, read_model: str, question: Callable[[], Any]) -> Any:
    """Ask a read model, once it has come to all that was stored before the question (or after half a second)."""
    return await call.container.read(lambda: call.container.ask_current(read_model, question))


def _canteen(call: Call) -> str:
    """Return the canteen asked for; a bound key that names none means its own."""
    canteen_id = call.query("canteen_id")
    if call.key.canteen_id:
        canteen_id = canteen_id or call.key.canteen_id
        call.key.refuse_other_canteen(canteen_id)
    return canteen_id


def _days(call: Call) -> tuple[str, str]:
    from_day, until_day = call.query_day("from_day"), call.query_day("until_day")
    return from_day.isoformat() if from_day else "", until_day.isoformat() if until_day else ""


def _dimensions(call: Call) -> tuple[Dimension, ...]:
    names = [name for name in call.query("by", longest=200).split(",") if name]
    try:
        by = tuple(Dimension(name) for name in names)
    except ValueError as error:
        known = ", ".join(dimension.value for dimension in Dimension)
        raise ParameterInvalidError(f"by takes any of: {known}.", parameter="by") from error
    if len(set(by)) != len(by):
        raise ParameterInvalidError("by names a dimension twice.", parameter="by")
    return by


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/totals",
        handle=get_totals,
        roles=OFFICE,
        tag=_TAG,
        summary="营业统计 · Checkout totals",
        description=(
            "Bills, items, gross, discount, subsidy by funder, own money and refunds, split by any dimensions. "
            "On every "
            "row `gross_fen = own_fen + subsidy_fen + discount_fen`."
        ),
        parameters=(
            filter_by(
                "by",
                f"dimensions, separated by commas: {', '.join(dimension.value for dimension in Dimension)}",
                "canteen_id,tender",
                {"type": "string", "maxLength": 200},
            ),
            parameters.CANTEEN,
            parameters.LANE,
            parameters.FROM_DAY,
            parameters.UNTIL_DAY,
            parameters.MEAL_PERIOD,
            filter_by("tender", "one way of paying", "card"),
            filter_by("dish_id", "one dish", "hongshaorou"),
        ),
        answer=Content(
            shape=schemas.Totals,
            example={
                "by": ["canteen_id"],
                "rows": [
                    {
                        "values": ["lanxi"],
                        "bills": 1,
                        "items": 3,
                        "refunds": 0,
                        "refunded_items": 0,
                        "voids": 0,
                        "gross_fen": 1500,
                        "discount_fen": 300,
                        "subsidy_fen": 0,
                        "own_fen": 1200,
                        "refunded_gross_fen": 0,
                        "refunded_discount_fen": 0,
                        "refunded_subsidy_fen": 0,
                        "refunded_own_fen": 0,
                        "funders": [],
                    }
                ],
            },
        ),
        problems=(ProjectionError, OtherLaneError),
    ),
    Operation(
        method="GET",
        path="/v1/ledger",
        handle=get_ledger,
        roles=_LEDGER_READERS,
        tag=_TAG,
        summary="补贴台账 · Subsidy ledger",
        description=(
            "Every account with debits and credits (they sum to zero), what each funder owes each canteen by "
            "month, and "
            "prepaid money day by day."
        ),
        parameters=(
            parameters.CANTEEN,
            parameters.FROM_DAY,
            parameters.UNTIL_DAY,
            filter_by("funder_id", "claims on one funder", "putuo-district"),
        ),
        answer=Content(
            shape=schemas.Ledger,
            example={
                "accounts": [{"account": "takings", "debit_fen": 1200, "credit_fen": 0, "balance_fen": 1200}],
                "claims": [
                    {
                        "funder_id": "putuo-district",
                        "canteen_id": "lanxi",
                        "month": "2026-11",
                        "rule_id": "",
                        "rule_version": 0,
                        "persons": 1,
                        "person_times": 1,
                        "amount_fen": 300,
                    }
                ],
                "prepaid": [
                    {
                        "business_day": "2026-11-24",
                        "opening_fen": 0,
                        "top_ups_fen": 15000,
                        "spend_fen": 1200,
                        "refunds_fen": 0,
                        "closing_fen": 13800,
                    }
                ],
            },
        ),
        problems=(ProjectionError, OtherLaneError),
    ),
    Operation(
        method="GET",
        path="/v1/metrics/queue",
        handle=get_queue_metrics,
        roles=OFFICE,
        tag=_TAG,
        summary="排队指标 · Queue metrics",
        description=(
            "Five-minute buckets per lane, service times split into recognise, interact and pay, and the "
            "*estimated* wait "
            "of a canteen with the lanes to open for a target wait."
        ),
        parameters=(
            parameters.CANTEEN,
            parameters.LANE,
            filter_by("business_day", "the day (needed)", "2026-11-24", {"type": "string", "format": "date"}),
            filter_by(
                "target_wait_s",
                "the wait to aim at, in seconds",
                60,
                {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": _MAX_TARGET_WAIT_S,
                    "default": _DEFAULT_TARGET_WAIT_S,
                },
            ),
        ),
        answer=Content(shape=schemas.QueueMetrics, example={"buckets": [], "service_times": [], "estimated_waits": []}),
        problems=(ProjectionError, OtherLaneError),
    ),
    Operation(
        method="GET",
        path="/v1/open-checkouts",
        handle=list_open_checkouts,
        roles=_BOARD_READERS,
        tag=_TAG,
        summary="未完成的结算 · Open checkouts",
        description="What stands on the counters of a canteen: unpaid, held, or paid with the tray still there.",
        parameters=(parameters.CANTEEN, parameters.LANE),
        answer=Content(shape=schemas.OpenCheckouts, example={"checkouts": []}),
        problems=(ProjectionError, OtherLaneError),
    ),
)
