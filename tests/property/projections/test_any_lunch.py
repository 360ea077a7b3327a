"""Whatever happens at the lanes: rebuilt = incremental, books balance, gross = own + subsidy + discount."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from engine.domain.bill import Tender
from engine.domain.errors import CommandRejectedError
from projections.catalogue import build_projections
from projections.checkout_totals import CheckoutTotalsView, Dimension
from projections.database import open_read_models, writing
from projections.open_checkouts import OpenCheckoutsProjection
from projections.rows import Rows
from projections.runner import ProjectionRunner
from projections.subsidy_ledger import SubsidyLedgerView
from projections.verification import verify
from tests.support.lunch import PRICES_FEN, WITH_OFFERS, WITHOUT_OFFERS, Group, Lunch, portions
from tests.support.memory_log import MemoryLog
from tests.support.postgres import PostgresServer
from tests.support.read_models import stored_rows

CHECKOUTS = ("a", "b", "c", "d")
RESIDENTS = ("resident-1", "resident-2")
_schemas = count(1)

dishes = st.sampled_from(list(PRICES_FEN))
happenings = st.one_of(
    st.tuples(st.just("scan"), st.lists(dishes, min_size=1, max_size=5), st.integers(0, 2)),
    st.tuples(st.just("correct"), st.integers(1, 5), dishes),
    st.tuples(st.just("add"), dishes),
    st.tuples(st.just("remove"), st.integers(1, 5)),
    st.tuples(st.just("identify"), st.sampled_from(RESIDENTS)),
    st.tuples(st.just("top_up"), st.sampled_from(RESIDENTS), st.integers(1, 20_000)),
    st.tuples(st.just("pay"), st.sampled_from(list(Tender))),
    st.tuples(st.just("take_away")),
    st.tuples(st.just("void")),
    st.tuples(st.just("refund"), st.lists(st.integers(1, 5), max_size=2)),
)
steps = st.tuples(st.sampled_from(CHECKOUTS), happenings, st.integers(0, 200_000))


@pytest.fixture(scope="module")
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """One database for this file; each example takes a schema of its own."""
    with postgres_server.database() as url:
        yield url


@contextmanager
def empty_postgres(database_url: str) -> Iterator[Engine]:
    """Lend a new schema."""
    engine = open_read_models(database_url, f"read_models_{next(_schemas)}")
    try:
        yield engine
    finally:
        engine.dispose()


@st.composite
def lunches(draw: st.DrawFn) -> list[Group]:
    """Try steps in any order; those that the rules refuse do not happen."""
    lunch = Lunch(menu=draw(st.sampled_from([WITHOUT_OFFERS, WITH_OFFERS])))
    for checkout_id, (what, *arguments), later_ms in draw(st.lists(steps, min_size=1, max_size=60)):
        lunch.now_ms += later_ms
        try:
            match what, arguments:
                case "scan", [placed, unsure]:
                    placed = portions(*placed, unsure=min(unsure, len(placed)))
                    lunch.scan(checkout_id, placed, lane_id=f"lane-{checkout_id}")
                case "refund", [item_ids]:
                    lunch.refund(checkout_id, *dict.fromkeys(item_ids))
                case "top_up", [resident_id, amount_fen]:
                    lunch.top_up(resident_id, amount_fen)
                case _:
                    getattr(lunch, what)(checkout_id, *arguments)
        except CommandRejectedError:
            continue
    return lunch.groups


@contextmanager
def empty_sqlite() -> Iterator[Engine]:
    """Lend a new file."""
    with TemporaryDirectory() as directory:
        engine = open_read_models(f"sqlite:///{Path(directory) / 'read_models.sqlite3'}")
        try:
            yield engine
        finally:
            engine.dispose()


def check(engine: Engine, groups: list[Group], cuts: list[int], batch_events: int) -> None:
    """Append in pieces with restarts between, and compare with models that are built in one go."""
    projections = build_projections()
    log = MemoryLog()
    pieces = [*sorted(cuts), len(groups)]
    for begin, end in zip([0, *pieces], pieces, strict=False):
        log.append(groups[begin:end])
        ProjectionRunner(log, engine, projections, batch_events=batch_events).catch_up()
    incremental = stored_rows(engine, projections)
    assert verify(log, engine, projections).agrees  # builds them in one go and compares every row
    ProjectionRunner(log, engine, projections).rebuild("subsidy_ledger")
    assert stored_rows(engine, projections) == incremental

    totals = CheckoutTotalsView(engine).totals(list(Dimension))
    bills = CheckoutTotalsView(engine).bills()
    for row in (*totals, *bills):
        assert row.gross_fen == row.own_fen + row.subsidy_fen + row.discount_fen
        assert row.refunded_gross_fen == (row.refunded_own_fen + row.refunded_subsidy_fen + row.refunded_discount_fen)
        assert 0 <= row.refunded_gross_fen <= row.gross_fen
    ledger = SubsidyLedgerView(engine)
    sums: Counter[int] = Counter()
    for checkout_id in CHECKOUTS:
        for entry in ledger.bill_entries(checkout_id):
            sums[entry.position] += entry.amount_fen
    assert set(sums.values()) <= {0}
    assert sum(row.balance_fen for row in ledger.trial_balance()) == 0


@given(lunches(), st.lists(st.integers(0, 40), max_size=4), st.integers(1, 30))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_lunch_gives_the_same_rows_however_it_is_cut_on_sqlite(
    groups: list[Group], cuts: list[int], batch_events: int
) -> None:
    with empty_sqlite() as engine:
        check(engine, groups, [min(cut, len(groups)) for cut in cuts], batch_events)


@given(lunches(), st.lists(st.integers(0, 40), max_size=3), st.integers(1, 30))
@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_lunch_gives_the_same_rows_however_it_is_cut_on_postgresql(
    database_url: str, groups: list[Group], cuts: list[int], batch_events: int
) -> None:
    with empty_postgres(database_url) as engine:
        check(engine, groups, [min(cut, len(groups)) for cut in cuts], batch_events)


@given(names=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))), min_size=1))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_survives_the_way_to_postgresql(database_url: str, names: list[str]) -> None:
    (table,) = OpenCheckoutsProjection.tables
    wanted = list(dict.fromkeys(names))
    with empty_postgres(database_url) as engine:
        ProjectionRunner(MemoryLog(), engine, [OpenCheckoutsProjection()])
        with writing(engine) as connection:
            rows = Rows(connection)
            rows.insert(table, [(name, name, "", "", "", "", name, 1, 2, 3) for name in wanted])
            assert sorted(row[0] for row in rows.load(table, "checkout_id", wanted)) == sorted(wanted)
            rows.delete(table, wanted)
            assert rows.load(table, "checkout_id", wanted) == []
