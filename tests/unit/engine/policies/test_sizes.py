"""Sizes of a dish: what the area of a portion says, where a person has to choose, and menus that are refused."""

from dataclasses import replace
from typing import Any

import pytest

from engine.domain.bill import ItemStatus, ScannedItem
from engine.domain.errors import InvalidValueError
from engine.domain.menu import MenuItem
from engine.domain.reading import Box, DishSighting
from engine.policies.pricing import price_reading
from engine.policies.sizes import check_sizes, sizes_by_area, sizes_of
from tests.unit.engine.examples import MENU, POLICY, reading, sighting, unknown_portion

RICE = replace(MENU["mifan"], category="staple")
LARGE = replace(RICE, dish_id="mifan-da", price_fen=200, size_of="mifan", from_area_bps=800)
HUGE = replace(RICE, dish_id="mifan-te", price_fen=300, size_of="mifan", from_area_bps=1600)
SIZED = {**MENU, "mifan": RICE, "mifan-te": HUGE, "mifan-da": LARGE}
ASKED = {**MENU, "mifan": RICE, "mifan-ban": replace(LARGE, dish_id="mifan-ban", price_fen=60, from_area_bps=0)}


def covering(bps: int, seen: DishSighting) -> DishSighting:
    """A portion whose box covers that share of a photograph of 1,000 x 1,000 pixels."""
    return replace(seen, box=Box(left_px=0, top_px=0, right_px=100, bottom_px=bps))


def priced(seen: DishSighting, menu: dict[str, MenuItem] = SIZED) -> ScannedItem:
    (item,) = price_reading(replace(reading(), sightings=(seen,), width_px=1000, height_px=1000), menu, POLICY)
    return item


def candidates(item: ScannedItem) -> list[str]:
    return [candidate.dish_id for candidate in item.candidates]


@pytest.mark.parametrize(
    ("bps", "dish_id", "price_fen"),
    [
        (500, "mifan", 100),
        (720, "mifan", 100),
        (880, "mifan-da", 200),
        (1440, "mifan-da", 200),
        (1760, "mifan-te", 300),
        (9000, "mifan-te", 300),
    ],
)
def test_a_portion_clearly_of_one_size_is_that_dish_at_that_price(bps: int, dish_id: str, price_fen: int) -> None:
    item = priced(covering(bps, sighting("mifan", "doufu")))

    assert (item.status, item.dish_id, item.price_fen) == (ItemStatus.ACCEPTED, dish_id, price_fen)
    assert candidates(item) == [dish_id, "doufu"]


@pytest.mark.parametrize(
    ("bps", "choice"),
    [
        (721, ["mifan", "mifan-da"]),
        (799, ["mifan", "mifan-da"]),
        (800, ["mifan-da", "mifan"]),
        (879, ["mifan-da", "mifan"]),
        (1500, ["mifan-da", "mifan-te"]),
        (1700, ["mifan-te", "mifan-da"]),
    ],
)
def test_near_a_border_a_person_chooses_however_sure_the_dish_is(bps: int, choice: list[str]) -> None:
    item = priced(covering(bps, sighting("mifan", "doufu")))

    assert (item.status, item.dish_id) == (ItemStatus.UNCERTAIN, choice[0])
    assert candidates(item) == [*choice, "doufu"]


def test_sizes_without_borders_are_always_asked_for() -> None:
    for bps in (10, 500, 9000):
        item = priced(covering(bps, sighting("mifan")), ASKED)
        assert item.status is ItemStatus.UNCERTAIN
        assert candidates(item) == ["mifan-ban", "mifan"]


def test_a_photograph_of_no_known_size_says_nothing_about_a_portions_size() -> None:
    box = Box(left_px=0, top_px=0, right_px=10, bottom_px=10)

    assert [size.dish_id for size in sizes_by_area(sizes_of(SIZED, "mifan-da"), box, 0, 0)] == [
        "mifan",
        "mifan-da",
        "mifan-te",
    ]


def test_a_size_that_was_enrolled_on_its_own_is_the_same_dish_to_the_camera() -> None:
    """Two sizes look alike; that does not make the dish uncertain, and the area decides the size."""
    as_dishes = sighting("mifan-da", "mifan", best_bps=6000, second_bps=5900)
    item = priced(covering(500, as_dishes))
    assert (item.status, item.dish_id, candidates(item)) == (ItemStatus.ACCEPTED, "mifan", ["mifan"])

    unsized = {**SIZED, "mifan-da": replace(LARGE, size_of="", from_area_bps=0)}
    assert priced(covering(500, as_dishes), unsized).status is ItemStatus.UNCERTAIN


def test_an_unsure_dish_offers_the_size_that_its_area_says() -> None:
    item = priced(covering(1000, sighting("doufu", "mifan", best_bps=6000, second_bps=5800)))

    assert (item.status, item.dish_id, candidates(item)) == (ItemStatus.UNCERTAIN, "doufu", ["doufu", "mifan-da"])


def test_an_unknown_portion_stays_unknown_whatever_its_size() -> None:
    item = priced(covering(1000, unknown_portion()))

    assert (item.status, item.dish_id, item.price_fen) == (ItemStatus.UNKNOWN, "", 0)


@pytest.mark.parametrize(
    ("changes", "dish_id", "word"),
    [
        ({"size_of": "zongzi"}, "mifan-da", "'zongzi'"),
        ({"size_of": "mifan-da"}, "mifan-da", "'mifan-da'"),
        ({"size_of": "mifan-te"}, "mifan-da", "'mifan-te'"),
        ({"from_area_bps": -1}, "mifan-da", "-1"),
        ({"from_area_bps": 10_001}, "mifan-da", "10001"),
        ({"from_area_bps": 1600}, "mifan", "0, 1600, 1600"),
        ({"from_area_bps": 0}, "mifan", "0, 0, 1600"),
        ({"price_fen": 100}, "mifan", "100, 100, 300"),
        ({"price_fen": 300}, "mifan", "100, 300, 300"),
    ],
)
def test_sizes_that_cannot_be_told_apart_or_priced_are_refused(
    changes: dict[str, Any], dish_id: str, word: str
) -> None:
    check_sizes([RICE, LARGE, HUGE])
    with pytest.raises(InvalidValueError) as caught:
        check_sizes([RICE, replace(LARGE, **changes), HUGE])
    assert caught.value.details == {"dish_id": dish_id}
    assert word in caught.value.message


def test_a_dish_in_one_size_needs_no_border() -> None:
    check_sizes(list(MENU.values()))
    check_sizes(list(ASKED.values()))
    with pytest.raises(InvalidValueError, match="the smallest begins at 0"):
        check_sizes([replace(RICE, from_area_bps=5)])
