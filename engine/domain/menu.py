"""A menu: the priced dishes of one canteen, day and meal period."""

from dataclasses import dataclass

MAX_PRICE_FEN = 100_000
MAX_DISHES_PER_MENU = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuItem:
    """One dish at its price."""

    dish_id: str
    name_zh: str
    name_en: str
    price_fen: int
    category: str = ""
