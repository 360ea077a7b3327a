"""Examples are bounded in number; where CI is set they are the same ones each time."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from engine.application.vault import PersonVault

settings.register_profile("engine", deadline=None, max_examples=100)
settings.register_profile("engine-ci", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("engine-ci" if os.environ.get("CI") else "engine")


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PersonVault]:
    """One vault for all examples: what is sealed in one does not matter to another."""
    opened = PersonVault.open(tmp_path_factory.mktemp("vault") / "keys.sqlite3", bytes(range(32)))
    yield opened
    opened.close()
