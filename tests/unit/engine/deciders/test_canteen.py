from dataclasses import replace
from typing import Any

import pytest

from engine.deciders.canteen import CANTEEN, MAX_LANES, decide_opening, require_profile, site_at
from engine.domain.calendar import MealPeriod, instant_ms
from engine.domain.canteen import CanteenProfile, Lane, Site
from engine.domain.commands import OpenCanteen
from engine.domain.errors import InvalidValueError, OutsideMealPeriodError, UnknownCanteenError, UnknownLaneError
from engine.domain.events import CanteenChanged, CanteenOpened
from tests.unit.engine.examples import ADMIN, DAY, NOON_MS, profile
from tests.unit.engine.given import given

SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": ADMIN}
OPENED = CanteenOpened(**SAID, profile=profile())


def open_canteen(wanted: CanteenProfile) -> OpenCanteen:
    return OpenCanteen(command_id="o", **SAID, profile=wanted)


def test_a_canteen_is_opened_once_changed_later_and_the_same_again_changes_nothing() -> None:
    renamed = profile(name_en="Another name")

    given(CANTEEN).when(lambda s: decide_opening(s, open_canteen(profile()))).then(OPENED)
    given(CANTEEN, OPENED).when(lambda s: decide_opening(s, open_canteen(profile()))).then()
    given(CANTEEN, OPENED).when(lambda s: decide_opening(s, open_canteen(renamed))).then(
        CanteenChanged(**SAID, profile=renamed)
    )


def lane(number: int) -> Lane:
    return Lane(lane_id=f"lane-{number}", name_zh="台", name_en="Lane")


def meal(from_minute: int, until_minute: int) -> MealPeriod:
    return MealPeriod(
        period_id="meal", name_zh="餐", name_en="Meal", from_minute=from_minute, until_minute=until_minute
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"canteen_id": ""},
        {"canteen_id": "a/b"},
        {"lanes": ()},
        {"lanes": (lane(1), lane(1))},
        {"lanes": tuple(lane(number) for number in range(MAX_LANES + 1))},
        {"meal_periods": (meal(600, 700), meal(699, 800))},
        {"meal_periods": (meal(700, 800), meal(600, 650))},
        {"meal_periods": (meal(600, 600),)},
        {"meal_periods": (meal(-1, 60),)},
        {"meal_periods": (meal(1400, 1441),)},
    ],
)
def test_a_profile_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    wrong = replace(profile(), **changes)

    given(CANTEEN).when(lambda s: decide_opening(s, open_canteen(wrong))).then_refused(InvalidValueError)


@pytest.mark.parametrize(
    ("minute", "meal_period"),
    [(390, "breakfast"), (539, "breakfast"), (630, "lunch"), (809, "lunch"), (990, "dinner"), (1109, "dinner")],
)
def test_a_meal_period_begins_with_its_first_minute_and_ends_before_its_last(minute: int, meal_period: str) -> None:
    assert site_at(profile(), "lanxi-2", instant_ms(DAY, minute, 480)) == Site(
        canteen_id="lanxi", lane_id="lanxi-2", business_day="2026-11-24", meal_period=meal_period
    )


@pytest.mark.parametrize("minute", [0, 389, 540, 629, 810, 1110, 1439])
def test_nothing_is_served_between_the_meal_periods(minute: int) -> None:
    with pytest.raises(OutsideMealPeriodError, match=r"lunch 10:30-13:30"):
        site_at(profile(), "lanxi-1", instant_ms(DAY, minute, 480))


def test_the_business_day_is_the_local_one() -> None:
    always = profile(meal_periods=(meal(0, 1440),))
    before_midnight_utc = instant_ms(DAY, 60, 480)

    assert site_at(always, "lanxi-1", before_midnight_utc).business_day == "2026-11-24"
    assert site_at(replace(always, utc_offset_minutes=0), "lanxi-1", before_midnight_utc).business_day == "2026-11-23"


def test_an_unknown_lane_or_canteen_is_refused_with_what_there_is() -> None:
    with pytest.raises(UnknownLaneError) as caught:
        site_at(profile(), "lanxi-9", NOON_MS)
    assert caught.value.details == {"lanes": ["lanxi-1", "lanxi-2"]}
    with pytest.raises(UnknownCanteenError, match="'lanxi'"):
        require_profile(CANTEEN.initial, "lanxi")
