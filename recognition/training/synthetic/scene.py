"""Whole scenes: a canteen's crockery on its counter, portions in it, one photograph and its labels."""

import copy
import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recognition.training.synthetic.camera import Camera, develop, look
from recognition.training.synthetic.dishes import RECIPES, serve
from recognition.training.synthetic.light import random_lighting, shade
from recognition.training.synthetic.surface import Surface
from recognition.training.synthetic.vessels import (
    Slot,
    drop_napkin,
    lay_chopsticks,
    lay_spoon,
    lay_table,
    put_bowl,
    put_compartment_tray,
    put_flat_tray,
    put_plate,
)

SCENE_WIDTH_MM = 560.0
SCENE_DEPTH_MM = 440.0

_WHITE_WELLS = (
    (12, 12, 108, 112, 24),
    (131, 12, 108, 112, 54),
    (250, 12, 108, 112, 24),
    (12, 134, 168, 128, 26),
    (190, 134, 168, 128, 26),
)
_STEEL_WELLS = (
    (14, 14, 166, 112, 22),
    (192, 14, 166, 112, 22),
    (14, 138, 116, 122, 22),
    (140, 142, 112, 112, 56),
    (262, 138, 96, 122, 22),
)
_GREEN_WELLS = (
    (12, 12, 152, 116, 24),
    (174, 12, 136, 116, 24),
    (12, 138, 136, 120, 24),
    (158, 138, 152, 120, 24),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortionLabel:
    """One portion in a picture; the box is the extent of its visible food in pixels, right and bottom exclusive."""

    dish_id: str
    box: tuple[int, int, int, int]
    covered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Photograph:
    """A finished picture and what is in it."""

    image: Image.Image
    portions: tuple[PortionLabel, ...]


def seeded(*words: object) -> np.random.Generator:
    """Make a random generator that depends on these words only, on every machine alike."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _compartments(
    surface: Surface, rng: np.random.Generator, crockery: str, x: float, y: float
) -> list[tuple[Slot, bool]]:
    """Return slots with whether each is meant for soup."""
    if crockery == "white_melamine_tray":
        slots = put_compartment_tray(
            surface, rng, x_mm=x, y_mm=y, width_mm=370, depth_mm=274, wells=_WHITE_WELLS, finish="white_melamine"
        )
        return [(slot, k == 1) for k, slot in enumerate(slots)]
    if crockery == "steel_tray":
        slots = put_compartment_tray(
            surface, rng, x_mm=x, y_mm=y, width_mm=372, depth_mm=274, wells=_STEEL_WELLS, finish="steel"
        )
        return [(slot, k == 3) for k, slot in enumerate(slots)]
    slots = put_compartment_tray(
        surface, rng, x_mm=x - 66, y_mm=y, width_mm=322, depth_mm=270, wells=_GREEN_WELLS, finish="green_melamine"
    )
    return [(slot, False) for slot in slots]


_TABLES = {
    "white_melamine_tray": "wood",
    "steel_tray": "white_laminate",
    "plates_on_tray": "grey_stone",
    "green_melamine_tray": "steel",
}


def _set_out(
    surface: Surface, rng: np.random.Generator, crockery: str, dishes: tuple[str, ...]
) -> list[tuple[str, Slot]]:
    """Put the crockery down and decide which dish goes where."""
    lay_table(surface, rng, _TABLES[crockery])
    x, y = SCENE_WIDTH_MM / 2, SCENE_DEPTH_MM / 2
    if crockery == "plates_on_tray":
        return _plates(surface, rng, x, y, dishes)
    slots = _compartments(surface, rng, crockery, x, y)
    placed: list[tuple[str, Slot]] = []
    soups = [dish for dish in dishes if RECIPES[dish].needs_bowl]
    solids = [dish for dish in dishes if not RECIPES[dish].needs_bowl]
    if crockery == "green_melamine_tray":
        for k, dish in enumerate(soups):
            bowl = put_bowl(
                surface,
                rng,
                x_mm=x + 158 + rng.normal(0, 4),
                y_mm=y - 70 + 130 * k + rng.normal(0, 12),
                radius_mm=57,
                tall_mm=46,
                ring="#2f6a4a",
                colour="#eef0ea",
            )
            placed.append((dish, bowl))
    else:
        wet = [slot for slot, for_soup in slots if for_soup]
        placed += list(zip(soups, wet, strict=False))
        if len(soups) < len(wet):
            solids_only = [slot for slot, for_soup in slots if not for_soup]
            slots = [(slot, False) for slot in solids_only]
            if len(solids) > len(slots):
                slots.append((wet[0], False))
        else:
            slots = [(slot, False) for slot, for_soup in slots if not for_soup]
    free = [slot for slot, _ in slots]
    free = [free[k] for k in rng.permutation(len(free))]
    if len(solids) > len(free):
        raise ValueError(f"{crockery} has {len(free)} wells, not enough for {len(solids)} portions: {solids}")
    placed += list(zip(solids, free, strict=False))
    return placed


def _plates(
    surface: Surface, rng: np.random.Generator, x: float, y: float, dishes: tuple[str, ...]
) -> list[tuple[str, Slot]]:
    put_flat_tray(surface, rng, x_mm=x, y_mm=y, width_mm=428, depth_mm=300, colour="#8d9296")
    spots = [(x + dx * 133, y + dy * 67) for dy in (-1, 1) for dx in (-1, 0, 1)]
    if len(dishes) <= 3 and rng.random() < 0.5:
        spots = [(x - 110, y - 50), (x + 30, y - 64), (x - 25, y + 68), (x + 125, y + 56)]
    chosen = [spots[k] for k in rng.permutation(len(spots))]
    if len(dishes) > len(chosen):
        raise ValueError(f"plates_on_tray has {len(chosen)} places, not enough for {len(dishes)}: {dishes}")
    placed: list[tuple[str, Slot]] = []
    for dish, (spot_x, spot_y) in zip(dishes, chosen, strict=False):
        at_x, at_y = spot_x + rng.normal(0, 1.5), spot_y + rng.normal(0, 1.5)
        if dish == "mifan":
            slot = put_bowl(surface, rng, x_mm=at_x, y_mm=at_y, radius_mm=60, tall_mm=42, ring=None, colour="#5d3c28")
        elif RECIPES[dish].needs_bowl:
            slot = put_bowl(surface, rng, x_mm=at_x, y_mm=at_y, radius_mm=58, tall_mm=42, ring="#2c4f94")
        else:
            slot = put_plate(surface, rng, x_mm=at_x, y_mm=at_y, radius_mm=65, ring="#2c4f94")
        placed.append((dish, slot))
    return placed


def photograph_tray(
    rng: np.random.Generator,
    crockery: str,
    dishes: tuple[str, ...],
    *,
    napkin_over: int | None = None,
    cutlery: bool = True,
    width_px: int = 960,
    height_px: int = 720,
    px_per_mm: float = 2.4,
) -> Photograph:
    """Render one tray as the counter camera sees it.

    Args:
        dishes: one entry per portion; a dish twice is two portions of it.
        napkin_over: index of a portion that a napkin covers about half of.
    Raises:
        ValueError: the crockery has no room for so many portions.
    """
    surface = Surface.blank(SCENE_WIDTH_MM, SCENE_DEPTH_MM, px_per_mm)
    placed = _set_out(surface, rng, crockery, dishes)
    for portion, (dish, slot) in enumerate(placed):
        serve(surface, rng, dish, slot, portion)
    middle_x, middle_y = SCENE_WIDTH_MM / 2, SCENE_DEPTH_MM / 2
    if cutlery and rng.random() < 0.55:
        if rng.random() < 0.6:
            lay_chopsticks(surface, rng, middle_x + rng.normal(0, 20), middle_y + 178, rng.normal(0, 0.06))
        else:
            lay_spoon(surface, middle_x + rng.normal(0, 40), middle_y + 176, rng.normal(0, 0.08))
    if napkin_over is not None:
        hidden = placed[napkin_over][1]
        # Towards the middle, so that the napkin does not hang off the table.
        lean = np.arctan2(middle_y - hidden.y_mm, middle_x - hidden.x_mm) + rng.normal(0, 0.4)
        drop_napkin(
            surface,
            rng,
            hidden.x_mm + 62 * float(np.cos(lean)),
            hidden.y_mm + 62 * float(np.sin(lean)),
            rng.uniform(0, 1.5),
            118,
        )
    # The green tray stands to the left of the middle, to leave room for a soup bowl beside it.
    beside = crockery == "green_melamine_tray" and any(RECIPES[dish].needs_bowl for dish in dishes)
    aim_x = middle_x - 60 if crockery == "green_melamine_tray" and not beside else middle_x
    camera = Camera(
        x_mm=aim_x + rng.normal(0, 35),
        y_mm=middle_y + rng.normal(45, 30),
        height_mm=rng.uniform(560, 680),
        target_x_mm=aim_x + rng.normal(0, 8),
        target_y_mm=middle_y + rng.normal(0, 6),
        roll=rng.normal(0, 0.055),
        span_mm=rng.uniform(450, 490) + (35 if beside else 0),
        width_px=width_px,
        height_px=height_px,
    )
    covered = placed[napkin_over][0] if napkin_over is not None else None
    return _take(surface, rng, camera, [dish for dish, _ in placed], covered)


def photograph_dish(
    rng: np.random.Generator, crockery: str, dish_id: str, *, side_px: int = 480, px_per_mm: float = 2.9
) -> Photograph:
    """Render one portion alone in its vessel, close up, as it is enrolled."""
    # The whole scene is laid out coarsely first, with the same choices, to learn where the portion will be.
    coarse = Surface.blank(SCENE_WIDTH_MM, SCENE_DEPTH_MM, 0.5)
    [(_, slot)] = _set_out(coarse, copy.deepcopy(rng), crockery, (dish_id,))
    reach = max(slot.half_width_mm, slot.half_height_mm)
    surface = Surface.blank(
        4 * reach, 3.8 * reach, px_per_mm, left_mm=slot.x_mm - 2 * reach, top_mm=slot.y_mm - 1.9 * reach
    )
    [(_, slot)] = _set_out(surface, rng, crockery, (dish_id,))
    serve(surface, rng, dish_id, slot, 0)
    camera = Camera(
        x_mm=slot.x_mm + rng.normal(0, 40),
        y_mm=slot.y_mm + rng.normal(40, 35),
        height_mm=rng.uniform(420, 560),
        target_x_mm=slot.x_mm + rng.normal(0, 3),
        target_y_mm=slot.y_mm + rng.normal(0, 3),
        roll=rng.normal(0, 0.12),
        span_mm=2 * reach * rng.uniform(1.32, 1.5) if slot.fills else 2 * reach * rng.uniform(1.35, 1.5),
        width_px=side_px,
        height_px=round(side_px * 0.86),
    )
    return _take(surface, rng, camera, [dish_id])


def _take(
    surface: Surface,
    rng: np.random.Generator,
    camera: Camera,
    dishes: list[str],
    covered: str | None = None,
) -> Photograph:
    light = shade(surface, random_lighting(rng), (camera.x_mm, camera.y_mm, camera.height_mm))
    picture, portions = look(surface, light, camera)
    labels = []
    for number, dish in enumerate(dishes):
        inside = portions == number
        if inside.sum() < 60:
            continue
        labels.append(PortionLabel(dish_id=dish, box=_extent(inside), covered=dish == covered))
    return Photograph(image=develop(picture, rng), portions=tuple(labels))


def _extent(inside: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return the box of a portion without its last stray crumbs (0.3 % of its pixels on each side)."""
    rows, columns = inside.sum(axis=1).cumsum(), inside.sum(axis=0).cumsum()
    spare = 0.003 * float(rows[-1])
    top, bottom = np.searchsorted(rows, [spare, rows[-1] - spare])
    left, right = np.searchsorted(columns, [spare, columns[-1] - spare])
    return int(left), int(top), int(right) + 1, int(bottom) + 1
