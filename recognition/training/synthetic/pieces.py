"""Single pieces of food, each a little height field with its own colours: cubes, slices, strips, leaves, grains."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from recognition.training.synthetic.surface import Piece, linear
from recognition.training.synthetic.texture import Field, as_field, layered_noise, noise

Form = Literal["cube", "pebble", "slice", "strip", "leaf", "curd", "cluster", "turned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredient:
    """What one kind of piece looks like and how much of it a portion holds.

    Amounts are either `coverage` (area of all pieces / area of the portion) or `count` (lowest and highest number).
    """

    form: Form
    size_mm: tuple[float, float, float]  # length, width, thickness
    colours: tuple[str, ...]
    coverage: float = 0.0
    count: tuple[int, int] = (0, 0)
    spread: float = 0.16  # relative deviation of the size
    unlike: float = 0.09  # relative deviation of the brightness
    mottle: tuple[str, float, float] | None = None  # colour, strength, grain in mm
    rim: tuple[str, float] | None = None  # colour, width as a share of the radius
    bands: tuple[str, ...] = ()  # colours across the width, such as skin, fat, lean
    banded_share: float = 1.0
    bump: tuple[float, float] = (0.15, 1.5)  # mm, grain in mm
    ragged: float = 0.08
    roundness_mm: float = 1.2
    curl_mm: float = 0.0
    bend: float = 0.0  # share of the length by which the axis of a strip or turned piece leaves a straight line
    profile: tuple[float, ...] = (0.0, 0.8, 1.0, 0.8, 0.0)  # half-widths along a turned piece
    rings: int = 0
    kernels_mm: float = 0.0
    gloss: float = 0.35
    polish: float = 0.55
    glow: float = 0.15
    cover: float = 1.0
    drape: float = 0.25
    sink_mm: float = 0.0
    aligned: bool = False  # whether all pieces of a portion lie about the same way


@dataclass(slots=True)
class _Blank:
    """The grid of one piece, in mm along (u) and across (v), before it has a shape."""

    rng: np.random.Generator
    px_per_mm: float
    length: float
    width: float
    thickness: float
    u: Field
    v: Field
    along: Field = field(default_factory=lambda: np.zeros((1, 1), np.float32))  # -1 .. 1
    across: Field = field(default_factory=lambda: np.zeros((1, 1), np.float32))  # -1 .. 1
    groove: Field = field(default_factory=lambda: np.ones((1, 1), np.float32))  # darkening between kernels and rings


def make_piece(ingredient: Ingredient, rng: np.random.Generator, px_per_mm: float, turn: float) -> Piece:
    """Make one piece; two pieces of an ingredient are alike but never the same.

    Args:
        turn: direction of its length, radians.
    """
    growth = float(np.clip(rng.normal(1, ingredient.spread), 0.55, 1.6))
    length, width, thickness = (
        side * growth * float(np.clip(rng.normal(1, ingredient.spread / 2), 0.7, 1.4)) for side in ingredient.size_mm
    )
    reach = (0.5 * np.hypot(length, width) + abs(ingredient.bend) * length * 0.6) * (1.08 + ingredient.ragged)
    half = max(2, int(np.ceil(reach * px_per_mm)))
    axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(px_per_mm)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u = axis[None, :] * cos + axis[:, None] * sin
    v = axis[:, None] * cos - axis[None, :] * sin
    blank = _Blank(rng, px_per_mm, length, width, thickness, u, v)
    lift = _FORMS[ingredient.form](blank, ingredient)
    bump_mm, grain_mm = ingredient.bump
    rough = layered_noise(rng, lift.shape, grain_mm * px_per_mm, 2)
    lift = np.where(lift > 0, np.maximum(lift + bump_mm * rough, 0.05), lift).astype(np.float32)
    return Piece(
        lift=lift,
        albedo=_colour(blank, ingredient, rough),
        gloss=float(np.clip(ingredient.gloss * rng.normal(1, 0.15), 0, 1)),
        polish=ingredient.polish,
        glow=ingredient.glow,
        cover=ingredient.cover,
    )


def _colour(blank: _Blank, ingredient: Ingredient, rough: Field) -> Field:
    rng = blank.rng
    shape = blank.u.shape
    palette = [linear(colour) for colour in ingredient.colours]
    first = palette[int(rng.integers(len(palette)))]
    second = palette[int(rng.integers(len(palette)))]
    blend = float(rng.random()) * 0.6
    flat = (first * (1 - blend) + second * blend) * np.exp(rng.normal(0, ingredient.unlike))
    flat = flat * np.exp(rng.normal(0, 0.035, 3)).astype(np.float32)
    albedo = np.broadcast_to(flat.astype(np.float32), (*shape, 3)).copy()
    if ingredient.bands and rng.random() < ingredient.banded_share:
        wobble = noise(rng, shape, 3 * blank.px_per_mm) * 0.12
        place = np.clip((blank.across + wobble + 1) / 2, 0, 0.999) * len(ingredient.bands)
        colours = np.stack([linear(colour) for colour in ingredient.bands])
        low = place.astype(int)
        high = np.minimum(low + 1, len(colours) - 1)
        share = np.clip((place - low - 0.7) / 0.3, 0, 1)[..., None]
        albedo = colours[low] * (1 - share) + colours[high] * share
    if ingredient.rings:
        phase = ingredient.rings * (blank.along + 1) / 2 + 0.1 * np.abs(blank.across) ** 2
        saw = phase - np.floor(phase)
        albedo = albedo * (0.72 + 0.5 * saw**0.7)[..., None]
    if ingredient.mottle:
        colour, strength, grain_mm = ingredient.mottle
        spots = layered_noise(rng, shape, grain_mm * blank.px_per_mm)
        share = np.clip(0.5 + 0.8 * (spots + rng.normal(0, 0.35)), 0, 1)[..., None] * strength
        albedo = albedo * (1 - share) + linear(colour) * share
    if ingredient.rim:
        colour, width = ingredient.rim
        radius = np.hypot(blank.along, blank.across) + 0.04 * noise(rng, shape, 2 * blank.px_per_mm)
        share = np.clip((radius - (1 - width)) / 0.06, 0, 1)[..., None]
        albedo = albedo * (1 - share) + linear(colour) * share
    fine = 1 + 0.05 * noise(rng, shape, 0.8 * blank.px_per_mm) + 0.05 * rough
    fine = fine * blank.groove
    return as_field(np.clip(albedo * fine[..., None], 0.002, 0.95))


def _cube(blank: _Blank, ingredient: Ingredient) -> Field:
    """Cut a block with a knife: the lowest of a few planes, its edges rounded."""
    rng = blank.rng
    a, b = blank.length / 2, blank.width / 2
    blank.along, blank.across = blank.u / a, blank.v / b
    sharp = 3 / max(ingredient.roundness_mm, 0.2)
    planes = [blank.thickness * (1 + rng.normal(0, 0.16) * blank.along + rng.normal(0, 0.16) * blank.across)]
    for k, reach in enumerate((a, b, a, b)):
        angle = k * np.pi / 2 + rng.normal(0, 0.16)
        out = blank.u * np.cos(angle) + blank.v * np.sin(angle)
        planes.append((reach * rng.normal(1, 0.06) - out) * abs(rng.normal(1.9, 0.6)) + 0.2)
    if rng.random() < 0.6:
        angle = rng.uniform(0, 2 * np.pi)
        out = blank.u * np.cos(angle) + blank.v * np.sin(angle)
        planes.append((0.5 * (a + b) * rng.uniform(0.7, 1.0) - out) * rng.uniform(0.8, 1.6) + blank.thickness * 0.3)
    wobble = noise(rng, blank.u.shape, 9 * blank.px_per_mm) * ingredient.ragged * blank.width * 0.6
    total = sum(np.exp(-sharp * np.clip(plane + wobble, -6, 40)) for plane in planes)
    return (-np.log(total) / sharp).astype(np.float32)


def _outline(blank: _Blank, ragged: float, squareness: float) -> Field:
    """Return the distance from the middle, 1 at a ragged outline."""
    a, b = blank.length / 2, blank.width / 2
    blank.along, blank.across = blank.u / a, blank.v / b
    radius = (np.abs(blank.along) ** squareness + np.abs(blank.across) ** squareness) ** (1 / squareness)
    angle = np.arctan2(blank.across, blank.along)
    wave = np.zeros_like(radius)
    for k in range(2, 8):
        wave += np.cos(k * angle + blank.rng.uniform(0, 2 * np.pi)) * blank.rng.normal(0, 0.75 / k)
    grain = noise(blank.rng, radius.shape, max(1.5, 0.2 * blank.width) * blank.px_per_mm)
    return (radius * np.clip(1 + ragged * (0.8 * wave + 0.3 * grain), 0.6, 1.9)).astype(np.float32)


def _pebble(blank: _Blank, ingredient: Ingredient) -> Field:
    radius = _outline(blank, ingredient.ragged, 2.2)
    dome = np.sqrt(np.clip(1 - radius**2, 0, None)) * blank.thickness
    if ingredient.kernels_mm:
        step = ingredient.kernels_mm
        knob = np.abs(np.sin(np.pi * blank.u / step)) * np.abs(np.sin(np.pi * blank.v / step))
        dome = dome * (0.82 + 0.18 * np.sqrt(knob))
    return np.where(radius < 1, dome, 0).astype(np.float32)


def _slice(blank: _Blank, ingredient: Ingredient) -> Field:
    radius = _outline(blank, ingredient.ragged, 2.4)
    slab = np.clip((1 - radius) * 0.5 * blank.width * 2.5, 0, blank.thickness)
    curl = ingredient.curl_mm * blank.rng.uniform(0.2, 1) * blank.along**2
    return np.where(radius < 1, slab + curl + 0.05, 0).astype(np.float32)


def _axis(blank: _Blank, bend: float) -> tuple[Field, Field]:
    """Return position along and distance from a bent axis, both in mm."""
    a = blank.length / 2
    amount = bend * blank.length * float(np.sign(blank.rng.normal())) * blank.rng.uniform(0.5, 1.1)
    twist = 0.4 * bend * blank.length * blank.rng.normal()
    t = np.linspace(-1, 1, 15, dtype=np.float32)
    points_u = a * t * (1 - 0.35 * abs(bend))
    points_v = amount * (1 - t**2 - 0.5) + twist * np.sin(np.pi * t)
    best = np.full(blank.u.shape, 1e9, np.float32)
    along = np.zeros_like(best)
    side = np.zeros_like(best)
    for k in range(len(t) - 1):
        du, dv = points_u[k + 1] - points_u[k], points_v[k + 1] - points_v[k]
        squared = du * du + dv * dv + 1e-6
        share = np.clip(((blank.u - points_u[k]) * du + (blank.v - points_v[k]) * dv) / squared, 0, 1)
        off_u = blank.u - points_u[k] - share * du
        off_v = blank.v - points_v[k] - share * dv
        distance = off_u**2 + off_v**2
        closer = distance < best
        best[closer] = distance[closer]
        along[closer] = (t[k] + share * (t[k + 1] - t[k]))[closer]
        side[closer] = np.sign(du * off_v - dv * off_u)[closer]
    return along, (np.sqrt(best) * side).astype(np.float32)


def _strip(blank: _Blank, ingredient: Ingredient) -> Field:
    along, off = _axis(blank, ingredient.bend)
    half = blank.width / 2 * (1 + ingredient.ragged * noise(blank.rng, off.shape, 3 * blank.px_per_mm))
    half = half * np.clip(1.15 - np.abs(along) ** 6 * 0.5, 0.2, 1)
    blank.along, blank.across = along, off / np.maximum(half, 0.1)
    square = np.clip(1 - blank.across**4, 0, None) ** 0.5
    sway = ingredient.curl_mm * np.sin(np.pi * along * blank.rng.uniform(0.6, 1.3) + blank.rng.uniform(0, 6.3))
    return np.where(np.abs(blank.across) < 1, blank.thickness * square + np.abs(sway), 0).astype(np.float32)


def _leaf(blank: _Blank, ingredient: Ingredient) -> Field:
    """Crumple a thin leaf: sharp folds, a paler middle vein."""
    rng = blank.rng
    radius = _outline(blank, ingredient.ragged, 1.8)
    folds = 1 - np.abs(layered_noise(rng, radius.shape, 0.45 * blank.width * blank.px_per_mm, 2))
    vein = np.exp(-((blank.v + 0.06 * blank.width * noise(rng, radius.shape, 24)) ** 2) / (0.05 * blank.width) ** 2)
    crumple = ingredient.curl_mm * np.clip(folds, -0.6, 1) - 0.5 * ingredient.curl_mm * vein
    edge = np.clip((1 - radius) * 8, 0, 1)
    return np.where(radius < 1, blank.thickness + (crumple + 0.6 * ingredient.curl_mm) * edge + 0.05, 0).astype(
        np.float32
    )


def _curd(blank: _Blank, ingredient: Ingredient) -> Field:
    """A soft lump with lobes, such as scrambled egg or minced meat."""
    rng = blank.rng
    radius = _outline(blank, ingredient.ragged, 2.0)
    lobes = 1 - np.abs(layered_noise(rng, radius.shape, 0.35 * blank.width * blank.px_per_mm, 3))
    dome = np.clip(1 - radius**2, 0, 1) ** 0.6 * blank.thickness
    return np.where(radius < 1, dome * (0.75 + 0.35 * lobes) + 0.05, 0).astype(np.float32)


def _cluster(blank: _Blank, ingredient: Ingredient) -> Field:
    """A dome of many small knobs on a stalk, such as broccoli."""
    rng = blank.rng
    radius = _outline(blank, ingredient.ragged, 2.0)
    dome = np.sqrt(np.clip(1 - 0.8 * radius**2, 0, None)) * blank.thickness
    lift = np.where(radius < 0.9, dome * 0.86, 0).astype(np.float32)
    knob_mm = max(1.3, 0.085 * blank.width)
    for _ in range(int(2.6 * blank.length * blank.width / (4 * knob_mm**2))):
        distance = np.sqrt(rng.random())
        angle = rng.uniform(0, 2 * np.pi)
        cu = 0.5 * blank.length * distance * np.cos(angle) * 0.93
        cv = 0.5 * blank.width * distance * np.sin(angle) * 0.93
        size = knob_mm * rng.uniform(0.7, 1.35)
        squared = (blank.u - cu) ** 2 + (blank.v - cv) ** 2
        ball = np.sqrt(np.clip(size**2 - squared, 0, None))
        base = blank.thickness * np.sqrt(max(0.0, 1 - 0.8 * distance**2)) * 0.9
        lift = np.where(squared < size**2, np.maximum(lift, base + ball), lift).astype(np.float32)
    return lift


def _turned(blank: _Blank, ingredient: Ingredient) -> Field:
    """A body of revolution about a bent axis: drumstick, egg, prawn, fish, bun, corn cob."""
    along, off = _axis(blank, ingredient.bend)
    knots = np.linspace(-1, 1, len(ingredient.profile))
    fine = np.linspace(-1, 1, 161)
    shape = np.interp(fine, knots, ingredient.profile)
    window = np.hanning(15)[1:-1]
    shape = np.convolve(np.pad(shape, 6, mode="edge"), window / window.sum(), mode="valid")
    half = as_field(np.interp(along, fine, shape) * blank.width / 2)
    half = as_field(half * (1 + ingredient.ragged * layered_noise(blank.rng, off.shape, 5 * blank.px_per_mm, 2)))
    blank.along, blank.across = along, as_field(off / np.maximum(half, 0.05))
    round_part = np.sqrt(np.clip(1 - blank.across**2, 0, None))
    lift = as_field(blank.thickness * (half / (blank.width / 2)) * round_part)
    if ingredient.kernels_mm:
        step = ingredient.kernels_mm
        around = np.arcsin(np.clip(blank.across, -1, 1)) * blank.width / 2
        row = np.abs(np.sin(np.pi * around / step))
        knob = np.abs(np.sin(np.pi * (along * blank.length / 2) / (0.62 * step))) ** 0.5 * row**0.5
        lift = as_field(lift + 1.6 * (knob - 0.7) * round_part)
        blank.groove = as_field(1 - 0.55 * np.clip(0.75 - knob, 0, 1))
    if ingredient.rings:
        phase = ingredient.rings * (along + 1) / 2 + 0.1 * np.abs(blank.across) ** 2
        lift = as_field(lift + 0.9 * (phase - np.floor(phase) - 0.5) * round_part)
    return np.where((np.abs(blank.across) < 1) & (half > 0.3), np.maximum(lift, 0.05), 0).astype(np.float32)


_FORMS: dict[Form, Callable[[_Blank, Ingredient], Field]] = {
    "cube": _cube,
    "pebble": _pebble,
    "slice": _slice,
    "strip": _strip,
    "leaf": _leaf,
    "curd": _curd,
    "cluster": _cluster,
    "turned": _turned,
}
