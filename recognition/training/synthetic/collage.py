"""Trays put together from flat pieces: wells, plates and bowls, with textures of real food.

    python -m recognition.training.synthetic.collage --scenes 3000 --seed 7 --out DIR --food-from DISHES_DIR

They look less real than rendered trays, but need no larder, and none is like another: they teach a detector where
portions can lie, the rendered trays teach it how portions look.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recognition.training.synthetic.food_cutting import photographs_by_folder
from recognition.training.synthetic.labels_file import WRITE_EVERY, Entry, read_entries, write_entries
from recognition.training.synthetic.scene import Photograph, PortionLabel, seeded

WIDTH_PX = 480
HEIGHT_PX = 360

Pixels = NDArray[np.uint8]
Food = Mapping[str, Sequence[Pixels]]
"""Photographs of each dish, whose middle is food."""

_Canvas = NDArray[np.float32]
_Values = NDArray[np.floating[Any]]

_MELAMINE = (
    (232, 230, 222),
    (214, 205, 180),
    (170, 176, 178),
    (150, 190, 160),
    (150, 180, 205),
    (225, 170, 180),
    (225, 150, 95),
    (60, 62, 66),
)
_TABLES = (
    (150, 112, 74),
    (196, 160, 116),
    (120, 118, 116),
    (205, 202, 195),
    (70, 66, 64),
    (176, 184, 190),
    (90, 130, 110),
    (160, 70, 60),
)
_STEEL = (178, 180, 182)
_CHOPSTICKS = ((120, 70, 40), (200, 160, 110), (40, 38, 36), (220, 60, 50))
_FLAT_THINGS = ((245, 245, 243), (30, 30, 34), (60, 110, 190), (230, 90, 60))
_SKIN = (205, 160, 130)
_LEAST_PORTION_PX = 60
_FOOD_SIDE_PX = 256
_JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class _Oval:
    """A rounded shape: an ellipse at `power` 2, nearly a rectangle at 8; `turn` in radians, the rest in pixels."""

    x: float
    y: float
    half_width: float
    half_height: float
    power: float
    turn: float = 0.0

    @property
    def shortest_px(self) -> float:
        return min(self.half_width, self.half_height)


def main(arguments: list[str]) -> int:
    """Make what is not there yet, and write the labels."""
    parser = argparse.ArgumentParser(
        prog="python -m recognition.training.synthetic.collage", description="Put labelled trays together from pieces."
    )
    parser.add_argument("--scenes", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and labels.json")
    parser.add_argument(
        "--food-from", type=Path, action="append", required=True, help="a folder with one sub-folder per dish"
    )
    parser.add_argument("--most-per-dish", type=int, default=100, help="photographs of a dish to take textures from")
    asked = parser.parse_args(arguments)
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    food = read_food(asked.food_from, asked.most_per_dish)
    done = read_entries(out)
    for number in range(asked.scenes):
        file = f"collage-{number:05d}.jpg"
        if file not in done:
            collage = make_collage(seeded("collage", asked.seed, number), food)
            collage.image.save(out / file, quality=_JPEG_QUALITY)
            done[file] = _entry(file, collage)
        if number % WRITE_EVERY == WRITE_EVERY - 1 or number == asked.scenes - 1:
            write_entries(out, done.values())
            print(f"{number + 1}/{asked.scenes}", flush=True)
    return 0


def _entry(file: str, collage: Photograph) -> Entry:
    dishes = [{"dish": portion.dish_id, "box": list(portion.box)} for portion in collage.portions]
    return {"file": file, "width": WIDTH_PX, "height": HEIGHT_PX, "dishes": dishes}


def read_food(folders: Sequence[Path], most_per_dish: int) -> Food:
    """Read photographs of dishes, at most 256 pixels on the long side; the name of a sub-folder names the dish.

    Raises:
        FileNotFoundError: there is none.
    """
    food: dict[str, list[Pixels]] = {}
    for folder in folders:
        for dish_id, picture in photographs_by_folder(folder, most_per_dish):
            picture.thumbnail((_FOOD_SIDE_PX, _FOOD_SIDE_PX), Image.Resampling.BILINEAR)
            food.setdefault(dish_id, []).append(np.asarray(picture))
    if not food:
        names = ", ".join(map(str, folders))
        raise FileNotFoundError(f"No photograph lies in a sub-folder of {names}. Name a folder of dishes.")
    return food


def make_collage(rng: np.random.Generator, food: Food) -> Photograph:
    """Put one picture of 480 x 360 pixels together; about one in fifteen holds no food."""
    canvas = _table(rng)
    if rng.random() < 0.5:
        _strew(rng, canvas)
    middle_x, middle_y = WIDTH_PX / 2 + rng.normal(0, 18), HEIGHT_PX / 2 + rng.normal(0, 14)
    turn = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.12) if rng.random() < 0.75 else rng.uniform(0, np.pi)
    empty = rng.uniform(0, 0.45) if rng.random() < 0.9 else 1.0
    lay = _lay_compartments if rng.random() < 0.5 else _lay_plates
    middle = _Oval(x=middle_x, y=middle_y, half_width=0, half_height=0, power=8, turn=float(turn))
    portions = lay(rng, canvas, food, middle, empty)
    return Photograph(image=_developed(rng, canvas), portions=tuple(portions))


# --- what lies on the table -------------------------------------------------------------------------------------


def _table(rng: np.random.Generator) -> _Canvas:
    colour = np.array(_TABLES[rng.integers(len(_TABLES))], np.float32) * rng.uniform(0.7, 1.15)
    grain = rng.uniform(0.02, 0.08) * _noise(rng, HEIGHT_PX, WIDTH_PX, rng.uniform(2, 30))
    grain = grain + 0.03 * _noise(rng, HEIGHT_PX, WIDTH_PX, 120)
    canvas = np.ascontiguousarray(colour * (1 + grain)[..., None], np.float32)
    if rng.random() < 0.12:  # a printed cloth
        across = np.sin(np.arange(WIDTH_PX) / rng.uniform(3, 14))
        down = np.sin(np.arange(HEIGHT_PX) / rng.uniform(3, 14))
        print_ = (across[None, :] * down[:, None] > rng.uniform(0, 0.6))[..., None]
        canvas += (print_ * rng.uniform(-90, 90, 3)).astype(np.float32)
    return canvas


def _lay_compartments(
    rng: np.random.Generator, canvas: _Canvas, food: Food, middle: _Oval, empty: float
) -> list[PortionLabel]:
    """Lay down a tray with wells and fill them, each left empty with probability `empty`."""
    colour = np.array(_MELAMINE[rng.integers(len(_MELAMINE))], np.float32) * rng.uniform(0.85, 1.08)
    tray = replace(middle, half_width=rng.uniform(150, 220), half_height=rng.uniform(100, 160))
    _lay_vessel(rng, canvas, colour, tray, sunk=0.3)
    if rng.random() < 0.3:
        colour = np.array(_STEEL, np.float32)
        streaks = np.repeat(rng.standard_normal((HEIGHT_PX, 1)), WIDTH_PX, 1).astype(np.float32)
        brushed = 185 * (1 + 0.12 * _noise(rng, HEIGHT_PX, WIDTH_PX, 40) + 0.05 * streaks)
        _cover(canvas, np.clip(_depth(HEIGHT_PX, WIDTH_PX, tray) * 60, 0, 1), brushed[..., None])
    cos, sin = np.cos(middle.turn), np.sin(middle.turn)
    portions = []
    for well in _divide(rng, 1.88 * tray.half_width, 1.84 * tray.half_height):
        well = replace(
            well,
            x=middle.x + well.x * cos - well.y * sin,
            y=middle.y + well.x * sin + well.y * cos,
            turn=middle.turn,
        )
        _lay_vessel(rng, canvas, colour * rng.uniform(0.85, 1.0), well, sunk=1.0)
        if rng.random() > empty:
            fill = rng.uniform(0.62, 0.98)
            heap = replace(
                well,
                x=well.x + rng.normal(0, (1 - fill) * well.half_width * 0.4),
                y=well.y + rng.normal(0, (1 - fill) * well.half_height * 0.4),
                half_width=well.half_width * fill,
                half_height=well.half_height * fill * rng.uniform(0.8, 1.0),
                power=min(well.power, rng.uniform(2.0, 4.0)),
            )
            portions += _heap(rng, canvas, food, heap)
    return portions


def _divide(rng: np.random.Generator, width: float, height: float) -> list[_Oval]:
    """Divide a tray into one or two rows of wells, placed from the tray's middle."""
    gap = rng.uniform(5, 12)
    upper = rng.uniform(0.4, 0.6)
    shares = [1.0] if rng.random() < 0.12 else [upper, 1 - upper]
    wells = []
    top = -height / 2
    for share in shares:
        tall = height * share
        count = int(rng.integers(1, 4)) if len(shares) > 1 else int(rng.integers(2, 5))
        left = -width / 2
        for cut in rng.dirichlet(np.full(count, 9.0)):
            wide = width * float(cut)
            half_width, half_height = wide / 2 - gap, tall / 2 - gap
            power = float(rng.choice([2.2, 3.0, 4.0, 6.0]))
            if rng.random() < 0.25:
                half_width = half_height = min(half_width, half_height)
                power = 2.0
            if min(half_width, half_height) > 12:
                wells.append(
                    _Oval(
                        x=left + wide / 2, y=top + tall / 2, half_width=half_width, half_height=half_height, power=power
                    )
                )
            left += wide
        top += tall
    return wells


def _lay_plates(
    rng: np.random.Generator, canvas: _Canvas, food: Food, middle: _Oval, empty: float
) -> list[PortionLabel]:
    """Lay down plates and bowls, some of which several dishes share; each is left empty with probability `empty`."""
    if rng.random() < 0.6:
        tray = replace(
            middle,
            half_width=rng.uniform(180, 225),
            half_height=rng.uniform(130, 165),
            power=7.0,
            turn=middle.turn * 0.2,
        )
        _lay_vessel(rng, canvas, rng.uniform(30, 220, 3).astype(np.float32), tray, sunk=0.4)
    shared = rng.random() < 0.55
    places = [(middle.x, middle.y, rng.uniform(120, 170))] if shared and rng.random() < 0.6 else []
    for _ in range(40):
        radius = rng.uniform(38, 80)
        x = rng.uniform(radius * 0.7, WIDTH_PX - radius * 0.7)
        y = rng.uniform(radius * 0.7, HEIGHT_PX - radius * 0.7)
        if len(places) < 7 and all(np.hypot(x - px, y - py) > radius + pr for px, py, pr in places):
            places.append((x, y, radius))
    portions = []
    for x, y, radius in places:
        flat = rng.uniform(0.7, 1.0)
        colour = np.array(_MELAMINE[0 if rng.random() < 0.7 else rng.integers(len(_MELAMINE))], np.float32)
        colour = colour * rng.uniform(0.85, 1.05)
        deep = rng.random() < 0.35
        plate = _Oval(x=x, y=y, half_width=radius, half_height=radius * flat, power=2.0)
        _lay_vessel(rng, canvas, colour, plate, sunk=1.4 if deep else 0.5)
        if deep:
            hollow = replace(plate, half_width=radius * 0.86, half_height=radius * 0.86 * flat)
            _lay_vessel(rng, canvas, colour * 0.9, hollow, sunk=1.0)
        if rng.random() < empty:
            continue
        if (shared or radius > 100) and not deep and radius > 55:
            for heap in _side_by_side(rng, plate):
                portions += _heap(rng, canvas, food, heap)
        else:
            fill = rng.uniform(0.45, 0.86)
            heap = replace(
                plate,
                half_width=radius * fill,
                half_height=radius * fill * flat * rng.uniform(0.85, 1.0),
                turn=rng.uniform(0, np.pi),
            )
            portions += _heap(rng, canvas, food, heap)
    return portions


def _side_by_side(rng: np.random.Generator, plate: _Oval) -> list[_Oval]:
    """Place two to five heaps around the middle of a plate so that they nearly touch."""
    count = int(rng.integers(2, 6))
    start = rng.uniform(0, 2 * np.pi)
    radius, flat = plate.half_width, plate.half_height / plate.half_width
    heaps = []
    for number in range(count):
        angle = start + 2 * np.pi * number / count + rng.normal(0, 0.15)
        away = radius * rng.uniform(0.38, 0.5)
        size = radius * rng.uniform(0.28, 0.42) * (2.6 / count) ** 0.5
        heaps.append(
            _Oval(
                x=plate.x + away * float(np.cos(angle)),
                y=plate.y + away * flat * float(np.sin(angle)),
                half_width=size,
                half_height=size * rng.uniform(0.65, 1.1),
                power=2.2,
                turn=rng.uniform(0, np.pi),
            )
        )
    return heaps


# --- pieces -----------------------------------------------------------------------------------------------------


def _lay_vessel(rng: np.random.Generator, canvas: _Canvas, colour: _Canvas, shape: _Oval, *, sunk: float) -> None:
    """Draw a tray, well, plate or bowl: a rim with a highlight, a wall with a shadow as deep as `sunk`, a floor."""
    depth = _depth(HEIGHT_PX, WIDTH_PX, shape) * np.float32(shape.shortest_px)
    wall = np.exp(-((depth - rng.uniform(3, 8)) ** 2) / rng.uniform(8, 40))
    down, across = np.gradient(cv2.GaussianBlur(depth, (0, 0), 2))
    angle = rng.uniform(0, 2 * np.pi)
    lit = (across * np.cos(angle) + down * np.sin(angle)) * wall
    _cover(canvas, np.clip(depth + 0.5, 0, 1), colour * (1 - sunk * 0.12 + 0.35 * sunk * lit)[..., None])
    _cover(canvas, np.exp(-((depth - 1) ** 2) / 3) * rng.uniform(0.0, 0.5), np.minimum(colour * 1.15, 255))
    if rng.random() < 0.3:  # a ring of colour
        ring = np.exp(-((depth - rng.uniform(4, 12)) ** 2) / rng.uniform(1, 4)) * 0.8
        _cover(canvas, ring, rng.uniform(20, 200, 3).astype(np.float32))


def _heap(rng: np.random.Generator, canvas: _Canvas, food: Food, shape: _Oval) -> list[PortionLabel]:
    """Lay a portion down with a ragged edge, a bulge of light and a contact shadow; nothing if too little shows."""
    longest = max(shape.half_width, shape.half_height)
    reach = int(1.25 * longest) + 6
    left, top = max(0, int(shape.x) - reach), max(0, int(shape.y) - reach)
    right, bottom = min(WIDTH_PX, int(shape.x) + reach), min(HEIGHT_PX, int(shape.y) + reach)
    width, height = right - left, bottom - top
    if min(width, height) < 12:
        return []
    local = replace(shape, x=shape.x - left, y=shape.y - top)
    cell_px = max(4.0, shape.shortest_px * rng.uniform(0.15, 0.5))
    ragged = _depth(height, width, local) + rng.uniform(0.02, 0.1) * _noise(rng, height, width, cell_px)
    mask = np.clip(ragged * shape.shortest_px / 1.2 + 0.5, 0, 1)
    dish_id = sorted(food)[rng.integers(len(food))]
    texture = _texture(rng, food[dish_id], height, width)
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) < _LEAST_PORTION_PX:
        return []
    light_x, light_y = rng.normal(0, 1, 2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    side = ((x - local.x) * light_x + (y - local.y) * light_y) / (longest * 2.2)
    bulge = 0.72 + 0.34 * np.clip(ragged * 2.2, 0, 1) + 0.16 * np.clip(side, -1, 1)
    shadow = cv2.GaussianBlur(mask, (0, 0), max(1.0, shape.shortest_px * 0.08))
    shadow = cv2.warpAffine(shadow, np.array([[1, 0, -light_x * 2], [0, 1, -light_y * 2]], np.float32), (width, height))
    under = canvas[top:bottom, left:right]
    under *= (1 - rng.uniform(0.15, 0.5) * shadow)[..., None]
    if rng.random() < 0.35:  # sauce runs out from under the food
        sauce = np.clip((ragged + rng.uniform(0.08, 0.3)) * 6, 0, 1) * rng.uniform(0.25, 0.7)
        _cover(under, sauce, texture.mean(axis=(0, 1)) * rng.uniform(0.5, 1.0))
    _cover(under, mask, texture * bulge[..., None])
    box = (
        left + int(np.quantile(columns, 0.004)),
        top + int(np.quantile(rows, 0.004)),
        left + int(np.quantile(columns, 0.996)) + 1,
        top + int(np.quantile(rows, 0.996)) + 1,
    )
    return [PortionLabel(dish_id=dish_id, box=box)]


def _texture(rng: np.random.Generator, photos: Sequence[Pixels], height: int, width: int) -> _Canvas:
    """Cut a patch from the middle of a photograph, turned and flipped, and stretch it to a size."""
    photo = photos[int(rng.integers(len(photos)))]
    keep = rng.uniform(0.45, 0.8)
    tall, wide = max(8, int(photo.shape[0] * keep)), max(8, int(photo.shape[1] * keep))
    top, left = (photo.shape[0] - tall) // 2, (photo.shape[1] - wide) // 2
    patch = np.rot90(photo[top : top + tall, left : left + wide], int(rng.integers(4)))
    if rng.random() < 0.5:
        patch = patch[:, ::-1]
    stretched = cv2.resize(np.ascontiguousarray(patch), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(stretched, np.float32)


def _strew(rng: np.random.Generator, canvas: _Canvas) -> None:
    """Put up to three things down that are no food."""
    things = (_drop_chopsticks, _drop_spoon, _drop_flat_thing, _drop_cup, _reach_in, _drop_tissue)
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, WIDTH_PX), rng.uniform(0, HEIGHT_PX)
        things[rng.integers(len(things))](rng, canvas, x, y, rng.uniform(0, np.pi))


def _drop_chopsticks(rng: np.random.Generator, canvas: _Canvas, x: float, y: float, turn: float) -> None:
    colour = _CHOPSTICKS[rng.integers(len(_CHOPSTICKS))]
    along = np.array([np.cos(turn), np.sin(turn)]) * 130
    for side in (-4, 4):
        middle = np.array([x - side * np.sin(turn), y + side * np.cos(turn)])
        cv2.line(canvas, _point(middle - along), _point(middle + along), colour, int(rng.integers(3, 6)), cv2.LINE_AA)


def _drop_spoon(rng: np.random.Generator, canvas: _Canvas, x: float, y: float, turn: float) -> None:
    tone = rng.uniform(150, 235)
    bowl = _point(np.array([x + 60 * np.cos(turn), y + 60 * np.sin(turn)]))
    degrees = float(np.degrees(turn))
    cv2.line(canvas, (int(x), int(y)), bowl, (tone,) * 3, 6, cv2.LINE_AA)
    cv2.ellipse(canvas, bowl, (22, 15), degrees, 0, 360, (tone * 0.85,) * 3, -1, cv2.LINE_AA)
    cv2.ellipse(canvas, bowl, (14, 9), degrees, 0, 360, (tone,) * 3, -1, cv2.LINE_AA)


def _drop_flat_thing(rng: np.random.Generator, canvas: _Canvas, x: float, y: float, turn: float) -> None:
    """Drop a receipt, a phone or a card."""
    kind = int(rng.integers(len(_FLAT_THINGS)))
    size = rng.uniform(25, 70), rng.uniform(40, 110)
    corners = cv2.boxPoints(((x, y), size, float(np.degrees(turn))))
    cv2.fillPoly(canvas, [corners.astype(np.int32)], _FLAT_THINGS[kind], cv2.LINE_AA)
    if kind == 0:
        for share in np.linspace(0.15, 0.85, 7):
            start = corners[0] + (corners[1] - corners[0]) * share
            end = corners[3] + (corners[2] - corners[3]) * share
            first, last = start + (end - start) * 0.1, start + (end - start) * rng.uniform(0.4, 0.9)
            cv2.line(canvas, _point(first), _point(last), (120, 120, 120), 1, cv2.LINE_AA)


def _drop_cup(rng: np.random.Generator, canvas: _Canvas, x: float, y: float, turn: float) -> None:
    radius, colour = rng.uniform(18, 34), rng.uniform(60, 250, 3)
    cv2.circle(canvas, (int(x), int(y)), int(radius), tuple(colour), -1, cv2.LINE_AA)
    cv2.circle(canvas, (int(x), int(y)), int(radius * 0.82), tuple(colour * rng.uniform(0.4, 0.9)), -1, cv2.LINE_AA)


def _reach_in(rng: np.random.Generator, canvas: _Canvas, x: float, y: float, turn: float) -> None:
    """Reach in from an edge with a bare or sleeved arm, sometimes with fingers."""
    bare = rng.random() < 0.6
    colour = tuple(np.array(_SKIN) * rng.uniform(0.6, 1.1) if bare else rng.uniform(20, 220, 3))
    start = np.array([(0, y), (WIDTH_PX, y), (x, 0), (x, HEIGHT_PX)][rng.integers(4)])
    wrist = start + (np.array([WIDTH_PX / 2, HEIGHT_PX / 2]) - start) * 0.35
    cv2.line(canvas, _point(start), _point(wrist), colour, int(rng.integers(25, 50)), cv2.LINE_AA)
    if rng.random() < 0.6:
        for _ in range(4):
            cv2.line(canvas, _point(wrist), _point(wrist + rng.normal(0, 22, 2)), colour, 11, cv2.LINE_AA)


def _drop_tissue(rng: np.random.Generator, canvas: _Canvas, x: float, y: float, turn: float) -> None:
    size = rng.uniform(18, 45)
    shape = _Oval(x=x, y=y, half_width=size, half_height=size * rng.uniform(0.6, 1), power=3.0, turn=turn)
    ragged = _depth(HEIGHT_PX, WIDTH_PX, shape) + 0.12 * _noise(rng, HEIGHT_PX, WIDTH_PX, 12)
    _cover(canvas, np.clip(ragged * 20, 0, 1), 238 + 14 * _noise(rng, HEIGHT_PX, WIDTH_PX, 9)[..., None])


def _developed(rng: np.random.Generator, canvas: _Canvas) -> Image.Image:
    """Light the picture from one side, let it shine, blur it and add the noise of a sensor."""
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    if rng.random() < 0.5:
        slope_x, slope_y = rng.normal(0, 0.25, 2)
        canvas = canvas * (1 + slope_x * (x / WIDTH_PX - 0.5) + slope_y * (y / HEIGHT_PX - 0.5))[..., None]
    if rng.random() < 0.25:
        shine = _Oval(
            x=rng.uniform(0, WIDTH_PX),
            y=rng.uniform(0, HEIGHT_PX),
            half_width=rng.uniform(20, 90),
            half_height=rng.uniform(10, 50),
            power=2.5,
            turn=rng.uniform(0, np.pi),
        )
        inside = np.clip(_depth(HEIGHT_PX, WIDTH_PX, shine), 0, 1)
        canvas = canvas + 150 * cv2.GaussianBlur(inside, (0, 0), 6)[..., None]
    canvas = cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), rng.uniform(0.4, 1.1))
    canvas = canvas + rng.standard_normal(canvas.shape).astype(np.float32) * rng.uniform(1, 5)
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _depth(rows: int, columns: int, shape: _Oval) -> _Canvas:
    """Return how far inside a shape each pixel is: 1 in the middle, 0 on the outline, negative outside."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    x, y = x - shape.x, y - shape.y
    cos, sin = np.float32(np.cos(shape.turn)), np.float32(np.sin(shape.turn))
    across, down = np.abs((x * cos + y * sin) / shape.half_width), np.abs((y * cos - x * sin) / shape.half_height)
    return np.asarray(1 - (across**shape.power + down**shape.power) ** (1 / shape.power), np.float32)


def _noise(rng: np.random.Generator, rows: int, columns: int, cell_px: float) -> _Canvas:
    grid = rng.standard_normal((int(rows / cell_px) + 3, int(columns / cell_px) + 3)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)


def _cover(canvas: _Canvas, share: _Values, colour: _Values) -> None:
    """Paint over a canvas where `share`, (rows, columns), is above 0; 1 hides what was there."""
    canvas[:] = canvas * (1 - share[..., None]) + colour * share[..., None]


def _point(place: NDArray[np.float64]) -> tuple[int, int]:
    return int(place[0]), int(place[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
