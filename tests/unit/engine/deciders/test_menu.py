from dataclasses import replace
from typing import Any

import pytest

from engine.deciders.menu import MENU, decide_publication, require_menu
from engine.domain.commands import PublishMenu
from engine.domain.errors import DishWithoutPriceError, InvalidValueError, NoMenuError, StaleMenuError
from engine.domain.events import MenuPublished
from engine.domain.menu import MAX_DISHES_PER_MENU, MAX_PRICE_FEN, DishChoice, Inclusion, MenuItem, SetMeal, SetSlot
from tests.unit.engine.examples import ADMIN, DAY, NOON_MS, SITE, profile
from tests.unit.engine.given import given

SAID: dict[str, Any] = {
    "at_ms": NOON_MS,
    "by": ADMIN,
    "canteen_id": "lanxi",
    "business_day": DAY,
    "meal_period": "lunch",
}


def dish(dish_id: str, price_fen: int = 100) -> MenuItem:
    return MenuItem(dish_id=dish_id, name_zh=dish_id, name_en=dish_id, price_fen=price_fen)


def publish(*items: MenuItem, **changes: Any) -> PublishMenu:
    return PublishMenu(command_id="p", **{**SAID, "items": items, **changes})


def published(version: int, *items: MenuItem) -> MenuPublished:
    return MenuPublished(**SAID, version=version, items=items, set_meals=(), inclusions=())


def test_each_change_of_a_menu_is_its_next_version_and_the_same_again_changes_nothing() -> None:
    first = published(1, dish("rice"))

    given(MENU).when(lambda s: decide_publication(s, publish(dish("rice")), profile())).then(first)
    given(MENU, first).when(lambda s: decide_publication(s, publish(dish("rice")), profile())).then()
    state = (
        given(MENU, first)
        .when(lambda s: decide_publication(s, publish(dish("rice", 150)), profile()))
        .then(published(2, dish("rice", 150)))
    )

    assert state.by_dish["rice"].price_fen == 150


@pytest.mark.parametrize(
    "command",
    [
        publish(),
        publish(dish("rice"), meal_period="supper"),
        publish(dish("rice"), dish("soup"), dish("rice")),
        publish(dish("rice", MAX_PRICE_FEN + 1)),
        publish(*(dish(f"dish-{number}") for number in range(MAX_DISHES_PER_MENU + 1))),
    ],
)
def test_a_menu_that_cannot_be_sold_is_refused_as_a_whole(command: PublishMenu) -> None:
    given(MENU).when(lambda s: decide_publication(s, command, profile())).then_refused(InvalidValueError)


def test_every_dish_without_a_price_is_named() -> None:
    command = publish(dish("b", 0), dish("rice"), dish("a", -1))

    given(MENU).when(lambda s: decide_publication(s, command, profile())).then_refused(
        DishWithoutPriceError, dishes=["a", "b"]
    )


RICE_WITH_SOUP = Inclusion(
    offer_id="soup",
    title_zh="饭含汤",
    title_en="Soup comes with rice",
    mains=DishChoice(dish_ids=("rice",)),
    included=DishChoice(dish_ids=("soup",)),
)
BOTH = SetMeal(
    offer_id="both",
    title_zh="套餐",
    title_en="Both",
    price_fen=150,
    slots=(SetSlot(dishes=DishChoice(dish_ids=("rice", "soup")), count=2),),
)


def test_another_offer_on_the_same_dishes_is_another_version_of_the_menu() -> None:
    dishes = (dish("rice"), dish("soup"))
    plain = given(MENU, published(1, *dishes))
    (event,) = plain.when(
        lambda s: decide_publication(s, publish(*dishes, set_meals=(BOTH,), inclusions=(RICE_WITH_SOUP,)), profile())
    ).then_types(MenuPublished)
    assert (event.version, event.set_meals, event.inclusions) == (2, (BOTH,), (RICE_WITH_SOUP,))

    state = given(MENU, event).state
    assert (state.set_meals, state.inclusions) == ((BOTH,), (RICE_WITH_SOUP,))
    again = publish(*dishes, set_meals=(BOTH,), inclusions=(RICE_WITH_SOUP,))
    assert decide_publication(state, again, profile()) == ()
    assert [event.version for event in decide_publication(state, publish(*dishes), profile())] == [3]


@pytest.mark.parametrize(
    ("command", "details"),
    [
        (publish(dish("rice"), inclusions=(RICE_WITH_SOUP,)), {"offer_id": "soup"}),
        (publish(dish("rice"), dish("soup", 50), set_meals=(replace(BOTH, price_fen=200),)), {"offer_id": "both"}),
        (publish(dish("rice"), replace(dish("large"), size_of="bun")), {"dish_id": "large"}),
    ],
)
def test_offers_and_sizes_that_do_not_fit_their_menu_refuse_it(command: PublishMenu, details: dict[str, str]) -> None:
    given(MENU).when(lambda s: decide_publication(s, command, profile())).then_refused(InvalidValueError, **details)


def test_a_reading_is_taken_with_the_menu_in_force_only() -> None:
    second = given(MENU, published(1, dish("rice")), published(2, dish("soup"))).state

    assert require_menu(second, SITE, None).version == 2
    assert require_menu(second, SITE, 2).version == 2
    with pytest.raises(StaleMenuError) as caught:
        require_menu(second, SITE, 1)
    assert caught.value.details == {"menu_version": 2}
    with pytest.raises(StaleMenuError):
        require_menu(second, SITE, 3)
    with pytest.raises(NoMenuError, match="lanxi on 2026-11-24, lunch"):
        require_menu(MENU.initial, SITE, None)
