"""Cutting the log into batches for read models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.application.log import EventLog, RecordedEvent
from engine.domain.errors import ProjectionError
from projections.collection_pause import collection_paused

BATCH_EVENTS = 4_000
"""Most events in one transaction; measured, catching up is up to a quarter faster than with 500."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events after `after`, complete up to `until` (which need not be the position of one of them)."""

    events: tuple[RecordedEvent, ...]
    after: int
    until: int


def next_batch(log: EventLog, after: int, until: int, topics: frozenset[str], limit: int = BATCH_EVENTS) -> Batch:
    """Read the next events of some topics, none beyond `until`, which must not lie beyond the log's head.

    Raises:
        ProjectionError: the log gave events out of order.
    """
    found: Sequence[RecordedEvent] = log.read_after(after, limit, topics)
    full = len(found) >= limit
    events = tuple(found)
    if events and events[-1].position > until:
        events = tuple(recorded for recorded in events if recorded.position <= until)
        full = False
    if (events and events[0].position <= after) or any(
        earlier.position >= later.position for earlier, later in pairwise(events)
    ):
        raise ProjectionError("The log gave events out of order; verify its chain before you go on.", after=after)
    return Batch(events=events, after=after, until=events[-1].position if full else max(until, after))


def batches(
    log: EventLog, after: int, until: int, topics: frozenset[str], limit: int = BATCH_EVENTS
) -> Iterator[Batch]:
    """Read all events of some topics in (after, until], batch by batch."""
    while after < until:
        with collection_paused():
            batch = next_batch(log, after, until, topics, limit)
            yield batch
        after = batch.until
