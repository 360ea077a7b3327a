"""Price what lies on one tray together: set meals at one price, and dishes that come free with others.

Rule: every portion is used once. Of all ways to give the menu's set meals and inclusions the one that takes off most
is taken; where two take off the same, the one with fewer offers. A set meal's price is split over its portions by
their prices on the menu, to the fen, so that each can be billed and given back on its own; what is included costs 0.
A garnish that has to lie with its main is settled first: it is part of its main and fills no place in a set meal. A
main inside a set meal still brings what it includes.

The result depends on the dishes, their prices and which boxes touch; the order of the portions changes no price.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.domain.bill import AppliedOffer, OfferedLine, OfferKind, ScannedItem
from engine.domain.errors import InvalidValueError
from engine.domain.menu import (
    MAX_DISHES_PER_SET_MEAL,
    MAX_INCLUSIONS_PER_MENU,
    MAX_PRICE_FEN,
    MAX_SET_MEALS_PER_MENU,
    DishChoice,
    Inclusion,
    Menu,
    MenuContent,
    MenuItem,
    SetMeal,
    SetSlot,
)
from engine.domain.money import allocate, yuan
from engine.domain.reading import Box


def apply_offers(items: Sequence[ScannedItem], menu: Menu) -> tuple[AppliedOffer, ...]:
    """Return the offers that the items of a tray get; an item that is not named by any costs its menu price.

    Args:
        items: those without a dish are left out; each other carries its menu price in fen.
    """
    sold = [item for item in items if item.dish_id in menu.by_dish]
    lying = _lying_with_mains(menu, sold)
    given = [offer for inclusion, chosen in lying for offer in _applied_inclusion(inclusion, chosen, menu.version)]
    taken = {line.item_id for offer in given for line in offer.lines}
    deals = [*_set_meals(menu), *_inclusions(menu, sold)]
    for deal, chosen in _best(deals, [item for item in sold if item.item_id not in taken], menu.by_dish):
        if isinstance(deal.offer, Inclusion):
            given += _applied_inclusion(deal.offer, chosen, menu.version)
        else:
            given.append(_applied_set_meal(deal.offer, chosen, menu.version))
    return tuple(given)


# --- the best way to give them ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deal:
    """One offer as the search sees it: what it takes, for how much, how often."""

    offer: SetMeal | Inclusion
    slots: tuple[SetSlot, ...]
    price_fen: int
    at_most: int | None
    """How often; None for as often as there are dishes."""


def _set_meals(menu: Menu) -> Iterator[_Deal]:
    for meal in menu.set_meals:
        yield _Deal(offer=meal, slots=meal.slots, price_fen=meal.price_fen, at_most=None)


def _inclusions(menu: Menu, sold: Sequence[ScannedItem]) -> Iterator[_Deal]:
    for inclusion in menu.inclusions:
        if not inclusion.touching:
            mains = sum(inclusion.mains.fits(menu.by_dish[item.dish_id]) for item in sold)
            at_most = min(mains * inclusion.per_main, inclusion.at_most_per_tray or len(sold))
            yield _Deal(offer=inclusion, slots=(SetSlot(dishes=inclusion.included),), price_fen=0, at_most=at_most)


_Counts = tuple[int, ...]
"""How many portions of each class."""


class _Search:
    """Finds what to give. Portions that fit the same slots are one class, and of a class the dearest are used first.

    That loses nothing: what is taken off is the menu prices of the portions used less the prices of the offers, so
    exchanging a portion for a dearer one of its class never takes off less. The ways that remain are counts per class.
    """

    def __init__(self, deals: Sequence[_Deal], classes: Sequence[Sequence[int]], fitting: Sequence[Sequence[_Counts]]):
        """Prepare a search.

        Args:
            deals: what may be given.
            classes: the prices in fen of the portions of each class, dearest first.
            fitting: for each deal and each of its slots the classes that fit.
        """
        self._deals = deals
        self._sums_fen = [(0, *accumulate(prices_fen)) for prices_fen in classes]
        sizes = tuple(len(prices_fen) for prices_fen in classes)
        self._fills = [_fills(deal.slots, of_deal, sizes) for deal, of_deal in zip(deals, fitting, strict=True)]
        self._known: dict[tuple[int, int, _Counts], tuple[int, _Counts | None]] = {}

    def steps(self) -> Iterator[tuple[int, _Counts]]:
        """Yield what is given: the deal's number and how many portions of each class it takes."""
        number, uses, used = 0, 0, (0,) * len(self._sums_fen)
        while number < len(self._deals):
            fill = self._choose(number, uses, used)[1]
            if fill is None:
                number, uses = number + 1, 0
            else:
                yield number, fill
                uses, used = self._after(number, uses), _sum(used, fill)

    def _choose(self, number: int, uses: int, used: _Counts) -> tuple[int, _Counts | None]:
        """Return the most that deals from a number on take off, in fen, and what the next use of it takes, if any."""
        if number == len(self._deals):
            return 0, None
        state = (number, uses, used)
        known = self._known.get(state)
        if known is None:
            known = self._choose(number + 1, 0, used)[0], None
            deal = self._deals[number]
            if deal.at_most is None or uses < deal.at_most:
                for fill in self._fills[number]:
                    first_fen = self._off_fen(number, used, fill)
                    if first_fen is not None:
                        rest_fen = self._choose(number, self._after(number, uses), _sum(used, fill))[0]
                        if first_fen + rest_fen > known[0]:
                            known = first_fen + rest_fen, fill
            self._known[state] = known
        return known

    def _after(self, number: int, uses: int) -> int:
        """Count the uses of a deal where they are limited."""
        return 0 if self._deals[number].at_most is None else uses + 1

    def _off_fen(self, number: int, used: _Counts, fill: _Counts) -> int | None:
        """Return what one use of a deal takes off, in fen; None if too little is left of a class."""
        off_fen = -self._deals[number].price_fen
        for sums_fen, begin, count in zip(self._sums_fen, used, fill, strict=True):
            if count:
                end = begin + count
                if end >= len(sums_fen):
                    return None
                off_fen += sums_fen[end] - sums_fen[begin]
        return off_fen


def _fills(slots: Sequence[SetSlot], fitting: Sequence[_Counts], sizes: _Counts) -> tuple[_Counts, ...]:
    """Return every way to fill slots with portions of classes of these sizes, each once, always in the same order."""
    ways = {(0,) * len(sizes)}
    for slot, classes in zip(slots, fitting, strict=True):
        for _ in range(slot.count):
            ways = {
                tuple(count + (of_class == chosen) for of_class, count in enumerate(way))
                for way in ways
                for chosen in classes
                if way[chosen] < sizes[chosen]
            }
    return tuple(sorted(ways))


def _sum(one: _Counts, other: _Counts) -> _Counts:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _best(
    deals: Sequence[_Deal], items: Sequence[ScannedItem], by_dish: Mapping[str, MenuItem]
) -> Iterator[tuple[_Deal, list[ScannedItem]]]:
    """Yield each deal that is given with its items; an inclusion once, with all that it includes."""
    by_fit: dict[tuple[tuple[bool, ...], ...], list[ScannedItem]] = {}
    for item in sorted(items, key=_dearest_first):
        dish = by_dish[item.dish_id]
        fit = tuple(tuple(slot.dishes.fits(dish) for slot in deal.slots) for deal in deals)
        if any(any(slots) for slots in fit):
            by_fit.setdefault(fit, []).append(item)
    fits = sorted(by_fit)
    classes = [by_fit[fit] for fit in fits]
    search = _Search(
        deals,
        [[item.price_fen for item in of_class] for of_class in classes],
        [
            [tuple(c for c, fit in enumerate(fits) if fit[d][s]) for s in range(len(deal.slots))]
            for d, deal in enumerate(deals)
        ],
    )
    begin = [0] * len(classes)
    included: dict[int, list[ScannedItem]] = {}
    for number, fill in search.steps():
        chosen: list[ScannedItem] = []
        for of_class, count in enumerate(fill):
            chosen += classes[of_class][begin[of_class] : begin[of_class] + count]
            begin[of_class] += count
        if isinstance(deals[number].offer, SetMeal):
            yield deals[number], chosen
        else:
            included.setdefault(number, []).extend(chosen)
    for number, chosen in included.items():
        yield deals[number], chosen


def _dearest_first(item: ScannedItem) -> tuple[int, str, int]:
    return -item.price_fen, item.dish_id, item.item_id


# --- a garnish with its main ------------------------------------------------------------------------------------


def _lying_with_mains(menu: Menu, sold: Sequence[ScannedItem]) -> list[tuple[Inclusion, list[ScannedItem]]]:
    """Return what each inclusion that asks for touching makes free: the dearest garnishes, if the mains are too few.

    A garnish that finds its mains taken takes the place of one that can lie with another main.
    """
    inclusions = [inclusion for inclusion in menu.inclusions if inclusion.touching]
    beside: dict[int, list[tuple[int, int]]] = {}
    placed: dict[tuple[int, int], list[ScannedItem]] = {}
    for number, inclusion in enumerate(inclusions):
        for main in sold:
            if inclusion.mains.fits(menu.by_dish[main.dish_id]):
                placed[number, main.item_id] = []
                for item in sold:
                    if inclusion.included.fits(menu.by_dish[item.dish_id]) and _touch(item.box, main.box):
                        beside.setdefault(item.item_id, []).append((number, main.item_id))

    def finds_place(item: ScannedItem, asked: set[tuple[int, int]]) -> bool:
        for place in beside[item.item_id]:
            if place in asked:
                continue
            asked.add(place)
            held = placed[place]
            if len(held) < inclusions[place[0]].per_main:
                held.append(item)
                return True
            for index, other in enumerate(held):
                if finds_place(other, asked):
                    held[index] = item
                    return True
        return False

    for item in sorted(sold, key=_dearest_first):
        if item.item_id in beside:
            finds_place(item, set())
    return [
        (inclusion, [item for place, items in placed.items() if place[0] == number for item in items])
        for number, inclusion in enumerate(inclusions)
    ]


def _touch(one: Box | None, other: Box | None) -> bool:
    """Tell whether two portions touch or overlap; what a person added was not seen anywhere."""
    return (
        one is not None
        and other is not None
        and max(one.left_px, other.left_px) <= min(one.right_px, other.right_px)
        and max(one.top_px, other.top_px) <= min(one.bottom_px, other.bottom_px)
    )


# --- what is said about them ------------------------------------------------------------------------------------


def _applied_set_meal(meal: SetMeal, chosen: Sequence[ScannedItem], menu_version: int) -> AppliedOffer:
    dearest_first = sorted(chosen, key=_dearest_first)
    prices_fen = allocate(meal.price_fen, [item.price_fen for item in dearest_first])
    return _applied(meal, OfferKind.SET_MEAL, zip(dearest_first, prices_fen, strict=True), menu_version)


def _applied_inclusion(
    inclusion: Inclusion, chosen: Sequence[ScannedItem], menu_version: int
) -> tuple[AppliedOffer, ...]:
    if not chosen:
        return ()
    return (_applied(inclusion, OfferKind.INCLUSION, ((item, 0) for item in chosen), menu_version),)


def _applied(
    offer: SetMeal | Inclusion, kind: OfferKind, priced: Iterable[tuple[ScannedItem, int]], menu_version: int
) -> AppliedOffer:
    lines = [
        OfferedLine(item_id=item.item_id, list_fen=item.price_fen, price_fen=price_fen) for item, price_fen in priced
    ]
    return AppliedOffer(
        offer_id=offer.offer_id,
        menu_version=menu_version,
        kind=kind,
        title_zh=offer.title_zh,
        title_en=offer.title_en,
        lines=tuple(sorted(lines, key=lambda line: line.item_id)),
    )


# --- what a menu may offer --------------------------------------------------------------------------------------


def check_offers(content: MenuContent) -> None:
    """Make sure that the offers of a menu can be given and that none makes a whole tray free.

    Raises:
        InvalidValueError: `details['offer_id']` names the offer.
    """
    if len(content.set_meals) > MAX_SET_MEALS_PER_MENU or len(content.inclusions) > MAX_INCLUSIONS_PER_MENU:
        raise InvalidValueError(
            f"A menu has at most {MAX_SET_MEALS_PER_MENU} set meals and {MAX_INCLUSIONS_PER_MENU} inclusions, not "
            f"{len(content.set_meals)} and {len(content.inclusions)}. Remove some."
        )
    offers: list[SetMeal | Inclusion] = [*content.set_meals, *content.inclusions]
    for offer_id, times in Counter(offer.offer_id for offer in offers).items():
        if times > 1 or not offer_id:
            raise _wrong(offer_id, "is the id of several offers" if offer_id else "is no id")
    for meal in content.set_meals:
        _check_set_meal(meal, content.items)
    for inclusion in content.inclusions:
        _check_inclusion(inclusion, content.items)
    _check_no_circle(content)


def _check_set_meal(meal: SetMeal, items: Sequence[MenuItem]) -> None:
    portions = sum(slot.count for slot in meal.slots)
    if not 2 <= portions <= MAX_DISHES_PER_SET_MEAL or any(slot.count < 1 for slot in meal.slots):
        raise _wrong(meal.offer_id, f"is a set of {portions} dishes; 2 to {MAX_DISHES_PER_SET_MEAL} make a set")
    if not 1 <= meal.price_fen <= MAX_PRICE_FEN:
        raise _wrong(meal.offer_id, f"costs {meal.price_fen} fen; a set meal costs 1 to {MAX_PRICE_FEN}")
    dearest_fen = 0
    for slot in meal.slots:
        _check_choice(meal.offer_id, slot.dishes, items)
        dearest_fen += slot.count * max(item.price_fen for item in items if slot.dishes.fits(item))
    if meal.price_fen >= dearest_fen:
        raise _wrong(
            meal.offer_id,
            f"costs {yuan(meal.price_fen)} yuan, its dishes on their own at most {yuan(dearest_fen)}, so it would "
            "never be given",
        )


def _check_inclusion(inclusion: Inclusion, items: Sequence[MenuItem]) -> None:
    _check_choice(inclusion.offer_id, inclusion.mains, items)
    _check_choice(inclusion.offer_id, inclusion.included, items)
    if inclusion.per_main < 1 or inclusion.at_most_per_tray < 0:
        raise _wrong(inclusion.offer_id, "includes less than one portion")
    if inclusion.touching and inclusion.at_most_per_tray:
        raise _wrong(inclusion.offer_id, "asks for touching, where `per_main` is the limit, not `at_most_per_tray`")


def _check_choice(offer_id: str, choice: DishChoice, items: Sequence[MenuItem]) -> None:
    if not choice.dish_ids and not choice.categories:
        raise _wrong(offer_id, "names neither dishes nor categories in one of its places")
    sold = {item.dish_id for item in items}
    for dish_id in choice.dish_ids:
        if dish_id not in sold:
            raise _wrong(offer_id, f"names the dish '{dish_id}', which this menu does not sell")
    for category in choice.categories:
        if not category or all(item.category != category for item in items):
            raise _wrong(offer_id, f"names the category '{category}', in which this menu sells nothing")


def _check_no_circle(content: MenuContent) -> None:
    """Refuse dishes that include themselves, directly or by way of others: such a tray could be free as a whole."""
    brings: dict[str, dict[str, str]] = {item.dish_id: {} for item in content.items}
    for inclusion in content.inclusions:
        for main in content.items:
            if inclusion.mains.fits(main):
                for item in content.items:
                    if inclusion.included.fits(item):
                        brings[main.dish_id][item.dish_id] = inclusion.offer_id
    free: set[str] = set()
    while True:
        more = {dish_id for dish_id, included in brings.items() if dish_id not in free and included.keys() <= free}
        if not more:
            break
        free |= more
    if len(free) < len(brings):
        dish_id, offer_id, passed = min(brings.keys() - free), "", set[str]()
        while dish_id not in passed:
            passed.add(dish_id)
            dish_id, offer_id = min((next_id, by) for next_id, by in brings[dish_id].items() if next_id not in free)
        raise _wrong(offer_id, f"goes in a circle: '{dish_id}' would include itself, directly or through other dishes")


def _wrong(offer_id: str, what: str) -> InvalidValueError:
    return InvalidValueError(f"The offer '{offer_id}' {what}. Correct the menu.", offer_id=offer_id)
