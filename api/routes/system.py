"""How the system is, and what happens in it."""

from typing import Any, Final

from starlette.responses import Response

from api import schemas
from api.metrics import CONTENT_TYPE
from api.problems import PROBLEM_KINDS, ProblemKind
from api.request_errors import EventStreamsFullError, ParameterInvalidError
from api.routes import examples
from api.routes.call import Call, answered, whole_number
from api.routes.operation import ANYBODY, KITCHEN, OFFICE, Content, Operation, Parameter
from api.routes.parameters import filter_by, path_id
from api.sse import event_stream
from engine.application.topics import EVENT_TYPES
from engine.domain.errors import NotFoundError

_TAG: Final = "system"
_MAX_POSITION: Final = 2**62


async def get_live(call: Call) -> Response:
    return answered({"status": "ok"})


async def get_health(call: Call) -> Response:
    health = await call.container.read(call.container.health)
    return answered(health, 200 if health["status"] == "ok" else 503)


async def get_metrics(call: Call) -> Response:
    text = await call.container.read(call.container.metrics.text)
    return Response(text, headers={"content-type": CONTENT_TYPE})


async def follow_events(call: Call) -> Response:
    container = call.container
    if container.listeners.count >= container.settings.event_stream_limit:
        raise EventStreamsFullError(
            f"{container.listeners.count} listeners follow already. Try again later.", retry_after_s=30
        )
    after = call.query_number("after", 0, least=0, most=_MAX_POSITION)
    last_id = call.request.headers.get("last-event-id", "")
    if last_id:
        # Sent by itself when a listener reconnects, so it counts more than where it once began.
        after = whole_number("Last-Event-ID", last_id, 0, _MAX_POSITION)
    topics = frozenset(name for name in call.query("topics", longest=2000).split(",") if name)
    unknown = sorted(topics - EVENT_TYPES.keys())
    if unknown:
        raise ParameterInvalidError(f"topics names {len(unknown)} that do not exist.", parameter="topics")
    return event_stream(
        container.store.log,
        container.bell,
        container.reads,
        container.listeners,
        after=after,
        topics=topics,
        canteen_id=call.key.canteen_id,
    )


async def get_problem(call: Call) -> Response:
    code = call.path_id("code")
    kind = next((kind for kind in PROBLEM_KINDS.values() if kind.code == code), None)
    if kind is None:
        raise NotFoundError("No problem has this code.")
    return answered(_told(kind))


def _told(kind: ProblemKind) -> dict[str, Any]:
    return {
        "code": kind.code,
        "status": kind.status,
        "title": kind.title_zh,
        "title_en": kind.title_en,
        "meaning": kind.meaning,
    }


_HEALTH: Final[dict[str, Any]] = {
    "status": "ok",
    "faults": [],
    "store": {"database": "sqlite", "head_position": 4711, "chain_head": examples.SHA256},
    "writer": {
        "accepting": True,
        "queue_depth": 0,
        "queue_limit": 1024,
        "batch_p50_us": 900,
        "batch_p95_us": 2400,
    },
    "read_models": [{"name": "checkout_totals", "state": "live", "lag": 0}],
    "models": [{"name": "dish_detector", "sha256": examples.SHA256}],
    "recognition": {"in_hand": 0, "limit": 16, "galleries_to_re_embed": []},
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/live",
        handle=get_live,
        roles=ANYBODY,
        tag=_TAG,
        summary="存活检查 · Is it there",
        description="Answers as soon as the server answers at all; touches nothing else.",
        answer=Content(shape=schemas.Live, example={"status": "ok"}),
    ),
    Operation(
        method="GET",
        path="/health",
        handle=get_health,
        roles=ANYBODY,
        tag=_TAG,
        summary="健康状态 · How it is",
        description=(
            "Store, writer, lag of the read models, models and head of the hash chain. 503 with `faults` if work "
            "stops. `galleries_to_re_embed` names canteens whose trays cannot be read until `canteen gallery re-embed` "
            "was run."
        ),
        answer=Content(shape=schemas.Health, example=_HEALTH),
        also_answers=(503,),
    ),
    Operation(
        method="GET",
        path="/metrics",
        handle=get_metrics,
        roles=KITCHEN,
        tag=_TAG,
        summary="Prometheus 指标 · Metrics",
        description="Requests, command latency, queue, batches, recognition by stage, lag, held trays and corrections.",
        answer=Content(
            shape=str,
            example='canteen_requests_total{operation="scan_tray",status="200"} 17.0\n',
            media_type="text/plain",
        ),
    ),
    Operation(
        method="GET",
        path="/v1/events",
        handle=follow_events,
        roles=OFFICE,
        tag=_TAG,
        summary="事件流 · Follow the events",
        description=(
            "Every event after a position as server-sent events, then new ones as they are stored. The id of "
            "each is its "
            "position: a listener that reconnects sends the last one as `Last-Event-ID` and misses nothing. A "
            "comment comes "
            "every 15 s. Sealed records, secrets' hashes and face tokens are left out; a bound key gets its "
            "canteen's events."
        ),
        parameters=(
            filter_by("after", "position to begin after", 0, {"type": "integer", "minimum": 0, "default": 0}),
            filter_by(
                "topics",
                "only these topics, separated by commas",
                "canteen.CardPaid.v1,canteen.CashPaid.v1",
                {"type": "string", "maxLength": 2000},
            ),
            Parameter(
                name="Last-Event-ID",
                place="header",
                description="position to resume after; counts more than `after`",
                schema={"type": "string"},
                example="4711",
            ),
        ),
        answer=Content(
            shape=str,
            example='id: 4711\nevent: canteen.TrayRemoved.v1\ndata: {"position": 4711}\n\n',
            media_type="text/event-stream",
        ),
        problems=(EventStreamsFullError,),
    ),
    Operation(
        method="GET",
        path="/problems/{code}",
        handle=get_problem,
        roles=ANYBODY,
        tag=_TAG,
        summary="错误说明 · What a problem means",
        description="Where the `type` of a problem leads.",
        parameters=(path_id("code", "the problem's code", "checkout_held"),),
        answer=Content(
            shape=schemas.ProblemKindTold,
            example={
                "code": "checkout_held",
                "status": 409,
                "title": "有菜品待确认，暂不能付款",
                "title_en": "A dish has to be confirmed first",
                "meaning": "Some item is uncertain or unknown; a person has to settle it before the bill can be paid.",
            },
        ),
        problems=(NotFoundError,),
    ),
)
