"""Tell the sizes of a dish apart by how much of the photograph a portion covers.

Rule: the camera hangs still over the counter, so one bowl covers one share of the photograph. A portion belongs to the
largest size whose `from_area_bps` it reaches. Within a tenth of a border it may be either size, and a person chooses.
Sizes without borders are always asked for.

Source: the spread of areas measured for decision P8.
"""

from collections.abc import Iterable, Mapping, Sequence

from engine.domain.errors import InvalidValueError
from engine.domain.menu import MenuItem
from engine.domain.money import WHOLE_BPS
from engine.domain.reading import Box

DOUBT_BPS = 1_000
"""How near to a border, relative to it, a portion may be of either size."""


def sizes_of(menu: Mapping[str, MenuItem], dish_id: str) -> tuple[MenuItem, ...]:
    """Return all sizes of a dish, smallest first; the dish alone if it has one size."""
    basic = menu[dish_id].size_of or dish_id
    sizes = [item for item in menu.values() if basic in (item.dish_id, item.size_of)]
    return tuple(sorted(sizes, key=_smallest_first))


def sizes_by_area(sizes: Sequence[MenuItem], box: Box, width_px: int, height_px: int) -> tuple[MenuItem, ...]:
    """Return the sizes that a portion may be, likeliest first: one if its area says so, else a person chooses.

    Args:
        sizes: smallest first.
        box: the portion, in pixels of a photograph of `width_px` x `height_px`.
    """
    borders = [size.from_area_bps for size in sizes[1:]]
    frame_px = width_px * height_px
    if not all(borders) or frame_px <= 0:
        return tuple(sizes)
    area = (box.right_px - box.left_px) * (box.bottom_px - box.top_px) * WHOLE_BPS
    reached = sum(area >= border * frame_px for border in borders)
    likely = [sizes[reached]]
    for below, border in enumerate(borders):
        if abs(area - border * frame_px) * WHOLE_BPS < border * frame_px * DOUBT_BPS:
            likely += [size for size in sizes[below : below + 2] if size not in likely]
    return tuple(likely)


def check_sizes(items: Sequence[MenuItem]) -> None:
    """Make sure that the sizes of each dish can be told apart and priced.

    Raises:
        InvalidValueError: `details['dish_id']` names the dish.
    """
    menu = {item.dish_id: item for item in items}
    for item in items:
        basic = menu.get(item.size_of)
        if item.size_of and (basic is None or basic.size_of):
            raise _wrong(
                item.dish_id, f"is a size of '{item.size_of}', which the menu does not sell as a dish of its own"
            )
        if not 0 <= item.from_area_bps <= WHOLE_BPS:
            raise _wrong(item.dish_id, f"begins at {item.from_area_bps} basis points; a photograph has {WHOLE_BPS}")
    for basic_id in {item.size_of or item.dish_id for item in items}:
        _check_borders(basic_id, sizes_of(menu, basic_id))


def _check_borders(basic_id: str, sizes: Sequence[MenuItem]) -> None:
    areas_bps = [size.from_area_bps for size in sizes]
    if not any(areas_bps):
        return
    if areas_bps[0] or len(set(areas_bps)) < len(areas_bps):
        raise _wrong(
            basic_id, f"has sizes from {_listed(areas_bps)} basis points; the smallest begins at 0, each other higher"
        )
    prices_fen = [size.price_fen for size in sizes]
    if prices_fen != sorted(set(prices_fen)):
        raise _wrong(basic_id, f"has sizes at {_listed(prices_fen)} fen, smallest first; a larger one costs more")


def _smallest_first(item: MenuItem) -> tuple[int, int, str]:
    return item.from_area_bps, item.price_fen, item.dish_id


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)


def _wrong(dish_id: str, what: str) -> InvalidValueError:
    return InvalidValueError(f"'{dish_id}' {what}. Correct the menu.", dish_id=dish_id)
