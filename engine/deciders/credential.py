"""One card, code or face token. It names one resident, may expire, and can be blocked for good."""

from dataclasses import dataclass
from datetime import date

from engine.deciders.stream_type import StreamType
from engine.domain.commands import BlockCredential, IssueCredential
from engine.domain.errors import (
    CredentialBlockedError,
    CredentialExpiredError,
    CredentialTakenError,
    CredentialUnknownError,
    InvalidValueError,
)
from engine.domain.events import CredentialBlocked, CredentialIssued, Event
from engine.domain.resident import CredentialKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Unissued:
    """Nobody has this credential."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """It names a resident, until a day (inclusive) if it has one."""

    kind: CredentialKind
    resident_id: str
    valid_until: date | None
    consent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Reported lost, or consent withdrawn."""

    resident_id: str


CredentialState = Unissued | Issued | Blocked


def decide_issue(state: CredentialState, command: IssueCredential) -> tuple[Event, ...]:
    """Give a credential to a resident; the same again changes nothing. A face needs a consent."""
    if command.kind is CredentialKind.FACE and not command.consent_id:
        raise InvalidValueError("A face token needs the id of a consent. Record the resident's consent first.")
    match state:
        case Blocked():
            raise CredentialBlockedError("This credential was blocked and cannot be used again. Issue a new one.")
        case Issued() if state.resident_id != command.resident_id:
            raise CredentialTakenError("This credential names another resident. Check the number.")
        case Issued() if (state.valid_until, state.consent_id) == (command.valid_until, command.consent_id):
            return ()
    return (
        CredentialIssued(
            at_ms=command.at_ms,
            by=command.by,
            credential_id=command.credential_id,
            kind=command.kind,
            resident_id=command.resident_id,
            valid_until=command.valid_until,
            consent_id=command.consent_id,
        ),
    )


def decide_block(state: CredentialState, command: BlockCredential) -> tuple[Event, ...]:
    """Block a credential for good; a second time changes nothing."""
    match state:
        case Unissued():
            raise CredentialUnknownError("Nobody has this credential. Check kind and number.")
        case Blocked():
            return ()
    return (
        CredentialBlocked(
            at_ms=command.at_ms, by=command.by, credential_id=command.credential_id, reason=command.reason
        ),
    )


def require_valid(state: CredentialState, day: date) -> Issued:
    """Return the credential if it may be used on a day."""
    match state:
        case Unissued():
            raise CredentialUnknownError("This card, code or face is not registered. Register it at the counter.")
        case Blocked():
            raise CredentialBlockedError("This card, code or face was blocked. Ask for a new one at the counter.")
        case Issued(valid_until=valid_until) if valid_until is not None and day > valid_until:
            raise CredentialExpiredError(
                "This card or code has expired. Renew it at the counter.", valid_until=valid_until.isoformat()
            )
        case _:
            assert isinstance(state, Issued)
            return state


def evolve(state: CredentialState, event: Event) -> CredentialState:
    """Return the credential after an event."""
    match event:
        case CredentialIssued():
            return Issued(
                kind=event.kind,
                resident_id=event.resident_id,
                valid_until=event.valid_until,
                consent_id=event.consent_id,
            )
        case CredentialBlocked():
            return Blocked(resident_id=state.resident_id if isinstance(state, Issued) else "")
        case _:
            return state


CREDENTIAL: StreamType[CredentialState] = StreamType(initial=Unissued(), evolve=evolve)
