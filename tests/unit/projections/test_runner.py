"""Following the log, failing, catching up again, rebuilding: on both databases."""

from collections.abc import Sequence
from random import Random
from typing import ClassVar

import pytest
from sqlalchemy import Engine, inspect

from engine.application.log import RecordedEvent
from engine.domain.errors import ProjectionError
from projections import tracking
from projections.catalogue import build_projections
from projections.checkout_totals import CheckoutTotalsProjection, CheckoutTotalsView
from projections.database import reading
from projections.open_checkouts import OpenCheckoutsProjection
from projections.rows import Rows
from projections.runner import ProjectionRunner, RunState
from tests.support.lunch import Group, Lunch, portions, serve
from tests.support.memory_log import MemoryLog
from tests.support.read_models import stored_rows


def served(sessions: int, seed: int = 3) -> list[list[Group]]:
    """Serve some trays, and return what was appended session by session."""
    lunch, random = Lunch(), Random(seed)
    found = []
    for number in range(sessions):
        before = len(lunch.groups)
        serve(lunch, random, f"s{seed}-{number}", f"lane-{number % 2}", residents=8)
        found.append(lunch.groups[before:])
    return found


def joined(sessions: list[list[Group]]) -> list[Group]:
    """Put the sessions' groups in one row."""
    return [group for groups in sessions for group in groups]


def busy_lunch(sessions: int, seed: int = 3) -> list[Group]:
    """Serve some trays."""
    return joined(served(sessions, seed))


class StumblingTotals(CheckoutTotalsProjection):
    """Writes all its rows and then fails, as long as it is told to."""

    stumbles: ClassVar[bool] = True

    def apply(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        super().apply(events, rows)
        if self.stumbles and events:
            raise RuntimeError("out of luck")


class RenamedTotals(CheckoutTotalsProjection):
    """The same model in another schema version."""

    schema_version: ClassVar[str] = "2"


def test_all_models_reach_the_head_of_the_log(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(20))
    runner = ProjectionRunner(log, read_models, build_projections(), batch_events=7)
    assert runner.catch_up() == log.head_position()
    assert set(runner.lag().values()) == {0}
    assert {health.state for health in runner.health()} == {RunState.LIVE}


def test_positions_with_gaps_are_no_obstacle(read_models: Engine) -> None:
    groups = busy_lunch(10)
    runner = ProjectionRunner(MemoryLog(groups, step=3), read_models, build_projections(), batch_events=5)
    runner.catch_up()
    (row,) = CheckoutTotalsView(read_models).totals()
    assert row.bills + row.voids == 10


def test_batch_size_does_not_show_in_the_rows(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(40))
    projections = build_projections()
    found = []
    for batch_events in (1, 13, 10_000):
        runner = ProjectionRunner(log, read_models, projections, batch_events=batch_events)
        for projection in projections:
            runner.rebuild(projection.name)
        found.append(stored_rows(read_models, projections))
    assert found[0] == found[1] == found[2]
    assert all(rows for name, rows in found[0].items() if name != "open_checkouts")


def test_a_failure_after_writing_rows_leaves_neither_rows_nor_position(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(5))
    projection = StumblingTotals()
    runner = ProjectionRunner(log, read_models, [projection])
    with pytest.raises(ProjectionError, match="out of luck"):
        runner.catch_up()
    assert runner.position == 0
    assert not any(stored_rows(read_models, [projection]).values())


def test_what_failed_is_applied_exactly_once_after_a_restart(
    read_models: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(busy_lunch(12))
    projection = StumblingTotals()
    with pytest.raises(ProjectionError):
        ProjectionRunner(log, read_models, [projection]).catch_up()
    monkeypatch.setattr(StumblingTotals, "stumbles", False)
    ProjectionRunner(log, read_models, [projection]).catch_up()
    after_failure = stored_rows(read_models, [projection])
    runner = ProjectionRunner(log, read_models, [projection])
    runner.rebuild(projection.name)
    assert after_failure == stored_rows(read_models, [projection])


def test_one_failing_model_does_not_hold_up_the_others(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(5))
    runner = ProjectionRunner(log, read_models, [StumblingTotals(), OpenCheckoutsProjection()])
    with pytest.raises(ProjectionError, match="checkout_totals: RuntimeError: out of luck"):
        runner.catch_up()
    failed, healthy = runner.health()
    assert (failed.state, failed.error, failed.failures) == (RunState.FAILED, "RuntimeError: out of luck", 1)
    assert failed.lag == log.head_position()
    assert (healthy.state, healthy.lag, healthy.error) == (RunState.LIVE, 0, "")


def test_a_failed_model_is_tried_again_with_longer_pauses_and_recovers(
    read_models: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(busy_lunch(5))
    runner = ProjectionRunner(log, read_models, [StumblingTotals()], first_pause_s=0.0)
    for failures in (1, 2, 3):
        with pytest.raises(ProjectionError):
            runner.catch_up()
        assert runner.health()[0].failures == failures
    monkeypatch.setattr(StumblingTotals, "stumbles", False)
    runner.catch_up()
    (health,) = runner.health()
    assert (health.state, health.failures, health.error) == (RunState.LIVE, 0, "")


def test_pauses_double_with_each_failure(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(2))
    runner = ProjectionRunner(log, read_models, [StumblingTotals()], first_pause_s=1_000.0)
    with pytest.raises(ProjectionError):
        runner.catch_up()
    assert 1.0 < runner.health()[0].retry_in_s <= 60.0
    with pytest.raises(ProjectionError):
        runner.catch_up()  # the pause is not over: it is not tried, and still said to have failed
    assert runner.health()[0].failures == 1


def test_reading_ones_own_writes_waits_for_the_position(read_models: Engine) -> None:
    log = MemoryLog()
    runner = ProjectionRunner(log, read_models, build_projections())
    runner.start()
    try:
        position = log.append(busy_lunch(3))
        assert runner.wait_until(position, 60.0)
        (row,) = CheckoutTotalsView(read_models).totals()
        assert row.bills + row.voids == 3
    finally:
        runner.stop()


def test_waiting_ends_with_the_time_when_nobody_writes(read_models: Engine) -> None:
    runner = ProjectionRunner(MemoryLog(), read_models, build_projections())
    assert not runner.wait_until(1, 0.01)
    assert runner.wait_until(0, 0.0)


def test_waiting_for_a_failed_model_ends_at_once(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(2))
    runner = ProjectionRunner(log, read_models, [StumblingTotals(), OpenCheckoutsProjection()])
    with pytest.raises(ProjectionError):
        runner.catch_up()
    assert not runner.wait_until(log.head_position(), 3_600.0)
    assert runner.wait_until(log.head_position(), 0.0, ["open_checkouts"])


def test_events_that_another_process_applied_are_not_applied_again(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(10))
    projections = build_projections()
    first, second = (ProjectionRunner(log, read_models, projections, batch_events=9) for _ in range(2))
    first.catch_up()
    before = stored_rows(read_models, projections)
    assert second.position == 0
    assert second.catch_up() == log.head_position()
    assert stored_rows(read_models, projections) == before


def test_two_processes_that_take_turns_build_the_same_rows(read_models: Engine) -> None:
    groups = busy_lunch(30)
    log = MemoryLog()
    projections = build_projections()
    runners = [ProjectionRunner(log, read_models, projections, batch_events=4) for _ in range(2)]
    for number, group in enumerate(groups):
        log.append([group])
        runners[number % 2].catch_up()
    taken_in_turns = stored_rows(read_models, projections)
    for projection in projections:
        runners[0].rebuild(projection.name)
    assert taken_in_turns == stored_rows(read_models, projections)


def test_a_rebuild_never_shows_half_a_model_and_misses_nothing_appended_meanwhile(read_models: Engine) -> None:
    sessions = served(40)
    log = MemoryLog(joined(sessions[:30]))
    projections = build_projections()
    runner = ProjectionRunner(log, read_models, projections, batch_events=5)
    runner.catch_up()
    view = CheckoutTotalsView(read_models)
    late = joined(sessions[30:])
    seen: list[int] = []

    def meanwhile(_position: int, _head: int) -> None:
        (row,) = view.totals()
        seen.append(row.bills + row.voids)
        if late:
            log.append([late.pop(0)])

    position = runner.rebuild("checkout_totals", meanwhile)
    assert len(seen) > 5
    assert set(seen) == {30}
    assert runner.health()[0].position == position
    runner.catch_up()
    live = stored_rows(read_models, projections)
    runner.rebuild("checkout_totals")
    assert stored_rows(read_models, projections) == live


def test_a_rebuild_while_the_thread_follows_a_growing_log_ends_complete(read_models: Engine) -> None:
    sessions = served(45)
    log = MemoryLog(joined(sessions[:30]))
    projections = build_projections()
    runner = ProjectionRunner(log, read_models, projections, batch_events=16)
    runner.start()
    try:
        for group in joined(sessions[30:40]):
            log.append([group])
        for projection in projections:
            runner.rebuild(projection.name)
        position = log.append(joined(sessions[40:]))
        assert runner.wait_until(position, 60.0)
    finally:
        runner.stop()
    (row,) = CheckoutTotalsView(read_models).totals()
    assert row.bills + row.voids == 45


def test_a_rebuild_that_fails_leaves_the_live_model_and_no_shadow(
    read_models: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(busy_lunch(8))
    projection = StumblingTotals()
    monkeypatch.setattr(StumblingTotals, "stumbles", False)
    runner = ProjectionRunner(log, read_models, [projection])
    runner.catch_up()
    before = stored_rows(read_models, [projection])
    monkeypatch.setattr(StumblingTotals, "stumbles", True)
    with pytest.raises(RuntimeError, match="out of luck"):
        runner.rebuild(projection.name)
    assert stored_rows(read_models, [projection]) == before
    assert not [name for name in inspect(read_models).get_table_names() if "shadow" in name]
    assert runner.health()[0].rebuild_position is None


def test_a_rebuild_gives_way_to_another_process_that_begins_one(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(20))
    projections = build_projections()
    first, second = (ProjectionRunner(log, read_models, projections, batch_events=20) for _ in range(2))
    first.catch_up()
    begun: list[int] = []

    def interfere(_position: int, _head: int) -> None:
        if not begun:
            begun.append(second.rebuild("queue_metrics"))

    with pytest.raises(ProjectionError, match="Another process has begun to rebuild"):
        first.rebuild("queue_metrics", interfere)
    assert first.catch_up() == log.head_position()
    live = stored_rows(read_models, projections)
    first.rebuild("queue_metrics")
    assert stored_rows(read_models, projections) == live


def test_a_rebuild_that_cannot_swap_because_of_a_long_reader_says_so(
    read_models: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    if read_models.dialect.name == "sqlite":
        pytest.skip("readers of SQLite keep their own state of the file and hold up nobody")
    monkeypatch.setattr(tracking, "SWAP_WAIT_S", 1)
    log = MemoryLog(busy_lunch(4))
    projection = CheckoutTotalsProjection()
    runner = ProjectionRunner(log, read_models, [projection])
    runner.catch_up()
    before = stored_rows(read_models, [projection])
    with reading(read_models, *projection.tables), pytest.raises(ProjectionError, match="being read"):
        runner.rebuild(projection.name)
    assert stored_rows(read_models, [projection]) == before
    runner.rebuild(projection.name)
    assert stored_rows(read_models, [projection]) == before


def test_rebuilding_an_unknown_model_says_which_there_are(read_models: Engine) -> None:
    runner = ProjectionRunner(MemoryLog(), read_models, build_projections())
    with pytest.raises(ProjectionError, match="there are checkout_totals, open_checkouts"):
        runner.rebuild("totals")


def test_a_changed_schema_version_drops_and_replays(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(6))
    ProjectionRunner(log, read_models, [CheckoutTotalsProjection()]).catch_up()
    runner = ProjectionRunner(log, read_models, [RenamedTotals()])
    assert runner.position == 0
    assert not any(stored_rows(read_models, [RenamedTotals()]).values())
    runner.catch_up()
    (row,) = CheckoutTotalsView(read_models).totals()
    assert row.bills + row.voids == 6


def test_an_older_process_stops_when_a_newer_one_has_replaced_its_tables(read_models: Engine) -> None:
    log = MemoryLog(busy_lunch(6))
    older = ProjectionRunner(log, read_models, [CheckoutTotalsProjection()])
    ProjectionRunner(log, read_models, [RenamedTotals()]).catch_up()
    with pytest.raises(ProjectionError, match="restart this one with the same software version"):
        older.catch_up()


def test_models_of_another_log_are_built_anew(read_models: Engine) -> None:
    ProjectionRunner(MemoryLog(busy_lunch(9, seed=1)), read_models, build_projections()).catch_up()
    other = MemoryLog(busy_lunch(12, seed=2))
    runner = ProjectionRunner(other, read_models, build_projections())
    assert runner.position == 0
    runner.catch_up()
    (row,) = CheckoutTotalsView(read_models).totals()
    assert row.bills + row.voids == 12


def test_models_ahead_of_a_restored_log_are_built_anew(read_models: Engine) -> None:
    groups = busy_lunch(9)
    ProjectionRunner(MemoryLog(groups), read_models, build_projections()).catch_up()
    restored = MemoryLog(groups[: len(groups) // 2])
    runner = ProjectionRunner(restored, read_models, build_projections())
    assert runner.position == 0
    assert runner.catch_up() == restored.head_position()


def test_a_log_out_of_order_stops_the_models(read_models: Engine) -> None:
    class ConfusedLog(MemoryLog):
        def read_after(self, position: int, limit: int, topics=()):  # type: ignore[no-untyped-def]
            return list(reversed(super().read_after(position, limit, topics)))

    runner = ProjectionRunner(ConfusedLog(busy_lunch(2)), read_models, [OpenCheckoutsProjection()])
    with pytest.raises(ProjectionError, match="out of order"):
        runner.catch_up()


def test_two_models_of_one_name_are_refused(read_models: Engine) -> None:
    with pytest.raises(ProjectionError, match="same name"):
        ProjectionRunner(MemoryLog(), read_models, [CheckoutTotalsProjection(), RenamedTotals()])


def test_a_runner_starts_once_and_can_be_started_again_after_a_stop(read_models: Engine) -> None:
    log = MemoryLog()
    runner = ProjectionRunner(log, read_models, build_projections())
    runner.start()
    try:
        with pytest.raises(ProjectionError, match="run already"):
            runner.start()
    finally:
        runner.stop()
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    runner.start()
    try:
        assert runner.wait_until(log.append(lunch.groups), 60.0)
    finally:
        runner.stop()
