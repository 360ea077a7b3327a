"""Turn a reading into items at the prices of the menu in force; offers on several of them are priced in `offers.py`.

A camera counts portions, never pieces: two eggs in one well are one portion until a person says how many they are.
"""

from collections.abc import Mapping
from dataclasses import replace

from engine.domain.bill import Doubt, ItemStatus, ScannedItem
from engine.domain.errors import DishNotOnMenuError, DishWithoutPriceError, EmptyTrayError, InvalidValueError
from engine.domain.menu import MenuItem
from engine.domain.reading import Candidate, DishSighting, TrayReading
from engine.policies.acceptance import AcceptancePolicy
from engine.policies.sizes import sizes_by_area, sizes_of

MAX_ITEMS_PER_TRAY = 30


def price_reading(
    reading: TrayReading, menu: Mapping[str, MenuItem], policy: AcceptancePolicy
) -> tuple[ScannedItem, ...]:
    """Judge and price every portion; an unknown portion has no dish and no price until a person names it.

    A dish in sizes is judged as one dish. Its candidates are then the sizes that the portion may be; where these are
    several, the portion is uncertain, however surely the dish was recognised.

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
    sightings = [_whatever_size(sighting, menu) for sighting in reading.sightings]
    judgements = policy.judge_tray(sightings)
    for number, (sighting, judged) in enumerate(zip(sightings, judgements, strict=True), start=1):
        status, doubt = judged.status, judged.doubt
        candidates: list[Candidate] = []
        for rank, candidate in enumerate(sighting.candidates):
            sizes = sizes_by_area(sizes_of(menu, candidate.dish_id), sighting.box, reading.width_px, reading.height_px)
            candidates += [replace(candidate, dish_id=size.dish_id) for size in sizes]
            if rank == 0 and len(sizes) > 1 and status is ItemStatus.ACCEPTED:
                status, doubt = ItemStatus.UNCERTAIN, Doubt.WHICH_SIZE
        dish_id = "" if status is ItemStatus.UNKNOWN else candidates[0].dish_id
        items.append(
            ScannedItem(
                item_id=number,
                status=status,
                doubt=doubt,
                dish_id=dish_id,
                price_fen=menu[dish_id].price_fen if dish_id else 0,
                confidence_bps=policy.confidence_bps(sighting),
                detector_bps=sighting.detector_bps,
                box=sighting.box,
                candidates=tuple(candidates),
            )
        )
    return tuple(items)


def _whatever_size(sighting: DishSighting, menu: Mapping[str, MenuItem]) -> DishSighting:
    """Let the candidates of a portion name dishes without their sizes, each dish once at its best similarity."""
    dishes: dict[str, Candidate] = {}
    for candidate in sighting.candidates:
        dish_id = require_priced(menu, candidate.dish_id).size_of or candidate.dish_id
        dishes.setdefault(dish_id, replace(candidate, dish_id=dish_id))
    return replace(sighting, candidates=tuple(dishes.values()))


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
