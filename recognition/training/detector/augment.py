"""One photograph -> many: what a camera's place, a lamp and a hurried hand do to the picture of a tray.

Pure functions of photographs and a generator of random numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognition.preprocess import PADDING_GREY
from recognition.training.detector.photos import TrainingPhoto

Pixels = NDArray[np.uint8]
Boxes = NDArray[np.float32]

ROUNDNESS: Final = 1.4
"""Food in a box is between a rectangle (1) and an ellipse (2): says how its extent grows when it is turned."""

LEAST_VISIBLE_SHARE: Final = 0.4
"""A portion of which less is in the picture is neither taught nor counted as background."""

LEAST_SIDE_PX: Final = 10

MUCH_SMALLER: Final = 0.6
"""A photograph that shrinks below this is halved by averaging first: interpolation alone leaves out pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How strongly photographs are changed. Chances and shares are in [0, 1].

    `least_scale` to `most_scale` is the size in relation to a photograph that just fits; several photographs are put
    side by side with `mosaic_chance`; `quarter_chance` turns by right angles, `turn_chance` by up to `turn_degrees`;
    exposure in stops; warmth is the share by which red and blue part.
    """

    least_scale: float = 0.6
    most_scale: float = 1.7
    mosaic_chance: float = 0.3
    quarter_chance: float = 0.35
    turn_chance: float = 0.35
    turn_degrees: float = 25.0
    exposure_stops: float = 1.0
    warmth: float = 0.18
    blur_chance: float = 0.15
    glare_chance: float = 0.15
    noise_chance: float = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """What the network sees in one step and what it ought to say of it, all in network pixels.

    `image` (h, w, 3) uint8; `boxes` (n, 4); `known` (h / 8, w / 8) bool: the cells that something is taught in.
    """

    image: Pixels
    boxes: Boxes
    known: NDArray[np.bool_]


def sample_of(
    photos: Sequence[TrainingPhoto],
    size: tuple[int, int],
    augmentation: Augmentation,
    random: np.random.Generator,
) -> Sample:
    """Put one to four photographs, each changed in its own way, into a picture of `size` (width, height) pixels.

    Args:
        photos: the first is always taken, the others only for a mosaic.
    """
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    known = np.ones((height, width), bool)
    boxes: list[Boxes] = []
    tiles = [(0, 0, width, height)]
    if len(photos) > 1 and random.random() < augmentation.mosaic_chance:
        tiles = _tiles(width, height, len(photos), random)
    for photo, (left, top, right, bottom) in zip(photos, tiles, strict=False):
        tile, tile_boxes, tile_known = _placed(photo, (right - left, bottom - top), augmentation, random)
        image[top:bottom, left:right] = tile
        known[top:bottom, left:right] = tile_known
        boxes.append(tile_boxes + np.array((left, top, left, top), np.float32))
    return Sample(image=_lit(image, augmentation, random), boxes=np.concatenate(boxes), known=known[4::8, 4::8])


def _tiles(width: int, height: int, photos: int, random: np.random.Generator) -> list[tuple[int, int, int, int]]:
    """Cut a picture in two, or in four if there are photographs enough, at cells' borders."""
    x = round(width * random.uniform(0.35, 0.65) / 8) * 8
    y = round(height * random.uniform(0.35, 0.65) / 8) * 8
    if photos >= 4 and random.random() < 0.5:
        return [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    if width > height:
        return [(0, 0, x, height), (x, 0, width, height)]
    return [(0, 0, width, y), (0, y, width, height)]


def _placed(
    photo: TrainingPhoto, size: tuple[int, int], augmentation: Augmentation, random: np.random.Generator
) -> tuple[Pixels, Boxes, NDArray[np.bool_]]:
    """Turn, mirror, scale and move a photograph within a tile; its boxes follow."""
    width, height = size
    photo_height, photo_width = photo.pixels.shape[:2]
    angle = random.uniform(-0.07, 0.07)
    if random.random() < augmentation.turn_chance:
        angle = random.uniform(-1.0, 1.0) * augmentation.turn_degrees / 180 * pi
    if random.random() < augmentation.quarter_chance:
        angle += pi / 2 * int(random.integers(1, 4))
    across = abs(photo_width * cos(angle)) + abs(photo_height * sin(angle))
    down = abs(photo_width * sin(angle)) + abs(photo_height * cos(angle))
    fit = min(width / across, height / down)
    scale = fit * np.exp(random.uniform(np.log(augmentation.least_scale), np.log(augmentation.most_scale)))
    mirror = -1.0 if random.random() < 0.5 else 1.0
    stretch = np.exp(random.uniform(-0.12, 0.12))
    linear = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]]) @ np.diag(
        (mirror * scale * stretch, scale / stretch)
    )
    # The farther the photograph is from filling the tile, the more freely it moves.
    free_x, free_y = abs(width - across * scale) / 2, abs(height - down * scale) / 2
    target = np.array((width / 2 + random.uniform(-free_x, free_x), height / 2 + random.uniform(-free_y, free_y)))
    offset = target - linear @ np.array((photo_width / 2, photo_height / 2))
    matrix = np.column_stack((linear, offset))
    pixels, warp = photo.pixels, matrix
    if scale < MUCH_SMALLER:
        pixels = cv2.resize(pixels, (photo_width // 2, photo_height // 2), interpolation=cv2.INTER_AREA)
        warp = np.column_stack((linear * 2, offset))
    grey = PADDING_GREY if random.random() < 0.6 else int(random.integers(0, 256))
    tile = cv2.warpAffine(
        pixels,
        warp,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(grey, grey, grey),
    )
    known = np.zeros((height, width), bool) if photo.partial else np.ones((height, width), bool)
    moved = moved_boxes(photo.boxes, matrix)
    kept: list[NDArray[np.float32]] = []
    for box, clipped in zip(moved, _clipped(moved, size), strict=True):
        visible = _area(clipped) / max(_area(box), 1e-6)
        enough = (
            visible >= LEAST_VISIBLE_SHARE and min(clipped[2] - clipped[0], clipped[3] - clipped[1]) >= LEAST_SIDE_PX
        )
        if enough:
            kept.append(clipped)
        _fill(known, clipped, enough)
    for clipped in _clipped(moved_boxes(photo.unsure, matrix), size):
        _fill(known, clipped, False)
    for clipped in kept:
        _fill(known, clipped, True)
    return tile, np.array(kept, np.float32).reshape(-1, 4), known


def moved_boxes(boxes: Boxes, matrix: NDArray[np.float64]) -> Boxes:
    """Return the boxes of the food in `boxes` (n, 4) after an affine map (2, 3).

    Food rarely fills the corners of its box, so the box of the turned box would be too large.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    halves = (boxes[:, 2:] - boxes[:, :2]) / 2
    parts = np.abs(matrix[:, :2])[None] * halves[:, None, :]
    reach = (parts**ROUNDNESS).sum(axis=2) ** (1 / ROUNDNESS)
    return np.concatenate((centres - reach, centres + reach), axis=1).astype(np.float32)


def _clipped(boxes: Boxes, size: tuple[int, int]) -> Boxes:
    limits = np.array((size[0], size[1], size[0], size[1]), np.float32)
    return np.clip(boxes, 0.0, limits)


def _area(box: NDArray[np.float32]) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))


def _fill(known: NDArray[np.bool_], box: NDArray[np.float32], value: bool) -> None:
    left, top, right, bottom = np.round(box).astype(int).tolist()
    known[top:bottom, left:right] = value


def _lit(image: Pixels, augmentation: Augmentation, random: np.random.Generator) -> Pixels:
    """Expose, warm or cool, change contrast and saturation, then blur, glare and noise now and then."""
    if random.random() < 0.8:
        image = _recoloured(image, augmentation, random)
    if random.random() < augmentation.glare_chance:
        image = _glared(image, random)
    if random.random() < augmentation.blur_chance:
        image = _blurred(image, random)
    if random.random() < augmentation.noise_chance:
        noise = np.empty(image.shape, np.int8)
        strength = random.uniform(2.0, 9.0)
        cv2.randn(noise, (0.0, 0.0, 0.0), (strength, strength, strength))
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    return image


def _recoloured(image: Pixels, augmentation: Augmentation, random: np.random.Generator) -> Pixels:
    stops = random.uniform(-augmentation.exposure_stops, augmentation.exposure_stops)
    warmth = random.uniform(-augmentation.warmth, augmentation.warmth)
    tint = random.uniform(-augmentation.warmth, augmentation.warmth) / 3
    gamma = np.exp(random.uniform(-0.25, 0.25))
    values = np.arange(256, dtype=np.float64) / 255
    gains = np.array((1 + warmth, 1 + tint, 1 - warmth)) * 2.0**stops
    table = np.clip((values[:, None] ** gamma * gains) * 255, 0, 255).astype(np.uint8)[None]
    lit: Pixels = cv2.LUT(image, table)
    saturation = random.uniform(0.6, 1.3)
    grey = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(lit, saturation, grey, 1 - saturation, 0.0)


def _glared(image: Pixels, random: np.random.Generator) -> Pixels:
    """A lamp mirrored in steel or soup: a soft spot that burns out."""
    height, width = image.shape[:2]
    spot = np.zeros((height // 4, width // 4, 3), np.uint8)
    centre = int(random.integers(width // 4)), int(random.integers(height // 4))
    reach = int(random.integers(3, 22)), int(random.integers(3, 22))
    cv2.ellipse(spot, centre, reach, float(random.uniform(0, 180)), 0, 360, (255, 255, 250), -1)
    spot = cv2.GaussianBlur(spot, (0, 0), float(random.uniform(1.0, 6.0)))
    return cv2.addWeighted(image, 1.0, cv2.resize(spot, (width, height)), float(random.uniform(0.3, 1.0)), 0.0)


def _blurred(image: Pixels, random: np.random.Generator) -> Pixels:
    """A movement in any direction, or out of focus."""
    reach = int(random.integers(1, 4)) * 2 + 1
    if random.random() < 0.4:
        return cv2.GaussianBlur(image, (reach, reach), 0)
    kernel = np.zeros((reach, reach), np.float32)
    angle, middle = random.uniform(0, pi), reach // 2
    x, y = round(cos(angle) * middle), round(sin(angle) * middle)
    cv2.line(kernel, (middle - x, middle - y), (middle + x, middle + y), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())
