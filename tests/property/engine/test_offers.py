"""What holds for every tray and every menu of offers that may be published."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.benefit_rule import BenefitRule
from engine.domain.bill import ItemStatus, OfferKind, ScannedItem
from engine.domain.errors import InvalidValueError
from engine.domain.menu import DishChoice, Inclusion, Menu, MenuContent, MenuItem, SetMeal, SetSlot
from engine.domain.reading import Box
from engine.policies.benefits import PricedLine, compute_bill, remaining_bill, subtract
from engine.policies.offers import apply_offers, check_offers
from tests.property.engine.strategies import rule_lists
from tests.property.engine.test_bills import check
from tests.unit.engine.examples import facts, occasion

CATEGORIES = ("meat", "vegetable", "staple")
DISHES = tuple(
    MenuItem(dish_id=f"{category}-{price_fen}", name_zh="", name_en="", price_fen=price_fen, category=category)
    for category, prices_fen in (("meat", (900, 1250)), ("vegetable", (350, 401)), ("staple", (99, 100)))
    for price_fen in prices_fen
)
BY_DISH = {dish.dish_id: dish for dish in DISHES}

choices = st.one_of(
    st.builds(DishChoice, categories=st.sampled_from([(name,) for name in CATEGORIES] + [CATEGORIES[:2]])),
    st.builds(DishChoice, dish_ids=st.sampled_from([(dish.dish_id,) for dish in DISHES])),
)


@st.composite
def menus(draw: st.DrawFn, *, touching: bool = True) -> Menu:
    """Menus that may be published, with up to three set meals and three inclusions."""
    offers: list[SetMeal | Inclusion] = []
    for number in range(draw(st.integers(0, 3))):
        slots = draw(st.lists(st.builds(SetSlot, dishes=choices, count=st.integers(1, 2)), min_size=1, max_size=3))
        offers.append(
            SetMeal(
                offer_id=f"set-{number}",
                title_zh="",
                title_en="",
                price_fen=draw(st.integers(1, 1900)),
                slots=tuple(slots),
            )
        )
    offers += [
        Inclusion(
            offer_id=f"with-{number}",
            title_zh="",
            title_en="",
            mains=draw(choices),
            included=draw(choices),
            per_main=draw(st.integers(1, 2)),
            at_most_per_tray=draw(st.integers(0, 2)),
            touching=touching and draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    content = MenuContent(items=DISHES)
    for offer in offers:
        more = (
            replace(content, set_meals=(*content.set_meals, offer))
            if isinstance(offer, SetMeal)
            else replace(content, inclusions=(*content.inclusions, offer))
        )
        try:
            check_offers(more)
        except InvalidValueError:
            continue
        content = more
    return Menu(version=1, items=DISHES, set_meals=content.set_meals, inclusions=content.inclusions, by_dish=BY_DISH)


@st.composite
def trays(draw: st.DrawFn, *, max_size: int = 7) -> list[ScannedItem]:
    """Portions in a row; each touches the one before it or not."""
    items = []
    left_px = 0
    for number in range(1, draw(st.integers(1, max_size)) + 1):
        dish = draw(st.sampled_from(DISHES))
        left_px += 100 if draw(st.booleans()) else 130
        items.append(
            ScannedItem(
                item_id=number,
                status=ItemStatus.ACCEPTED,
                dish_id=dish.dish_id,
                price_fen=dish.price_fen,
                confidence_bps=9000,
                detector_bps=9000,
                box=Box(left_px=left_px, top_px=0, right_px=left_px + 100, bottom_px=100),
                candidates=(),
            )
        )
    return items


def lines_of(items: Sequence[ScannedItem], menu: Menu) -> list[PricedLine]:
    under_offer = {line.item_id: line.price_fen for offer in apply_offers(items, menu) for line in offer.lines}
    return [
        PricedLine(
            item_id=item.item_id,
            dish_id=item.dish_id,
            price_fen=under_offer.get(item.item_id, item.price_fen),
        )
        for item in items
    ]


def total_fen(items: Sequence[ScannedItem], menu: Menu) -> int:
    return sum(line.price_fen for line in lines_of(items, menu))


@given(trays(), menus())
def test_every_item_is_priced_once_never_above_the_menu_and_never_below_zero(
    items: list[ScannedItem], menu: Menu
) -> None:
    offers = apply_offers(items, menu)

    named = [line.item_id for offer in offers for line in offer.lines]
    assert len(named) == len(set(named))
    list_fen = {item.item_id: item.price_fen for item in items}
    prices_of = {meal.offer_id: meal.price_fen for meal in menu.set_meals}
    for offer in offers:
        for line in offer.lines:
            assert list_fen[line.item_id] == line.list_fen
            assert 0 <= line.price_fen <= line.list_fen
        assert sum(line.price_fen for line in offer.lines) == prices_of.get(offer.offer_id, 0)
        assert sum(line.list_fen - line.price_fen for line in offer.lines) > 0
        assert (offer.kind is OfferKind.SET_MEAL) == (offer.offer_id in prices_of)


@given(trays(), menus())
def test_no_tray_is_free_as_a_whole(items: list[ScannedItem], menu: Menu) -> None:
    assert total_fen(items, menu) > 0


@given(st.data(), trays(), menus())
def test_the_order_of_the_items_changes_no_total_and_no_dishs_prices(
    data: st.DataObject, items: list[ScannedItem], menu: Menu
) -> None:
    shuffled = data.draw(st.permutations(items))

    one, other = lines_of(items, menu), lines_of(shuffled, menu)

    assert sum(line.price_fen for line in one) == sum(line.price_fen for line in other)
    assert sorted((line.dish_id, line.price_fen) for line in one) == sorted(
        (line.dish_id, line.price_fen) for line in other
    )


@given(st.data(), trays(), menus())
def test_the_numbers_of_the_items_change_no_total(data: st.DataObject, items: list[ScannedItem], menu: Menu) -> None:
    numbers = data.draw(st.permutations(range(1, len(items) + 1)))
    renumbered = [replace(item, item_id=number) for item, number in zip(items, numbers, strict=True)]

    assert total_fen(items, menu) == total_fen(renumbered, menu)


@given(trays(), menus(touching=False))
def test_one_dish_more_adds_at_most_its_own_price(items: list[ScannedItem], menu: Menu) -> None:
    """It can lower the bill: one vegetable more makes a set meal of what was none."""
    *fewer, last = items

    assert total_fen(items, menu) <= total_fen(fewer, menu) + last.price_fen


@given(trays(max_size=5), menus(touching=False))
def test_no_other_way_to_give_the_offers_takes_off_more(items: list[ScannedItem], menu: Menu) -> None:
    mains = [sum(inclusion.mains.fits(BY_DISH[item.dish_id]) for item in items) for inclusion in menu.inclusions]
    free = tuple(
        min(count * inclusion.per_main, inclusion.at_most_per_tray or len(items))
        for count, inclusion in zip(mains, menu.inclusions, strict=True)
    )

    assert total_fen(items, menu) == least_fen(tuple(items), menu, free)


def least_fen(items: tuple[ScannedItem, ...], menu: Menu, free: tuple[int, ...]) -> int:
    """The least that items can cost, by trying for the first one everything that could be made of it.

    Args:
        free: how many each inclusion still makes free.
    """
    if not items:
        return 0
    first, rest = items[0], items[1:]
    least = first.price_fen + least_fen(rest, menu, free)
    for number, inclusion in enumerate(menu.inclusions):
        if free[number] and inclusion.included.fits(BY_DISH[first.dish_id]):
            one_less = tuple(count - (number == index) for index, count in enumerate(free))
            least = min(least, least_fen(rest, menu, one_less))
    for meal in menu.set_meals:
        places = [slot.dishes for slot in meal.slots for _ in range(slot.count)]
        for others in combinations(rest, len(places) - 1):
            if fills(places, (first, *others)):
                kept = tuple(item for item in rest if item not in others)
                least = min(least, meal.price_fen + least_fen(kept, menu, free))
    return least


def fills(places: list[DishChoice], items: tuple[ScannedItem, ...]) -> bool:
    """Tell whether the items can fill the places, one each, in any order."""
    if not items:
        return not places
    dish = BY_DISH[items[0].dish_id]
    return any(
        place.fits(dish) and fills(places[:index] + places[index + 1 :], items[1:])
        for index, place in enumerate(places)
    )


@given(st.data(), trays(), menus(), rule_lists())
def test_the_bill_adds_up_and_refunds_item_by_item_give_back_exactly_what_was_paid(
    data: st.DataObject, items: list[ScannedItem], menu: Menu, rules: list[BenefitRule]
) -> None:
    bill = compute_bill(lines_of(items, menu), rules, occasion(), facts(), ())
    check(bill)
    assert sum(line.gross_fen for line in bill.lines) == bill.gross_fen
    by_id = {rule.rule_id: rule for rule in rules}

    left, back_fen = bill, 0
    for item in data.draw(st.permutations(items)):
        kept = frozenset(line.item_id for line in left.lines) - {item.item_id}
        reversal = subtract(left, remaining_bill(left, kept, [by_id[b.rule_id] for b in left.benefits]))
        assert reversal.own_fen >= 0
        back_fen += reversal.own_fen
        left = subtract(left, reversal)

    assert (back_fen, left.lines, left.benefits) == (bill.own_fen, (), ())
