"""What lies on one tray together: worked examples from a table, and menus that are refused."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.domain.bill import ItemStatus, OfferKind, ScannedItem
from engine.domain.errors import InvalidValueError
from engine.domain.menu import DishChoice, Inclusion, Menu, MenuContent, MenuItem, SetMeal, SetSlot
from engine.domain.reading import Box
from engine.policies.offers import apply_offers, check_offers

TABLE = tomllib.loads((Path(__file__).parent / "worked_trays.toml").read_text(encoding="utf-8"))
DISHES = tuple(
    MenuItem(dish_id=dish_id, name_zh=dish_id, name_en=dish_id, **fields) for dish_id, fields in TABLE["dishes"].items()
)
PRICES_FEN = {dish.dish_id: dish.price_fen for dish in DISHES}
TRAYS = TABLE["tray"]


def choice(table: dict[str, Any]) -> DishChoice:
    return DishChoice(dish_ids=tuple(table.get("dish_ids", ())), categories=tuple(table.get("categories", ())))


def set_meal(offer_id: str, **changes: Any) -> SetMeal:
    table = TABLE["set_meals"][offer_id]
    slots = tuple(SetSlot(dishes=choice(slot), count=slot.get("count", 1)) for slot in table["slots"])
    said = {"title_zh": f"套餐{offer_id}", "title_en": f"set {offer_id}", "price_fen": table["price_fen"]}
    return SetMeal(offer_id=offer_id, **{**said, "slots": slots, **changes})


def inclusion(offer_id: str, **changes: Any) -> Inclusion:
    table = dict(TABLE["inclusions"][offer_id])
    said = {"title_zh": f"含{offer_id}", "title_en": f"with {offer_id}", **table}
    return Inclusion(
        offer_id=offer_id,
        **{**said, "mains": choice(table["mains"]), "included": choice(table["included"]), **changes},
    )


def menu_with(offer_ids: list[str]) -> Menu:
    return Menu(
        version=3,
        items=DISHES,
        by_dish={dish.dish_id: dish for dish in DISHES},
        set_meals=tuple(set_meal(offer_id) for offer_id in offer_ids if offer_id in TABLE["set_meals"]),
        inclusions=tuple(inclusion(offer_id) for offer_id in offer_ids if offer_id in TABLE["inclusions"]),
    )


def items_on(dishes: list[str]) -> list[ScannedItem]:
    """Portions far from each other, or right beside the one that they lie with."""
    boxes: dict[str, Box] = {}
    items = []
    for number, written in enumerate(dishes, start=1):
        dish_id, _, main = written.partition("@")
        box = Box(left_px=300 * number, top_px=0, right_px=300 * number + 200, bottom_px=200)
        if main:
            box = replace(boxes[main], left_px=boxes[main].right_px, right_px=boxes[main].right_px + 90)
        boxes.setdefault(dish_id, box)
        items.append(
            ScannedItem(
                item_id=number,
                status=ItemStatus.ACCEPTED,
                dish_id=dish_id,
                price_fen=PRICES_FEN[dish_id],
                confidence_bps=9000,
                detector_bps=9000,
                box=box,
                candidates=(),
            )
        )
    return items


def prices_fen(items: list[ScannedItem], menu: Menu) -> list[int]:
    """What each item costs, in the order given."""
    under_offer = {line.item_id: line.price_fen for offer in apply_offers(items, menu) for line in offer.lines}
    return [under_offer.get(item.item_id, item.price_fen) for item in items]


@pytest.mark.parametrize("tray", TRAYS, ids=[tray["says"] for tray in TRAYS])
def test_a_worked_tray_costs_what_the_table_says(tray: dict[str, Any]) -> None:
    items, menu = items_on(tray["on"]), menu_with(tray["offers"])
    check_offers(MenuContent(items=menu.items, set_meals=menu.set_meals, inclusions=menu.inclusions))

    assert prices_fen(items, menu) == tray["costs"]
    assert [offer.offer_id for offer in apply_offers(items, menu)] == tray["given"]


@pytest.mark.parametrize("tray", TRAYS, ids=[tray["says"] for tray in TRAYS])
def test_a_worked_tray_costs_the_same_from_last_to_first(tray: dict[str, Any]) -> None:
    items, menu = items_on(tray["on"]), menu_with(tray["offers"])

    assert sorted(prices_fen(items[::-1], menu)) == sorted(tray["costs"])


def test_an_applied_offer_says_what_it_is_and_what_each_dish_would_have_cost() -> None:
    (offer,) = apply_offers(items_on(["yu", "bocai", "bocai"]), menu_with(["yi-hun-liang-su"]))

    assert (offer.kind, offer.menu_version, offer.title_zh) == (OfferKind.SET_MEAL, 3, "套餐yi-hun-liang-su")
    assert [(line.item_id, line.list_fen, line.price_fen) for line in offer.lines] == [
        (1, 1200, 900),
        (2, 400, 300),
        (3, 400, 300),
    ]


def test_what_a_person_added_was_seen_nowhere_and_lies_with_no_main() -> None:
    ribs, greens = items_on(["paigu", "qingcai@paigu"])

    assert prices_fen([ribs, replace(greens, box=None)], menu_with(["gai-jiao"])) == [1000, 400]


def test_an_item_without_a_dish_or_off_the_menu_takes_no_part() -> None:
    ribs, rice = items_on(["paigu", "mifan"])
    unknown = replace(ribs, dish_id="", price_fen=0, status=ItemStatus.UNKNOWN)

    assert apply_offers([unknown, rice], menu_with(["han-fan"])) == ()
    assert apply_offers([replace(ribs, dish_id="zongzi"), rice], menu_with(["han-fan"])) == ()


def test_greens_between_two_mains_make_room_for_greens_that_touch_only_one() -> None:
    first, between, beside = items_on(["paigu", "qingcai@paigu", "qingcai"])
    second = replace(first, item_id=4, box=Box(left_px=590, top_px=0, right_px=790, bottom_px=200))
    assert between.box is not None
    between = replace(between, box=replace(between.box, right_px=600))
    beside = replace(beside, box=Box(left_px=250, top_px=0, right_px=320, bottom_px=200))

    assert prices_fen([first, second, between, beside], menu_with(["gai-jiao"])) == [1000, 1000, 0, 0]


# --- menus that are refused -------------------------------------------------------------------------------------


def refused(content: MenuContent, offer_id: str, *words: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        check_offers(content)
    assert caught.value.details == ({"offer_id": offer_id} if offer_id else {})
    for word in words:
        assert word in caught.value.message


SET = set_meal("yi-hun-liang-su")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"price_fen": 2000}, "20.00 yuan, its dishes on their own at most 20.00"),
        ({"price_fen": 0}, "0 fen"),
        ({"slots": ()}, "0 dishes"),
        ({"slots": (SetSlot(dishes=DishChoice(categories=("meat",))),)}, "1 dishes"),
        ({"slots": (SetSlot(dishes=DishChoice(categories=("meat",)), count=9),)}, "9 dishes"),
        (
            {
                "slots": (
                    SetSlot(dishes=DishChoice(dish_ids=("yu",)), count=3),
                    SetSlot(dishes=DishChoice(dish_ids=("yu",)), count=0),
                )
            },
            "3 dishes",
        ),
        ({"slots": (SetSlot(dishes=DishChoice(dish_ids=("zongzi",)), count=2),)}, "'zongzi'"),
        ({"slots": (SetSlot(dishes=DishChoice(categories=("dessert",)), count=2),)}, "'dessert'"),
        ({"slots": (SetSlot(dishes=DishChoice(), count=2),)}, "neither dishes nor categories"),
        ({"offer_id": ""}, "is no id"),
    ],
)
def test_a_set_meal_that_cannot_be_given_is_refused_by_name(changes: dict[str, Any], word: str) -> None:
    offer_id = changes.get("offer_id", SET.offer_id)
    with pytest.raises(InvalidValueError) as caught:
        check_offers(MenuContent(items=DISHES, set_meals=(replace(SET, **changes),)))
    assert caught.value.details == {"offer_id": offer_id}
    assert word in caught.value.message


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mains": DishChoice(dish_ids=("zongzi",))}, "'zongzi'"),
        ({"included": DishChoice(categories=("dessert",))}, "'dessert'"),
        ({"included": DishChoice()}, "neither dishes nor categories"),
        ({"per_main": 0}, "less than one"),
        ({"at_most_per_tray": -1}, "less than one"),
        ({"at_most_per_tray": 1, "touching": True}, "per_main"),
    ],
)
def test_an_inclusion_that_cannot_be_given_is_refused_by_name(changes: dict[str, Any], word: str) -> None:
    refused(MenuContent(items=DISHES, inclusions=(inclusion("han-fan", **changes),)), "han-fan", word)


def includes(main: str, included: str) -> Inclusion:
    mains, with_them = DishChoice(dish_ids=(main,)), DishChoice(dish_ids=(included,))
    return replace(inclusion("han-fan", mains=mains, included=with_them), offer_id=f"{main}-{included}")


def test_dishes_that_include_each_other_in_a_circle_are_refused_and_a_chain_is_not() -> None:
    refused(MenuContent(items=DISHES, inclusions=(includes("yu", "yu"),)), "yu-yu", "'yu'")
    circle = (includes("yu", "tang"), includes("paigu", "mifan"), includes("mifan", "tang"), includes("tang", "mifan"))
    refused(MenuContent(items=DISHES, inclusions=circle), "tang-mifan", "circle", "'mifan'")
    check_offers(MenuContent(items=DISHES, inclusions=circle[:3]))


def test_one_id_for_two_offers_is_refused() -> None:
    refused(MenuContent(items=DISHES, set_meals=(SET, replace(SET, price_fen=1400))), SET.offer_id, "several")
    twice = replace(inclusion("han-fan"), offer_id=SET.offer_id)
    refused(MenuContent(items=DISHES, set_meals=(SET,), inclusions=(twice,)), SET.offer_id, "several")


def test_too_many_offers_are_refused() -> None:
    many = tuple(replace(SET, offer_id=f"set-{number}") for number in range(6))
    refused(MenuContent(items=DISHES, set_meals=many), "", "at most 5 set meals")


def test_the_table_uses_every_offer_that_it_defines() -> None:
    used = {offer_id for tray in TRAYS for offer_id in tray["offers"]}
    assert used == TABLE["set_meals"].keys() | TABLE["inclusions"].keys()
