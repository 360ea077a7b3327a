"""From when on a canteen bills without asking a person."""

from dataclasses import asdict
from typing import Any, Final

from starlette.responses import Response

from api import request_errors, schemas
from api.routes.call import Call, answered
from api.routes.operation import ADMINISTRATION, JSON, KITCHEN, Content, Operation
from api.routes.parameters import path_id
from api.strict_reading import read_strictly
from engine.deciders.acceptance import ACCEPTANCE
from engine.domain import commands, errors
from engine.domain.ids import acceptance_stream
from recognition.calibration.limits_file import MeasuredLimits

_TAG: Final = "canteens"
_CANTEEN_ID: Final = path_id("canteen_id", "the canteen", "lanxi")


async def publish_policy(call: Call) -> Response:
    canteen_id = call.path_id("canteen_id")
    call.key.refuse_other_canteen(canteen_id)
    body = await call.body(call.container.settings.body_limit_bytes, JSON)
    sent = read_strictly(body, MeasuredLimits)
    return await call.carry_out(
        commands.PublishAcceptancePolicy(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            canteen_id=canteen_id,
            limits=sent.limits,
            calibration=sent.calibration,
        )
    )


async def get_policy(call: Call) -> Response:
    canteen_id = call.path_id("canteen_id")
    call.key.refuse_other_canteen(canteen_id)
    container = call.container
    container.canteens.profile(canteen_id)
    state = await container.read(lambda: container.store.state(ACCEPTANCE, acceptance_stream(canteen_id)))
    own = state.policy_for(container.recogniser.reader.models)
    policy = own or container.acceptance
    return answered(
        {
            "canteen_id": canteen_id,
            "policy_id": policy.policy_id,
            "own_version": state.version if own else 0,
            "limits": asdict(policy.limits),
            "calibration": asdict(state.calibration) if own and state.calibration else None,
        }
    )


_LIMITS: Final[dict[str, Any]] = {
    "likeness_pct": 50,
    "accept_bps": 3250,
    "known_bps": 2600,
    "detector_bps": 4000,
    "most_equal": 2,
    "most_portions": 8,
}
_CALIBRATION: Final[dict[str, Any]] = {
    "labels_sha256": "5e" * 32,
    "trays": 180,
    "right": 151,
    "silent_errors": 0,
    "strange_portions": 520,
    "strange_accepted": 14,
    "models": [{"name": "dish_embedder", "sha256": "5e" * 32}],
}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/canteens/{canteen_id}/acceptance-policy",
        handle=get_policy,
        roles=KITCHEN,
        tag=_TAG,
        summary="查询自动结算标准 · From when on is billed without asking",
        description=(
            "The limits in force: the canteen's own if it has any for the models in use, else those of the "
            "installation. `calibration` says what they were measured on."
        ),
        parameters=(_CANTEEN_ID,),
        answer=Content(
            shape=schemas.AcceptancePolicyTold,
            example={
                "canteen_id": "lanxi",
                "policy_id": "lanxi-v2",
                "own_version": 2,
                "limits": _LIMITS,
                "calibration": _CALIBRATION,
            },
        ),
        problems=(errors.UnknownCanteenError, request_errors.OtherLaneError),
    ),
    Operation(
        method="PUT",
        path="/v1/canteens/{canteen_id}/acceptance-policy",
        handle=publish_policy,
        roles=ADMINISTRATION,
        tag=_TAG,
        summary="发布自动结算标准 · Set from when on is billed without asking",
        description=(
            "Puts limits in force as the next version, from the next tray on; `canteen calibrate` finds them on "
            "labelled trays. Limits that were measured with other models than read the trays are kept but not used. "
            "The same again changes nothing."
        ),
        parameters=(_CANTEEN_ID,),
        takes=(Content(shape=MeasuredLimits, example={"limits": _LIMITS, "calibration": _CALIBRATION}),),
        answer=Content(
            shape=schemas.AcceptancePolicyPublishedTold,
            example={"canteen_id": "lanxi", "version": 2, "changed": True},
        ),
        problems=(errors.UnknownCanteenError, errors.InvalidValueError, request_errors.OtherLaneError),
    ),
)
