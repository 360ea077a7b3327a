"""The same id is the same command, whatever happened in between; on both databases."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from engine.domain.errors import CommandIdReusedError, InsufficientFundsError
from tests.support.counters import count
from tests.support.stores import counting, totals


def test_a_repeated_command_gets_the_stored_answer_and_changes_nothing(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        first = writer.execute(count("c-1", "a", amount=4))
        writer.execute(count("c-2", "a", amount=4))
        again = writer.execute(count("c-1", "a", amount=4))
        assert again.value == first.value == {"totals": {"a": 4}}
        assert again.position == first.position
        assert (first.repeated, again.repeated) == (False, True)
        assert totals(store, "a") == [8]


def test_a_command_that_is_repeated_at_another_time_is_still_the_same(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        command = count("c-1", "a")
        writer.execute(command)
        assert writer.execute(replace(command, at_ms=command.at_ms + 60_000)).repeated


def test_the_same_id_with_another_body_is_an_error_and_changes_nothing(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        writer.execute(count("c-1", "a", amount=4))
        for other in (count("c-1", "a", amount=5), count("c-1", "b", amount=4)):
            with pytest.raises(CommandIdReusedError):
                writer.execute(other)
        assert totals(store, "a", "b") == [4, 0]


def test_a_refused_command_stays_refused_for_its_id_with_the_same_details(store_url: str) -> None:
    with counting(store_url) as (store, writer):
        refused = count("c-1", "a", amount=-3)
        with pytest.raises(InsufficientFundsError) as first:
            writer.execute(refused)
        writer.execute(count("c-2", "a", amount=10))
        with pytest.raises(InsufficientFundsError) as again:
            writer.execute(refused)
        assert (again.value.message, again.value.details) == (first.value.message, first.value.details)
        assert again.value.details == {"total": -3}
        assert totals(store, "a") == [10]
        with pytest.raises(CommandIdReusedError):
            writer.execute(count("c-1", "a", amount=-4))


def test_answers_and_refusals_are_remembered_across_a_restart(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        writer.execute(count("c-1", "a"))
        with pytest.raises(InsufficientFundsError):
            writer.execute(count("c-2", "a", amount=-2))
    with counting(store_url) as (store, writer):
        assert writer.execute(count("c-1", "a")).repeated
        with pytest.raises(InsufficientFundsError):
            writer.execute(count("c-2", "a", amount=-2))
        with pytest.raises(CommandIdReusedError):
            writer.execute(count("c-1", "b"))
        assert totals(store, "a") == [1]


def test_an_id_that_comes_many_times_at_once_is_stored_once(store_url: str) -> None:
    async def all_at_once() -> list[object]:
        same = [writer.submit(count("c-1", "a", amount=4)) for _ in range(20)]
        other = [writer.submit(count("c-1", "a", amount=9)) for _ in range(5)]
        return list(await asyncio.gather(*same, *other, return_exceptions=True))

    with counting(store_url) as (store, writer):
        outcomes = asyncio.run(all_at_once())
        answers, errors = outcomes[:20], outcomes[20:]
        assert [answer.repeated for answer in answers] == [False] + [True] * 19  # type: ignore[attr-defined]
        assert {type(error) for error in errors} == {CommandIdReusedError}
        assert totals(store, "a") == [4]


def test_threads_that_repeat_each_others_commands_count_each_once(store_url: str) -> None:
    with counting(store_url, batch_limit=7) as (store, writer), ThreadPoolExecutor(16) as threads:
        commands = [count(f"c-{number % 50}", "a") for number in range(400)]
        answers = list(threads.map(writer.execute, commands))
        assert sum(not answer.repeated for answer in answers) == 50
        assert totals(store, "a") == [50]


def test_the_identity_of_a_body_can_be_given(store_url: str) -> None:
    with counting(store_url) as (_, writer):
        writer.execute(count("c-1", "a", note="read at 12:00"), b"photo 1")
        assert writer.execute(count("c-1", "a", note="read at 12:01"), b"photo 1").repeated
        with pytest.raises(CommandIdReusedError):
            writer.execute(count("c-1", "a", note="read at 12:00"), b"photo 2")
