"""A menu: the priced dishes of one canteen, day and meal period, and what its offers make of several on one tray.

A *set meal* sells dishes together at one price; an *inclusion* lets a dish come free with another (rice with any meat,
greens lying on the ribs). A dish that is sold in sizes stands once per size, each with an id and a price of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_PRICE_FEN = 100_000
MAX_DISHES_PER_MENU = 300
MAX_SET_MEALS_PER_MENU = 5
MAX_INCLUSIONS_PER_MENU = 5
MAX_DISHES_PER_SET_MEAL = 8
MAX_PIECES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One dish at its price, per portion or per piece.

    `size_of` names the dish that this is another size of. `from_area_bps` is the smallest box of this size, in basis
    points of the photograph's area; 0 for every size of a dish means that only a person tells its sizes apart.
    """

    dish_id: str
    name_zh: str
    name_en: str
    price_fen: int
    category: str = ""
    size_of: str = ""
    from_area_bps: int = 0
    sold_by_piece: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DishChoice:
    """Dishes by id, by category, or both: any of them fits."""

    dish_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def fits(self, dish: MenuItem) -> bool:
        """Tell whether a dish is one of these."""
        return dish.dish_id in self.dish_ids or (dish.category != "" and dish.category in self.categories)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSlot:
    """So many portions of any of these dishes."""

    dishes: DishChoice
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMeal:
    """Dishes that cost one price together: one portion for each count of each slot."""

    offer_id: str
    title_zh: str
    title_en: str
    price_fen: int
    slots: tuple[SetSlot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Dishes that cost nothing with a main dish.

    Every main on the tray brings `per_main` of them, all mains together at most `at_most_per_tray` (0: no limit).
    `touching`: only what lies with its main, so that their boxes touch; the same dish in a well of its own is charged.
    There `per_main` is the only limit.
    """

    offer_id: str
    title_zh: str
    title_en: str
    mains: DishChoice
    included: DishChoice
    per_main: int = 1
    at_most_per_tray: int = 0
    touching: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuContent:
    """What is published: dishes and offers."""

    items: tuple[MenuItem, ...] = ()
    set_meals: tuple[SetMeal, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu(MenuContent):
    """The menu in force; version 0 means that none was published."""

    version: int = 0
    by_dish: Mapping[str, MenuItem] = field(default_factory=dict)
