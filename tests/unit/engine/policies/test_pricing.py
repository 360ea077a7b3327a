import pytest

from engine.domain.bill import ItemStatus
from engine.domain.errors import DishNotOnMenuError, DishWithoutPriceError, EmptyTrayError, InvalidValueError
from engine.domain.menu import MenuItem
from engine.policies.pricing import MAX_ITEMS_PER_TRAY, price_reading, require_priced
from tests.unit.engine.examples import MENU, POLICY, reading, sighting, unknown_portion, unsure


def test_each_portion_gets_its_dish_and_price_in_the_order_of_the_reading() -> None:
    items = price_reading(reading(sighting("paigu"), sighting("mifan"), sighting("paigu")), MENU, POLICY)

    assert [(item.item_id, item.dish_id, item.price_fen) for item in items] == [
        (1, "paigu", 1000),
        (2, "mifan", 100),
        (3, "paigu", 1000),
    ]
    assert all(item.status is ItemStatus.ACCEPTED for item in items)


def test_an_uncertain_portion_carries_the_price_of_its_best_look_alike_and_all_of_them() -> None:
    (item,) = price_reading(reading(unsure("doufu", "bocai")), MENU, POLICY)

    assert (item.status, item.dish_id, item.price_fen) == (ItemStatus.UNCERTAIN, "doufu", 350)
    assert [candidate.dish_id for candidate in item.candidates] == ["doufu", "bocai"]


def test_an_unknown_portion_has_no_dish_and_no_price() -> None:
    (item,) = price_reading(reading(unknown_portion()), MENU, POLICY)

    assert (item.status, item.dish_id, item.price_fen) == (ItemStatus.UNKNOWN, "", 0)


def test_a_reading_without_portions_is_no_empty_tray_to_bill() -> None:
    with pytest.raises(EmptyTrayError):
        price_reading(reading(), MENU, POLICY)


def test_a_tray_holds_thirty_portions_and_a_thirty_first_is_an_invalid_value_not_an_empty_tray() -> None:
    full = [sighting("mifan")] * MAX_ITEMS_PER_TRAY
    assert len(price_reading(reading(*full), MENU, POLICY)) == 30

    with pytest.raises(InvalidValueError) as caught:
        price_reading(reading(*full, sighting("mifan")), MENU, POLICY)
    assert caught.value.details == {"portions": 31}


def test_a_candidate_that_the_menu_does_not_sell_is_refused_even_as_a_look_alike() -> None:
    with pytest.raises(DishNotOnMenuError) as caught:
        price_reading(reading(sighting("mifan", "zongzi")), MENU, POLICY)
    assert caught.value.details == {"dish_id": "zongzi"}


def test_a_dish_that_is_listed_without_a_price_is_never_sold_for_nothing() -> None:
    free = {"mifan": MenuItem(dish_id="mifan", name_zh="米饭", name_en="rice", price_fen=0)}

    with pytest.raises(DishWithoutPriceError):
        require_priced(free, "mifan")
    with pytest.raises(DishWithoutPriceError):
        price_reading(reading(sighting("mifan")), free, POLICY)
