"""States between commands, and the view of one batch on them."""

import pytest

from engine.application.decision import Decision, StreamAppend
from engine.application.state_cache import BatchStates, StateCache, VersionedState
from engine.deciders.stream_type import StreamType
from engine.domain.events import Event
from tests.support.counters import COUNTER, TERMINAL, Counted, Counter


def stored(stream_type: StreamType[Counter], stream: str) -> VersionedState:
    return VersionedState(2, Counter(total=20, events=2))


def counted(*amounts: int) -> tuple[Event, ...]:
    return tuple(Counted(at_ms=1, by=TERMINAL, by_amount=amount) for amount in amounts)


def decision(*streams: str, events: tuple[Event, ...] | None = None) -> Decision:
    events = counted(1) if events is None else events
    appends = tuple(StreamAppend(stream_type=COUNTER, stream=stream, events=events) for stream in streams)
    return Decision(appends=appends, answer={})


def test_the_state_that_was_not_used_for_longest_makes_room() -> None:
    cache = StateCache(2)
    for stream in ("a", "b"):
        cache.put(stream, VersionedState(1, stream))
    assert cache.get("a") == VersionedState(1, "a")
    cache.put("c", VersionedState(1, "c"))
    assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)
    assert len(cache) == 2


def test_a_plan_changes_nothing_until_it_is_applied() -> None:
    states = BatchStates(StateCache(10), stored)
    changes = states.plan(decision("a"))
    assert states.get(COUNTER, "a") == Counter(total=20, events=2)
    states.apply(changes)
    assert states.get(COUNTER, "a") == Counter(total=21, events=3)
    assert [(change.before.version, change.after.version) for change in changes] == [(2, 3)]


def test_a_batch_touches_the_cache_only_once_it_is_stored() -> None:
    cache = StateCache(10)
    states = BatchStates(cache, stored)
    states.apply(states.plan(decision("a")))
    assert cache.get("a") == VersionedState(2, Counter(total=20, events=2))
    states.stored()
    assert cache.get("a") == VersionedState(3, Counter(total=21, events=3))


def test_one_stream_twice_in_a_decision_is_counted_on() -> None:
    states = BatchStates(StateCache(10), stored)
    changes = states.plan(decision("a", "b", "a"))
    assert [(change.stream, change.before.version) for change in changes] == [("a", 2), ("b", 2), ("a", 3)]
    states.apply(changes)
    assert states.get(COUNTER, "a").total == 22


def test_an_append_without_events_changes_nothing() -> None:
    states = BatchStates(StateCache(10), stored)
    assert states.plan(decision("a", events=())) == []


def test_what_was_read_is_remembered_even_if_it_was_cached() -> None:
    cache = StateCache(10)
    cache.put("a", VersionedState(1, Counter()))
    states = BatchStates(cache, stored)
    states.get(COUNTER, "a")
    states.plan(decision("b"))
    assert states.read == {"a", "b"}


def test_an_event_that_cannot_be_applied_leaves_no_trace() -> None:
    def fail(state: Counter, event: Event) -> Counter:
        raise ValueError("no such situation")

    broken = StreamType(initial=Counter(), evolve=fail)
    states = BatchStates(StateCache(10), stored)
    append = StreamAppend(stream_type=broken, stream="b", events=counted(1))
    with pytest.raises(ValueError, match="no such situation"):
        states.plan(Decision(appends=(*decision("a").appends, append), answer={}))
    assert states.get(COUNTER, "a").total == 20
