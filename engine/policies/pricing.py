"""Turn a reading into priced items of the menu in force."""

from collections.abc import Mapping

from engine.domain.bill import ItemStatus, ScannedItem
from engine.domain.errors import DishNotOnMenuError, DishWithoutPriceError, EmptyTrayError, InvalidValueError
from engine.domain.menu import MenuItem
from engine.domain.reading import TrayReading
from engine.policies.acceptance import AcceptancePolicy

MAX_ITEMS_PER_TRAY = 30


def price_reading(
    reading: TrayReading, menu: Mapping[str, MenuItem], policy: AcceptancePolicy
) -> tuple[ScannedItem, ...]:
    """Judge and price every portion; an unknown portion has no dish and no price until a person names it.

    Raises:
        EmptyTrayError: the reading holds no portion; nothing may be billed from it.
        InvalidValueError: more portions than fit on a tray.
        DishNotOnMenuError: a candidate is not on the menu, so the reading was made for another one.
    """
    if not reading.sightings:
        raise EmptyTrayError("No dish was seen on the tray. Put the tray inside the marked area, or call staff.")
    if len(reading.sightings) > MAX_ITEMS_PER_TRAY:
        raise InvalidValueError(
            f"{len(reading.sightings)} portions were seen; a tray holds at most {MAX_ITEMS_PER_TRAY}. Call staff.",
            portions=len(reading.sightings),
        )
    items = []
    statuses = policy.judge_tray(reading.sightings)
    for number, (sighting, status) in enumerate(zip(reading.sightings, statuses, strict=True), start=1):
        for candidate in sighting.candidates:
            require_priced(menu, candidate.dish_id)
        dish_id = "" if status is ItemStatus.UNKNOWN else sighting.candidates[0].dish_id
        items.append(
            ScannedItem(
                item_id=number,
                status=status,
                dish_id=dish_id,
                price_fen=menu[dish_id].price_fen if dish_id else 0,
                confidence_bps=policy.confidence_bps(sighting),
                detector_bps=sighting.detector_bps,
                box=sighting.box,
                candidates=sighting.candidates,
            )
        )
    return tuple(items)


def require_priced(menu: Mapping[str, MenuItem], dish_id: str) -> MenuItem:
    """Return the menu's entry of a dish.

    Raises:
        DishNotOnMenuError: the menu in force does not sell it.
        DishWithoutPriceError: it is listed without a price above zero.
    """
    item = menu.get(dish_id)
    if item is None:
        raise DishNotOnMenuError(
            f"The menu in force does not sell '{dish_id}'. Publish it on the menu with a price first.", dish_id=dish_id
        )
    if item.price_fen <= 0:
        raise DishWithoutPriceError(f"'{dish_id}' has no price. Publish a menu with its price.", dish_id=dish_id)
    return item
