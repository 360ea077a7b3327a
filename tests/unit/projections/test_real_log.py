"""Read models over the real event store, on SQLite and on PostgreSQL (where both live in one database)."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine

from engine.application.store import EventStore, StoreSettings, open_store
from projections.catalogue import build_projections
from projections.checkout_totals import CheckoutTotalsView
from projections.database import open_read_models
from projections.runner import ProjectionRunner, RunState
from projections.verification import verify
from tests.support.catching_up_process import PEPPER
from tests.support.log_filling import filling
from tests.support.lunch import Lunch, serve
from tests.support.read_models import stored_rows


@pytest.fixture
def store(store_url: str) -> Iterator[EventStore]:
    with closing(open_store(StoreSettings(url=store_url, pepper=PEPPER))) as store:
        yield store


@pytest.fixture
def read_models_url(store_url: str, tmp_path: Path) -> str:
    """Beside the log: a file of its own on SQLite, a schema of its own on PostgreSQL."""
    return store_url if store_url.startswith("postgresql") else f"sqlite:///{tmp_path / 'read_models.sqlite3'}"


@pytest.fixture
def engine(read_models_url: str) -> Iterator[Engine]:
    engine = open_read_models(read_models_url)
    yield engine
    engine.dispose()


def lunch_of(sessions: int) -> Lunch:
    lunch, random = Lunch(), Random(21)
    for number in range(sessions):
        serve(lunch, random, f"s{number}", f"lane-{number % 3}", residents=15)
    return lunch


def test_a_running_projection_follows_what_a_writer_appends_and_agrees_with_the_log(
    store: EventStore, engine: Engine
) -> None:
    runner = ProjectionRunner(store.log, engine, build_projections())
    runner.start()
    try:
        with filling(store) as filler:
            position = filler.append(lunch_of(40).groups)
        assert runner.wait_until(position, 60.0)
        assert {health.state for health in runner.health()} == {RunState.LIVE}
        (row,) = CheckoutTotalsView(engine).totals()
        assert row.bills + row.voids == 40
    finally:
        runner.stop()
    assert verify(store.log, engine, build_projections()).agrees


def test_a_rebuild_while_a_writer_appends_gives_the_rows_of_a_fresh_build(store: EventStore, engine: Engine) -> None:
    groups = lunch_of(60).groups
    runner = ProjectionRunner(store.log, engine, build_projections(), batch_events=50)
    runner.start()
    try:
        with filling(store) as filler:
            filler.append(groups[:100])
            rest = iter(groups[100:])

            def append_some(_position: int, _head: int) -> None:
                if some := list(islice(rest, 10)):
                    filler.append(some)

            for projection in build_projections():
                runner.rebuild(projection.name, append_some)
            filler.append(list(rest))
        assert runner.wait_until(store.log.head_position(), 60.0)
    finally:
        runner.stop()
    assert verify(store.log, engine, build_projections()).agrees


def test_killing_the_process_in_the_middle_loses_nothing_and_applies_nothing_twice(
    store: EventStore, store_url: str, engine: Engine, read_models_url: str
) -> None:
    with filling(store) as filler:
        head = filler.append(lunch_of(150).groups)
    for stop_after in (60, 300, 500):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.catching_up_process", store_url, read_models_url],
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            for line in child.stdout:
                if int(line) >= stop_after:
                    break
            child.kill()
    runner = ProjectionRunner(store.log, engine, build_projections())
    assert 0 < runner.position < head
    assert runner.catch_up() == head
    after_kills = stored_rows(engine, build_projections())
    assert verify(store.log, engine, build_projections()).agrees
    for projection in build_projections():
        runner.rebuild(projection.name)
    assert stored_rows(engine, build_projections()) == after_kills
