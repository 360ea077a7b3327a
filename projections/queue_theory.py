"""Queue arithmetic: how long diners wait, and how many lanes it takes. Pure; times in seconds, floats.

A canteen is one queue before c equal lanes (M/M/c): arrivals at rate lambda, mean service time s, offered load
a = lambda * s, utilisation rho = a / c. Real service times vary less than exponential ones, so the estimates err on
the long side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, sqrt

import numpy as np
from numpy.typing import NDArray

MOST_LANES = 1_000
_STEP_EVENTS = 200.0  # exp(-200) is far from the smallest float
_NEGLIGIBLE = 1e-12


def erlang_c(offered_load: float, lanes: int) -> float:
    """Return the probability that an arrival has to wait; 1.0 when the load is at or above the lanes.

    Computed from Erlang B by its recursion, which has no factorials and is stable for any number of lanes.

    Source: A. K. Erlang (1917); recursion as in Gross & Harris, Fundamentals of Queueing Theory, ch. 2.

    >>> round(erlang_c(2, 3), 4), round(erlang_c(2.5, 3), 4), round(erlang_c(2.5, 4), 4), round(erlang_c(2.5, 5), 4)
    (0.4444, 0.7022, 0.3199, 0.1304)
    """
    if lanes < 1 or offered_load < 0:
        raise ValueError("a queue needs at least one lane and a load of at least 0")
    if offered_load >= lanes:
        return 1.0
    blocked = 1.0
    for lane in range(1, lanes + 1):
        blocked = offered_load * blocked / (lane + offered_load * blocked)
    return lanes * blocked / (lanes - offered_load * (1.0 - blocked))


def steady_wait_s(arrivals_per_s: float, service_s: float, lanes: int) -> float:
    """Return the mean wait of a queue that has settled; infinite when the lanes cannot keep up.

    >>> round(steady_wait_s(10 / 60, 8.9, 2), 1), round(steady_wait_s(10 / 60, 8.9, 3), 1)
    (10.9, 1.4)
    """
    load = arrivals_per_s * service_s
    if load >= lanes:
        return inf
    return erlang_c(load, lanes) * service_s / (lanes - load)


def lanes_for_wait(arrivals_per_s: float, service_s: float, target_wait_s: float) -> int:
    """Return the smallest number of lanes with a mean settled wait of at most the target.

    Raises:
        ValueError: not even MOST_LANES lanes reach the target, or it is not above 0.

    >>> lanes_for_wait(10 / 60, 8.9, 5.0)
    3
    """
    if target_wait_s <= 0:
        raise ValueError("the target wait must be above 0 s")
    for lanes in range(max(1, int(arrivals_per_s * service_s)), MOST_LANES + 1):
        if steady_wait_s(arrivals_per_s, service_s, lanes) <= target_wait_s:
            return lanes
    raise ValueError(f"more than {MOST_LANES} lanes would be needed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A span of time with constant rates."""

    duration_s: float
    arrivals_per_s: float
    service_s: float
    lanes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalWait:
    """Mean wait of those who arrive in an interval; diners waiting on average and at its end."""

    mean_wait_s: float
    mean_waiting: float
    waiting_at_end: float


def waits_over(intervals: Sequence[Interval]) -> tuple[IntervalWait, ...]:
    """Follow a queue that starts empty through intervals of changing rates, overload included.

    Solves the queue's equations of motion (the Kolmogorov equations of M(t)/M/c) exactly within each interval by
    uniformisation, so nothing is sampled and the same input gives the same answer. In a long interval with
    rho < 1 it comes to Erlang C; with rho >= 1 the queue grows as in a fluid, plus its random part.

    Raises:
        ValueError: an interval has arrivals but no lane, or a service time that is not above 0.

    Source: A. Jensen (1953), "Markoff chains as an aid in the study of Markoff processes".

    >>> hour = Interval(duration_s=36_000, arrivals_per_s=10 / 60, service_s=8.9, lanes=2)
    >>> round(waits_over([hour])[0].mean_wait_s, 1)
    10.9
    """
    present = np.array([1.0])  # probability of n diners waiting or served
    answers = []
    for interval in intervals:
        if interval.lanes < 1 and interval.arrivals_per_s == 0:
            answers.append(IntervalWait(mean_wait_s=0.0, mean_waiting=0.0, waiting_at_end=0.0))
            present = np.array([1.0])
            continue
        if interval.lanes < 1 or interval.service_s <= 0:
            raise ValueError("an interval with arrivals needs a lane and a service time above 0 s")
        present, average = _move_on(present, interval)
        waiting = np.maximum(np.arange(len(average)) - interval.lanes, 0)
        ahead = np.maximum(np.arange(len(average)) - interval.lanes + 1, 0)
        answers.append(
            IntervalWait(
                mean_wait_s=float(ahead @ average) * interval.service_s / interval.lanes,
                mean_waiting=float(waiting @ average),
                waiting_at_end=float(waiting[: len(present)] @ present),
            )
        )
    return tuple(answers)


def _move_on(present: NDArray[np.float64], interval: Interval) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distribution of diners present at the interval's end, and its average over the interval."""
    service_rate = 1.0 / interval.service_s
    event_rate = interval.arrivals_per_s + interval.lanes * service_rate
    expected = interval.arrivals_per_s * interval.duration_s
    states = len(present) + ceil(expected + 8 * sqrt(expected)) + 20
    now = np.zeros(states)
    now[: len(present)] = present
    up = np.full(states, interval.arrivals_per_s / event_rate)
    up[-1] = 0.0
    down = np.minimum(np.arange(states), interval.lanes) * (service_rate / event_rate)
    stay = 1.0 - up - down
    steps = max(1, ceil(event_rate * interval.duration_s / _STEP_EVENTS))
    events = event_rate * interval.duration_s / steps
    average = np.zeros(states)
    for _ in range(steps):
        chance = exp(-events)  # that exactly k events happen in this step
        fewer = chance  # that at most k happen
        jumped = now
        after = chance * jumped
        average += (1.0 - fewer) / (events * steps) * jumped
        k = 0
        while 1.0 - fewer > _NEGLIGIBLE or k < events:
            k += 1
            following = stay * jumped
            following[1:] += (up * jumped)[:-1]
            following[:-1] += (down * jumped)[1:]
            jumped = following
            chance *= events / k
            fewer = min(1.0, fewer + chance)
            after += chance * jumped
            average += (1.0 - fewer) / (events * steps) * jumped
        now = after / after.sum()
    return _trim(now), average / average.sum()


def _trim(distribution: NDArray[np.float64]) -> NDArray[np.float64]:
    """Drop the far tail, so that the vector does not grow through a quiet afternoon."""
    tail = np.cumsum(distribution[::-1])[::-1]
    kept = distribution[: max(1, int(np.searchsorted(-tail, -_NEGLIGIBLE)))].copy()
    kept /= kept.sum()
    return kept
