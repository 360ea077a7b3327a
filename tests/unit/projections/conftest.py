"""An empty database of read models, once on each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from projections.database import open_read_models


@pytest.fixture(params=["sqlite", "postgresql"])
def read_models(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The read models' database, once on SQLite and once on PostgreSQL."""
    sqlite_url = f"sqlite:///{tmp_path / 'read_models.sqlite3'}"
    engine = open_read_models(
        sqlite_url if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    yield engine
    engine.dispose()
