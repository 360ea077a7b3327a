"""Queue arithmetic against published values, limits that are known exactly, and a simulation."""

from heapq import heapify, heapreplace
from math import inf, isfinite
from random import Random

import pytest

from projections.queue_theory import Interval, erlang_c, lanes_for_wait, steady_wait_s, waits_over

PEAK = Interval(duration_s=300, arrivals_per_s=12 / 60, service_s=9.0, lanes=2)


@pytest.mark.parametrize(
    ("load", "lanes", "waits"), [(2, 3, 0.4444), (2.5, 3, 0.7022), (2.5, 4, 0.3199), (2.5, 5, 0.1304)]
)
def test_erlang_c_gives_the_published_values(load: float, lanes: int, waits: float) -> None:
    assert erlang_c(load, lanes) == pytest.approx(waits, abs=5e-5)


@pytest.mark.parametrize(("lanes", "wait_s"), [(2, 10.9), (3, 1.4)])
def test_ten_arrivals_a_minute_at_8_9_seconds_wait_as_published(lanes: int, wait_s: float) -> None:
    assert steady_wait_s(10 / 60, 8.9, lanes) == pytest.approx(wait_s, abs=0.05)


def test_one_lane_waits_with_the_probability_of_being_busy() -> None:
    assert erlang_c(0.8, 1) == pytest.approx(0.8)


def test_erlang_c_stays_finite_and_in_order_for_very_many_lanes() -> None:
    probabilities = [erlang_c(5_000, lanes) for lanes in (5_001, 5_100, 5_500, 20_000)]
    assert all(0.0 <= probability <= 1.0 and isfinite(probability) for probability in probabilities)
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] > 0.9
    assert probabilities[-1] < 1e-12


def test_a_queue_that_cannot_keep_up_waits_for_ever() -> None:
    assert steady_wait_s(1.0, 3.0, 3) == inf
    assert erlang_c(3, 3) == 1.0


def test_lanes_for_a_target_wait_are_the_fewest_that_reach_it() -> None:
    lanes = lanes_for_wait(14 / 60, 8.9, 20.0)
    assert steady_wait_s(14 / 60, 8.9, lanes) <= 20.0 < steady_wait_s(14 / 60, 8.9, lanes - 1)


def test_a_target_of_no_wait_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        lanes_for_wait(0.1, 8.9, 0.0)


def test_a_queue_without_arrivals_needs_one_lane() -> None:
    assert lanes_for_wait(0.0, 8.9, 1.0) == 1


@pytest.mark.parametrize("lanes", [2, 3, 5])
def test_a_long_interval_settles_at_erlang_c(lanes: int) -> None:
    long = Interval(duration_s=40_000, arrivals_per_s=10 / 60, service_s=8.9, lanes=lanes)
    (wait,) = waits_over([long])
    assert wait.mean_wait_s == pytest.approx(steady_wait_s(10 / 60, 8.9, lanes), rel=0.005)


def test_cutting_an_interval_in_pieces_changes_nothing() -> None:
    whole = waits_over([PEAK])[0]
    pieces = waits_over([Interval(duration_s=100, arrivals_per_s=0.2, service_s=9.0, lanes=2)] * 3)
    assert pieces[-1].waiting_at_end == pytest.approx(whole.waiting_at_end, rel=1e-9)
    assert sum(piece.mean_wait_s for piece in pieces) / 3 == pytest.approx(whole.mean_wait_s, rel=1e-9)


def test_overload_grows_like_a_fluid() -> None:
    overload = Interval(duration_s=3_600, arrivals_per_s=0.5, service_s=9.0, lanes=3)
    (wait,) = waits_over([overload])
    assert wait.waiting_at_end == pytest.approx((0.5 - 3 / 9.0) * 3_600, rel=0.02)


def test_a_backlog_is_carried_into_the_next_interval_and_then_worked_off() -> None:
    rush = Interval(duration_s=300, arrivals_per_s=0.5, service_s=9.0, lanes=2)
    calm = Interval(duration_s=300, arrivals_per_s=0.05, service_s=9.0, lanes=2)
    _, after_rush, later, much_later = waits_over([rush, calm, calm, calm])
    alone = waits_over([calm])[0]
    assert after_rush.mean_wait_s > 20 * alone.mean_wait_s
    assert after_rush.mean_wait_s > later.mean_wait_s > much_later.mean_wait_s


def test_an_idle_hour_with_no_lane_open_waits_for_nothing() -> None:
    closed = Interval(duration_s=3_600, arrivals_per_s=0.0, service_s=0.0, lanes=0)
    assert waits_over([closed])[0].mean_wait_s == 0.0


def test_arrivals_at_closed_lanes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs a lane"):
        waits_over([Interval(duration_s=300, arrivals_per_s=0.1, service_s=9.0, lanes=0)])


def test_a_lunch_with_a_peak_agrees_with_a_simulation() -> None:
    rates = [4, 8, 14, 16, 15, 9, 4]
    lunch = [Interval(duration_s=300, arrivals_per_s=rate / 60, service_s=9.0, lanes=2) for rate in rates]
    computed = waits_over(lunch)
    simulated = _simulated_waits(lunch, runs=3_000, random=Random(11))
    for wait, simulated_s in zip(computed, simulated, strict=True):
        assert wait.mean_wait_s == pytest.approx(simulated_s, rel=0.06)


def _simulated_waits(intervals: list[Interval], runs: int, random: Random) -> list[float]:
    waited, arrived = [0.0] * len(intervals), [0] * len(intervals)
    for _ in range(runs):
        lanes = [0.0] * intervals[0].lanes
        heapify(lanes)
        for number, interval in enumerate(intervals):
            at_s = number * interval.duration_s
            while True:
                at_s += random.expovariate(interval.arrivals_per_s)
                if at_s >= (number + 1) * interval.duration_s:
                    break
                begins_s = max(at_s, lanes[0])
                heapreplace(lanes, begins_s + random.expovariate(1 / interval.service_s))
                waited[number] += begins_s - at_s
                arrived[number] += 1
    return [total / count for total, count in zip(waited, arrived, strict=True)]
