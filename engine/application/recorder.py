"""What the writer and the store need of a database; `sqlite_recorder` and `postgres_recorder` provide it."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from engine.application.chain import ChainSource
from engine.application.stored_rows import Ahead, Appended, BatchAppend, CommandRow, EventRow, LogHead, StreamRows
from engine.domain.errors import StoreUnavailableError


class AppendConflictError(Exception):
    """Another process changed what a batch was decided on. Nothing was written."""


class DatabaseAwayError(Exception):
    """The database is locked or out of reach, so that no command can be stored now."""


class BatchUnstorableError(StoreUnavailableError):
    """The database cannot take this batch, or be asked for it (no room, a value that it refuses); a part may fit."""


DecideBatch = Callable[[Ahead], BatchAppend | None]


class Recorder(Protocol):
    """The one door through which a log grows."""

    def append(self, known: LogHead, decide: DecideBatch) -> Appended | None:
        """Take the write lock, have a batch decided, and write it in one durable transaction, or nothing of it.

        Args:
            known: the newest record that the caller's states are sure to include.
            decide: called under the lock with what happened since; None if there is nothing to write after all.
        Raises:
            AppendConflictError: a version or an id of the batch is taken.
            DatabaseAwayError: the lock was held too long, or the database is out of reach.
            BatchUnstorableError: the database has no room or refuses a value.
            StoreCorruptError: the log does not end where its newest record says.
        """
        ...

    def close(self) -> None:
        """Give the write connection back."""
        ...


class Reader(ChainSource, Protocol):
    """Reads the log on private connections; any thread may use it.

    Every method raises StoreUnavailableError if the database is out of reach, and of that BatchUnstorableError if a
    value in the question is one that the database cannot hold.
    """

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
