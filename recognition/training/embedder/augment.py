"""One crop -> many: what a camera, a lamp, a tray that is turned and a box that is not exact do to a portion.

Pure functions of a crop and a generator of random numbers; a batch is (n, 3, side, side) float32, (value - 127) / 128.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from recognition.training.embedder.crops import DishCrop

Pixels = NDArray[np.float32]

MOST_BLUR_PX: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How strongly crops are changed. Chances are in [0, 1]; shares are of the box's side or of full brightness.

    `box_jitter` moves every side of the box by at most this share; `least_zoom` is the smallest part of the side that
    is still seen; `turn_chance` is that of a turn by any angle; `exposure_stops` brightens or darkens by at most so
    many stops; `warmth` changes red against blue by at most this share.
    """

    box_jitter: float = 0.1
    least_zoom: float = 0.7
    turn_chance: float = 0.5
    exposure_stops: float = 0.6
    warmth: float = 0.15
    blur_chance: float = 0.15
    occlusion_chance: float = 0.2
    swap_chance: float = 0.5


def batch_of(
    crops: Sequence[DishCrop], side_px: int, augmentation: Augmentation, random: np.random.Generator
) -> Pixels:
    """Change every crop in its own way; vessels and surroundings are swapped within the batch.

    Args:
        crops: n of them.
    Returns:
        (n, 3, side, side) float32, (value - 127) / 128.
    """
    pictures = [_seen(crop, side_px, augmentation, random) for crop in crops]
    changed = []
    for picture in pictures:
        other = pictures[int(random.integers(len(pictures)))]
        if random.random() < augmentation.swap_chance:
            picture = _surrounded_by(picture, other, random)
        if random.random() < augmentation.occlusion_chance:
            picture = _hidden_in_part(picture, other, random)
        picture = _lit(picture, augmentation, random)
        if random.random() < augmentation.blur_chance:
            picture = _blurred(picture, random)
        changed.append(picture)
    return np.ascontiguousarray(((np.stack(changed) - 127.0) / 128.0).transpose(0, 3, 1, 2), np.float32)


def _seen(crop: DishCrop, side_px: int, augmentation: Augmentation, random: np.random.Generator) -> Pixels:
    """Cut an inexact, turned, mirrored box out of the crop; what lies outside the photograph is mirrored into it."""
    left, top, right, bottom = crop.box
    jitter = random.uniform(-augmentation.box_jitter, augmentation.box_jitter, 4)
    left, right = left + (right - left) * jitter[0], right + (right - left) * jitter[1]
    top, bottom = top + (bottom - top) * jitter[2], bottom + (bottom - top) * jitter[3]
    zoom = random.uniform(augmentation.least_zoom, 1.0)
    spare_x, spare_y = (right - left) * (1 - zoom) / 2, (bottom - top) * (1 - zoom) / 2
    centre_x = (left + right) / 2 + random.uniform(-spare_x, spare_x)
    centre_y = (top + bottom) / 2 + random.uniform(-spare_y, spare_y)
    across, down = side_px / ((right - left) * zoom), side_px / ((bottom - top) * zoom)
    if random.random() < 0.5:
        across = -across
    angle = random.uniform(-pi, pi) if random.random() < augmentation.turn_chance else random.uniform(-0.1, 0.1)
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    linear = turn @ np.diag((across, down))
    offset = side_px / 2 - linear @ np.array((centre_x, centre_y))
    moved = cv2.warpAffine(
        crop.pixels,
        np.column_stack((linear, offset)),
        (side_px, side_px),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return moved.astype(np.float32)


def _surrounded_by(picture: Pixels, other: Pixels, random: np.random.Generator) -> Pixels:
    """Keep the middle and put another crop's rim around it, so that the vessel does not tell the dish."""
    side_px = picture.shape[0]
    reach = random.uniform(0.75, 1.05, 2)
    power = random.uniform(2.0, 5.0)
    axis = np.abs(np.linspace(-1.0, 1.0, side_px, dtype=np.float32))
    distance = (axis[None, :] / reach[0]) ** power + (axis[:, None] / reach[1]) ** power
    inside = np.clip((1.15 - distance) / 0.3, 0.0, 1.0).astype(np.float32)[..., None]
    return picture * inside + other * (1 - inside)


def _hidden_in_part(picture: Pixels, other: Pixels, random: np.random.Generator) -> Pixels:
    """Lay a stripe or a patch of one colour of another crop over it: chopsticks, a spoon, a hand, a receipt."""
    side_px = picture.shape[0]
    colour = tuple(float(value) for value in other[int(random.integers(side_px)), int(random.integers(side_px))])
    covered = picture.copy()
    start, end = random.integers(0, side_px, (2, 2)).tolist()
    if random.random() < 0.5:
        cv2.line(covered, start, end, colour, int(random.integers(3, max(4, side_px // 8))))
    else:
        reach = (int(side_px * random.uniform(0.08, 0.22)), int(side_px * random.uniform(0.08, 0.22)))
        edge = (start[0], 0 if random.random() < 0.5 else side_px - 1)
        cv2.ellipse(covered, edge, reach, float(random.uniform(0, 180)), 0, 360, colour, -1)
    return covered


def _lit(picture: Pixels, augmentation: Augmentation, random: np.random.Generator) -> Pixels:
    """Expose, warm or cool, change contrast and saturation; bright parts are burnt out as a sensor does."""
    stops = random.uniform(-augmentation.exposure_stops, augmentation.exposure_stops)
    warmth = random.uniform(-augmentation.warmth, augmentation.warmth)
    tint = random.uniform(-augmentation.warmth / 2, augmentation.warmth / 2)
    gains = np.array((1 + warmth, 1 + tint, 1 - warmth), np.float32) * np.float32(2.0**stops)
    contrast, saturation = random.uniform(0.8, 1.2), random.uniform(0.75, 1.25)
    grey = picture.mean(axis=2, keepdims=True)
    lit = (grey + (picture - grey) * np.float32(saturation)) * gains
    middle = lit.mean()
    return np.clip(middle + (lit - middle) * np.float32(contrast), 0.0, 255.0)


def _blurred(picture: Pixels, random: np.random.Generator) -> Pixels:
    """Blur by a movement in any direction, or out of focus."""
    reach = int(random.integers(1, MOST_BLUR_PX // 2 + 1)) * 2 + 1
    if random.random() < 0.5:
        return cv2.GaussianBlur(picture, (reach, reach), 0)
    kernel = np.zeros((reach, reach), np.float32)
    angle = random.uniform(0, pi)
    middle = reach // 2
    step = np.array((cos(angle), sin(angle))) * middle
    cv2.line(
        kernel,
        (round(middle - step[0]), round(middle - step[1])),
        (round(middle + step[0]), round(middle + step[1])),
        1.0,
    )
    return cv2.filter2D(picture, -1, kernel / kernel.sum())
