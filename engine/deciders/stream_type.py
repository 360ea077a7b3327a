"""What the write path needs to know of one kind of stream."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from engine.domain.events import Event

State = TypeVar("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamType(Generic[State]):
    """One kind of stream: its state before the first event, and how an event changes the state.

    `snapshot_state` is set for streams that grow for years: states of that (frozen dataclass) type are stored every
    `snapshot_every` events, so that the cost of loading does not grow with the stream's age.
    """

    initial: State
    evolve: Callable[[State, Event], State]
    snapshot_state: type[Any] | None = None
    snapshot_every: int = 200
