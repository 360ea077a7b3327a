"""Scenes to train a detector on: any canteen's crockery and table, any food, and everything that is no food."""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.clutter import THINGS, dim_a_side, lay_table, reach_in
from recognition.training.synthetic.crockery import Place, put_bowl, put_compartments, put_flat_tray, put_plate
from recognition.training.synthetic.food_textures import Larder
from recognition.training.synthetic.light import random_lighting
from recognition.training.synthetic.portions import Hollow, heap, lay_whole, pour, scatter, stain
from recognition.training.synthetic.quick_camera import View, aim, develop, photograph
from recognition.training.synthetic.quick_light import shade_quickly
from recognition.training.synthetic.scene import PortionLabel
from recognition.training.synthetic.surface import Surface

SceneKind = Literal["compartment", "plates", "shared_plate", "bowls", "mixed", "empty"]
SCENE_KINDS: tuple[SceneKind, ...] = get_args(SceneKind)
_KIND_SHARES = (0.42, 0.12, 0.2, 0.07, 0.13, 0.06)

_RICE = ("mifan", "com", "rice", "米饭", "白饭")
_MOST_SURFACE_PX = 560_000
_LEAST_VISIBLE_SHARE = 0.25
_LEAST_SIDE_PX = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingScene:
    """A finished picture, its portions, and boxes of food of which too little shows to teach anything."""

    kind: SceneKind
    pixels: NDArray[np.uint8]
    portions: tuple[PortionLabel, ...]
    ignored: tuple[tuple[int, int, int, int], ...]
    jpeg_quality: int


@dataclass(slots=True)
class _Table:
    """A scene while it is laid: what has been served so far."""

    surface: Surface
    rng: np.random.Generator
    larder: Larder
    turn: float
    barren: bool
    dishes: list[str]

    def place(self, x_mm: float, y_mm: float, turn: float | None = None) -> Place:
        """Turn a place on the tray into one on the table."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        return Place(
            x_mm=float(x_mm * cos - y_mm * sin),
            y_mm=float(x_mm * sin + y_mm * cos),
            turn=self.turn if turn is None else turn,
        )

    def choose_dish(self) -> str:
        """Draw a dish: now and then rice, or what is on the tray already."""
        rng, known = self.rng, self.larder.dish_ids
        if self.dishes and rng.random() < 0.1:
            return self.dishes[int(rng.integers(len(self.dishes)))]
        if rng.random() < 0.14:
            rice = [dish for dish in known if dish in _RICE]
            if rice:
                return rice[int(rng.integers(len(rice)))]
        wanted = "photograph" if rng.random() < 0.72 else "painted"
        among = [dish for dish in known if self.larder.origin(dish) == wanted] or known
        return among[int(rng.integers(len(among)))]

    def serve(
        self,
        hollow: Hollow | None,
        *,
        fills: bool,
        wet: float = 0.0,
        place: tuple[float, float, float, float] | None = None,
    ) -> None:
        """Put one portion into a hollow; `wet` is the chance that it is a soup whatever the dish."""
        if hollow is None or self.barren:
            return
        rng = self.rng
        dish = self.choose_dish()
        texture = self.larder.pick(rng, dish)
        pixels = self.larder.pixels(texture)
        number = len(self.dishes)
        self.dishes.append(dish)
        if place is None and (texture.liquid or rng.random() < wet):
            pour(self.surface, rng, texture, pixels, hollow, number)
        elif texture.whole and rng.random() < 0.45:
            lay_whole(self.surface, rng, texture, pixels, hollow, number, place)
        else:
            heap(self.surface, rng, texture, pixels, hollow, number, fills=fills, place=place)


def choose_kind(rng: np.random.Generator) -> SceneKind:
    """Draw what kind of scene to make."""
    return SCENE_KINDS[int(rng.choice(len(SCENE_KINDS), p=_KIND_SHARES))]


def make_scene(rng: np.random.Generator, larder: Larder, kind: SceneKind) -> TrainingScene:
    """Lay a table, photograph it and label what is seen."""
    view = _choose_view(rng, kind)
    left, top, right, bottom = view.footprint_mm()
    most = 900.0
    left, top, right, bottom = max(left, -most), max(top, -most), min(right, most), min(bottom, most)
    density = 1.06 / (view.per_px * float(np.linalg.norm(view.position_mm)))
    density = min(density, float(np.sqrt(_MOST_SURFACE_PX / ((right - left) * (bottom - top)))))
    surface = Surface.blank(right - left + 12, bottom - top + 12, density, left_mm=left - 6, top_mm=top - 6)
    lay_table(surface, rng)
    quarter = float(rng.choice((0.0, 0.5, 1.0, 1.5))) * np.pi if rng.random() < 0.35 else 0.0
    turn = quarter + rng.normal(0, 0.12) if rng.random() < 0.7 else rng.uniform(0, 2 * np.pi)
    table = _Table(surface=surface, rng=rng, larder=larder, turn=turn, barren=kind == "empty", dishes=[])
    before = rng.random() < 0.5
    if before:
        _strew(table, view)
    shown = kind
    if kind == "empty":
        shown = ("compartment", "plates", "bowls", "mixed")[int(rng.integers(4))]
    _LAYOUTS[shown](table)
    if not before:
        _strew(table, view)
    if rng.random() < 0.12:
        angle = rng.uniform(0, 2 * np.pi)
        away = rng.uniform(90, 230)
        reach_in(surface, rng, Place(x_mm=away * float(np.cos(angle)), y_mm=away * float(np.sin(angle)), turn=angle))
    if rng.random() < 0.2:
        dim_a_side(surface, rng)
    light = shade_quickly(surface, random_lighting(rng), view.position_mm)
    picture, seen = photograph(surface, light, view)
    pixels = develop(picture, rng)
    if rng.random() < 0.15:
        grow = rng.uniform(1.2, 960 / max(pixels.shape))
        pixels = np.asarray(cv2.resize(pixels, None, fx=grow, fy=grow, interpolation=cv2.INTER_CUBIC), np.uint8)
        seen = cv2.resize(seen, (pixels.shape[1], pixels.shape[0]), interpolation=cv2.INTER_NEAREST)
    portions, ignored = _label(seen, surface, view, table.dishes)
    quality = int(rng.integers(40, 96))
    return TrainingScene(kind=kind, pixels=pixels, portions=portions, ignored=ignored, jpeg_quality=quality)


def _choose_view(rng: np.random.Generator, kind: SceneKind) -> View:
    long_px = int(rng.integers(448, 600))
    short_px = round(long_px * float(rng.choice((0.75, 0.75, 0.75, 0.667, 0.5625, 1.0))))
    portrait = rng.random() < 0.2
    tilt = abs(rng.normal(0, 0.2)) if rng.random() < 0.75 else rng.uniform(0.2, 0.7)
    near = 300.0 if kind in ("shared_plate", "bowls") else 420.0
    span = near * rng.uniform(0.9, 1.35) if rng.random() < 0.9 else near * rng.uniform(0.55, 0.95)
    shift = 25.0 if rng.random() < 0.85 else 110.0
    return aim(
        target_mm=(float(rng.normal(0, shift)), float(rng.normal(0, shift))),
        tilt=float(min(tilt, 0.7)),
        toward=float(rng.normal(np.pi / 2, 0.5)) if rng.random() < 0.8 else float(rng.uniform(0, 2 * np.pi)),
        roll=float(rng.normal(0, 0.06)),
        away_mm=float(rng.uniform(450, 1100)),
        span_mm=float(span),
        width_px=short_px if portrait else long_px,
        height_px=long_px if portrait else short_px,
    )


# --- layouts ------------------------------------------------------------------------------------------------------


def _lay_compartments(table: _Table) -> None:
    rng = table.rng
    kind = ("melamine", "steel", "box")[int(rng.choice(3, p=(0.58, 0.3, 0.12)))]
    hollows = put_compartments(table.surface, rng, table.place(0, 0), kind)
    _fill_wells(table, hollows)
    if rng.random() < 0.25:
        side = float(rng.choice((-1, 1)))
        room = table.place(side * rng.uniform(235, 265), rng.uniform(-90, 90))
        table.serve(put_bowl(table.surface, rng, room, rng.uniform(42, 62)), fills=True, wet=0.5)


def _fill_wells(table: _Table, hollows: list[Hollow]) -> None:
    rng = table.rng
    filled = rng.uniform(0.35, 0.75) if rng.random() < 0.3 else rng.uniform(0.8, 1.0)
    for hollow in hollows:
        if rng.random() > filled:
            if rng.random() < 0.4:
                stain(table.surface, rng, hollow)
            continue
        if rng.random() < 0.06 and hollow.half_width_mm > 55:
            for place in _side_by_side(rng, hollow, 2):
                table.serve(hollow, fills=False, place=place)
            continue
        table.serve(hollow, fills=bool(rng.random() < 0.7), wet=0.05)
        if rng.random() < 0.15:
            stain(table.surface, rng, hollow)


def _lay_plates(table: _Table) -> None:
    _lay_dishes(table, bowls=0.3, most=6)


def _lay_bowls(table: _Table) -> None:
    _lay_dishes(table, bowls=0.85, most=4)


def _lay_dishes(table: _Table, bowls: float, most: int) -> None:
    """Set out plates and bowls that do not overlap, on a tray or on the bare table."""
    rng = table.rng
    half_w, half_h = rng.uniform(130, 205), rng.uniform(100, 150)
    if rng.random() < 0.65:
        put_flat_tray(table.surface, rng, table.place(0, 0), 2 * half_w + 30, 2 * half_h + 30)
    steel = bool(rng.random() < 0.08)
    places: list[tuple[float, float, float]] = []
    wanted = int(rng.integers(1, most + 1))
    for _ in range(40):
        deep = rng.random() < bowls
        radius = rng.uniform(40, 78) if deep else rng.uniform(52, 105)
        if half_w < radius or half_h < radius:
            continue
        x, y = rng.uniform(radius - half_w, half_w - radius), rng.uniform(radius - half_h, half_h - radius)
        if any(np.hypot(x - other_x, y - other_y) < radius + other + 2 for other_x, other_y, other in places):
            continue
        places.append((x, y, radius))
        spot = table.place(x, y, rng.uniform(0, 2 * np.pi))
        if deep:
            bowl = put_bowl(table.surface, rng, spot, radius)
            _fill_or_leave(table, bowl, fills=True, wet=0.4)
        else:
            plate = put_plate(table.surface, rng, spot, radius, steel=steel)
            if plate is not None and radius > 85 and rng.random() < 0.4 and not table.barren:
                for place in _side_by_side(rng, plate, int(rng.integers(2, 4))):
                    table.serve(plate, fills=False, place=place)
            else:
                _fill_or_leave(table, plate, fills=bool(rng.random() < 0.3), wet=0.05)
        if len(places) == wanted:
            break


def _fill_or_leave(table: _Table, hollow: Hollow | None, *, fills: bool, wet: float) -> None:
    if hollow is not None and table.rng.random() < 0.1:
        stain(table.surface, table.rng, hollow)
        return
    table.serve(hollow, fills=fills, wet=wet)


def _lay_shared_plate(table: _Table) -> None:
    """Set out one large plate or box that several foods share, sometimes with a bowl beside it."""
    rng = table.rng
    if rng.random() < 0.4:
        put_flat_tray(table.surface, rng, table.place(0, 0), rng.uniform(320, 430), rng.uniform(260, 320))
    plate = put_plate(table.surface, rng, table.place(0, 0, rng.uniform(0, 2 * np.pi)), rng.uniform(98, 145))
    if plate is None:
        return
    for place in _side_by_side(rng, plate, int(rng.integers(2, 6))):
        table.serve(plate, fills=False, place=place)
    if table.dishes and rng.random() < 0.3:
        spilt = np.array([0.3, 0.16, 0.05], np.float32) * np.float32(rng.uniform(0.3, 1.6))
        scatter(table.surface, rng, spilt, 0, 0, 110)
    if rng.random() < 0.3:
        room = table.place(rng.uniform(-30, 30), 190 * float(rng.choice((-1, 1))))
        table.serve(put_bowl(table.surface, rng, room, rng.uniform(40, 60)), fills=True, wet=0.6)


def _lay_mixed(table: _Table) -> None:
    """Set out a smaller tray with wells next to plates and bowls, or bowls standing in it."""
    rng = table.rng
    hollows = put_compartments(table.surface, rng, table.place(-60, 0), "box" if rng.random() < 0.3 else "melamine")
    standing = hollows.pop() if len(hollows) > 2 and rng.random() < 0.5 else None
    _fill_wells(table, hollows)
    if standing is not None:
        _stand_in(table, standing)
    for y in (-75.0, 75.0):
        if rng.random() < 0.6:
            room = table.place(rng.uniform(195, 225), y + rng.normal(0, 10))
            if rng.random() < 0.6:
                _fill_or_leave(table, put_bowl(table.surface, rng, room, rng.uniform(40, 60)), fills=True, wet=0.5)
            else:
                plate = put_plate(table.surface, rng, room, rng.uniform(50, 70))
                _fill_or_leave(table, plate, fills=False, wet=0.05)


def _stand_in(table: _Table, hollow: Hollow) -> None:
    """Stand a bowl in a well."""
    spot = hollow.spot
    rows, columns = np.nonzero(hollow.depth >= hollow.depth.max() - 1)
    scale = table.surface.px_per_mm
    x = (spot.cut[1].start + columns.mean()) / scale + table.surface.left_mm
    y = (spot.cut[0].start + rows.mean()) / scale + table.surface.top_mm
    radius = min(hollow.half_width_mm, hollow.half_height_mm) * table.rng.uniform(0.85, 1.1)
    bowl = put_bowl(table.surface, table.rng, Place(x_mm=float(x), y_mm=float(y), turn=0.0), max(30.0, radius))
    _fill_or_leave(table, bowl, fills=True, wet=0.5)


_LAYOUTS = {
    "compartment": _lay_compartments,
    "plates": _lay_plates,
    "shared_plate": _lay_shared_plate,
    "bowls": _lay_bowls,
    "mixed": _lay_mixed,
}


def _side_by_side(rng: np.random.Generator, hollow: Hollow, count: int) -> list[tuple[float, float, float, float]]:
    """Divide a hollow among heaps that touch or overlap a little: middles and half sizes in mm."""
    start = rng.uniform(0, 2 * np.pi)
    half_w, half_h = hollow.half_width_mm, hollow.half_height_mm
    places = []
    crowded = rng.uniform(0.85, 1.15)
    weights = rng.uniform(0.7, 1.5, count)
    ends = np.cumsum(weights) / weights.sum() * 2 * np.pi
    for number in range(count):
        wide = ends[number] - (ends[number - 1] if number else 0)
        angle = start + ends[number] - wide / 2
        away = rng.uniform(0.42, 0.56) if count > 2 else rng.uniform(0.38, 0.52)
        if count == 5 and number == 0:
            away = 0.05
        along = min(0.9, 2 * away * float(np.sin(min(wide, np.pi) / 2))) * crowded * 0.55 + 0.08
        across = rng.uniform(0.36, 0.52) * crowded
        # Heaps are upright ellipses, so the share along the rim is split between the two directions.
        turned = abs(float(np.cos(angle)))
        places.append(
            (
                float(half_w * away * np.cos(angle)),
                float(half_h * away * np.sin(angle)),
                float(half_w * (across * turned + along * (1 - turned))),
                float(half_h * (along * turned + across * (1 - turned))),
            )
        )
    return [places[k] for k in rng.permutation(count)]


def _strew(table: _Table, view: View) -> None:
    """Lay things that are no food about, mostly beside the tray."""
    rng = table.rng
    left, top, right, bottom = view.footprint_mm()
    for _ in range(int(rng.choice((0, 1, 1, 2, 2, 3, 4, 5)))):
        thing = THINGS[int(rng.integers(len(THINGS)))]
        for _ in range(6):
            x, y = rng.uniform(max(left, -450), min(right, 450)), rng.uniform(max(top, -450), min(bottom, 450))
            if np.hypot(x / 1.2, y) > 150 or rng.random() < 0.12:
                break
        thing(table.surface, rng, Place(x_mm=float(x), y_mm=float(y), turn=float(rng.uniform(0, 2 * np.pi))))


# --- labels -------------------------------------------------------------------------------------------------------


def _label(
    seen: NDArray[np.int16], surface: Surface, view: View, dishes: list[str]
) -> tuple[tuple[PortionLabel, ...], tuple[tuple[int, int, int, int], ...]]:
    """Box what is seen of each portion; crumbs apart from it do not count."""
    rows, columns = seen.shape
    # What a portion would cover if all of it were in the picture.
    grow = max(rows, columns) / max(view.width_px, view.height_px)
    straight = grow / (view.per_px * float(np.linalg.norm(view.position_mm))) / surface.px_per_mm
    portions: list[PortionLabel] = []
    ignored: list[tuple[int, int, int, int]] = []
    for number, dish in enumerate(dishes):
        inside = (seen == number).astype(np.uint8)
        if not inside.any():
            continue
        count, _, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
        areas = stats[1:count, cv2.CC_STAT_AREA]
        large = stats[1:count][areas >= 0.05 * areas.max()]
        left, top = int(large[:, cv2.CC_STAT_LEFT].min()), int(large[:, cv2.CC_STAT_TOP].min())
        right = int((large[:, cv2.CC_STAT_LEFT] + large[:, cv2.CC_STAT_WIDTH]).max())
        bottom = int((large[:, cv2.CC_STAT_TOP] + large[:, cv2.CC_STAT_HEIGHT]).max())
        box = (left, top, right, bottom)
        whole = float((surface.portion == number).sum()) * straight**2
        cut_off = left == 0 or top == 0 or right == columns or bottom == rows
        little = cut_off and float(areas.sum()) < _LEAST_VISIBLE_SHARE * whole
        if little or min(right - left, bottom - top) < _LEAST_SIDE_PX * grow:
            ignored.append(box)
        else:
            portions.append(PortionLabel(dish_id=dish, box=box))
    return tuple(portions), tuple(ignored)
