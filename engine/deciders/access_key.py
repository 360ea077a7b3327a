"""One key of a terminal or a person: issued once, revoked for good."""

from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from engine.domain.actor import Role
from engine.domain.commands import IssueAccessKey, RevokeAccessKey
from engine.domain.errors import InvalidValueError, NotFoundError
from engine.domain.events import AccessKeyIssued, AccessKeyRevoked, Event

ISSUABLE_ROLES = frozenset({Role.TERMINAL, Role.CASHIER, Role.FINANCE, Role.MANAGER, Role.ADMIN})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """`role` is None until the key is issued."""

    role: Role | None = None
    canteen_id: str = ""
    lane_id: str = ""
    label: str = ""
    secret_sha256: str = ""
    revoked: bool = False


def decide_key_issue(state: AccessKey, command: IssueAccessKey) -> tuple[Event, ...]:
    """Issue a key; an id is used once. A terminal's key is bound to its lane."""
    if state.role is not None:
        raise InvalidValueError("This key id is in use. Ask for a new key.")
    if command.role not in ISSUABLE_ROLES:
        raise InvalidValueError(f"No key can be issued for the role '{command.role}'.")
    if command.role is Role.TERMINAL and not (command.canteen_id and command.lane_id):
        raise InvalidValueError("A terminal's key needs canteen_id and lane_id.")
    return (
        AccessKeyIssued(
            at_ms=command.at_ms,
            by=command.by,
            key_id=command.key_id,
            role=command.role,
            canteen_id=command.canteen_id,
            lane_id=command.lane_id,
            label=command.label,
            secret_sha256=command.secret_sha256,
        ),
    )


def decide_key_revocation(state: AccessKey, command: RevokeAccessKey) -> tuple[Event, ...]:
    """Revoke a key; a second time changes nothing."""
    if state.role is None:
        raise NotFoundError(f"No key is known as '{command.key_id}'.")
    if state.revoked:
        return ()
    return (AccessKeyRevoked(at_ms=command.at_ms, by=command.by, key_id=command.key_id, reason=command.reason),)


def evolve(state: AccessKey, event: Event) -> AccessKey:
    """Return the key after an event."""
    match event:
        case AccessKeyIssued():
            return AccessKey(
                role=event.role,
                canteen_id=event.canteen_id,
                lane_id=event.lane_id,
                label=event.label,
                secret_sha256=event.secret_sha256,
            )
        case AccessKeyRevoked():
            return AccessKey(
                role=state.role,
                canteen_id=state.canteen_id,
                lane_id=state.lane_id,
                label=state.label,
                secret_sha256=state.secret_sha256,
                revoked=True,
            )
        case _:
            return state


ACCESS_KEY: StreamType[AccessKey] = StreamType(initial=AccessKey(), evolve=evolve)
