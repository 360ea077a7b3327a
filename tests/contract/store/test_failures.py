"""The database refuses, is locked, full or away; and processes die in the middle. Nothing acknowledged is lost."""

import asyncio
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from engine.application.command_queue import Answer
from engine.application.sqlite_recorder import SqliteRecorder
from engine.application.store import EventStore, StoreSettings, open_store
from engine.domain.errors import SettingsError, StoreUnavailableError
from tests.support.counters import COUNTER, Counter, Gate, count
from tests.support.counting_process import PROJECT, UNAVAILABLE, start_counting
from tests.support.stores import PEPPER, counting, open_counters, raw, totals


def test_a_locked_database_refuses_and_the_same_id_works_once_it_is_free(store_url: str) -> None:
    with counting(store_url, lock_timeout_s=1) as (store, writer), raw(store_url) as other:
        writer.execute(count("c-1", "a"))
        other.lock()
        with ThreadPoolExecutor(5) as threads:
            waiting = [threads.submit(writer.execute, count(f"c-{number}", "a")) for number in range(2, 7)]
            for future in waiting:
                with pytest.raises(StoreUnavailableError, match="same id"):
                    future.result()
        other.unlock()
        assert totals(store, "a") == [1]
        for number in range(2, 7):
            answer = writer.execute(count(f"c-{number}", "a"))
            assert (answer.value, answer.repeated) == ({"totals": {"a": number}}, False)
        assert writer.stats().failures == 5
        assert store.verify_chain().intact


def test_readers_are_not_held_up_by_a_lock_on_writing(store_url: str) -> None:
    with counting(store_url) as (store, writer), raw(store_url) as other:
        writer.execute(count("c-1", "a"))
        other.lock()
        assert totals(store, "a") == [1]
        assert writer.state(COUNTER, "counter-a") == Counter(total=1, events=1)
        other.unlock()


def limit_pages(store: EventStore, more_pages: int | None) -> None:
    """Let the store's file grow by so many pages and no more; None for no limit."""
    assert isinstance(store.recorder, SqliteRecorder)
    with store.recorder.datastore.get_connection(commit=True) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        pages = 1_073_741_823 if more_pages is None else cursor.fetchone()[0] + more_pages
        cursor.execute(f"PRAGMA max_page_count = {pages}")


def test_cached_states_go_back_when_the_commit_fails_on_a_full_file(sqlite_url: str) -> None:
    with counting(sqlite_url) as (store, writer):
        writer.execute(count("c-1", "a", amount=5))
        limit_pages(store, 1)
        with pytest.raises(StoreUnavailableError, match="Make room"):
            writer.execute(count("c-2", "a", "b", amount=100, note="x" * 50_000))
        limit_pages(store, None)
        assert writer.execute(count("c-3", "a", "b", amount=1)).value == {"totals": {"a": 6, "b": 1}}
        assert writer.execute(count("c-2", "a", "b", amount=100, note="x" * 50_000)).repeated is False
        assert totals(store, "a", "b") == [106, 101]
        assert store.verify_chain().intact


def test_one_command_too_large_for_the_room_left_does_not_sink_the_others(sqlite_url: str) -> None:
    gate = Gate()

    async def one_batch() -> tuple[list[object], list[object]]:
        first = asyncio.create_task(writer.submit(count("first", "a")))
        await asyncio.to_thread(gate.reached.wait, 30)
        large = count("large", "a", note="x" * 200_000)
        waiting = [asyncio.create_task(writer.submit(c)) for c in (large, *(count(f"s-{n}", "a") for n in range(4)))]
        await asyncio.sleep(0)
        gate.opened.set()  # the five come as one batch once the first is done
        await first
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        return list(outcomes[:1]), list(outcomes[1:])

    with counting(sqlite_url, gate.handlers()) as (store, writer):
        limit_pages(store, 12)
        (large,), small = asyncio.run(one_batch())
        assert isinstance(large, StoreUnavailableError)
        assert [type(outcome) for outcome in small] == [Answer] * 4
        assert writer.stats().batches == 5
        assert totals(store, "a") == [5]
        assert store.verify_chain().intact


@pytest.mark.parametrize("where", ["name", "id"])
def test_a_value_that_postgresql_cannot_hold_fails_its_command_alone(postgres_url: str, where: str) -> None:
    gate = Gate()
    bad = count("bad", "nul-\0-in-the-name") if where == "name" else count("nul-\0-in-the-id", "a")

    async def one_batch() -> list[object]:
        first = asyncio.create_task(writer.submit(count("first", "a")))
        await asyncio.to_thread(gate.reached.wait, 30)
        waiting = [asyncio.create_task(writer.submit(c)) for c in (bad, *(count(f"good-{n}", "a") for n in range(5)))]
        await asyncio.sleep(0)
        gate.opened.set()  # the six come as one batch once the first is done
        await first
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    with counting(postgres_url, gate.handlers()) as (store, writer):
        refused, *good = asyncio.run(one_batch())
        assert isinstance(refused, StoreUnavailableError)
        assert [type(outcome) for outcome in good] == [Answer] * 5
        assert totals(store, "a") == [6]
        assert store.verify_chain().intact


def test_connections_that_the_server_ended_are_replaced(postgres_url: str) -> None:
    with counting(postgres_url) as (store, writer), raw(postgres_url) as other:
        writer.execute(count("c-1", "a"))
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        command = count("c-2", "a")
        for _ in range(5):
            try:
                answer = writer.execute(command)
                break
            except StoreUnavailableError:
                continue
        assert answer.value == {"totals": {"a": 2}}
        assert totals(store, "a") == [2]
        assert store.verify_chain().intact


def test_a_server_that_is_not_there_is_named_clearly() -> None:
    with pytest.raises(StoreUnavailableError, match="Check the store's address"):
        open_counters("postgresql://postgres@/log?host=/nowhere")


def test_a_file_that_cannot_be_opened_is_named_clearly(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="Check its path"):
        open_counters(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'log.sqlite3'}")


def test_an_address_of_another_kind_and_a_short_pepper_are_refused(sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///"):
        open_counters("mysql://somewhere")
    with pytest.raises(SettingsError, match="pepper"):
        open_store(StoreSettings(url=sqlite_url, pepper=PEPPER[:8]))


def test_acknowledged_commands_survive_a_disk_that_fills_up(tmp_path: Path) -> None:
    """The limit on the size of files makes the writes themselves fail, in the log's file or in its journal."""
    url = f"sqlite:///{tmp_path / 'log.sqlite3'}"
    code = (
        "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000));"
        "sys.argv = ['counting_process', *sys.argv[1:]];"
        "runpy.run_module('tests.support.counting_process', run_name='__main__')"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    process = subprocess.Popen(
        [sys.executable, "-c", code, url, "full", "100000", "4", "hot"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    acknowledged: list[str] = []
    for line in process.stdout:
        if line.startswith(UNAVAILABLE):
            break
        acknowledged += [line.strip()] if line.strip() else []
    process.kill()
    acknowledged += [line.strip() for line in process.stdout if line.strip() and not line.startswith(UNAVAILABLE)]
    process.wait()
    process.stdout.close()
    assert len(acknowledged) > 10
    _assert_each_is_there_once(url, acknowledged, "hot")


def test_acknowledged_commands_survive_a_kill_in_the_middle_of_commits(store_url: str) -> None:
    with closing(open_counters(store_url)):
        pass
    acknowledged: list[str] = []
    for round_number in range(3):
        process = start_counting(store_url, f"round-{round_number}", 100_000, 16, "hot")
        assert process.stdout is not None
        for line in process.stdout:
            if not line.startswith(UNAVAILABLE) and line.strip():
                acknowledged.append(line.strip())
            if len(acknowledged) >= 150 * (round_number + 1):
                process.send_signal(signal.SIGKILL)
                break
        acknowledged += [line.strip() for line in process.stdout if line.endswith("\n") and line.strip()]
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
    _assert_each_is_there_once(store_url, acknowledged, "hot")


def _assert_each_is_there_once(url: str, acknowledged: list[str], shared: str) -> None:
    with counting(url) as (store, writer):
        report = store.verify_chain()
        assert (report.intact, report.events) == (True, 2 * report.commands)
        assert len(set(acknowledged)) == len(acknowledged) <= report.commands
        assert totals(store, shared) == [report.commands]
        for command_id in acknowledged:
            assert totals(store, f"own-{command_id}") == [1]
            assert writer.execute(count(command_id, f"own-{command_id}", shared)).repeated
        answer = writer.execute(count("afterwards", shared))
        assert answer.value == {"totals": {shared: report.commands + 1}}
