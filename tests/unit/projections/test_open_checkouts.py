"""Which trays stand on the counters, from hand-made lunches."""

import pytest
from sqlalchemy import Engine

from engine.domain.bill import Tender
from engine.domain.errors import ProjectionError
from projections.open_checkouts import OpenCheckoutsProjection, OpenCheckoutsView, Situation
from projections.runner import ProjectionRunner
from tests.support.lunch import NOON_MS, Lunch, portions
from tests.support.memory_log import MemoryLog


def shown(engine: Engine, lunch: Lunch, batch_events: int = 1_000) -> OpenCheckoutsView:
    """Bring the model up to date with a lunch."""
    log = MemoryLog(lunch.groups)
    ProjectionRunner(log, engine, [OpenCheckoutsProjection()], batch_events=batch_events).catch_up()
    return OpenCheckoutsView(engine)


def test_a_scanned_tray_is_open_and_says_what_is_unsettled(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan", "yu", "tang", unsure=2), took_ms=700)
    (row,) = shown(read_models, lunch).at_lanes("caoyang-1")
    assert (row.checkout_id, row.lane_id, row.situation) == ("a", "lane-1", Situation.UNPAID)
    assert row.held
    assert row.unsettled_items == (2, 3)
    assert (row.placed_at_ms, row.last_at_ms) == (NOON_MS - 700, NOON_MS)


@pytest.mark.parametrize("batch_events", [1, 1_000])
def test_corrections_and_removals_settle_a_held_tray(read_models: Engine, batch_events: int) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan", "yu", "tang", unsure=2))
    lunch.now_ms += 9_000
    lunch.correct("a", 2, "yu")
    lunch.remove("a", 3)
    (row,) = shown(read_models, lunch, batch_events).at_lanes("caoyang-1")
    assert not row.held
    assert row.last_at_ms == NOON_MS + 9_000


def test_a_rescan_replaces_the_reading(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan", "yu", unsure=1))
    lunch.scan("a", portions("mifan", "tang", "yu"))
    (row,) = shown(read_models, lunch).at_lanes("caoyang-1")
    assert (row.scan_number, row.held) == (2, False)


def test_a_paid_tray_stays_until_it_is_removed(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    lunch.pay("a", Tender.CASH)
    (row,) = shown(read_models, lunch).at_lanes("caoyang-1")
    assert row.situation is Situation.PAID
    lunch.take_away("a")
    assert shown(read_models, lunch).at_lanes("caoyang-1") == ()


@pytest.mark.parametrize("batch_events", [1, 1_000])
def test_a_voided_tray_is_gone(read_models: Engine, batch_events: int) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    lunch.void("a")
    assert shown(read_models, lunch, batch_events).at_lanes("caoyang-1") == ()


def test_a_refund_after_removal_opens_nothing(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    lunch.pay("a")
    lunch.take_away("a")
    lunch.refund("a")
    assert shown(read_models, lunch).at_lanes("caoyang-1") == ()


def test_idle_sessions_are_listed_longest_idle_first_and_paid_ones_not_at_all(read_models: Engine) -> None:
    lunch = Lunch()
    for checkout_id in ("first", "second", "paid", "busy"):
        lunch.scan(checkout_id, portions("mifan"), lane_id=f"lane-{checkout_id}")
        lunch.now_ms += 60_000
    lunch.pay("paid")
    lunch.identify("busy", "resident-1")
    idle = shown(read_models, lunch).idle_since(lunch.now_ms - 120_000)
    assert [row.checkout_id for row in idle] == ["first", "second"]


def test_one_lane_shows_only_its_own(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"), lane_id="lane-1")
    lunch.scan("b", portions("mifan"), lane_id="lane-2")
    assert [row.checkout_id for row in shown(read_models, lunch).at_lanes("caoyang-1", "lane-2")] == ["b"]


def test_a_payment_without_a_scan_stops_the_model(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    lunch.pay("a")
    del lunch.groups[0]
    with pytest.raises(ProjectionError, match="No scan comes before"):
        shown(read_models, lunch)
