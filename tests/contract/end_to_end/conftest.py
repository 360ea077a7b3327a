"""A small street, loaded once by the console commands; each test gets a copy of its store."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command_line import (
    CANTEEN,
    DAY,
    FIXTURES,
    LANES,
    Installation,
    Ran,
    Served,
    free_port,
    residents,
    run_command,
    small_street,
)

OPENING_FEN = 500_000
RESIDENTS = 12


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fixtures of one canteen, and a list of twelve elders with much money beside them."""
    folder = small_street(tmp_path_factory.mktemp("fixtures") / "small")
    (folder / "elders.csv").write_text(residents(RESIDENTS, OPENING_FEN), encoding="utf-8")
    return folder


def load_street(installation: Installation, street: Path) -> None:
    """Load canteen, menus, rules and residents by the commands."""
    installation.run("import", "canteens", street / "street" / "street.toml").expect(0)
    installation.run("import", "menus", street / "street" / "menus.toml", "--day", DAY).expect(0)
    installation.run("import", "rules", *sorted((FIXTURES / "rules").glob("*.toml"))).expect(0)
    installation.run("import", "residents", street / "elders.csv").expect(0)


@pytest.fixture(scope="session")
def loaded_store(street: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the loaded street; it is copied, never used."""
    data_dir = tmp_path_factory.mktemp("loaded") / "store"
    load_street(Installation(data_dir=data_dir), street)
    return data_dir


@pytest.fixture
def installation(loaded_store: Path, tmp_path: Path) -> Installation:
    """The loaded street on SQLite, for one test alone."""
    shutil.copytree(loaded_store, tmp_path / "store")
    return Installation(data_dir=tmp_path / "store")


def man_counters(served: Served) -> None:
    """Issue the keys of a cashier and of a terminal."""
    served.issue_key("cashier", canteen_id=CANTEEN)
    served.issue_key("terminal", canteen_id=CANTEEN, lane_id=LANES[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedDemo:
    """A demo that has ended, or was refused."""

    ran: Ran
    data_dir: Path
    port: int


EARLY_LUNCH = ("--visits", 3, "--speed", 400, "--seed", 531)
"""A lunch whose last diner comes at 11:40, so that a test need not wait for the afternoon."""


def play(fixtures: Path, data_dir: Path, port: int, *more: str) -> PlayedDemo:
    """Play a short lunch to its end."""
    options = ("--fixtures", fixtures, "--data-dir", data_dir, "--port", port, *EARLY_LUNCH, *more)
    return PlayedDemo(ran=run_command("demo", "--once", *options), data_dir=data_dir, port=port)


@pytest.fixture(scope="session")
def played_demo(street: Path, tmp_path_factory: pytest.TempPathFactory) -> PlayedDemo:
    """A lunch of nine visits; its store knows what the canteen's dishes look like. Copied by those who change it."""
    return play(street, tmp_path_factory.mktemp("played") / "demo", free_port())
