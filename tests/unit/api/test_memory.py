"""What a server process keeps in memory: lanes of checkouts, canteens, and who waits for the log."""

import asyncio
from threading import Thread

import pytest

from api.canteens import CanteenBook
from api.follower import LogBell
from api.lanes import LaneBook
from engine.domain.calendar import MealPeriod
from engine.domain.canteen import CanteenProfile, Lane
from engine.domain.errors import OutsideMealPeriodError, UnknownCanteenError, UnknownLaneError


def test_only_the_newest_checkouts_are_remembered() -> None:
    book = LaneBook(limit=2)
    for number in range(3):
        book.remember(f"c{number}", "lanxi", f"lane-{number}")
    assert [book.find(f"c{number}") for number in range(3)] == [None, ("lanxi", "lane-1"), ("lanxi", "lane-2")]


def profile(name_zh: str) -> CanteenProfile:
    return CanteenProfile(
        canteen_id="lanxi",
        name_zh=name_zh,
        name_en="Lanxi",
        street="s",
        district="d",
        city="c",
        utc_offset_minutes=480,
        lanes=(Lane(lane_id="1", name_zh="一", name_en="one"),),
        meal_periods=(
            MealPeriod(period_id="lunch", name_zh="午餐", name_en="Lunch", from_minute=630, until_minute=810),
        ),
    )


def test_a_canteen_is_known_as_it_was_last_changed() -> None:
    book = CanteenBook()
    book.remember(profile("旧"))
    book.remember(profile("新"))
    assert [each.name_zh for each in book.all()] == ["新"]
    site = book.site_at("lanxi", "1", 4 * 3_600_000)
    assert (site.meal_period, site.business_day) == ("lunch", "1970-01-01")


def test_what_is_not_there_is_refused_by_name() -> None:
    book = CanteenBook()
    with pytest.raises(UnknownCanteenError):
        book.profile("lanxi")
    book.remember(profile("新"))
    with pytest.raises(UnknownLaneError):
        book.site_at("lanxi", "2", 4 * 3_600_000)
    with pytest.raises(OutsideMealPeriodError):
        book.site_at("lanxi", "1", 0)


def test_the_bell_wakes_those_who_wait_for_less_and_lets_pass_those_who_come_late() -> None:
    bell = LogBell()

    async def wait() -> list[int]:
        waiting = [asyncio.create_task(bell.wait_beyond(position)) for position in (0, 4)]
        await asyncio.sleep(0)
        ringer = Thread(target=bell.ring, args=(5,))
        ringer.start()
        await asyncio.gather(*waiting)
        ringer.join()
        await bell.wait_beyond(4)
        return [bell.position]

    assert asyncio.run(wait()) == [5]


def test_one_who_stops_waiting_leaves_nothing_behind() -> None:
    bell = LogBell()

    async def give_up() -> None:
        waiting = asyncio.create_task(bell.wait_beyond(0))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(give_up())
    assert not bell._waiting
