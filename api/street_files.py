"""Reads a street (canteens, dishes, menus) from TOML files; the layout is described in fixtures/street/README.md."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from engine.domain.calendar import MealPeriod
from engine.domain.canteen import CanteenProfile, Lane
from engine.domain.errors import SettingsError
from engine.domain.menu import DishChoice, Inclusion, MenuContent, MenuItem, SetMeal, SetSlot


class _Named(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    id: str
    name_zh: str
    name_en: str


class _Street(_Named, forbid_unknown_fields=True, kw_only=True):
    district: str
    city: str
    utc_offset_minutes: int
    reference_day: Any = None


class _Period(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    name_zh: str
    name_en: str
    starts: str
    ends: str


class _Canteen(_Named, forbid_unknown_fields=True, kw_only=True):
    lanes: list[_Named]
    district: str = ""
    crockery: str = ""
    vessels: list[str] = []


class _StreetFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    street: _Street
    meal_periods: dict[str, _Period]
    canteens: list[_Canteen]


class _Dish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    dish_id: str
    name_zh: str
    name_en: str
    category: str = ""


class _DishFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    dishes: list[_Dish]


class _Size(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    dish_id: str
    name_zh: str
    name_en: str
    price_fen: int
    from_area_bps: int = 0


class _PricedDish(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    dish_id: str
    price_fen: int | None = None
    from_area_bps: int = 0
    sold_by_piece: bool = False
    sizes: list[_Size] = []


class _Choice(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    dish_ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def choice(self) -> DishChoice:
        return DishChoice(dish_ids=self.dish_ids, categories=self.categories)


class _Slot(_Choice, forbid_unknown_fields=True, kw_only=True):
    count: int = 1


class _SetMeal(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    offer_id: str
    title_zh: str
    title_en: str
    price_fen: int
    slots: list[_Slot]

    def set_meal(self) -> SetMeal:
        return SetMeal(
            offer_id=self.offer_id,
            title_zh=self.title_zh,
            title_en=self.title_en,
            price_fen=self.price_fen,
            slots=tuple(SetSlot(dishes=slot.choice(), count=slot.count) for slot in self.slots),
        )


class _Inclusion(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    offer_id: str
    title_zh: str
    title_en: str
    mains: _Choice
    included: _Choice
    per_main: int = 1
    at_most_per_tray: int = 0
    touching: bool = False

    def inclusion(self) -> Inclusion:
        return Inclusion(
            offer_id=self.offer_id,
            title_zh=self.title_zh,
            title_en=self.title_en,
            mains=self.mains.choice(),
            included=self.included.choice(),
            per_main=self.per_main,
            at_most_per_tray=self.at_most_per_tray,
            touching=self.touching,
        )


class _Menu(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    canteen: str
    meal_period: str
    items: list[_PricedDish]
    set_meals: list[_SetMeal] = []
    inclusions: list[_Inclusion] = []


class _MenuFile(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    menus: list[_Menu]


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """Canteens with their menus by (canteen id, meal period), and the names of all dishes."""

    canteens: tuple[CanteenProfile, ...]
    menus: Mapping[tuple[str, str], MenuContent]
    dishes: Mapping[str, MenuItem]


def read_street(folder: Path) -> Street:
    """Read street.toml, dishes.toml and menus.toml of one folder.

    Raises:
        SettingsError: a file is missing or is not what the layout says; the message names the file and the key.
    """
    dishes = read_dishes(folder / "dishes.toml")
    return Street(
        canteens=read_canteens(folder / "street.toml"),
        menus=read_menus(folder / "menus.toml", dishes),
        dishes=dishes,
    )


def read_canteens(path: Path) -> tuple[CanteenProfile, ...]:
    """Read the canteens of a street."""
    file = _read(path, _StreetFile)
    periods = sorted(
        (
            MealPeriod(
                period_id=period_id,
                name_zh=period.name_zh,
                name_en=period.name_en,
                from_minute=_minute(path, period.starts),
                until_minute=_minute(path, period.ends),
            )
            for period_id, period in file.meal_periods.items()
        ),
        key=lambda period: period.from_minute,
    )
    return tuple(
        CanteenProfile(
            canteen_id=canteen.id,
            name_zh=canteen.name_zh,
            name_en=canteen.name_en,
            street=file.street.id,
            district=canteen.district or file.street.district,
            city=file.street.city,
            utc_offset_minutes=file.street.utc_offset_minutes,
            lanes=tuple(Lane(lane_id=lane.id, name_zh=lane.name_zh, name_en=lane.name_en) for lane in canteen.lanes),
            meal_periods=tuple(periods),
        )
        for canteen in file.canteens
    )


def read_dishes(path: Path) -> dict[str, MenuItem]:
    """Read the names of dishes, by id, without a price.

    Raises:
        SettingsError: a dish stands twice.
    """
    dishes: dict[str, MenuItem] = {}
    for dish in _read(path, _DishFile).dishes:
        if dish.dish_id in dishes:
            raise SettingsError(f"{path}: the dish {dish.dish_id} stands twice.")
        dishes[dish.dish_id] = MenuItem(
            dish_id=dish.dish_id,
            name_zh=dish.name_zh,
            name_en=dish.name_en,
            price_fen=0,
            category=dish.category,
        )
    return dishes


def read_menus(path: Path, dishes: Mapping[str, MenuItem]) -> dict[tuple[str, str], MenuContent]:
    """Read menus by canteen id and meal period; a dish without a price gets 0, which publishing refuses.

    Whether sizes and offers fit their menu is judged when it is published, menu by menu.

    Raises:
        SettingsError: a dish has no name, or a menu stands twice.
    """
    menus: dict[tuple[str, str], MenuContent] = {}
    for menu in _read(path, _MenuFile).menus:
        key = (menu.canteen, menu.meal_period)
        if key in menus:
            raise SettingsError(f"{path}: the menu of {menu.canteen}, {menu.meal_period} stands twice.")
        unnamed = [item.dish_id for item in menu.items if item.dish_id not in dishes]
        if unnamed:
            raise SettingsError(f"{path}: {menu.canteen}, {menu.meal_period}: no name for {', '.join(unnamed)}.")
        menus[key] = MenuContent(
            items=tuple(size for item in menu.items for size in _sizes(dishes[item.dish_id], item)),
            set_meals=tuple(meal.set_meal() for meal in menu.set_meals),
            inclusions=tuple(inclusion.inclusion() for inclusion in menu.inclusions),
        )
    return menus


def _sizes(dish: MenuItem, priced: _PricedDish) -> list[MenuItem]:
    """Return a dish as it is sold, followed by its other sizes."""
    sold = replace(
        dish,
        price_fen=priced.price_fen or 0,
        from_area_bps=priced.from_area_bps,
        sold_by_piece=priced.sold_by_piece,
    )
    others = [
        replace(
            sold,
            dish_id=size.dish_id,
            name_zh=size.name_zh,
            name_en=size.name_en,
            price_fen=size.price_fen,
            size_of=dish.dish_id,
            from_area_bps=size.from_area_bps,
        )
        for size in priced.sizes
    ]
    return [sold, *others]


def _minute(path: Path, clock: str) -> int:
    hour, _, minute = clock.partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and int(hour) <= 24 and int(minute) < 60):
        raise SettingsError(f"{path}: '{clock}' is not a time such as 11:30.")
    return int(hour) * 60 + int(minute)


def _read(path: Path, layout: type[Any]) -> Any:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), layout)
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist. Give the path of the file.") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Give the path of the file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not readable as TOML: {error}.") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"{path}: {error}.") from error
