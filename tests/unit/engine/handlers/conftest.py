from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.application.vault import PersonVault
from tests.unit.engine.street import Street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Two canteens in memory with a vault of their own."""
    vault = PersonVault.open(tmp_path / "keys.sqlite3", bytes(range(32)))
    yield Street(vault)
    vault.close()
