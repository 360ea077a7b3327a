"""Several processes write one log at once, and readers follow it; on both databases."""

import threading
from contextlib import closing

import pytest

from engine.domain.errors import StoreUnavailableError
from tests.support.counters import COUNTER, Counter, count
from tests.support.counting_process import UNAVAILABLE, start_counting
from tests.support.stores import counting, open_counters, raw, totals


def test_two_processes_on_one_log_count_everything_once(store_url: str) -> None:
    with closing(open_counters(store_url)) as store:
        processes = [start_counting(store_url, name, 300, 8, "hot") for name in ("left", "right")]
        outputs = [process.communicate(timeout=100)[0].splitlines() for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        for name, lines in zip(("left", "right"), outputs, strict=True):
            acknowledged = {line for line in lines if not line.startswith(UNAVAILABLE)}
            assert acknowledged == {f"{name}-{number}" for number in range(300)}
        assert totals(store, "hot", "own-left-17", "own-right-299") == [600, 1, 1]
        assert store.state(COUNTER, "counter-hot") == Counter(total=600, events=600)
        report = store.verify_chain()
        assert (report.intact, report.commands, report.events) == (True, 600, 1_200)


def test_processes_that_start_cold_at_once_do_not_race_for_the_tables(store_url: str) -> None:
    processes = [start_counting(store_url, f"p{number}", 1, 1, f"c{number}") for number in range(4)]
    outputs = [process.communicate(timeout=100)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert [f"p{number}-0" in lines for number, lines in enumerate(outputs)] == [True] * 4


def test_a_writer_sees_what_another_one_wrote_in_between(store_url: str) -> None:
    with counting(store_url) as (store, left), counting(store_url) as (_, right):
        left.execute(count("c-1", "a", amount=5))
        right.execute(count("c-2", "a", amount=5))
        assert left.execute(count("c-3", "a", amount=-10)).value == {"totals": {"a": 0}}
        assert right.execute(count("c-1", "a", amount=5)).repeated
        assert totals(store, "a") == [0]
        assert store.verify_chain().intact


def test_a_refusal_is_never_decided_on_a_state_that_another_process_has_changed(store_url: str) -> None:
    with counting(store_url) as (_, left), counting(store_url) as (_, right):
        left.execute(count("c-1", "a", amount=1))
        right.execute(count("c-2", "a", amount=9))
        assert left.execute(count("c-3", "a", amount=-10)).value == {"totals": {"a": 0}}


def test_a_reader_that_follows_the_log_misses_nothing_while_two_processes_write(store_url: str) -> None:
    seen: list[int] = []
    finished = threading.Event()

    def follow() -> None:
        position = 0
        while True:
            last_round = finished.is_set()
            events = store.log.read_after(position, 7)
            if events:
                seen.extend(event.position for event in events)
                position = events[-1].position
            elif last_round:
                return
            else:
                store.log.wait_beyond(position, 1)

    with closing(open_counters(store_url)) as store:
        reader = threading.Thread(target=follow)
        reader.start()
        processes = [start_counting(store_url, name, 200, 4, f"hot-{name}") for name in ("left", "right")]
        for process in processes:
            process.communicate(timeout=100)
        finished.set()
        reader.join()
        assert seen == [event.position for event in store.log.read_after(0, 10_000)]
        assert len(seen) == 800


def test_waiting_for_another_process_ends_when_it_has_written(store_url: str) -> None:
    with closing(open_counters(store_url)) as reading, counting(store_url) as (_, writer):
        grew: list[bool] = []
        waiter = threading.Thread(target=lambda: grew.append(reading.log.wait_beyond(0, 60)))
        waiter.start()
        writer.execute(count("c-1", "a"))
        waiter.join()
        assert grew == [True]
        assert not reading.log.wait_beyond(reading.log.head_position(), 1)


def test_a_process_that_lagged_far_behind_forgets_everything_and_goes_on(store_url: str) -> None:
    with counting(store_url) as (store, left), counting(store_url) as (_, right):
        left.execute(count("c-1", "a"))
        many = tuple(f"k{number}" for number in range(2_000))
        for number in range(6):
            right.execute(count(f"r-{number}", "a", *many))
        assert left.execute(count("c-2", "a")).value == {"totals": {"a": 8}}
        assert left.stats().conflicts == 1
        assert store.verify_chain().events == 2 + 6 * 2_001


def test_a_store_of_a_newer_schema_is_not_touched(store_url: str) -> None:
    with closing(open_counters(store_url)):
        pass
    with raw(store_url) as database:
        if store_url.startswith("sqlite"):
            database.execute("PRAGMA user_version = 99")
        else:
            database.execute("UPDATE store_schema SET version = 99")
    with pytest.raises(StoreUnavailableError, match="Upgrade the program"):
        open_counters(store_url)
