"""The log as server-sent events: resumable by position, one page in memory per listener, nothing sealed or secret."""

import asyncio
from collections.abc import AsyncIterator, Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.follower import LogBell
from engine.application.log import EventLog, RecordedEvent

PAGE_EVENTS: Final = 200
HEARTBEAT_S: Final = 15
SLOWEST_SEND_S: Final = 30
_WITHHELD: Final = frozenset({"sealed", "secret_sha256", "face_token", "consent_id"})
_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Listeners:
    """How many listeners there are now."""

    count: int = 0


def event_stream(
    log: EventLog,
    bell: LogBell,
    reads: Executor,
    listeners: Listeners,
    *,
    after: int,
    topics: Collection[str],
    canteen_id: str,
) -> EventSourceResponse:
    """Answer with every event after a position, and go on with new ones as they are stored.

    A listener that does not read for half a minute is dropped; it resumes with the last id it got.

    Args:
        canteen_id: only events that name this canteen; '' for all.
    """
    return EventSourceResponse(
        _counted(listeners, _follow(log, bell, reads, after, topics, canteen_id)),
        ping=HEARTBEAT_S,
        send_timeout=SLOWEST_SEND_S,
    )


async def _counted(listeners: Listeners, events: AsyncIterator[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
    listeners.count += 1
    try:
        async for event in events:
            yield event
    finally:
        listeners.count -= 1


async def _follow(
    log: EventLog, bell: LogBell, reads: Executor, after: int, topics: Collection[str], canteen_id: str
) -> AsyncIterator[ServerSentEvent]:
    loop = asyncio.get_running_loop()
    position = after
    while True:
        # Whatever is stored up to here is in the page, or does not concern this listener.
        known_end = bell.position
        page = await loop.run_in_executor(reads, log.read_after, position, PAGE_EVENTS, topics)
        for recorded in page:
            if not canteen_id or canteen_of(recorded) == canteen_id:
                yield ServerSentEvent(
                    id=str(recorded.position),
                    event=recorded.topic,
                    data=_ENCODER.encode(event_told(recorded)).decode(),
                )
        if page:
            position = page[-1].position
        if len(page) < PAGE_EVENTS:
            position = max(position, known_end)
            await bell.wait_beyond(position)


def canteen_of(recorded: RecordedEvent) -> str:
    """Return the canteen that an event names, '' if it names none."""
    event: Any = recorded.event
    for holder in (getattr(event, "site", None), getattr(event, "profile", None), event):
        canteen_id = getattr(holder, "canteen_id", "")
        if canteen_id:
            return str(canteen_id)
    return ""


def event_told(recorded: RecordedEvent) -> dict[str, Any]:
    """Return an event as listeners get it, without ciphertext, hashes of secrets and tokens."""
    fields: dict[str, Any] = msgspec.to_builtins(recorded.event)
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "topic": recorded.topic,
        "event": {name: value for name, value in fields.items() if name not in _WITHHELD},
    }
