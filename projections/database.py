"""The database of the read models: a SQLite file of its own, or a PostgreSQL schema of its own.

Read models can be rebuilt from the log at any time, so their commits need not survive a power cut (decision
P4); rows and tracking are still written together, so that what does survive is consistent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Table, Text, create_engine, event
from sqlalchemy.dialects.postgresql import TEXT as POSTGRES_TEXT
from sqlalchemy.engine import make_url

from engine.domain.errors import SettingsError

INTEGER = BigInteger()
TEXT = Text().with_variant(POSTGRES_TEXT(collation="C"), "postgresql")
"""Code-point order on both databases, which is also Python's order of strings."""

READ_MODELS_SCHEMA = "read_models"
POOL_CONNECTIONS = 40
"""A web server's worker threads (40 by default) each hold a connection while they ask."""
_SQLITE_BUSY_MS = 30_000
_WRITES = "read_models_write"


def open_read_models(url: str, schema: str = READ_MODELS_SCHEMA) -> Engine:
    """Connect to the read models' database.

    Args:
        url: `sqlite:///path` (a file that holds nothing else) or `postgresql://...`.
        schema: the PostgreSQL schema that holds the tables; not used on SQLite.
    Raises:
        SettingsError: the URL names neither of the two, or an in-memory database.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise SettingsError("Read models need a SQLite file, not memory: give sqlite:///path/to/file.")
        engine = create_engine(parsed, hide_parameters=True, max_overflow=POOL_CONNECTIONS)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if backend == "postgresql":
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,
            hide_parameters=True,
            max_overflow=POOL_CONNECTIONS,
        )

        def use_schema(connection: Any, _record: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute(f'SET search_path TO "{schema}"')
                # A lost commit is only read again from the log; see the module's docstring.
                cursor.execute("SET synchronous_commit TO OFF")
            connection.commit()

        event.listen(engine, "connect", use_schema)
        return engine
    raise SettingsError(f"Read models live in SQLite or PostgreSQL, not in {backend!r}: change the URL.")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`, DDL included
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.execute("PRAGMA wal_autocheckpoint = 4000")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that first reads and then writes would fail at once when another one has written in between.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that may write; it commits at the end, or rolls back on an error."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine, *tables: Table) -> Iterator[Connection]:
    """Open a transaction that sees one moment of the given tables, however many questions it asks.

    On PostgreSQL the tables are locked against a swap *before* the snapshot is taken: a snapshot older than a
    swap would see only those rows of the new table that had been committed by then.
    """
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            if connection.dialect.name == "postgresql" and tables:
                names = ", ".join(f'"{table.name}"' for table in tables)
                connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
            yield connection
