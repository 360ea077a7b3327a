"""Many callers, one writer; on both databases."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.domain.errors import QueueFullError, StoreUnavailableError
from tests.support.counters import COUNTER, Counter, Gate, count
from tests.support.stores import counting, totals


def test_two_hundred_threads_and_two_hundred_tasks_are_all_counted(store_url: str) -> None:
    async def tasks() -> None:
        await asyncio.gather(*(writer.submit(count(f"task-{n}", "hot", f"own-{n}")) for n in range(200)))

    with counting(store_url) as (store, writer), ThreadPoolExecutor(200) as threads:
        from_threads = [threads.submit(writer.execute, count(f"thread-{n}", "hot")) for n in range(200)]
        asyncio.run(tasks())
        seen = sorted(future.result().value["totals"]["hot"] for future in from_threads)
        assert len(set(seen)) == 200
        assert totals(store, "hot", "own-7") == [400, 1]
        assert writer.state(COUNTER, "counter-hot") == Counter(total=400, events=400)
        assert store.verify_chain().intact
        assert writer.stats().commands == 400


def test_answers_come_back_in_the_order_of_the_log(store_url: str) -> None:
    async def in_order() -> list[int]:
        answers = await asyncio.gather(*(writer.submit(count(f"c-{n}", "hot")) for n in range(100)))
        return [answer.value["totals"]["hot"] for answer in answers]

    with counting(store_url, batch_limit=9) as (_, writer):
        assert asyncio.run(in_order()) == list(range(1, 101))


def test_a_full_queue_turns_commands_away_and_says_when_to_come_back(sqlite_url: str) -> None:
    gate = Gate()
    with counting(sqlite_url, gate.handlers(), queue_limit=3) as (store, writer), ThreadPoolExecutor(4) as threads:
        first = threads.submit(writer.execute, count("c-0", "a"))
        assert gate.reached.wait(30)

        async def fill() -> None:
            waiting = [asyncio.create_task(writer.submit(count(f"c-{n}", "a"))) for n in (1, 2, 3)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFullError) as turned_away:
                await writer.submit(count("c-4", "a"))
            assert turned_away.value.details["retry_after_s"] == 1
            assert writer.stats().queue_depth == 3
            gate.opened.set()
            await asyncio.gather(*waiting)
            assert not (await writer.submit(count("c-4", "a"))).repeated

        asyncio.run(fill())
        assert not first.result().repeated
        assert totals(store, "a") == [5]


def test_a_caller_who_leaves_does_not_stop_the_command(sqlite_url: str) -> None:
    gate = Gate()

    async def leave() -> None:
        task = asyncio.create_task(writer.submit(count("c-1", "a")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.opened.set()
        assert (await writer.submit(count("c-1", "a"))).repeated

    with counting(sqlite_url, gate.handlers()) as (store, writer):
        asyncio.run(leave())
        assert totals(store, "a") == [1]


def test_an_event_loop_that_ended_early_does_not_stop_the_writer(sqlite_url: str) -> None:
    gate = Gate()

    async def leave() -> None:
        task = asyncio.create_task(writer.submit(count("c-1", "a")))
        await asyncio.sleep(0)
        task.cancel()

    with counting(sqlite_url, gate.handlers()) as (_, writer):
        asyncio.run(leave())
        gate.opened.set()
        assert writer.execute(count("c-2", "a")).value == {"totals": {"a": 2}}


def test_stopping_finishes_what_waits_and_takes_no_more(sqlite_url: str) -> None:
    gate = Gate()

    async def stop_while_three_wait() -> list[bool]:
        waiting = [asyncio.create_task(writer.submit(count(f"c-{n}", "a"))) for n in range(4)]
        await asyncio.sleep(0)
        stopping = threading.Thread(target=writer.stop)
        stopping.start()
        while writer.stats().accepting:
            await asyncio.sleep(0)
        with pytest.raises(StoreUnavailableError):
            await writer.submit(count("c-99", "a"))
        gate.opened.set()
        answers = await asyncio.gather(*waiting)
        await asyncio.to_thread(stopping.join)
        return [answer.repeated for answer in answers]

    with counting(sqlite_url, gate.handlers()) as (store, writer):
        assert asyncio.run(stop_while_three_wait()) == [False] * 4
        assert totals(store, "a") == [4]


def test_a_small_cache_gives_the_same_results(store_url: str) -> None:
    with counting(store_url, cached_streams=2, batch_limit=5) as (store, writer), ThreadPoolExecutor(8) as threads:
        commands = [count(f"c-{n}", f"k{n % 11}", f"k{n % 7}-b", amount=n) for n in range(150)]
        list(threads.map(writer.execute, commands))
        assert writer.stats().cached_streams <= 2
        for k in range(11):
            assert totals(store, f"k{k}") == [sum(n for n in range(150) if n % 11 == k)]
            assert writer.state(COUNTER, f"counter-k{k}").total == totals(store, f"k{k}")[0]
