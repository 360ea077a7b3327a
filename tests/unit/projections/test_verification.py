"""The check of read models against the log: it agrees with good ones and finds every kind of damage."""

from random import Random

import pytest
from sqlalchemy import Engine, inspect, text

from engine.domain.errors import ProjectionError
from projections.catalogue import build_projections
from projections.database import writing
from projections.runner import ProjectionRunner
from projections.verification import VerificationReport, count_bills, verify
from tests.support.lunch import Lunch, portions, serve
from tests.support.memory_log import MemoryLog


@pytest.fixture
def log() -> MemoryLog:
    lunch, random = Lunch(), Random(9)
    for number in range(40):
        serve(lunch, random, f"s{number}", f"lane-{number % 2}", residents=10)
    lunch.scan("still-open", portions("mifan"))
    lunch.refund(next(paid for paid, state in lunch.checkouts.items() if hasattr(state, "bill")))
    return MemoryLog(lunch.groups)


def verified(log: MemoryLog, read_models: Engine) -> VerificationReport:
    return verify(log, read_models, build_projections())


def test_models_that_were_built_from_the_log_agree_bit_for_bit_and_to_the_fen(
    log: MemoryLog, read_models: Engine
) -> None:
    ProjectionRunner(log, read_models, build_projections(), batch_events=11).catch_up()
    report = verified(log, read_models)
    assert report.agrees
    assert all(model.rows_compared > 0 for model in report.models)
    totals = {model.name: model.totals for model in report.models if model.totals is not None}
    counted = count_bills(log, log.head_position())
    assert totals == {"checkout_totals": counted, "subsidy_ledger": counted}
    assert counted.gross_fen == counted.own_fen + counted.subsidy_fen + counted.discount_fen > 0
    assert counted.refunded_gross_fen > 0


def test_models_are_checked_at_their_own_position(log: MemoryLog, read_models: Engine) -> None:
    ProjectionRunner(log, read_models, build_projections()).catch_up()
    position = log.head_position()
    late = Lunch()
    late.scan("late", portions("yu"))
    late.pay("late")
    log.append(late.groups)
    report = verified(log, read_models)
    assert report.agrees
    assert {model.position for model in report.models} == {position}


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        ("UPDATE queue_metrics_buckets SET arrivals = arrivals + 1", "queue_metrics"),
        ("DELETE FROM open_checkouts", "open_checkouts"),
        ("UPDATE checkout_totals_bills SET resident_id = 'somebody' WHERE tender = 'cash'", "checkout_totals"),
        (
            "INSERT INTO subsidy_ledger_wallets (resident_id, balance_fen) VALUES ('zzz', 0)",
            "subsidy_ledger",
        ),
    ],
)
def test_every_changed_row_is_found(log: MemoryLog, read_models: Engine, damage: str, name: str) -> None:
    ProjectionRunner(log, read_models, build_projections()).catch_up()
    with writing(read_models) as connection:
        changed = connection.execute(text(damage)).rowcount
    assert changed > 0
    models = {model.name: model for model in verified(log, read_models).models}
    assert [model.name for model in models.values() if not model.agrees] == [name]
    assert models[name].differing_rows == changed
    first = models[name].differences[0]
    assert first.live != first.rebuilt
    assert first.table.startswith(name)


def test_missing_and_superfluous_rows_are_told_apart(log: MemoryLog, read_models: Engine) -> None:
    ProjectionRunner(log, read_models, build_projections()).catch_up()
    with writing(read_models) as connection:
        connection.execute(text("UPDATE open_checkouts SET checkout_id = 'another'"))
    (model,) = (model for model in verified(log, read_models).models if model.name == "open_checkouts")
    assert [(found.key, found.live is None, found.rebuilt is None) for found in model.differences] == [
        (("another",), False, True),
        (("still-open",), True, False),
    ]


def test_money_that_was_changed_evenly_in_every_table_does_not_agree_with_the_plain_count(
    log: MemoryLog, read_models: Engine
) -> None:
    ProjectionRunner(log, read_models, build_projections()).catch_up()
    with writing(read_models) as connection:
        for table in ("by_tender", "by_dish", "bills"):
            connection.execute(
                text(f"UPDATE checkout_totals_{table} SET gross_fen = 2 * gross_fen, own_fen = own_fen + gross_fen")
            )
    (model,) = (model for model in verified(log, read_models).models if model.name == "checkout_totals")
    assert model.problem == ""
    assert not model.totals_agree
    assert model.totals is not None
    assert model.counted is not None
    assert model.totals.gross_fen == 2 * model.counted.gross_fen


def test_books_that_do_not_balance_are_a_problem_of_their_own(log: MemoryLog, read_models: Engine) -> None:
    ProjectionRunner(log, read_models, build_projections()).catch_up()
    with writing(read_models) as connection:
        connection.execute(text("UPDATE subsidy_ledger_days SET debit_fen = debit_fen + 1 WHERE account = 'takings'"))
    (model,) = (model for model in verified(log, read_models).models if model.name == "subsidy_ledger")
    assert "differ" in model.problem
    assert not model.agrees


def test_a_model_that_was_never_built_is_asked_for(log: MemoryLog, read_models: Engine) -> None:
    ProjectionRunner(log, read_models, []).catch_up()
    with pytest.raises(ProjectionError, match="start the server or rebuild"):
        verified(log, read_models)


def test_a_check_leaves_nothing_behind_and_tells_how_far_it_is(log: MemoryLog, read_models: Engine) -> None:
    ProjectionRunner(log, read_models, build_projections()).catch_up()
    tables, schemas = inspect(read_models).get_table_names(), inspect(read_models).get_schema_names()
    told: list[tuple[str, int, int]] = []
    verify(log, read_models, build_projections(), lambda *progress: told.append(progress))
    assert inspect(read_models).get_table_names() == tables
    assert inspect(read_models).get_schema_names() == schemas
    assert {name for name, _, _ in told} == {"log", *(projection.name for projection in build_projections())}
    assert all(position <= until for _, position, until in told)
