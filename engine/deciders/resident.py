"""A registered person: a pseudonym and a sealed record."""

from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from engine.domain.commands import RegisterResident
from engine.domain.errors import UnknownResidentError
from engine.domain.events import Event, ResidentChanged, ResidentRegistered


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """`sealed` is None until the person is registered."""

    sealed: bytes | None = None


def decide_registration(state: Resident, command: RegisterResident, sealed: bytes) -> tuple[Event, ...]:
    """Register a person, or store the changed record; the caller compared the opened records before."""
    if state.sealed is None:
        return (ResidentRegistered(at_ms=command.at_ms, by=command.by, resident_id=command.resident_id, sealed=sealed),)
    return (ResidentChanged(at_ms=command.at_ms, by=command.by, resident_id=command.resident_id, sealed=sealed),)


def require_registered(state: Resident, resident_id: str) -> bytes:
    """Return the sealed record of a registered person."""
    if state.sealed is None:
        raise UnknownResidentError(f"No resident is registered as '{resident_id}'. Register the person first.")
    return state.sealed


def evolve(state: Resident, event: Event) -> Resident:
    """Return the resident after an event."""
    match event:
        case ResidentRegistered() | ResidentChanged():
            return Resident(sealed=event.sealed)
        case _:
            return state


RESIDENT: StreamType[Resident] = StreamType(initial=Resident(), evolve=evolve)
