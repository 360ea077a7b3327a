"""Keys of terminals and people."""

from typing import Final

import msgspec
from starlette.responses import Response

from api import schemas
from api.access import make_key
from api.routes.call import Call, answered
from api.routes.operation import ADMINISTRATION, Content, Operation
from api.routes.parameters import path_id
from engine.domain import commands, errors

_TAG: Final = "access keys"
_KEY_ID: Final = "6b1f0c7e9a3b4c6d"

_ISSUE = msgspec.json.Decoder(schemas.KeyIssue)
_REVOCATION = msgspec.json.Decoder(schemas.KeyRevocation)


async def issue_access_key(call: Call) -> Response:
    sent = await call.json(_ISSUE)
    if sent.canteen_id:
        profile = call.container.canteens.profile(sent.canteen_id)
        if sent.lane_id and all(lane.lane_id != sent.lane_id for lane in profile.lanes):
            raise errors.UnknownLaneError(f"'{sent.canteen_id}' has no lane '{sent.lane_id}'. Open it first.")
    # Made from the command's id and a secret of this installation: a repeated request is told the same key.
    key = make_key(call.container.key_seed(call.command_id))
    command = commands.IssueAccessKey(
        command_id=call.command_id,
        at_ms=call.at_ms(None),
        by=call.key.actor,
        key_id=key.key_id,
        role=sent.role,
        canteen_id=sent.canteen_id,
        lane_id=sent.lane_id,
        label=sent.label,
        secret_sha256=key.secret_sha256,
    )
    answer = await call.container.submit(command, call.identity)
    call.container.remember_key(command)
    told = {
        "key_id": key.key_id,
        "role": sent.role.value,
        "canteen_id": sent.canteen_id,
        "lane_id": sent.lane_id,
        "label": sent.label,
        "key": key.token,
    }
    return answered(told, replayed=answer.repeated)


async def revoke_access_key(call: Call) -> Response:
    key_id = call.path_id("key_id")
    sent = await call.json(_REVOCATION)
    response = await call.carry_out(
        commands.RevokeAccessKey(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            key_id=key_id,
            reason=sent.reason,
        )
    )
    call.container.access.revoke(key_id)
    return response


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/access-keys",
        handle=issue_access_key,
        roles=ADMINISTRATION,
        tag=_TAG,
        summary="签发密钥 · Issue a key",
        description=(
            "Issues a key for a terminal (bound to its canteen and lane) or a person. Only the sha256 of its secret is "
            "kept; the key is told in this answer, and again if the request is repeated with its Idempotency-Key."
        ),
        takes=(
            Content(
                shape=schemas.KeyIssue,
                example={
                    "role": "terminal",
                    "canteen_id": "lanxi",
                    "lane_id": "lanxi-1",
                    "label": "Lanxi lane 1",
                },
            ),
        ),
        answer=Content(
            shape=schemas.KeyIssued,
            example={
                "key_id": _KEY_ID,
                "role": "terminal",
                "canteen_id": "lanxi",
                "lane_id": "lanxi-1",
                "label": "Lanxi lane 1",
                "key": f"ck_{_KEY_ID}_{'s' * 43}",
            },
        ),
        problems=(errors.UnknownCanteenError, errors.UnknownLaneError, errors.InvalidValueError),
    ),
    Operation(
        method="POST",
        path="/v1/access-keys/{key_id}/revocation",
        handle=revoke_access_key,
        roles=ADMINISTRATION,
        tag=_TAG,
        summary="吊销密钥 · Revoke a key",
        description="Shuts a key out at once and for good. A second time changes nothing.",
        parameters=(path_id("key_id", "the key's id: the part between ck_ and the second _", _KEY_ID),),
        takes=(Content(shape=schemas.KeyRevocation, example={"reason": "terminal was replaced"}),),
        answer=Content(shape=schemas.KeyRevokedTold, example={"key_id": _KEY_ID, "changed": True}),
        problems=(errors.NotFoundError,),
    ),
)
