"""What one append promises, on both databases."""

from contextlib import closing

import pytest
from eventsourcing.persistence import StoredEvent

from engine.application.chain import CHAIN_START
from engine.application.recorder import AppendConflictError
from engine.application.stored_rows import Ahead, BatchAppend, CommandAppend, LogHead
from engine.domain.errors import InsufficientFundsError, NotFoundError, StoreError
from tests.support.counters import COUNTER, TERMINAL, Count, Counted, Counter, Stumble, count
from tests.support.stores import counting, open_counters, raw, totals

EMPTY_LOG = LogHead(0, 0, CHAIN_START)
PHOTO_SHA256 = "e3b98a4da31a127d4bde6e43033f66ba274cab0eb7eb1c70ec41402bf6273dd8"
PHOTO = b"t"


def test_a_decision_over_three_streams_is_stored_as_a_whole(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        answer = writer.execute(count("c-1", "checkout", "wallet", "entitlement", amount=3))
        assert answer.value == {"totals": {"checkout": 3, "wallet": 3, "entitlement": 3}}
        assert not answer.repeated
        assert answer.position == store.log.head_position()
        assert totals(store, "checkout", "wallet", "entitlement") == [3, 3, 3]
        recorded = store.log.read_after(0, 10)
        assert [(event.stream, event.version) for event in recorded] == [
            ("counter-checkout", 1),
            ("counter-wallet", 1),
            ("counter-entitlement", 1),
        ]
        assert [event.position for event in recorded] == sorted(event.position for event in recorded)


def test_a_refusal_on_the_third_stream_leaves_the_other_two_unwritten(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        writer.execute(count("c-1", "a", "b", amount=5))
        with pytest.raises(InsufficientFundsError):
            writer.execute(count("c-2", "a", "b", "empty", amount=-1))
        assert totals(store, "a", "b", "empty") == [5, 5, 0]
        assert writer.execute(count("c-3", "a", amount=-5)).value == {"totals": {"a": 0}}


def test_a_conflict_on_one_stream_leaves_all_streams_unwritten(store_url: str) -> None:
    with closing(open_counters(store_url)) as store:
        topic, state = store.codec.encode(Counted(at_ms=1, by=TERMINAL, by_amount=1))

        def batch(command_id: str, *places: tuple[str, int]) -> BatchAppend:
            events = tuple(StoredEvent(stream, version, topic, state) for stream, version in places)
            return BatchAppend((CommandAppend(command_id, b"d" * 32, b"{}", 1, events),), {}, ())

        store.recorder.append(EMPTY_LOG, lambda _: batch("c-1", ("a", 1), ("b", 1)))
        with pytest.raises(AppendConflictError):
            store.recorder.append(EMPTY_LOG, lambda _: batch("c-2", ("c", 1), ("b", 1), ("d", 1)))
        with pytest.raises(AppendConflictError):
            store.recorder.append(EMPTY_LOG, lambda _: batch("c-1", ("c", 1)))
        assert [event.stream for event in store.log.read_after(0, 10)] == ["a", "b"]
        assert store.reader.known_commands(["c-2"]) == []
        assert store.verify_chain().intact


def test_an_append_is_told_under_the_lock_what_others_have_changed(store_url: str) -> None:
    told: list[Ahead] = []
    with counting(store_url) as (store, writer):
        writer.execute(count("c-1", "a", "b"))
        assert store.recorder.append(EMPTY_LOG, told.append) is None
        writer.execute(count("c-2", "c"))
        assert store.recorder.append(told[0].head, told.append) is None
        assert store.recorder.append(told[1].head, told.append) is None
        assert [ahead.foreign_streams for ahead in told] == [{"counter-a", "counter-b"}, {"counter-c"}, set()]
        assert told[2].head == told[1].head


def test_replaying_the_events_gives_the_state_that_the_writer_decides_on(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        for number in range(30):
            writer.execute(count(f"c-{number}", "a", amount=number))
        expected = Counter()
        for recorded in store.log.read_stream("counter-a"):
            expected = COUNTER.evolve(expected, recorded.event)
        assert expected == Counter(total=435, events=30)
        assert writer.state(COUNTER, "counter-a") == expected
        assert writer.execute(count("c-30", "a", amount=0)).value == {"totals": {"a": 435}}


def test_a_stream_without_events_has_the_initial_state(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        assert writer.state(COUNTER, "counter-nobody") == Counter()


def test_attachments_are_stored_with_the_append_and_found_by_their_hash(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        for command_id in ("c-1", "c-2"):
            writer.execute(
                Count(
                    command_id=command_id,
                    at_ms=1,
                    by=TERMINAL,
                    counters=("a",),
                    amount=1,
                    attachments=((PHOTO_SHA256, PHOTO),),
                )
            )
        assert store.attachments.get(PHOTO_SHA256) == PHOTO
        with pytest.raises(NotFoundError):
            store.attachments.get("0" * 64)


def test_an_attachment_under_a_wrong_name_fails_its_command_alone(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        wrong = Count(
            command_id="c-1", at_ms=1, by=TERMINAL, counters=("a",), amount=1, attachments=(("0" * 64, PHOTO),)
        )
        with pytest.raises(StoreError):
            writer.execute(wrong)
        assert totals(store, "a") == [0]


def test_a_fault_in_a_handler_fails_that_command_alone_and_is_logged_without_its_values(
    store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with counting(store_url) as (store, writer):
        faulty = Stumble(command_id="c-1", at_ms=1, by=TERMINAL, secret="王小明")
        for _ in range(2):
            with pytest.raises(StoreError, match="fault of this program") as failure:
                writer.execute(faulty)
            assert type(failure.value) is StoreError
        assert writer.execute(count("c-2", "a")).value == {"totals": {"a": 1}}
        assert store.reader.known_commands(["c-1"]) == []
    assert "Stumble failed with KeyError" in caplog.text
    assert "王小明" not in caplog.text


def test_a_command_without_a_handler_fails_alone(store_url: str) -> None:
    with counting(store_url, {}) as (store, writer):
        with pytest.raises(StoreError):
            writer.execute(count("c-1", "a"))
        assert store.log.head_position() == 0


def test_everything_is_still_there_after_a_restart(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        writer.execute(count("c-1", "a", amount=7))
    with counting(store_url) as (store, writer):
        assert writer.execute(count("c-2", "a", amount=-7)).value == {"totals": {"a": 0}}
        assert store.verify_chain().commands == 2


def test_neither_the_body_of_a_command_nor_its_refusal_leaves_more_than_a_digest(store_url: str) -> None:
    with counting(store_url) as (_, writer), pytest.raises(InsufficientFundsError):
        writer.execute(count("c-1", "a", amount=-1, note="李阿姨"))
    with raw(store_url) as database:
        (row,) = database.execute("SELECT * FROM commands")
        assert "李阿姨".encode() not in b"".join(value for value in row if isinstance(value, bytes))
