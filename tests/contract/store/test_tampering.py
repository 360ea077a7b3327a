"""Whoever changes the log past the store is noticed; on both databases."""

from dataclasses import replace
from hashlib import sha256

import pytest

from engine.domain.errors import StoreCorruptError
from tests.support.counters import AGEING_COUNTER, COUNTER, Counter, count, counter_handlers
from tests.support.stores import RawDatabase, counting, open_counters, raw


def fill(url: str, commands: int = 20) -> None:
    with counting(url) as (_, writer):
        for number in range(commands):
            writer.execute(count(f"c-{number}", "a", "b"))


def positions(database: RawDatabase) -> list[int]:
    return [row[0] for row in database.execute(f"SELECT {database.position} FROM stored_events ORDER BY 1")]


def first_bad_position(url: str) -> int | None:
    store = open_counters(url)
    report = store.verify_chain()
    store.close()
    assert report.intact == (report.first_bad_position is None)
    return report.first_bad_position


def test_an_intact_log_is_checked_to_its_end(store_url: str) -> None:
    fill(store_url)
    told: list[tuple[int, int]] = []
    store = open_counters(store_url)
    report = store.verify_chain(lambda position, end: told.append((position, end)))
    assert (report.intact, report.events, report.commands, report.first_bad_position) == (True, 40, 20, None)
    assert report.head_position == store.log.head_position()
    assert report.head_hash == store.reader.log_end().head_hash.hex()
    assert told[-1] == (report.head_position, report.head_position)
    store.close()


def test_an_empty_log_is_intact(store_url: str) -> None:
    assert first_bad_position(store_url) is None


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE stored_events SET state = ? WHERE {position} = {at}",
        "UPDATE stored_events SET topic = topic || ? WHERE {position} = {at}",
        "UPDATE stored_events SET originator_id = originator_id || ? WHERE {position} = {at}",
    ],
)
def test_an_edited_event_is_found(store_url: str, edit: str) -> None:
    fill(store_url)
    with raw(store_url) as database:
        at = positions(database)[20]
        value: object = b"{}" if "state" in edit else "x"
        database.execute(edit.format(position=database.position, at=at), value)
    assert first_bad_position(store_url) == at


def test_a_removed_event_in_the_middle_is_found(store_url: str) -> None:
    fill(store_url)
    with raw(store_url) as database:
        at = positions(database)[20]
        database.execute(f"DELETE FROM stored_events WHERE {database.position} = {at}")
    assert first_bad_position(store_url) == at


def test_an_edited_answer_and_a_removed_record_are_found(store_url: str) -> None:
    fill(store_url)
    with raw(store_url) as database:
        at = positions(database)[20]
        database.execute("UPDATE commands SET outcome = ? WHERE command_id = 'c-10'", b'{"answer":{}}')
        assert first_bad_position(store_url) == at
        database.execute("DELETE FROM commands WHERE command_id = 'c-10'")
        assert first_bad_position(store_url) == at


def test_a_cut_tail_of_events_stops_the_writer_at_its_start_and_in_its_course(store_url: str) -> None:
    fill(store_url)
    with counting(store_url) as (store, running), raw(store_url) as database:
        running.execute(count("running", "a"))
        cut = positions(database)[-3:]
        database.execute(f"DELETE FROM stored_events WHERE {database.position} >= {cut[0]}")
        for command_id in ("next", "after next"):
            with pytest.raises(StoreCorruptError):
                running.execute(count(command_id, "z"))
        assert not running.stats().accepting
        assert not store.verify_chain().intact
        with counting(store_url) as (_, started), pytest.raises(StoreCorruptError):
            started.execute(count("later", "z"))
    assert first_bad_position(store_url) == cut[0]


def test_a_tail_that_was_cut_with_its_records_stops_a_running_writer(store_url: str) -> None:
    with counting(store_url) as (_, running), raw(store_url) as database:
        for number in range(5):
            running.execute(count(f"c-{number}", "a", "b"))
        cut = positions(database)[-2:]
        database.execute(f"DELETE FROM stored_events WHERE {database.position} >= {cut[0]}")
        database.execute("DELETE FROM commands WHERE command_id = 'c-4'")
        with pytest.raises(StoreCorruptError, match="cut off or replaced"):
            running.execute(count("next", "z"))


def test_an_event_that_was_slipped_in_is_found_and_stops_the_writer(store_url: str) -> None:
    fill(store_url)
    with raw(store_url) as database:
        database.execute(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
            " SELECT originator_id, 999, topic, state FROM stored_events WHERE originator_version = 1"
            " AND originator_id = 'counter-a'"
        )
        at = positions(database)[-1]
    assert first_bad_position(store_url) is not None
    assert first_bad_position(store_url) <= at  # type: ignore[operator]
    with counting(store_url) as (_, writer), pytest.raises(StoreCorruptError):
        writer.execute(count("next", "z"))


def test_a_gap_in_a_stream_is_noticed_when_it_is_loaded(store_url: str) -> None:
    fill(store_url)
    with raw(store_url) as database:
        database.execute("DELETE FROM stored_events WHERE originator_id = 'counter-a' AND originator_version = 7")
    store = open_counters(store_url)
    with pytest.raises(StoreCorruptError) as gap:
        store.state(COUNTER, "counter-a")
    assert gap.value.details == {"stream": "counter-a", "missing_version": 7}
    store.close()


def test_an_edited_snapshot_is_not_believed(store_url: str) -> None:
    with counting(store_url, counter_handlers(AGEING_COUNTER)) as (_, writer):
        for number in range(25):
            writer.execute(count(f"c-{number}", "a"))
    with raw(store_url) as database:
        assert database.execute("SELECT stream, version FROM snapshots") == [("counter-a", 20)]
        database.execute("UPDATE snapshots SET state = ?", b'{"total":9999,"events":20}')
    store = open_counters(store_url)
    assert store.state(AGEING_COUNTER, "counter-a") == Counter(total=25, events=25)
    store.close()


def test_an_edited_attachment_is_not_given_out(store_url: str) -> None:
    body = b"a crop"
    name = sha256(body).hexdigest()
    with counting(store_url) as (store, writer):
        writer.execute(replace(count("c-1", "a"), attachments=((name, body),)))
        with raw(store_url) as database:
            database.execute("UPDATE attachments SET body = ?", b"another crop")
        with pytest.raises(StoreCorruptError):
            store.attachments.get(name)
