"""The contract between handlers (which decide) and the writer (which stores what was decided)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from engine.deciders.stream_type import StreamType
from engine.domain.commands import Command
from engine.domain.events import Event

State = TypeVar("State")


class States(Protocol):
    """The states of streams as the writer sees them: all that is stored plus all decided so far in this batch."""

    def get(self, stream_type: StreamType[State], stream: str) -> State:
        """Return a stream's current state; a stream without events gives the type's initial state."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAppend:
    """Events for the end of one stream."""

    stream_type: StreamType[Any]
    stream: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a command comes to: events for one or more streams, appended as a whole or not at all.

    `answer` is what the caller is told (JSON values only); it is stored and given again when the command is repeated.
    `attachments` are byte strings (vectors, crops) by sha256 (hex), stored in the same append.
    """

    appends: tuple[StreamAppend, ...]
    answer: dict[str, Any]
    attachments: dict[str, bytes] = field(default_factory=dict)


Handler = Callable[[Any, States], Decision]
"""Decides one type of command: `(command, states) -> Decision`, or raises a `CommandRejectedError`."""

Handlers = dict[type[Command], Handler]
