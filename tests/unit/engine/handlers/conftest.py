from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.engine.street import Street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Two canteens in memory with a vault of their own."""
    opened = Street(tmp_path / "keys.sqlite3")
    yield opened
    opened.vault.close()
