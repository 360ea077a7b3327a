"""What the writer and the store need of a database; `sqlite_recorder` and `postgres_recorder` provide it."""

from collections.abc import Collection, Sequence
from typing import Protocol

from engine.application.chain import ChainSource
from engine.application.stored_rows import Appended, BatchAppend, CommandRow, EventRow, LogHead, StreamRows


class AppendConflictError(Exception):
    """Another process changed what a batch was decided on. Nothing was written.

    `streams` are all that changed up to `head`; without a head, any stream may have changed.
    """

    def __init__(self, streams: frozenset[str] = frozenset(), head: LogHead | None = None) -> None:
        super().__init__("another process changed the log")
        self.streams = streams
        self.head = head


class DatabaseAwayError(Exception):
    """The database is locked or out of reach, so that no command can be stored now."""


class BatchUnstorableError(Exception):
    """The database cannot take this batch (no room, a value that it refuses); a part of it may fit."""


class Recorder(Protocol):
    """The one door through which a log grows."""

    def append(self, batch: BatchAppend) -> Appended:
        """Write a batch in one durable transaction, or nothing of it."""
        ...

    def close(self) -> None:
        """Give the write connection back."""
        ...


class Reader(ChainSource, Protocol):
    """Reads the log on private connections; any thread may use it."""

    def event_rows(
        self, after_position: int, limit: int, up_to_position: int | None = None, topics: Collection[str] = ()
    ) -> list[EventRow]: ...

    def stream_events(self, stream: str, after_version: int) -> list[EventRow]: ...

    def stream_rows(self, streams: Collection[str]) -> dict[str, StreamRows]: ...

    def known_commands(self, command_ids: Sequence[str]) -> list[CommandRow]: ...

    def attachment(self, sha256: str) -> bytes | None: ...

    def head_position(self) -> int: ...

    def wait_beyond(self, position: int, timeout_s: int) -> bool: ...

    def close(self) -> None: ...
