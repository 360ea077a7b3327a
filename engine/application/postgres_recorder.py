"""Appends to and reads from a log on PostgreSQL.

The library's recorder owns the table of events, its lock and its notification. Its `insert_events` is not used: an
error after the insert does not roll the insert back there, and it tries again by itself for seconds. Nor are its
database functions, with which a reader that follows the log misses events.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic_ns
from typing import Any, Final

import psycopg
from eventsourcing.persistence import DataError, IntegrityError, PersistenceError, StoredEvent
from eventsourcing.postgres import ConnectionPool, PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, TupleRow, dict_row
from psycopg.sql import SQL

from engine.application.append_rules import check_head, link_commands, too_far_behind
from engine.application.chain import CHAIN_START
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

_MIGRATION_LOCK = 0x63616E7465656E  # "canteen", the key of an advisory lock
_CHANNEL = "stored_events"
_NS_PER_S = 1_000_000_000

_COMMAND_COLUMNS = "sequence, command_id, body_digest, outcome, at_ms, event_count, last_position, chain_hash"
_EVENT_COLUMNS = "notification_id, originator_id, originator_version, topic, state"
_LOG_END = """
    SELECT COALESCE((SELECT MAX(notification_id) FROM stored_events), 0) AS max_position,
           head.sequence, head.last_position, head.chain_hash
    FROM (VALUES (1)) AS one
    LEFT JOIN (SELECT sequence, last_position, chain_hash FROM commands ORDER BY sequence DESC LIMIT 1) AS head ON TRUE
"""

# Each stream's snapshot, then its events after that, in one round trip.
_STREAM_ROWS = """
    SELECT NULL::bigint AS position, stream, version, NULL AS topic, state, shape, seal
    FROM snapshots WHERE stream = ANY(%(streams)s)
    UNION ALL
    SELECT e.notification_id, e.originator_id, e.originator_version, e.topic, e.state, NULL, NULL
    FROM stored_events e LEFT JOIN snapshots s ON s.stream = e.originator_id
    WHERE e.originator_id = ANY(%(streams)s) AND e.originator_version > COALESCE(s.version, 0)
    ORDER BY stream, position NULLS FIRST
"""

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS commands (
        sequence BIGSERIAL PRIMARY KEY,
        command_id TEXT NOT NULL UNIQUE,
        body_digest BYTEA NOT NULL,
        outcome BYTEA NOT NULL,
        at_ms BIGINT NOT NULL,
        event_count INTEGER NOT NULL,
        last_position BIGINT NOT NULL,
        chain_hash BYTEA NOT NULL)""",
    "CREATE TABLE IF NOT EXISTS attachments (sha256 TEXT PRIMARY KEY, body BYTEA NOT NULL)",
    """CREATE TABLE IF NOT EXISTS snapshots (
        stream TEXT PRIMARY KEY,
        version BIGINT NOT NULL,
        shape BYTEA NOT NULL,
        state BYTEA NOT NULL,
        seal BYTEA NOT NULL)""",
)

# Rows are sorted by the order in which they were given, for positions are assigned as they are inserted.
_INSERT_EVENTS = """
    INSERT INTO stored_events (originator_id, originator_version, topic, state)
    SELECT originator_id, originator_version, topic, state
    FROM unnest(%b::text[], %b::bigint[], %b::text[], %b::bytea[])
         WITH ORDINALITY AS given (originator_id, originator_version, topic, state, place)
    ORDER BY place
    RETURNING notification_id
"""
_INSERT_COMMANDS = """
    INSERT INTO commands (command_id, body_digest, outcome, at_ms, event_count, last_position, chain_hash)
    SELECT command_id, body_digest, outcome, at_ms, event_count, last_position, chain_hash
    FROM unnest(%b::text[], %b::bytea[], %b::bytea[], %b::bigint[], %b::integer[], %b::bigint[], %b::bytea[])
         WITH ORDINALITY
         AS given (command_id, body_digest, outcome, at_ms, event_count, last_position, chain_hash, place)
    ORDER BY place
    RETURNING sequence
"""
_INSERT_ATTACHMENTS = """
    INSERT INTO attachments SELECT * FROM unnest(%b::text[], %b::bytea[]) ON CONFLICT DO NOTHING
"""
_INSERT_SNAPSHOTS = """
    INSERT INTO snapshots SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bytea[])
    ON CONFLICT (stream) DO UPDATE
    SET version = EXCLUDED.version, shape = EXCLUDED.shape, state = EXCLUDED.state, seal = EXCLUDED.seal
"""


class PostgresRecorder(PostgresApplicationRecorder):
    """The one door through which a PostgreSQL log grows.

    The table is locked EXCLUSIVE while a batch is written, so that positions are assigned in the order of commits and a
    reader that follows the log never misses one.
    """

    def __init__(self, url: str, *, lock_timeout_s: int) -> None:
        """Connect, creating the tables where they are missing.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        try:
            with psycopg.connect(url, connect_timeout=lock_timeout_s, autocommit=True) as connection:
                datastore = PostgresDatastore(
                    "", "", "", "", "", lock_timeout=lock_timeout_s, originator_id_type="text"
                )
                # The library's pool knows five settings of a connection; an address may hold any (sslmode, say).
                datastore.pool = ConnectionPool(
                    url,
                    connection_class=Connection[DictRow],
                    kwargs={"row_factory": dict_row},
                    min_size=1,
                    max_size=1,
                    open=False,
                    configure=datastore.after_connect_func(),
                    timeout=lock_timeout_s,
                )
                super().__init__(datastore)
                self._migrate(connection)
        except (PersistenceError, psycopg.Error) as error:
            raise StoreUnavailableError(
                f"The PostgreSQL server cannot be used ({_reason(error)}). Check the store's address and the server."
            ) from error

    def _migrate(self, connection: Connection[TupleRow]) -> None:
        with connection.transaction():
            # Several processes may start on an empty database at once.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            connection.execute("CREATE TABLE IF NOT EXISTS store_schema (version INTEGER NOT NULL)")
            row = connection.execute("SELECT MAX(version) FROM store_schema").fetchone()
            version: int = (row[0] if row is not None else None) or 0
            if version > SCHEMA_VERSION:
                raise StoreUnavailableError(
                    f"The store has schema {version}, this program knows {SCHEMA_VERSION}. Upgrade the program."
                )
            if version < SCHEMA_VERSION:
                for statement in self.sql_create_statements:
                    if statement.as_string(connection).startswith(("CREATE TABLE", "CREATE UNIQUE INDEX")):
                        connection.execute(statement)
                for table in _TABLES:
                    connection.execute(table)
                connection.execute("INSERT INTO store_schema VALUES (%s)", (SCHEMA_VERSION,))

    def append(self, known: LogHead, decide: DecideBatch) -> Appended | None:
        """Write a batch in one durable transaction, see `Recorder`."""
        try:
            with (
                self.datastore.get_connection() as connection,
                connection.pipeline(),
                connection.transaction(),
                connection.cursor(binary=True) as c,
            ):
                ahead = self._ahead(c, known)
                batch = decide(ahead)
                return None if batch is None else self._write(c, ahead.head, batch)
        except IntegrityError as error:
            raise AppendConflictError from error
        except PersistenceError as error:
            if isinstance(error, DataError) or isinstance(error.__cause__, psycopg.errors.DiskFull):
                raise BatchUnstorableError(_reason(error)) from error
            raise DatabaseAwayError(_reason(error)) from error

    def _ahead(self, c: Cursor[DictRow], known: LogHead) -> Ahead:
        self._lock_table(c.connection.cursor())
        c.execute(_LOG_END, prepare=True)
        head = check_head(_log_end(c.fetchone()), known)
        if head == known:
            return Ahead(head, frozenset())
        if too_far_behind(head, known):
            return Ahead(head, None)
        c.execute(
            "SELECT DISTINCT originator_id FROM stored_events WHERE notification_id > %s AND notification_id <= %s",
            (known.position, head.position),
        )
        return Ahead(head, frozenset(row["originator_id"] for row in c.fetchall()))

    def _write(self, c: Cursor[DictRow], head: LogHead, batch: BatchAppend) -> Appended:
        others = c.connection.cursor(binary=True)
        if batch.attachments:
            others.execute(_INSERT_ATTACHMENTS, (list(batch.attachments), list(batch.attachments.values())))
        if batch.snapshots:
            others.execute(_INSERT_SNAPSHOTS, _columns(batch.snapshots))
        events = [event for command in batch.commands for event in command.events]
        positions: list[int] = []
        if events:
            self._notify_channel(others)
            self._insert_stored_events(c, events)
            positions = [row["notification_id"] for row in c.fetchall()]
        rows = link_commands(head, batch.commands, positions)
        c.execute(_INSERT_COMMANDS, _columns([row[1:] for row in rows]))
        sequence: int = c.fetchall()[-1]["sequence"]
        return Appended(
            head=LogHead(sequence, rows[-1].last_position, rows[-1].chain_hash),
            last_positions=tuple(row.last_position for row in rows),
        )

    def _insert_stored_events(self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **_: Any) -> None:
        """Insert as four arrays in binary form, which takes a third of the time of the library's composite type."""
        curs.execute(
            _INSERT_EVENTS,
            (
                [str(event.originator_id) for event in stored_events],
                [event.originator_version for event in stored_events],
                [event.topic for event in stored_events],
                [event.state for event in stored_events],
            ),
            prepare=True,
        )

    def close(self) -> None:
        """Give the write connection back."""
        self.datastore.close()


class PostgresReader:
    """Reads the log on private connections; any thread may use it."""

    def __init__(self, url: str, *, lock_timeout_s: int) -> None:
        self._url = url
        self._connect_timeout_s = lock_timeout_s
        self._idle: deque[Connection[TupleRow]] = deque()
        self._listening: deque[Connection[TupleRow]] = deque()
        self._closed = False

    def event_rows(
        self, after_position: int, limit: int, up_to_position: int | None = None, topics: Collection[str] = ()
    ) -> list[EventRow]:
        """Return up to `limit` events after a position, in order."""
        where = "notification_id > %s"
        values: list[Any] = [after_position]
        if up_to_position is not None:
            where += " AND notification_id <= %s"
            values.append(up_to_position)
        if topics:
            where += " AND topic = ANY(%s)"
            values.append(list(topics))
        return [
            EventRow._make(row)
            for row in self._query(
                f"SELECT {_EVENT_COLUMNS} FROM stored_events WHERE {where} ORDER BY notification_id LIMIT %s",
                (*values, limit),
            )
        ]

    def stream_events(self, stream: str, after_version: int) -> list[EventRow]:
        """Return one stream's events after a version, in order."""
        return [
            EventRow._make(row)
            for row in self._query(
                f"SELECT {_EVENT_COLUMNS} FROM stored_events"
                " WHERE originator_id = %s AND originator_version > %s ORDER BY originator_version",
                (stream, after_version),
            )
        ]

    def stream_rows(self, streams: Collection[str]) -> dict[str, StreamRows]:
        """Return what rebuilds each of the streams, in one round trip; a stream without events gives empty rows."""
        found = {stream: StreamRows(None, []) for stream in streams}
        for position, stream, version, topic, state, shape, seal in self._query(_STREAM_ROWS, {"streams": list(found)}):
            if position is None:
                found[stream] = StreamRows(SnapshotRow(stream, version, shape, state, seal), [])
            else:
                found[stream].events.append(EventRow(position, stream, version, topic, state))
        return found

    def command_rows(self, after_sequence: int, limit: int) -> list[CommandRow]:
        """Return up to `limit` records of commands after a sequence number, in order."""
        return [
            CommandRow._make(row)
            for row in self._query(
                f"SELECT {_COMMAND_COLUMNS} FROM commands WHERE sequence > %s ORDER BY sequence LIMIT %s",
                (after_sequence, limit),
            )
        ]

    def known_commands(self, command_ids: Sequence[str]) -> list[CommandRow]:
        """Return the records of those commands that are stored."""
        return [
            CommandRow._make(row)
            for row in self._query(
                f"SELECT {_COMMAND_COLUMNS} FROM commands WHERE command_id = ANY(%s)", (list(command_ids),)
            )
        ]

    def attachment(self, sha256: str) -> bytes | None:
        """Return an attachment's body, None if there is none of that hash (hex)."""
        rows = self._query("SELECT body FROM attachments WHERE sha256 = %s", (sha256,))
        body: bytes | None = rows[0][0] if rows else None
        return body

    def log_end(self) -> LogEnd:
        """Return where the log ends, by its events and by its newest command, at one instant."""
        return _log_end(self._query(_LOG_END, ())[0])

    def head_position(self) -> int:
        """Return the position of the newest event, 0 for an empty log."""
        position: int = self._query("SELECT COALESCE(MAX(notification_id), 0) FROM stored_events", ())[0][0]
        return position

    def wait_beyond(self, position: int, timeout_s: int) -> bool:
        """Block until the log grows beyond a position or the time is over; tell whether it grew.

        The server wakes the waiter, whichever process has appended.
        """
        deadline_ns = monotonic_ns() + timeout_s * _NS_PER_S
        with self._connection(self._listening) as connection:
            connection.execute(f"LISTEN {_CHANNEL}")
            while not self._closed:
                row = connection.execute("SELECT MAX(notification_id) FROM stored_events").fetchone()
                if row is not None and row[0] is not None and row[0] > position:
                    return True
                if monotonic_ns() >= deadline_ns:
                    return False
                for _ in connection.notifies(timeout=1, stop_after=1):
                    pass
        return False

    def close(self) -> None:
        """Close all idle connections; those in use close when they come back."""
        self._closed = True
        for idle in (self._idle, self._listening):
            while idle:
                idle.pop().close()

    def _query(self, statement: str, values: Sequence[Any] | dict[str, Any]) -> list[Any]:
        with self._connection(self._idle) as connection:
            return connection.cursor(binary=True).execute(SQL(statement), values).fetchall()

    @contextmanager
    def _connection(self, idle: deque[Connection[TupleRow]]) -> Iterator[Connection[TupleRow]]:
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except psycopg.DataError as error:
            connection.close()
            raise BatchUnstorableError(_reason(error)) from error
        except psycopg.Error as error:
            connection.close()
            raise StoreUnavailableError(f"The store cannot be read ({_reason(error)}). Try again.") from error
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        else:
            idle.append(connection)

    def _connect(self) -> Connection[TupleRow]:
        try:
            connection = psycopg.connect(self._url, connect_timeout=self._connect_timeout_s, autocommit=True)
            connection.execute("SET default_transaction_read_only = on")
        except psycopg.Error as error:
            raise StoreUnavailableError(f"The store cannot be reached ({_reason(error)}). Try again.") from error
        return connection


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _log_end(row: Any) -> LogEnd:
    max_position, sequence, position, chain_hash = row.values() if isinstance(row, dict) else row
    if sequence is None:
        return LogEnd(max_position, 0, 0, CHAIN_START)
    return LogEnd(max_position, sequence, position, bytes(chain_hash))


def _reason(error: BaseException) -> str:
    return str(error.__cause__ or error).strip().splitlines()[0]
