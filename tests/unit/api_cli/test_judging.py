"""A simulated terminal knows what is really on each tray and judges readings by it."""

from typing import Any

import pytest

from api.demo.lunch import Portion
from api.demo.terminal import HANDED_OVER, RIGHT, SILENTLY_WRONG, judge_reading, portion_at
from engine.domain.reading import Box


def box(left_px: int) -> Box:
    return Box(left_px=left_px, top_px=0, right_px=left_px + 100, bottom_px=100)


def tray(*dish_ids: str, off_menu: str = "") -> tuple[Portion, ...]:
    return tuple(
        Portion(dish_id=dish_id, box=box(200 * number), off_menu=dish_id == off_menu)
        for number, dish_id in enumerate(dish_ids)
    )


def bill(*dish_ids: str, status: str = "ready") -> dict[str, Any]:
    return {"status": status, "items": [{"dish_id": dish_id} for dish_id in dish_ids]}


def test_a_bill_with_every_portion_in_any_order_is_right() -> None:
    assert judge_reading(bill("mifan", "ludan"), tray("ludan", "mifan")) == RIGHT


def test_a_second_portion_that_was_missed_is_a_silent_error() -> None:
    assert judge_reading(bill("mifan", "ludan"), tray("mifan", "ludan", "ludan")) == SILENTLY_WRONG


def test_one_portion_charged_twice_is_a_silent_error() -> None:
    assert judge_reading(bill("mifan", "ludan", "ludan"), tray("mifan", "ludan")) == SILENTLY_WRONG


def test_one_dish_taken_for_another_is_a_silent_error() -> None:
    assert judge_reading(bill("mifan", "tudousi"), tray("mifan", "ludan")) == SILENTLY_WRONG


def test_a_dish_that_is_not_sold_today_charged_as_another_or_left_out_is_a_silent_error() -> None:
    portions = tray("mifan", "gali-ji", off_menu="gali-ji")
    assert judge_reading(bill("mifan", "hongshaorou"), portions) == SILENTLY_WRONG
    assert judge_reading(bill("mifan"), portions) == SILENTLY_WRONG


def test_a_held_bill_is_no_silent_error_whatever_stands_on_it() -> None:
    assert judge_reading(bill("tudousi", status="held"), tray("ludan")) == HANDED_OVER


@pytest.mark.parametrize(("moved_px", "found"), [(0, True), (30, True), (90, False)])
def test_a_person_finds_the_portion_that_a_box_mostly_covers(moved_px: int, found: bool) -> None:
    portions = tray("mifan", "ludan")
    seen = {"left_px": 200 + moved_px, "top_px": 0, "right_px": 300 + moved_px, "bottom_px": 100}
    assert portion_at({"box": seen}, portions) == (portions[1] if found else None)


def test_an_item_without_a_box_shows_no_portion() -> None:
    assert portion_at({"box": None}, tray("mifan")) is None
    assert portion_at({"box": {"left_px": 0, "top_px": 0, "right_px": 9, "bottom_px": 9}}, ()) is None
