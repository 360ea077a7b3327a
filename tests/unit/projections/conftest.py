"""An empty database of read models, once on each kind."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from projections.database import open_read_models
from tests.support.postgres import PostgresServer

_schemas = count(1)


@pytest.fixture(scope="session")
def read_models_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """One database for all tests of read models; each takes a schema of its own, which is quicker to make."""
    with postgres_server.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def read_models(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The read models' database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        engine = open_read_models(f"sqlite:///{tmp_path / 'read_models.sqlite3'}")
    else:
        url: str = request.getfixturevalue("read_models_postgres_url")
        engine = open_read_models(url, f"read_models_{next(_schemas)}")
    yield engine
    engine.dispose()
