"""Portions in a scene: textures of the larder heaped into hollows, laid down whole, or poured."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.food_textures import FoodTexture
from recognition.training.synthetic.shapes import Spot, lay, spot_at
from recognition.training.synthetic.surface import NO_PORTION, Surface
from recognition.training.synthetic.texture import Field, as_field, layered_noise, noise, smoothstep


@dataclass(frozen=True, slots=True, kw_only=True)
class Hollow:
    """Room for food: a well, the flat of a plate, a bowl.

    `depth` is how many mm each pixel of the spot lies inside the edge of the room, `base_mm` the height of its
    floor and `rim_mm` that of its edge.
    """

    spot: Spot
    depth: Field
    half_width_mm: float
    half_height_mm: float
    base_mm: float
    rim_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sampled:
    """A texture laid over a spot: linear light, and relief about 0."""

    colour: Field
    relief: Field


def _sample(
    rng: np.random.Generator, pixels: tuple[Field, Field], texture: FoodTexture, spot: Spot, stretch: float
) -> _Sampled:
    """Lay the inner part of a texture over a spot, turned, resized, bent a little, mirrored beyond its edge."""
    left, top, right, bottom = texture.inner
    inner_colour, inner_relief = (part[top:bottom, left:right] for part in pixels)
    angle, flip = rng.uniform(0, 2 * np.pi), rng.choice((-1.0, 1.0))
    per_mm = stretch / texture.mm_per_px
    bend = 2.2 * np.float32(per_mm)
    cos, sin = np.float32(np.cos(angle) * per_mm), np.float32(np.sin(angle) * per_mm)
    middle_x = (right - left) * rng.uniform(0.3, 0.7)
    middle_y = (bottom - top) * rng.uniform(0.3, 0.7)
    grain = 16 * spot.px_per_mm
    x = spot.u * cos * np.float32(flip) + spot.v * sin + np.float32(middle_x) + bend * noise(rng, spot.shape, grain)
    y = spot.v * cos - spot.u * sin * np.float32(flip) + np.float32(middle_y) + bend * noise(rng, spot.shape, grain)
    colour = cv2.remap(inner_colour, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    relief = cv2.remap(inner_relief, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return _Sampled(colour=as_field(colour), relief=as_field(relief - np.float32(inner_relief.mean())))


def heap(
    surface: Surface,
    rng: np.random.Generator,
    texture: FoodTexture,
    pixels: tuple[Field, Field],
    hollow: Hollow,
    portion: int,
    *,
    fills: bool,
    place: tuple[float, float, float, float] | None = None,
) -> None:
    """Heap food up in a hollow with a ragged edge.

    Args:
        fills: whether it reaches the walls; otherwise it lies as a heap of its own, `place` or anywhere.
        place: middle (u, v) and half sizes in mm of such a heap.
    """
    spot = hollow.spot
    sampled = _sample(rng, pixels, texture, spot, rng.uniform(0.75, 1.3))
    size = min(hollow.half_width_mm, hollow.half_height_mm)
    if fills:
        inside = hollow.depth - np.float32(rng.uniform(-3, 0.14 * size))
        reach = size
    else:
        if place is None:
            half_w = hollow.half_width_mm * rng.uniform(0.55, 1.0)
            half_h = hollow.half_height_mm * rng.uniform(0.55, 1.0)
            place = (
                rng.uniform(-1, 1) * (hollow.half_width_mm - half_w),
                rng.uniform(-1, 1) * (hollow.half_height_mm - half_h),
                half_w,
                half_h,
            )
        u, v, half_w, half_h = place
        power = rng.uniform(1.9, 3.2)
        share = np.abs((spot.u - np.float32(u)) / np.float32(half_w)) ** power
        share = (share + np.abs((spot.v - np.float32(v)) / np.float32(half_h)) ** power) ** np.float32(1 / power)
        reach = min(half_w, half_h)
        inside = np.minimum((1 - share) * np.float32(reach), hollow.depth + np.float32(rng.uniform(-1, 4)))
    ragged = rng.uniform(0.03, 0.13) * reach
    inside = inside + np.float32(ragged) * layered_noise(rng, spot.shape, rng.uniform(10, 26) * spot.px_per_mm, 3)
    inside = inside + np.float32(rng.uniform(2, 9)) * sampled.relief
    tall = rng.uniform(5, 14) + rng.uniform(0.0, 0.22) * reach
    rise = rng.uniform(0.25, 0.8) * reach
    dome = 1 - (1 - np.clip(inside / np.float32(rise), 0, 1)) ** np.float32(rng.uniform(1.6, 3.0))
    lumps = 1 + np.float32(0.14) * layered_noise(rng, spot.shape, 13 * spot.px_per_mm, 2)
    rough = rng.uniform(7, 13) if texture.origin == "painted" else rng.uniform(3, 8)
    height = (
        hollow.base_mm + np.float32(tall) * dome * lumps + np.float32(rough) * sampled.relief * np.minimum(dome * 2, 1)
    )
    if rng.random() < (0.6 if texture.gloss > 0.5 else 0.3):
        _leak(surface, rng, sampled.colour, spot, inside, hollow, portion, reach)
    cut = spot.cut
    wins = (inside > 0) & (height > surface.height[cut])
    _cover(surface, spot, wins, as_field(height), sampled.colour, texture, portion)


def _leak(
    surface: Surface,
    rng: np.random.Generator,
    colour: Field,
    spot: Spot,
    inside: Field,
    hollow: Hollow,
    portion: int,
    reach: float,
) -> None:
    """Let sauce run out from under a heap; where it hides the vessel it belongs to the portion."""
    wide = rng.uniform(0.04, 0.22) * reach
    lobes = layered_noise(rng, spot.shape, 20 * spot.px_per_mm, 2) * np.float32(wide * 0.7)
    share = smoothstep(-wide, 0, np.minimum(inside + lobes, hollow.depth + 1)) * np.float32(rng.uniform(0.35, 0.95))
    share = share * (surface.portion[spot.cut] == NO_PORTION) * (surface.height[spot.cut] < hollow.base_mm + 6)
    tone = np.quantile(colour.reshape(-1, 3), 0.3, axis=0).astype(np.float32) * np.float32(rng.uniform(0.6, 1.2))
    cut = spot.cut
    surface.albedo[cut] = surface.albedo[cut] * (1 - share[..., None]) + tone * share[..., None]
    surface.gloss[cut] = np.maximum(surface.gloss[cut], share * np.float32(0.8))
    surface.metal[cut] *= 1 - share
    surface.portion[cut][share > 0.5] = portion


def _cover(
    surface: Surface,
    spot: Spot,
    wins: NDArray[np.bool_],
    height: Field,
    colour: Field,
    texture: FoodTexture,
    portion: int,
) -> None:
    lay(
        surface,
        spot,
        wins,
        height,
        colour,
        gloss=texture.gloss,
        polish=0.7 if texture.gloss > 0.5 else 0.5,
        glow=0.25,
    )
    surface.portion[spot.cut][wins] = portion


def lay_whole(
    surface: Surface,
    rng: np.random.Generator,
    texture: FoodTexture,
    pixels: tuple[Field, Field],
    hollow: Hollow,
    portion: int,
    place: tuple[float, float, float, float] | None = None,
) -> None:
    """Lay food down in the outline it was photographed in, one to four times, each turned its own way."""
    spot = hollow.spot
    colour, relief = pixels
    outline = (relief > 0).astype(np.uint8)
    rows, columns = np.nonzero(outline)
    depth_px = cv2.distanceTransform(np.pad(outline, 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    long_px = max(float(np.ptp(rows)), float(np.ptp(columns)), 8.0)
    u0, v0, half_w, half_h = place or (0.0, 0.0, hollow.half_width_mm, hollow.half_height_mm)
    count = int(rng.choice((1, 1, 2, 3, 4)))
    size_mm = 2 * min(half_w, half_h) * rng.uniform(0.75, 1.05) / (1.0 if count == 1 else rng.uniform(1.2, 1.6))
    per_mm = np.float32(long_px / size_mm)
    for _ in range(count):
        angle, flip = rng.uniform(0, 2 * np.pi), np.float32(rng.choice((-1.0, 1.0)))
        slack = 0.05 if count == 1 else 0.45
        du = np.float32(u0 + rng.uniform(-slack, slack) * half_w)
        dv = np.float32(v0 + rng.uniform(-slack, slack) * half_h)
        cos, sin = np.float32(np.cos(angle)) * per_mm, np.float32(np.sin(angle)) * per_mm
        x = (spot.u - du) * cos * flip + (spot.v - dv) * sin + np.float32(columns.mean())
        y = (spot.v - dv) * cos - (spot.u - du) * sin * flip + np.float32(rows.mean())
        inside = cv2.remap(depth_px, x, y, cv2.INTER_LINEAR, borderValue=0) / per_mm
        bumps = cv2.remap(relief, x, y, cv2.INTER_LINEAR, borderValue=0)
        tall = rng.uniform(0.18, 0.4) * size_mm
        dome = np.sqrt(np.clip(1 - (1 - np.clip(inside / (0.3 * size_mm), 0, 1)) ** 2, 0, 1))
        cut = spot.cut
        below = float(np.median(surface.height[cut][inside > 0])) if (inside > 0).any() else hollow.base_mm
        height = max(hollow.base_mm, min(below, hollow.base_mm + 14)) + tall * 0.7 * dome + 4 * (bumps - 0.5)
        wins = (inside > 0.4) & (hollow.depth > -4) & (height > surface.height[cut])
        shown = cv2.remap(colour, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        _cover(surface, spot, wins, as_field(height), as_field(shown), texture, portion)


def pour(
    surface: Surface,
    rng: np.random.Generator,
    texture: FoodTexture,
    pixels: tuple[Field, Field],
    hollow: Hollow,
    portion: int,
) -> None:
    """Fill a hollow with soup: a level of liquid with what floats in it."""
    spot = hollow.spot
    sampled = _sample(rng, pixels, texture, spot, rng.uniform(0.8, 1.3))
    level = hollow.base_mm + (hollow.rim_mm - hollow.base_mm) * rng.uniform(0.25, 0.85)
    broth = np.median(sampled.colour.reshape(-1, 3), axis=0).astype(np.float32)
    if rng.random() < 0.5:
        broth = (
            np.array([0.45, 0.3, 0.12], np.float32)
            * np.float32(rng.uniform(0.4, 1.5))
            * rng.uniform(0.7, 1.3, 3).astype(np.float32)
        )
    floats = smoothstep(-0.3, 0.3, layered_noise(rng, spot.shape, 12 * spot.px_per_mm, 3) - rng.uniform(-1.4, 1.2))
    if rng.random() < 0.1:
        floats = floats * 0
    cut = spot.cut
    depth = np.float32(level) - surface.height[cut]
    wet = (depth > 0) & (hollow.depth > -3)
    deep = (1 - np.exp(-np.clip(depth, 0, None) * np.float32(rng.uniform(0.08, 0.6))))[..., None]
    liquid = surface.albedo[cut] * (1 - deep) * np.clip(broth * 1.6, 0, 1) ** np.float32(0.5) + broth * deep
    colour = liquid * (1 - floats[..., None]) + sampled.colour * floats[..., None]
    fat = smoothstep(1.1, 1.5, noise(rng, spot.shape, rng.uniform(2, 6) * spot.px_per_mm))
    colour = colour * (1 + np.float32(rng.uniform(-0.3, 0.8)) * fat[..., None])
    height = np.float32(level) + np.float32(2.5) * floats * np.clip(0.6 + sampled.relief, 0, 1.5)
    lay(surface, spot, wet, as_field(height), as_field(colour), gloss=0.9, polish=0.9, glow=0.4)
    surface.portion[cut][wet & (depth > 0.5)] = portion


def stain(surface: Surface, rng: np.random.Generator, hollow: Hollow) -> None:
    """Leave what a meal leaves behind: thin smears and drops, which are no portion."""
    spot = hollow.spot
    tone = np.array([rng.uniform(0.1, 0.4), rng.uniform(0.04, 0.2), rng.uniform(0.01, 0.06)], np.float32)
    smear = layered_noise(rng, spot.shape, rng.uniform(5, 20) * spot.px_per_mm, 2)
    share = smoothstep(rng.uniform(1.0, 1.5), 2.4, smear) * np.float32(rng.uniform(0.2, 0.7))
    share = share * (hollow.depth > 0) * (surface.portion[spot.cut] == NO_PORTION)
    surface.albedo[spot.cut] = surface.albedo[spot.cut] * (1 - share[..., None]) + tone * share[..., None]


def scatter(
    surface: Surface, rng: np.random.Generator, colour: Field, x_mm: float, y_mm: float, reach_mm: float
) -> None:
    """Spill a few drops or grains, too small to be a portion."""
    for _ in range(int(rng.integers(1, 5))):
        size = rng.uniform(1.2, 3.5)
        spot = spot_at(surface, x_mm + rng.normal(0, reach_mm), y_mm + rng.normal(0, reach_mm), size + 1)
        if spot is None:
            continue
        round_ = np.hypot(spot.u, spot.v) < size
        level = surface.height[spot.cut] + np.float32(0.8)
        free = round_ & (surface.portion[spot.cut] == NO_PORTION)
        lay(surface, spot, free, level, colour, gloss=0.5, polish=0.6)
