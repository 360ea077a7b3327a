"""States of old streams are stored, so that loading costs the same in ten years; on both databases."""

from contextlib import closing
from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from tests.support.counters import AGEING_COUNTER, COUNTER, Counted, Counter, count, counter_handlers
from tests.support.stores import counting, open_counters, raw


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterCounter:
    """The state of a later version, which knows one thing more."""

    total: int = 0
    events: int = 0
    largest: int = 0


def evolve_later(state: LaterCounter, event: object) -> LaterCounter:
    assert isinstance(event, Counted)
    return LaterCounter(
        total=state.total + event.by_amount,
        events=state.events + 1,
        largest=max(state.largest, event.by_amount),
    )


LATER_COUNTER = StreamType(initial=LaterCounter(), evolve=evolve_later, snapshot_state=LaterCounter, snapshot_every=10)


def fill(url: str, commands: int) -> None:
    with counting(url, counter_handlers(AGEING_COUNTER)) as (_, writer):
        for number in range(commands):
            writer.execute(count(f"c-{number}", "a", amount=number))


def test_an_old_stream_is_loaded_from_its_snapshot_and_the_events_after_it(store_url: str) -> None:
    fill(store_url, 34)
    with closing(open_counters(store_url)) as store:
        rows = store.reader.stream_rows(("counter-a", "counter-b"))
        snapshot = rows["counter-a"].snapshot
        assert snapshot is not None
        assert snapshot.version == 30
        assert [event.version for event in rows["counter-a"].events] == [31, 32, 33, 34]
        assert rows["counter-b"] == (None, [])
        expected = Counter(total=sum(range(34)), events=34)
        assert store.state(AGEING_COUNTER, "counter-a") == expected
        assert store.state(COUNTER, "counter-a") == expected


def test_a_restarted_writer_goes_on_from_the_snapshot(store_url: str) -> None:
    fill(store_url, 20)
    with counting(store_url, counter_handlers(AGEING_COUNTER)) as (store, writer):
        assert writer.execute(count("next", "a", amount=1)).value == {"totals": {"a": sum(range(20)) + 1}}
        assert store.state(AGEING_COUNTER, "counter-a").events == 21


def test_a_snapshot_of_another_shape_is_as_good_as_none(store_url: str) -> None:
    fill(store_url, 25)
    with closing(open_counters(store_url)) as store:
        expected = LaterCounter(total=sum(range(25)), events=25, largest=24)
        assert store.state(LATER_COUNTER, "counter-a") == expected


def test_a_command_that_crosses_the_interval_with_several_events_stores_one_snapshot(store_url: str) -> None:
    with counting(store_url, counter_handlers(AGEING_COUNTER)) as (_, writer):
        writer.execute(count("c-1", *["a"] * 25))
    with raw(store_url) as database:
        assert database.execute("SELECT stream, version FROM snapshots") == [("counter-a", 20)]
