"""Tables, trays, plates and bowls, and the slots in them that food goes into."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.surface import NO_PORTION, Piece, Surface, linear, stamp
from recognition.training.synthetic.texture import Field, as_field, box_blur, layered_noise, noise, smoothstep

Finish = Literal["white_melamine", "green_melamine", "steel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one portion may lie: a superellipse, in mm on the table.

    `base_mm` is the height food starts at, `liquid_mm` the height a soup is filled to, `fills` whether the
    vessel holds food to its walls (a well, a bowl) or leaves a free rim (a plate).
    """

    x_mm: float
    y_mm: float
    half_width_mm: float
    half_height_mm: float
    squareness: float
    base_mm: float
    liquid_mm: float
    fills: bool


def place_distance(surface: Surface, x_mm: float, y_mm: float, half_w: float, half_h: float, corner: float) -> Field:
    """Return the signed distance to a rounded rectangle in mm, negative inside."""
    x, y = surface.grid_mm()
    dx = np.abs(x - x_mm) - (half_w - corner)
    dy = np.abs(y - y_mm) - (half_h - corner)
    outside = np.hypot(np.clip(dx, 0, None), np.clip(dy, 0, None))
    return as_field(outside + np.clip(np.maximum(dx, dy), None, 0) - corner)


def _paint(
    surface: Surface,
    where: NDArray[np.bool_],
    height: Field,
    colour: Field,
    *,
    gloss: float,
    polish: float,
    metal: float = 0.0,
    glow: float = 0.0,
) -> None:
    surface.height[where] = height[where]
    surface.albedo[where] = np.broadcast_to(colour, surface.albedo.shape)[where]
    surface.gloss[where] = gloss
    surface.polish[where] = polish
    surface.metal[where] = metal
    surface.glow[where] = glow


def lay_table(surface: Surface, rng: np.random.Generator, kind: str) -> None:
    """Cover everything with a counter top: "wood", "grey_stone", "steel" or "white_laminate"."""
    shape = surface.height.shape
    everywhere = np.ones(shape, bool)
    scale = surface.px_per_mm
    if kind == "wood":
        narrow = noise(rng, (shape[0], max(8, shape[1] // 14)), 2.4)
        columns = (np.arange(shape[1]) / 14).astype(int).clip(0, narrow.shape[1] - 1)
        grain = narrow[:, columns] * 0.6 + 0.5 * layered_noise(rng, shape, 30 * scale, 2)
        share = np.clip(0.5 + 0.32 * grain, 0, 1)[..., None]
        colour = as_field(linear("#b98d5e") * (1 - share) + linear("#caa274") * share)
        _paint(surface, everywhere, np.zeros(shape, np.float32), colour, gloss=0.35, polish=0.45)
    elif kind == "grey_stone":
        speck = layered_noise(rng, shape, 1.4 * scale, 2)
        tone = 1 + 0.28 * np.clip(speck, -1.6, 2.4) * (np.abs(speck) > 0.8)
        colour = as_field(linear("#8d8c8a") * tone[..., None])
        _paint(surface, everywhere, np.zeros(shape, np.float32), colour, gloss=0.5, polish=0.7)
    elif kind == "steel":
        _paint(surface, everywhere, _brushed(surface, rng), linear("#b4b6b8"), gloss=0.6, polish=0.55, metal=1.0)
    else:
        tone = 1 + 0.03 * layered_noise(rng, shape, 40 * scale, 2)
        colour = as_field(linear("#d6d2c8") * tone[..., None])
        _paint(surface, everywhere, np.zeros(shape, np.float32), colour, gloss=0.4, polish=0.6)


def _brushed(surface: Surface, rng: np.random.Generator) -> Field:
    shape = surface.height.shape
    rows = noise(rng, (shape[0], max(8, shape[1] // 40)), 1.2)
    columns = (np.arange(shape[1]) / 40).astype(int).clip(0, rows.shape[1] - 1)
    return (0.004 * rows[:, columns] + 0.12 * noise(rng, shape, 60)).astype(np.float32)


_FINISHES: dict[Finish, tuple[str, float, float, float]] = {
    "white_melamine": ("#e9e7df", 0.55, 0.78, 0.0),
    "green_melamine": ("#9fc3a0", 0.55, 0.76, 0.0),
    "steel": ("#c3c5c6", 0.7, 0.72, 1.0),
}

WELL_DEPTH_MM = 17.0
TRAY_TOP_MM = 20.0


def put_compartment_tray(
    surface: Surface,
    rng: np.random.Generator,
    *,
    x_mm: float,
    y_mm: float,
    width_mm: float,
    depth_mm: float,
    wells: tuple[tuple[float, float, float, float, float], ...],
    finish: Finish,
) -> list[Slot]:
    """Put down a tray with wells.

    Args:
        wells: left, top, width, height, corner radius of each well in mm from the tray's upper left corner.
    """
    colour, gloss, polish, metal = _FINISHES[finish]
    outer = place_distance(surface, x_mm, y_mm, width_mm / 2, depth_mm / 2, 26)
    height = TRAY_TOP_MM - 3.0 * np.clip(1 + outer / 3, 0, 1) ** 2
    height = height + 2.2 * np.exp(-((outer + 7) ** 2) / 12)
    # A wall that falls over a few mm keeps the outline free of steps.
    height = height * (0.15 + 0.85 * smoothstep(0, 4.5, -outer))
    if metal:
        height = height + _brushed(surface, rng)
    slots = []
    for left, top, width, tall, corner in wells:
        cx, cy = x_mm - width_mm / 2 + left + width / 2, y_mm - depth_mm / 2 + top + tall / 2
        inner = place_distance(surface, cx, cy, width / 2, tall / 2, min(corner, width / 2, tall / 2))
        sunk = smoothstep(0.0, 11.0, -inner)
        lip = 0.8 * np.exp(-((inner - 1.5) ** 2) / 5)
        height = height - WELL_DEPTH_MM * sunk + lip
        round_well = corner >= min(width, tall) / 2 - 1
        slots.append(
            Slot(
                x_mm=cx,
                y_mm=cy,
                half_width_mm=width / 2 - 6,
                half_height_mm=tall / 2 - 6,
                squareness=2.0 if round_well else 4.0,
                base_mm=TRAY_TOP_MM - WELL_DEPTH_MM,
                liquid_mm=TRAY_TOP_MM - 6.5,
                fills=True,
            )
        )
    shade = 1 + 0.02 * layered_noise(rng, surface.height.shape, 40 * surface.px_per_mm, 2)
    scratches = np.clip(noise(rng, surface.height.shape, 1.2) - 2.2, 0, 1) * 0.15
    tone = (shade - scratches)[..., None] * linear(colour)
    _paint(
        surface,
        outer < 0,
        height.astype(np.float32),
        tone.astype(np.float32),
        gloss=gloss,
        polish=polish,
        metal=metal,
    )
    return slots


def put_flat_tray(
    surface: Surface,
    rng: np.random.Generator,
    *,
    x_mm: float,
    y_mm: float,
    width_mm: float,
    depth_mm: float,
    colour: str,
) -> None:
    """Put down a plastic tray with a raised rim and a fine non-slip grain."""
    outer = place_distance(surface, x_mm, y_mm, width_mm / 2, depth_mm / 2, 34)
    height = 3 + 13 * smoothstep(-16, -5, outer) - 13 * smoothstep(-4.5, 0, outer)
    grain = 0.08 * noise(rng, surface.height.shape, 2.4)
    tone = 1 + 0.05 * layered_noise(rng, surface.height.shape, 50 * surface.px_per_mm, 2)
    _paint(
        surface, outer < 0, height + grain, (linear(colour) * tone[..., None]).astype(np.float32), gloss=0.4, polish=0.5
    )


def put_plate(
    surface: Surface, rng: np.random.Generator, *, x_mm: float, y_mm: float, radius_mm: float, ring: str | None
) -> Slot:
    """Put down a round porcelain plate, with a coloured ring near its rim if asked for."""
    x, y = surface.grid_mm()
    radius = np.hypot(x - x_mm, y - y_mm).astype(np.float32)
    share = radius / radius_mm
    ground = float(np.median(surface.height[share < 0.9]))
    height = ground + 4 + 9 * smoothstep(0.55, 0.86, share) + 4 * smoothstep(0.8, 0.97, share)
    height = ground + (height - ground) * (1 - 0.75 * smoothstep(0.955, 1.0, share))
    tone = np.broadcast_to(linear("#eceae4"), surface.albedo.shape).copy()
    if ring:
        edge = share + 0.004 * noise(rng, share.shape, 20)
        painted = ((edge > 0.915) & (edge < 0.95)) | ((edge > 0.885) & (edge < 0.893))
        tone[painted] = linear(ring)
    _paint(surface, share < 1, height.astype(np.float32), tone, gloss=0.75, polish=0.9, glow=0.1)
    return Slot(
        x_mm=x_mm,
        y_mm=y_mm,
        half_width_mm=radius_mm * 0.8,
        half_height_mm=radius_mm * 0.8,
        squareness=2.0,
        base_mm=ground + 4,
        liquid_mm=ground + 9,
        fills=False,
    )


def put_bowl(
    surface: Surface,
    rng: np.random.Generator,
    *,
    x_mm: float,
    y_mm: float,
    radius_mm: float,
    tall_mm: float,
    ring: str | None,
    colour: str = "#eeece6",
) -> Slot:
    """Put down a bowl; food and soup reach about two thirds up its wall."""
    x, y = surface.grid_mm()
    radius = np.hypot(x - x_mm, y - y_mm).astype(np.float32)
    share = radius / radius_mm
    ground = float(np.median(surface.height[share < 0.5]))
    wall = np.clip((share - 0.42) / 0.53, 0, 1)
    height = ground + 6 + (tall_mm - 6) * wall**1.7
    height = ground + (height - ground) * (1 - 0.75 * smoothstep(0.955, 1.0, share))
    tone = np.broadcast_to(linear(colour), surface.albedo.shape).copy()
    if ring:
        tone[(share > 0.905) & (share < 0.95)] = linear(ring)
    _paint(surface, share < 1, height.astype(np.float32), tone, gloss=0.75, polish=0.88, glow=0.1)
    level = ground + tall_mm * 0.66
    reach = 0.42 + 0.53 * ((level - ground - 6) / (tall_mm - 6)) ** (1 / 1.7)
    return Slot(
        x_mm=x_mm,
        y_mm=y_mm,
        half_width_mm=radius_mm * reach,
        half_height_mm=radius_mm * reach,
        squareness=2.0,
        base_mm=ground + tall_mm * 0.6,
        liquid_mm=level,
        fills=True,
    )


def lay_chopsticks(surface: Surface, rng: np.random.Generator, x_mm: float, y_mm: float, turn: float) -> None:
    """Lay a pair of chopsticks down."""
    colour = linear(("#6b3a22", "#c79a63", "#2a2624")[int(rng.integers(3))])
    for side in (-1, 1):
        angle = turn + rng.normal(0, 0.02)
        offset = 5.0 * side + rng.normal(0, 1.0)
        half = int(125 * surface.px_per_mm)
        axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(surface.px_per_mm)
        u = axis[None, :] * np.cos(angle) + axis[:, None] * np.sin(angle)
        v = axis[:, None] * np.cos(angle) - axis[None, :] * np.sin(angle)
        width = 3.4 - 1.2 * (u + 120) / 240
        lift = np.where(
            (np.abs(u) < 118) & (np.abs(v) < width), np.sqrt(np.clip(width**2 - v**2, 0, None)) * 1.6 + 0.1, 0
        )
        tone = (1 + 0.08 * noise(rng, lift.shape, 2.4))[..., None] * colour if half < 256 else colour
        piece = Piece(
            lift=lift.astype(np.float32),
            albedo=np.broadcast_to(tone, (*lift.shape, 3)).astype(np.float32),
            gloss=0.5,
            polish=0.6,
            glow=0.0,
        )
        stamp(
            surface,
            piece,
            x_mm - offset * float(np.sin(turn)),
            y_mm + offset * float(np.cos(turn)),
            portion=NO_PORTION,
        )


def lay_spoon(surface: Surface, x_mm: float, y_mm: float, turn: float) -> None:
    """Lay a steel spoon down."""
    half = int(95 * surface.px_per_mm)
    axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(surface.px_per_mm)
    u = axis[None, :] * np.cos(turn) + axis[:, None] * np.sin(turn)
    v = axis[:, None] * np.cos(turn) - axis[None, :] * np.sin(turn)
    bowl = np.hypot((u - 62) / 27, v / 19)
    handle = (u > -88) & (u < 42) & (np.abs(v) < 4.2 - u * 0.02)
    lift = np.where(bowl < 1, 2.2 + 5.5 * bowl**2, np.where(handle, 4.5 - (v / 4.0) ** 2, 0))
    piece = Piece(
        lift=lift.astype(np.float32),
        albedo=np.broadcast_to(linear("#c6c7c9"), (*lift.shape, 3)).astype(np.float32),
        gloss=0.8,
        polish=0.85,
        glow=0.0,
    )
    before = surface.height.copy()
    stamp(surface, piece, x_mm, y_mm, portion=NO_PORTION)
    surface.metal[surface.height > before + 0.01] = 1.0


def drop_napkin(
    surface: Surface, rng: np.random.Generator, x_mm: float, y_mm: float, turn: float, side_mm: float
) -> None:
    """Drop an unfolded paper napkin that hides what is below it."""
    x, y = surface.grid_mm()
    u = (x - x_mm) * np.float32(np.cos(turn)) + (y - y_mm) * np.float32(np.sin(turn))
    v = (y - y_mm) * np.float32(np.cos(turn)) - (x - x_mm) * np.float32(np.sin(turn))
    shape = surface.height.shape
    wave = noise(rng, shape, 76) * 3
    inside = np.maximum(np.abs(u + wave * 0.5), np.abs(v + wave * 0.3)) < side_mm / 2
    crumple = 1 - np.abs(layered_noise(rng, shape, 26 * surface.px_per_mm, 2))
    fold = 1.2 * np.exp(-((u / 2.2) ** 2)) + 1.2 * np.exp(-((v / 2.2) ** 2))
    dots = 0.12 * np.sin(u * 2.4) * np.sin(v * 2.4)
    tented = np.maximum(box_blur(surface.height, int(14 * surface.px_per_mm)), surface.height)
    tented = np.maximum(box_blur(tented, int(8 * surface.px_per_mm)), surface.height)
    height = tented + np.clip(2 + 2.5 * crumple + fold + dots, 0.5, None)
    _paint(surface, inside, height.astype(np.float32), linear("#f0efec"), gloss=0.05, polish=0.1, glow=0.35)
    surface.portion[inside] = NO_PORTION
