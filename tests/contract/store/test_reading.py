"""The log as its readers see it; on both databases."""

import threading
from contextlib import closing
from dataclasses import dataclass
from typing import Any, ClassVar, final

import pytest

from engine.application.codec import EventCodec, Upcaster
from engine.application.log import EventLog
from engine.domain.errors import UnknownTopicError
from engine.domain.events import Event
from tests.support.counters import Counted, count
from tests.support.stores import counting, open_counters


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CountedLater(Event):
    """What became of `Counted`: the note is gone and the amount has another name."""

    TOPIC: ClassVar[str] = "test.Counted.v2"

    amount: int


def upcast(fields: dict[str, Any]) -> dict[str, Any]:
    return {"at_ms": fields["at_ms"], "by": fields["by"], "amount": fields["by_amount"]}


def test_the_log_is_read_in_pages_in_one_order(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        for number in range(10):
            writer.execute(count(f"c-{number}", "a", "b"))
        log: EventLog = store.log
        pages, position = [], 0
        while page := log.read_after(position, 6):
            pages.append(len(page))
            position = page[-1].position
        assert pages == [6, 6, 6, 2]
        assert position == log.head_position()
        assert [event.version for event in store.log.read_stream("counter-b", after_version=7)] == [8, 9, 10]


def test_topics_can_be_picked(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        writer.execute(count("c-1", "a"))
        assert len(store.log.read_after(0, 10, [Counted.TOPIC])) == 1
        assert store.log.read_after(0, 10, ["test.Nothing.v1"]) == []


def test_retired_events_are_read_in_their_new_form_and_found_under_their_new_topic(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        writer.execute(count("c-1", "a", amount=6))
    codec = EventCodec({CountedLater.TOPIC: CountedLater}, {Counted.TOPIC: Upcaster(CountedLater.TOPIC, upcast)})
    with closing(open_counters(store_url, codec)) as store:
        for events in (store.log.read_after(0, 10), store.log.read_after(0, 10, [CountedLater.TOPIC])):
            assert [(event.topic, event.event.amount) for event in events] == [("test.Counted.v2", 6)]  # type: ignore[attr-defined]
        assert store.verify_chain().intact


def test_an_event_of_a_newer_program_is_refused_clearly(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        writer.execute(count("c-1", "a"))
    with closing(open_counters(store_url, EventCodec({}, {}))) as store, pytest.raises(UnknownTopicError):
        store.log.read_after(0, 10)


def test_a_waiting_reader_is_woken_by_the_writer(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        grew: list[bool] = []
        waiter = threading.Thread(target=lambda: grew.append(store.log.wait_beyond(0, 60)))
        waiter.start()
        writer.execute(count("c-1", "a"))
        waiter.join()
        assert grew == [True]
        assert store.log.wait_beyond(0, 0)
        assert not store.log.wait_beyond(store.log.head_position(), 0)


def test_a_waiting_reader_ends_when_the_store_is_closed(store_url: str) -> None:
    with counting(store_url) as (store, _):
        grew: list[bool] = []
        waiter = threading.Thread(target=lambda: grew.append(store.log.wait_beyond(0, 60)))
        waiter.start()
        store.reader.close()
        waiter.join()
        assert grew == [False]
