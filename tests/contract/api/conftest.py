"""One furnished server for all tests of this folder; each test uses checkouts of its own."""

from collections.abc import Iterator

import pytest

from tests.support.served_canteen import ServedCanteen, enrol_fixture_photos, furnish, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCanteen]:
    with serving(tmp_path_factory.mktemp("canteen")) as served:
        furnish(served)
        yield served


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCanteen]:
    """A second server that knows what the canteen's dishes look like."""
    with serving(tmp_path_factory.mktemp("enrolled")) as served:
        furnish(served)
        enrol_fixture_photos(served)
        yield served
