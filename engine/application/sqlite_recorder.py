"""Appends to and reads from a log in one SQLite file.

The library's recorder owns the table of events; the records of commands, attachments and snapshots are written in its
transaction. Reading happens on connections that are never shared with the writer.
"""

import sqlite3
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

import msgspec
from eventsourcing.persistence import IntegrityError, PersistenceError
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from engine.application.append_rules import check_head, link_commands, too_far_behind
from engine.application.chain import CHAIN_START
from engine.application.log_signal import LogSignal
from engine.application.recorder import AppendConflictError, BatchUnstorableError, DatabaseAwayError, DecideBatch
from engine.application.stored_rows import (
    Ahead,
    Appended,
    BatchAppend,
    CommandRow,
    EventRow,
    LogEnd,
    LogHead,
    SnapshotRow,
    StreamRows,
)
from engine.domain.errors import StoreUnavailableError

SCHEMA_VERSION: Final = 1

_CACHE_KIB = 65_536
_CHECKPOINT_PAGES = 4_000
_NS_PER_S = 1_000_000_000

_PRIMARY_CODE = 0xFF
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_TOOBIG)

_COMMAND_COLUMNS = "sequence, command_id, body_digest, outcome, at_ms, event_count, last_position, chain_hash"

# One statement for lists of every length, so that it is compiled once.
_LISTED = "(SELECT value FROM json_each(CAST(? AS TEXT)))"

_TABLES = (
    """CREATE TABLE IF NOT EXISTS commands (
        sequence INTEGER PRIMARY KEY,
        command_id TEXT NOT NULL UNIQUE,
        body_digest BLOB NOT NULL,
        outcome BLOB NOT NULL,
        at_ms INTEGER NOT NULL,
        event_count INTEGER NOT NULL,
        last_position INTEGER NOT NULL,
        chain_hash BLOB NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS attachments (sha256 TEXT PRIMARY KEY, body BLOB NOT NULL)",
    """CREATE TABLE IF NOT EXISTS snapshots (
        stream TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        shape BLOB NOT NULL,
        state BLOB NOT NULL,
        seal BLOB NOT NULL) WITHOUT ROWID""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class _DurableConnection(SQLiteConnection):
    """Takes the write lock when a transaction begins, so that what it reads is what it writes upon."""

    @contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        cursor = self.cursor()
        cursor.execute("BEGIN IMMEDIATE" if commit else "BEGIN")
        try:
            yield cursor
            if commit:
                self.commit()
        finally:
            self.rollback()
            cursor.sqlite_cursor.close()


class _DurablePool(SQLiteConnectionPool):
    """Opens connections that wait for the disk at each commit (`synchronous` is left to the build by the library)."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        for pragma in (
            "synchronous = FULL",
            f"cache_size = -{_CACHE_KIB}",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        ):
            connection.cursor().execute(f"PRAGMA {pragma}")
        return _DurableConnection(connection._sqlite_conn, max_age=None)


class SqliteRecorder(SQLiteApplicationRecorder):
    """The one door through which a SQLite log grows."""

    def __init__(self, path: Path, *, lock_timeout_s: int, signal: LogSignal) -> None:
        """Open the file, creating it and its tables where they are missing.

        Raises:
            StoreUnavailableError: the file cannot be opened, or its lock is held for longer than `lock_timeout_s`.
        """
        datastore = SQLiteDatastore(str(path), originator_id_type="text")
        datastore.pool = _DurablePool(
            db_name=str(path), lock_timeout=lock_timeout_s, pool_size=1, max_overflow=0, pool_timeout=lock_timeout_s
        )
        super().__init__(datastore)
        self._signal = signal
        try:
            self._migrate()
        except (PersistenceError, sqlite3.Error) as error:
            datastore.close()
            raise StoreUnavailableError(
                f"The store's file cannot be opened ({_reason(error)}). Check its path, owner and free space."
            ) from error

    def _migrate(self) -> None:
        with self.datastore.transaction(commit=True) as c:
            c.execute("PRAGMA user_version")
            version: int = c.fetchone()[0]
            if version > SCHEMA_VERSION:
                raise StoreUnavailableError(
                    f"The store has schema {version}, this program knows {SCHEMA_VERSION}. Upgrade the program."
                )
            if version < SCHEMA_VERSION:
                for statement in (*self.create_table_statements, *_TABLES):
                    c.execute(statement)

    def append(self, known: LogHead, decide: DecideBatch) -> Appended | None:
        """Write a batch in one durable transaction, see `Recorder`."""
        try:
            with self.datastore.transaction(commit=True) as c:
                ahead = self._ahead(c.sqlite_cursor, known)
                batch = decide(ahead)
                appended = None if batch is None else self._write(c, ahead.head, batch)
        except (IntegrityError, sqlite3.IntegrityError) as error:
            raise AppendConflictError from error
        except (PersistenceError, sqlite3.Error) as error:
            code = getattr(error, "sqlite_errorcode", 0) or getattr(error.__cause__, "sqlite_errorcode", 0)
            if code & _PRIMARY_CODE in _NO_ROOM:
                raise BatchUnstorableError(_reason(error)) from error
            raise DatabaseAwayError(_reason(error)) from error
        if appended is not None:
            self._signal.grown(appended.head.position)
        return appended

    def _ahead(self, raw: sqlite3.Cursor, known: LogHead) -> Ahead:
        head = check_head(_log_end(raw), known)
        if head == known:
            return Ahead(head, frozenset())
        if too_far_behind(head, known):
            return Ahead(head, None)
        raw.execute(
            "SELECT DISTINCT originator_id FROM stored_events WHERE rowid > ? AND rowid <= ?",
            (known.position, head.position),
        )
        return Ahead(head, frozenset(row[0] for row in raw.fetchall()))

    def _write(self, c: SQLiteCursor, head: LogHead, batch: BatchAppend) -> Appended:
        raw = c.sqlite_cursor
        positions = self._insert_events(c, [event for command in batch.commands for event in command.events])
        rows = link_commands(head, batch.commands, positions or ())
        raw.executemany(
            "INSERT INTO commands (command_id, body_digest, outcome, at_ms, event_count, last_position, chain_hash)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [row[1:] for row in rows],
        )
        raw.execute("SELECT MAX(sequence) FROM commands")
        sequence: int = raw.fetchone()[0]
        if batch.attachments:
            raw.executemany("INSERT OR IGNORE INTO attachments VALUES (?, ?)", list(batch.attachments.items()))
        if batch.snapshots:
            raw.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", batch.snapshots)
        return Appended(
            head=LogHead(sequence, rows[-1].last_position, rows[-1].chain_hash),
            last_positions=tuple(row.last_position for row in rows),
        )

    def close(self) -> None:
        """Give the write connection back."""
        self.datastore.close()


class SqliteReader:
    """Reads the log on private read-only connections; any thread may use it."""

    def __init__(self, path: Path, *, lock_timeout_s: int, signal: LogSignal) -> None:
        self._path = path
        self._lock_timeout_s = lock_timeout_s
        self._signal = signal
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False

    def event_rows(
        self, after_position: int, limit: int, up_to_position: int | None = None, topics: Collection[str] = ()
    ) -> list[EventRow]:
        """Return up to `limit` events after a position, in order."""
        where = "rowid > ?"
        values: list[Any] = [after_position]
        if up_to_position is not None:
            where += " AND rowid <= ?"
            values.append(up_to_position)
        if topics:
            where += f" AND topic IN {_LISTED}"
            values.append(_listed(topics))
        return [
            EventRow._make(row)
            for row in self._query(
                "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events"
                f" WHERE {where} ORDER BY rowid LIMIT ?",
                (*values, limit),
            )
        ]

    def stream_events(self, stream: str, after_version: int) -> list[EventRow]:
        """Return one stream's events after a version, in order."""
        return [
            EventRow._make(row)
            for row in self._query(
                "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events"
                " WHERE originator_id = ? AND originator_version > ? ORDER BY originator_version",
                (stream, after_version),
            )
        ]

    def stream_rows(self, streams: Collection[str]) -> dict[str, StreamRows]:
        """Return what rebuilds each of the streams, in two queries; a stream without events gives empty rows."""
        found = {stream: StreamRows(None, []) for stream in streams}
        listed = (_listed(streams),)
        for row in self._query(f"SELECT * FROM snapshots WHERE stream IN {_LISTED}", listed):
            snapshot = SnapshotRow._make(row)
            found[snapshot.stream] = StreamRows(snapshot, [])
        for row in self._query(
            "SELECT e.rowid, e.originator_id, e.originator_version, e.topic, e.state FROM stored_events e"
            " LEFT JOIN snapshots s ON s.stream = e.originator_id"
            f" WHERE e.originator_id IN {_LISTED} AND e.originator_version > COALESCE(s.version, 0)"
            " ORDER BY e.originator_id, e.originator_version",
            listed,
        ):
            found[row[1]].events.append(EventRow._make(row))
        return found

    def command_rows(self, after_sequence: int, limit: int) -> list[CommandRow]:
        """Return up to `limit` records of commands after a sequence number, in order."""
        return [
            CommandRow._make(row)
            for row in self._query(
                f"SELECT {_COMMAND_COLUMNS} FROM commands WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (after_sequence, limit),
            )
        ]

    def known_commands(self, command_ids: Sequence[str]) -> list[CommandRow]:
        """Return the records of those commands that are stored."""
        return [
            CommandRow._make(row)
            for row in self._query(
                f"SELECT {_COMMAND_COLUMNS} FROM commands WHERE command_id IN {_LISTED}",
                (_listed(command_ids),),
            )
        ]

    def attachment(self, sha256: str) -> bytes | None:
        """Return an attachment's body, None if there is none of that hash (hex)."""
        rows = self._query("SELECT body FROM attachments WHERE sha256 = ?", (sha256,))
        body: bytes | None = rows[0][0] if rows else None
        return body

    def log_end(self) -> LogEnd:
        """Return where the log ends, by its events and by its newest command, at one instant."""
        with self._connection() as connection:
            return _log_end(connection.cursor())

    def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        position: int = self._query("SELECT COALESCE(MAX(rowid), 0) FROM stored_events", ())[0][0]
        return position

    def wait_beyond(self, position: int, timeout_s: int) -> bool:
        """Block until the log grows beyond a position or the time is over; tell whether it grew.

        This process's own appends wake the waiter at once, those of other processes within a second.
        """
        deadline_ns = monotonic_ns() + timeout_s * _NS_PER_S
        while self.head_position() <= position:
            if self._closed or monotonic_ns() >= deadline_ns:
                return False
            self._signal.wait(position)
        return True

    def close(self) -> None:
        """Close all idle connections; those in use close when they come back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _query(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._connection() as connection:
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.pop() if self._idle else self._connect()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except sqlite3.Error as error:
            connection.close()
            raise StoreUnavailableError(f"The store cannot be read ({_reason(error)}). Try again.") from error
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        try:
            return sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=self._lock_timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"The store cannot be opened ({_reason(error)}). Try again.") from error


def _log_end(c: sqlite3.Cursor) -> LogEnd:
    c.execute(
        "SELECT (SELECT COALESCE(MAX(rowid), 0) FROM stored_events), sequence, last_position, chain_hash"
        " FROM commands ORDER BY sequence DESC LIMIT 1"
    )
    row = c.fetchone()
    if row is None:
        c.execute("SELECT COALESCE(MAX(rowid), 0) FROM stored_events")
        return LogEnd(c.fetchone()[0], 0, 0, CHAIN_START)
    return LogEnd(row[0], row[1], row[2], row[3])


def _listed(values: Collection[str]) -> bytes:
    return msgspec.json.encode(list(values))


def _reason(error: BaseException) -> str:
    return str(error.__cause__ or error)
