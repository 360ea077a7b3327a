"""The event store: one log on SQLite or PostgreSQL, chosen by the address."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.application.chain import ChainReport, verify_chain
from engine.application.codec import EventCodec
from engine.application.log import RecordedEvent
from engine.application.log_signal import LogSignal
from engine.application.postgres_recorder import PostgresReader, PostgresRecorder
from engine.application.recorder import Reader, Recorder
from engine.application.snapshots import StateLoader
from engine.application.sqlite_recorder import SqliteReader, SqliteRecorder
from engine.application.state_cache import VersionedState
from engine.application.stored_rows import EventRow, StreamRows
from engine.application.topics import EVENT_TYPES, UPCASTERS
from engine.deciders.stream_type import StreamType
from engine.domain.errors import NotFoundError, SettingsError, StoreCorruptError

State = TypeVar("State")

MIN_PEPPER_BYTES = 16

_SQLITE = "sqlite:///"
_POSTGRES = ("postgresql://", "postgres://")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the log is and how it is used.

    `url` is `sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://...`. `pepper` (at least 16 random
    bytes, kept for the life of the log) keys the digests of command bodies and the seals of snapshots.
    """

    url: str
    pepper: bytes
    lock_timeout_s: int = 5


class StoredLog:
    """The log as its readers see it (`EventLog`), and one stream at a time."""

    def __init__(self, reader: Reader, codec: EventCodec) -> None:
        self._reader = reader
        self._codec = codec

    def read_after(self, position: int, limit: int, topics: Collection[str] = ()) -> Sequence[RecordedEvent]:
        """Return up to `limit` events after a position, in order; only those of `topics` if any are named."""
        stored_topics = self._codec.stored_topics(topics) if topics else ()
        return [self._recorded(row) for row in self._reader.event_rows(position, limit, None, stored_topics)]

    def read_stream(self, stream: str, after_version: int = 0) -> Sequence[RecordedEvent]:
        """Return one stream's events after a version, in order."""
        return [self._recorded(row) for row in self._reader.stream_events(stream, after_version)]

    def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        return self._reader.head_position()

    def wait_beyond(self, position: int, timeout_s: int) -> bool:
        """Block until the log grows beyond a position or the time is over; tell whether it grew."""
        return self._reader.wait_beyond(position, timeout_s)

    def _recorded(self, row: EventRow) -> RecordedEvent:
        event = self._codec.decode(row.topic, row.state)
        return RecordedEvent(row.position, row.stream, row.version, event.TOPIC, event)


class Attachments:
    """Byte strings that events name by hash."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def get(self, sha256: str) -> bytes:
        """Return the attachment of a hash (hex).

        Raises:
            NotFoundError: there is none.
            StoreCorruptError: what is stored has another hash.
        """
        body = self._reader.attachment(sha256)
        if body is None:
            raise NotFoundError("There is no attachment of this hash.", sha256=sha256)
        if hashlib.sha256(body).hexdigest() != sha256:
            raise StoreCorruptError("An attachment was changed after it was stored. Restore a backup.", sha256=sha256)
        return body


class EventStore:
    """One open log. Many readers, and one writer (`engine.application.writer`) at a time in each process."""

    def __init__(self, recorder: Recorder, reader: Reader, codec: EventCodec, pepper: bytes) -> None:
        self.recorder = recorder
        self.reader = reader
        self.codec = codec
        self.pepper = pepper
        self.loader = StateLoader(codec, pepper)
        self.log = StoredLog(reader, codec)
        self.attachments = Attachments(reader)

    def state(self, stream_type: StreamType[State], stream: str) -> State:
        """Return a stream's state as it is stored now; a stream without events gives the type's initial state."""
        state: State = self.load(stream_type, stream).state
        return state

    def load(self, stream_type: StreamType[Any], stream: str, rows: StreamRows | None = None) -> VersionedState:
        """Return a stream's state and version.

        Args:
            rows: the stream's rows if they were read before, to save the query.
        """
        if rows is None:
            rows = self.reader.stream_rows((stream,))[stream]
        start = self.loader.from_snapshot(stream_type, rows.snapshot)
        if start is None and rows.snapshot is not None:
            rows = StreamRows(None, self.reader.stream_events(stream, 0))
        return self.loader.fold(stream_type, start, rows)

    def verify_chain(self, progress: Callable[[int, int], None] | None = None) -> ChainReport:
        """Check the hash chain of the whole log; `progress` is told the last position checked and the end."""
        return verify_chain(self.reader, progress)

    def close(self) -> None:
        """Close all connections. Stop the writer first."""
        self.reader.close()
        self.recorder.close()


def open_store(settings: StoreSettings, codec: EventCodec | None = None) -> EventStore:
    """Open a log, creating its tables on first use.

    Args:
        codec: what the log may contain; all events of this product if None.
    Raises:
        SettingsError: the address or the pepper cannot be used.
        StoreUnavailableError: the database cannot be opened.
    """
    if len(settings.pepper) < MIN_PEPPER_BYTES:
        raise SettingsError(f"The store's pepper is too short; give at least {MIN_PEPPER_BYTES} random bytes.")
    codec = codec or EventCodec(EVENT_TYPES, UPCASTERS)
    signal = LogSignal()
    if settings.url.startswith(_SQLITE):
        path = Path(settings.url.removeprefix(_SQLITE))
        recorder: Recorder = SqliteRecorder(path, lock_timeout_s=settings.lock_timeout_s, signal=signal)
        reader: Reader = SqliteReader(path, lock_timeout_s=settings.lock_timeout_s, signal=signal)
    elif settings.url.startswith(_POSTGRES):
        recorder = PostgresRecorder(settings.url, lock_timeout_s=settings.lock_timeout_s)
        reader = PostgresReader(settings.url, lock_timeout_s=settings.lock_timeout_s)
    else:
        raise SettingsError("The store's address must begin with sqlite:/// or postgresql://.")
    return EventStore(recorder, reader, codec, settings.pepper)
