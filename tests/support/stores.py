"""Opens stores of counters, and looks into and meddles with their tables as no program should."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import psycopg

from engine.application.codec import EventCodec
from engine.application.decision import Handlers
from engine.application.store import EventStore, StoreSettings, open_store
from engine.application.writer import CommandWriter
from tests.support.counters import CODEC, Counted, counter_handlers, expected_counters

PEPPER = b"a pepper for tests only"


def open_counters(url: str, codec: EventCodec = CODEC, lock_timeout_s: int = 2) -> EventStore:
    """Open a store that knows the events of counters."""
    return open_store(StoreSettings(url=url, pepper=PEPPER, lock_timeout_s=lock_timeout_s), codec)


@contextmanager
def counting(
    url: str,
    handlers: Handlers | None = None,
    *,
    queue_limit: int = 2_048,
    batch_limit: int = 128,
    cached_streams: int = 20_000,
    lock_timeout_s: int = 2,
) -> Iterator[tuple[EventStore, CommandWriter]]:
    """Open a store with a running writer of counters, and end both."""
    with closing(open_counters(url, lock_timeout_s=lock_timeout_s)) as store:
        writer = CommandWriter(
            store,
            counter_handlers() if handlers is None else handlers,
            queue_limit=queue_limit,
            batch_limit=batch_limit,
            cached_streams=cached_streams,
            expected=expected_counters,
        )
        writer.start()
        try:
            yield store, writer
        finally:
            writer.stop()


def totals(store: EventStore, *counters: str) -> list[int]:
    """Return the totals of counters by adding up their stored events, without the code that is tested."""
    found = []
    for name in counters:
        events = [recorded.event for recorded in store.log.read_stream(f"counter-{name}")]
        found.append(sum(event.by_amount for event in events if isinstance(event, Counted)))
    return found


class RawDatabase:
    """A connection past the store, for looking at and meddling with rows."""

    def __init__(self, url: str) -> None:
        self._is_sqlite = url.startswith("sqlite")
        self._connection: Any = (
            sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
            if self._is_sqlite
            else psycopg.connect(url, autocommit=True)
        )
        self.position = "rowid" if self._is_sqlite else "notification_id"

    def execute(self, statement: str, *values: Any) -> Sequence[Any]:
        """Run a statement (placeholders `?`) and return its rows."""
        cursor = self._connection.execute(statement if self._is_sqlite else statement.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else ()

    def lock(self) -> None:
        """Keep every writer out until `unlock`."""
        if self._is_sqlite:
            self.execute("BEGIN IMMEDIATE")
        else:
            self.execute("BEGIN")
            self.execute("LOCK TABLE stored_events IN EXCLUSIVE MODE")

    def unlock(self) -> None:
        """Let writers in again."""
        self.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def raw(url: str) -> Iterator[RawDatabase]:
    """Open a connection past the store."""
    with closing(RawDatabase(url)) as database:
        yield database
