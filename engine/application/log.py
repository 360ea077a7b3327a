"""The log as its readers see it: events in one order, by position."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.domain.events import Event


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One stored event. Positions grow along the log; on PostgreSQL they may have gaps."""

    position: int
    stream: str
    version: int
    topic: str
    event: Event


class EventLog(Protocol):
    """Reads the log on connections of its own, so that readers never queue behind the writer."""

    def read_after(self, position: int, limit: int, topics: Collection[str] = ()) -> Sequence[RecordedEvent]:
        """Return up to `limit` events after a position, in order; only those of `topics` if any are named."""
        ...

    def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        ...

    def wait_beyond(self, position: int, timeout_s: int) -> bool:
        """Block until the log grows beyond a position or the time is over; tell whether it grew."""
        ...
