"""Counts, times and waits, from hand-made lunches."""

import pytest
from sqlalchemy import Engine

from engine.domain.bill import Tender
from projections.queue_metrics import BUCKET_MS, Measure, QueueMetricsProjection, QueueMetricsView
from projections.runner import ProjectionRunner
from tests.support.lunch import DAY, NOON_MS, Lunch, portions
from tests.support.memory_log import MemoryLog


def shown(engine: Engine, lunch: Lunch) -> QueueMetricsView:
    """Bring the model up to date with a lunch."""
    ProjectionRunner(MemoryLog(lunch.groups), engine, [QueueMetricsProjection()]).catch_up()
    return QueueMetricsView(engine)


def session(lunch: Lunch, checkout_id: str, lane_id: str = "lane-1", occupied_ms: int = 8_000) -> None:
    """Recognise 700 ms, pay 2,000 ms, the rest of what goes before removal (1,000 ms) is interaction."""
    lunch.now_ms += 700
    lunch.scan(checkout_id, portions("mifan"), lane_id=lane_id, took_ms=700)
    lunch.now_ms += occupied_ms - 1_700
    lunch.pay(checkout_id, Tender.QR, took_ms=2_000)
    lunch.now_ms += 1_000
    lunch.take_away(checkout_id)


def test_a_plain_session_is_one_arrival_one_payment_and_its_busy_time(read_models: Engine) -> None:
    lunch = Lunch()
    session(lunch, "a")
    (bucket,) = shown(read_models, lunch).buckets()
    assert (bucket.arrivals, bucket.completed, bucket.ended, bucket.hand_offs, bucket.voids) == (1, 1, 1, 0, 0)
    assert bucket.busy_ms == 8_000
    assert bucket.utilisation == pytest.approx(8 / 300)
    assert bucket.throughput_per_minute == pytest.approx(0.2)


def test_service_time_is_split_into_its_parts(read_models: Engine) -> None:
    lunch = Lunch()
    session(lunch, "a", occupied_ms=8_000)
    times = {row.measure: row for row in shown(read_models, lunch).service_times()}
    for measure, expected_ms in {
        Measure.RECOGNISE: 700,
        Measure.INTERACT: 4_300,
        Measure.PAY: 2_000,
        Measure.SERVICE: 7_000,
        Measure.OCCUPIED: 8_000,
    }.items():
        assert times[measure].sessions == 1
        assert times[measure].p50_ms == pytest.approx(expected_ms, rel=0.032)


def test_percentiles_of_lanes_and_buckets_merge(read_models: Engine) -> None:
    lunch = Lunch()
    for number in range(20):
        session(lunch, f"s{number}", lane_id=f"lane-{number % 2}", occupied_ms=5_000 if number < 18 else 60_000)
    view = shown(read_models, lunch)
    merged = {row.measure: row for row in view.service_times(canteen_id="caoyang-1")}[Measure.OCCUPIED]
    assert merged.sessions == 20
    assert merged.p50_ms == pytest.approx(5_000, rel=0.032)
    assert merged.p95_ms == pytest.approx(60_000, rel=0.032)
    first = next(bucket for bucket in view.buckets(lane_id="lane-0"))
    assert {row.measure: row.sessions for row in first.times}[Measure.SERVICE] == first.completed
    one = {row.measure: row for row in view.service_times(lane_id="lane-0")}[Measure.OCCUPIED]
    assert one.sessions == 10


def test_a_hand_off_counts_where_the_tray_was_placed_and_corrections_where_they_happened(read_models: Engine) -> None:
    lunch = Lunch(now_ms=NOON_MS + BUCKET_MS - 1_000)
    lunch.scan("a", portions("mifan", "tang", unsure=2), took_ms=700)
    lunch.now_ms += 5_000
    lunch.correct("a", 1, "yu")
    lunch.correct("a", 2, "tang")
    lunch.add("a", "doufu")
    lunch.remove("a", 1)
    lunch.scan("a", portions("yu", "tang"))
    first, second = shown(read_models, lunch).buckets()
    assert (first.arrivals, first.hand_offs, first.corrections) == (1, 1, 0)
    assert (second.corrections, second.confirmations, second.additions, second.removals) == (1, 1, 1, 1)
    assert (second.rescans, second.arrivals) == (1, 0)


def test_a_tray_that_stands_over_a_bucket_boundary_keeps_both_busy(read_models: Engine) -> None:
    lunch = Lunch(now_ms=NOON_MS + BUCKET_MS - 3_000)
    session(lunch, "a", occupied_ms=2 * BUCKET_MS)
    busy = {bucket.from_ms: bucket.busy_ms for bucket in shown(read_models, lunch).buckets()}
    assert busy == {NOON_MS: 3_000, NOON_MS + BUCKET_MS: BUCKET_MS, NOON_MS + 2 * BUCKET_MS: BUCKET_MS - 3_000}


def test_a_void_keeps_its_lane_busy_but_is_no_service(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"), took_ms=700)
    lunch.now_ms += 30_000
    lunch.void("a")
    view = shown(read_models, lunch)
    assert sum(bucket.busy_ms for bucket in view.buckets()) == 30_700
    assert sum(bucket.voids for bucket in view.buckets()) == 1
    assert {row.sessions for row in view.service_times()} == {0}


def test_a_busier_bucket_waits_longer_and_needs_more_lanes(read_models: Engine) -> None:
    lunch = Lunch()
    for number in range(12):
        session(lunch, f"calm-{number}", lane_id="lane-1", occupied_ms=9_000)
        lunch.now_ms += 16_000
    lunch.now_ms = NOON_MS + BUCKET_MS
    for number in range(30):
        session(lunch, f"rush-{number}", lane_id="lane-1", occupied_ms=9_000)
    calm, rush = shown(read_models, lunch).waits("caoyang-1", DAY, target_wait_s=6.0)
    assert (calm.arrivals, rush.arrivals) == (12, 30)
    assert calm.service_ms == rush.service_ms == 9_000
    assert calm.load == pytest.approx(12 * 9 / 300)
    assert 0 < calm.estimated_wait_ms < rush.estimated_wait_ms
    assert (calm.saturated, rush.saturated) == (False, True)
    assert calm.lanes_needed < rush.lanes_needed


def test_buckets_without_anybody_stand_between_the_others(read_models: Engine) -> None:
    lunch = Lunch()
    session(lunch, "a")
    lunch.now_ms = NOON_MS + 3 * BUCKET_MS
    session(lunch, "b")
    waits = shown(read_models, lunch).waits("caoyang-1", DAY)
    assert [(wait.arrivals, wait.lanes_open) for wait in waits] == [(1, 1), (0, 0), (0, 0), (1, 1)]
    assert [wait.load is None for wait in waits] == [False, True, True, False]


def test_no_wait_is_estimated_before_a_session_has_ended(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    assert shown(read_models, lunch).waits("caoyang-1", DAY) == ()
