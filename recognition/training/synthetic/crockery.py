"""Trays, plates, bowls and boxes of any canteen: random in shape, material and colour, each with room for food."""

from dataclasses import dataclass

import numpy as np

from recognition.training.synthetic.portions import Hollow
from recognition.training.synthetic.shapes import Spot, ellipse, lay, rounded_box, spot_at
from recognition.training.synthetic.surface import Surface, linear
from recognition.training.synthetic.texture import Field, as_field, layered_noise, noise, smoothstep

_MELAMINE = (
    "#e9e7df",
    "#f2f0ea",
    "#e6dcc2",
    "#b9bdc0",
    "#9fc3a0",
    "#c8e0c4",
    "#a9c6dc",
    "#7fa6cc",
    "#e6b3bd",
    "#e59a5c",
)
_PLASTIC = (
    "#8d9296",
    "#5a3a2a",
    "#2d2d30",
    "#c9c4b6",
    "#b04a34",
    "#3c5a46",
    "#d8b98a",
    "#6b7f99",
    "#e0e0dc",
    "#7a5236",
)
_PORCELAIN = (
    "#eceae4",
    "#f4f3ef",
    "#f1e9d8",
    "#dfe6ea",
    "#d9dcd2",
    "#3a3a3c",
    "#c2d4c6",
    "#c98f6a",
    "#e8c8c8",
    "#f3e28e",
)
_INK = ("#2c4f94", "#7a1f1f", "#2f6a4a", "#30303a", "#b58a2c", "#c8502e", "#5b7fb5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a thing stands: middle in mm on the table, and its angle."""

    x_mm: float
    y_mm: float
    turn: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    rim: Field
    floor: Field
    gloss: float
    polish: float
    metal: float
    brushed: float


def random_colour(rng: np.random.Generator, colours: tuple[str, ...], spread: float = 0.06) -> Field:
    """Draw a colour near one of the list; linear light."""
    chosen = linear(colours[int(rng.integers(len(colours)))])
    tinted = chosen * np.exp(rng.normal(0, spread, 3)) * np.exp(rng.normal(0, 2 * spread))
    return as_field(np.clip(tinted, 0.005, 0.95))


def _material(rng: np.random.Generator, kind: str) -> _Material:
    if kind == "steel":
        tone = as_field(linear("#c3c5c6") * np.float32(rng.uniform(0.8, 1.15)))
        return _Material(
            rim=tone,
            floor=tone * np.float32(rng.uniform(0.85, 1.05)),
            gloss=0.7,
            polish=rng.uniform(0.5, 0.88),
            metal=1.0,
            brushed=rng.uniform(0.0, 0.012),
        )
    if kind == "box":
        rim = random_colour(rng, ("#1c1c1e", "#26211f", "#f0efec", "#cfae7f", "#c9c9c6", "#7a2a20"))
        floor = random_colour(rng, ("#1c1c1e", "#8a2018", "#f0efec")) if rng.random() < 0.3 else rim
        return _Material(rim=rim, floor=floor, gloss=0.4, polish=rng.uniform(0.3, 0.8), metal=0.0, brushed=0.0)
    rim = random_colour(rng, _MELAMINE)
    floor = random_colour(rng, _MELAMINE) if rng.random() < 0.2 else rim
    return _Material(rim=rim, floor=floor, gloss=0.55, polish=rng.uniform(0.55, 0.85), metal=0.0, brushed=0.0)


# --- trays with wells ---------------------------------------------------------------------------------------------


def _divide(
    rng: np.random.Generator, left: float, top: float, width: float, height: float, cells: int
) -> list[tuple[float, float, float, float]]:
    """Divide a rectangle into `cells` by straight cuts across, as far as none gets too narrow."""
    if cells == 1:
        return [(left, top, width, height)]
    first = cells // 2 if rng.random() < 0.5 else (cells + 1) // 2
    share = float(np.clip(first / cells + rng.normal(0, 0.06), 0.28, 0.72))
    tall = height > width * rng.uniform(0.7, 1.2)
    if (height if tall else width) * min(share, 1 - share) < 62:
        share = 0.5
    if tall:
        near = _divide(rng, left, top, width, height * share, first)
        return near + _divide(rng, left, top + height * share, width, height * (1 - share), cells - first)
    near = _divide(rng, left, top, width * share, height, first)
    return near + _divide(rng, left + width * share, top, width * (1 - share), height, cells - first)


def put_compartments(surface: Surface, rng: np.random.Generator, place: Place, kind: str) -> list[Hollow]:
    """Put down a tray with 3 to 7 wells, or a take-away box with 1 to 5.

    Args:
        kind: "melamine", "steel" or "box".
    """
    if kind == "box":
        width, depth, wells = rng.uniform(170, 250), rng.uniform(130, 200), int(rng.integers(1, 6))
    else:
        width, depth = rng.uniform(320, 410), rng.uniform(230, 300)
        wells = int(rng.choice((3, 4, 4, 5, 5, 5, 6, 6, 7)))
    round_tray = kind != "box" and rng.random() < 0.12
    if round_tray:
        width = depth = rng.uniform(235, 300)
        wells = min(wells, int(rng.integers(3, 5)))
    spot = spot_at(surface, place.x_mm, place.y_mm, 0.55 * float(np.hypot(width, depth)) + 4, place.turn)
    if spot is None:
        return []
    material = _material(rng, kind)
    tall = rng.uniform(30, 48) if kind == "box" else rng.uniform(14, 30)
    sunk = tall - rng.uniform(1.5, 4)
    corner = rng.uniform(12, 48)
    outer = ellipse(spot.u, spot.v, width / 2, depth / 2) if round_tray else _outline(spot, width, depth, corner)
    lip = rng.uniform(4, 13) if kind != "box" else rng.uniform(2, 6)
    height = np.float32(tall) + np.float32(rng.uniform(0, 2.5)) * np.exp(-((outer + 0.6 * lip) ** 2) / 14)
    height = height * (0.15 + 0.85 * smoothstep(0, 4.5, -outer))
    gap = rng.uniform(3, 9)
    inner_w, inner_d = width / 2 - lip, depth / 2 - lip
    cells = _divide(rng, -inner_w, -inner_d, 2 * inner_w, 2 * inner_d, wells)
    if round_tray:
        cells = [(-inner_w, -inner_d, 2 * inner_w, 2 * inner_d)] * wells
    slope = rng.uniform(4, 14)
    softness = rng.uniform(8, 46)
    first_angle = rng.uniform(0, 2 * np.pi)
    hollows = []
    floor_share = np.zeros(spot.shape, np.float32)
    for number, (left, top, wide, high) in enumerate(cells):
        half_w, half_h = wide / 2 - gap / 2, high / 2 - gap / 2
        middle_u, middle_v = left + wide / 2, top + high / 2
        if round_tray:
            well, middle_u, middle_v, half_w, half_h = _sector(spot, number, wells, first_angle, inner_w, gap)
        elif rng.random() < 0.22 and max(half_w, half_h) < 1.35 * min(half_w, half_h):
            half_w = half_h = min(half_w, half_h)
            well = ellipse(spot.u - np.float32(middle_u), spot.v - np.float32(middle_v), half_w, half_h)
        else:
            well = rounded_box(
                spot.u - np.float32(middle_u),
                spot.v - np.float32(middle_v),
                half_w,
                half_h,
                softness * rng.uniform(0.8, 1.4),
            )
        down = smoothstep(0.0, slope, -well)
        floor_share = np.maximum(floor_share, down)
        height = height - np.float32(sunk * rng.uniform(0.9, 1.0)) * down + 0.8 * np.exp(-((well - 1.5) ** 2) / 5)
        if min(half_w, half_h) < 24:
            continue  # a groove for chopsticks
        hollows.append(
            Hollow(
                spot=Spot(
                    cut=spot.cut,
                    u=as_field(spot.u - np.float32(middle_u)),
                    v=as_field(spot.v - np.float32(middle_v)),
                    px_per_mm=spot.px_per_mm,
                ),
                depth=as_field(-well - np.float32(0.4 * slope)),
                half_width_mm=half_w - 0.4 * slope,
                half_height_mm=half_h - 0.4 * slope,
                base_mm=tall - sunk,
                rim_mm=tall,
            )
        )
    if material.brushed:
        height = height + np.float32(material.brushed) * _strokes(rng, spot)
    tone = material.rim + (material.floor - material.rim) * floor_share[..., None]
    wear = 1 + 0.02 * layered_noise(rng, spot.shape, 40 * spot.px_per_mm, 2)
    wear = wear - np.clip(noise(rng, spot.shape, 1.2) - 2.2, 0, 1) * np.float32(rng.uniform(0, 0.25))
    lay(
        surface,
        spot,
        outer < 0,
        as_field(height),
        as_field(tone * wear[..., None]),
        gloss=material.gloss,
        polish=material.polish,
        metal=material.metal,
    )
    return [_narrowed(hollow) for hollow in hollows]


def _outline(spot: Spot, width: float, depth: float, corner: float) -> Field:
    return rounded_box(spot.u, spot.v, width / 2, depth / 2, corner)


def _sector(
    spot: Spot, number: int, count: int, first_angle: float, radius: float, gap: float
) -> tuple[Field, float, float, float, float]:
    """Return distance, middle and half sizes of one slice of a divided round tray."""
    start, wide = first_angle + 2 * np.pi * number / count, 2 * np.pi / count
    left = spot.u * np.float32(np.sin(start)) - spot.v * np.float32(np.cos(start))
    right = spot.v * np.float32(np.cos(start + wide)) - spot.u * np.float32(np.sin(start + wide))
    well = np.maximum(np.hypot(spot.u, spot.v) - np.float32(radius), np.maximum(left, right) + np.float32(gap / 2))
    angle, away = start + wide / 2, radius * 0.56
    size = radius * (0.42 if count == 3 else 0.36)
    return as_field(well), away * float(np.cos(angle)), away * float(np.sin(angle)), size, size


def _narrowed(hollow: Hollow) -> Hollow:
    """Cut the window of a hollow down to what it covers."""
    rows = np.flatnonzero((hollow.depth > -8).any(axis=1))
    columns = np.flatnonzero((hollow.depth > -8).any(axis=0))
    if rows.size < 4 or columns.size < 4:
        return hollow
    part = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    top, left = hollow.spot.cut[0].start, hollow.spot.cut[1].start
    spot = Spot(
        cut=(
            slice(top + part[0].start, top + part[0].stop),
            slice(left + part[1].start, left + part[1].stop),
        ),
        u=hollow.spot.u[part],
        v=hollow.spot.v[part],
        px_per_mm=hollow.spot.px_per_mm,
    )
    return Hollow(
        spot=spot,
        depth=hollow.depth[part],
        half_width_mm=hollow.half_width_mm,
        half_height_mm=hollow.half_height_mm,
        base_mm=hollow.base_mm,
        rim_mm=hollow.rim_mm,
    )


def _strokes(rng: np.random.Generator, spot: Spot) -> Field:
    """Return the fine parallel scratches of brushed steel."""
    if rng.random() < 0.5:
        rows = noise(rng, (spot.shape[0], 8), 1.2)[:, :1]
        return np.broadcast_to(rows, spot.shape) * np.float32(12)
    return 12 * noise(rng, spot.shape, 1.2)


# --- plates, bowls, flat trays ------------------------------------------------------------------------------------


def put_flat_tray(surface: Surface, rng: np.random.Generator, place: Place, width: float, depth: float) -> None:
    """Put down a plastic tray with a raised rim; now and then with a printed mark or a paper mat."""
    spot = spot_at(surface, place.x_mm, place.y_mm, 0.52 * float(np.hypot(width, depth)) + 2, place.turn)
    if spot is None:
        return
    outer = rounded_box(spot.u, spot.v, width / 2, depth / 2, rng.uniform(10, 45))
    rim = rng.uniform(6, 15)
    height = 3 + rim * smoothstep(-16, -5, outer) - rim * smoothstep(-4.5, 0, outer)
    tone = np.broadcast_to(random_colour(rng, _PLASTIC), (*spot.shape, 3)) * (
        1 + 0.05 * layered_noise(rng, spot.shape, 50 * spot.px_per_mm, 2)[..., None]
    )
    if rng.random() < 0.25:
        inside = outer < -rng.uniform(16, 40)
        tone = np.where(
            inside[..., None], printed(rng, spot, random_colour(rng, ("#f2f0ea", "#d8c9a8", "#c0d2c8"))), tone
        )
    elif rng.random() < 0.35:
        tone = tone.copy()
        mark = rounded_box(
            spot.u - np.float32(rng.uniform(-90, 90)), spot.v - np.float32(rng.uniform(-60, 60)), 26, 9, 3
        )
        words = (mark < 0) & (noise(rng, spot.shape, 2.4) > 0.2)
        tone[words] = random_colour(rng, _INK)
    grain = np.float32(rng.uniform(0, 0.12)) * noise(rng, spot.shape, 2.4)
    steel = rng.random() < 0.08
    lay(
        surface,
        spot,
        outer < 0,
        as_field(height + grain),
        as_field(tone),
        gloss=0.4,
        polish=rng.uniform(0.3, 0.7),
        metal=1.0 if steel else 0.0,
    )


def printed(rng: np.random.Generator, spot: Spot, ground: Field) -> Field:
    """Print a pattern on a ground colour: stripes, checks, flowers, lines of words."""
    ink = random_colour(rng, _INK, 0.2)
    step = rng.uniform(8, 40)
    kind = int(rng.integers(4))
    if kind == 0:
        share = (np.sin(spot.u * np.float32(2 * np.pi / step)) > rng.uniform(-0.4, 0.7)).astype(np.float32)
    elif kind == 1:
        across = np.sin(spot.u * np.float32(2 * np.pi / step)) > 0
        share = 0.5 * across.astype(np.float32) + 0.5 * (np.sin(spot.v * np.float32(2 * np.pi / step)) > 0)
    elif kind == 2:
        share = smoothstep(0.9, 1.1, layered_noise(rng, spot.shape, step * 0.5 * spot.px_per_mm, 3))
    else:
        lines = np.sin(spot.v * np.float32(2 * np.pi / rng.uniform(5, 9))) > 0.3
        share = (lines & (noise(rng, spot.shape, 2.4) > 0)).astype(np.float32)
    return as_field(ground + (ink - ground) * (share * np.float32(rng.uniform(0.3, 0.95)))[..., None])


def put_plate(
    surface: Surface, rng: np.random.Generator, place: Place, radius_mm: float, *, steel: bool = False
) -> Hollow | None:
    """Put down a round, oval or square plate, plain, ringed or printed."""
    spot = spot_at(surface, place.x_mm, place.y_mm, 1.45 * radius_mm + 3, place.turn)
    if spot is None:
        return None
    shape = rng.random()
    half_w, half_h = radius_mm, radius_mm
    if shape < 0.7:
        if shape > 0.55:
            half_h = radius_mm * rng.uniform(0.62, 0.85)
        outer = ellipse(spot.u, spot.v, half_w, half_h)
    else:
        half_h = radius_mm * rng.uniform(0.65, 1.0)
        outer = rounded_box(spot.u, spot.v, half_w, half_h, rng.uniform(6, 0.7 * half_h))
    cut = spot.cut
    ground = float(np.median(surface.height[cut][outer < 0])) if (outer < 0).any() else 0.0
    lip = min(half_w, half_h) * rng.uniform(0.08, 0.32)
    tall = rng.uniform(5, 16)
    height = (
        ground
        + 4
        + tall * smoothstep(-lip - 6, -lip * 0.5, outer)
        + np.float32(rng.uniform(0, 4)) * smoothstep(-lip, 0, outer)
    )
    height = ground + (height - ground) * (1 - 0.75 * smoothstep(-3.5, 0, outer))
    ground_colour = random_colour(rng, _PORCELAIN, 0.03)
    tone = np.broadcast_to(ground_colour, (*spot.shape, 3)).copy()
    style = rng.random()
    if style < 0.3:
        at = rng.uniform(0.1, 0.9) * lip
        tone[np.abs(outer + at) < rng.uniform(0.6, 3.0)] = random_colour(rng, _INK)
    elif style < 0.55:
        pattern = printed(rng, spot, ground_colour)
        on = outer > -lip * rng.uniform(0.9, 1.4) if rng.random() < 0.6 else outer < 0
        tone[on] = pattern[on]
    lay(
        surface,
        spot,
        outer < 0,
        as_field(height),
        as_field(tone),
        gloss=0.75,
        polish=rng.uniform(0.7, 0.92),
        metal=1.0 if steel else 0.0,
        glow=0.1,
    )
    room = lip * rng.uniform(0.4, 1.0)
    return _narrowed(
        Hollow(
            spot=spot,
            depth=as_field(-outer - np.float32(room)),
            half_width_mm=half_w - room,
            half_height_mm=half_h - room,
            base_mm=ground + 4,
            rim_mm=ground + 4 + min(tall, 7),
        )
    )


def put_bowl(surface: Surface, rng: np.random.Generator, place: Place, radius_mm: float) -> Hollow | None:
    """Put down a bowl or a deep cup; its food lies anywhere from near the bottom to near the rim."""
    spot = spot_at(surface, place.x_mm, place.y_mm, radius_mm + 3, place.turn)
    if spot is None:
        return None
    radius = as_field(np.hypot(spot.u, spot.v))
    share = radius / np.float32(radius_mm)
    cut = spot.cut
    inside = share < 0.5
    ground = float(np.median(surface.height[cut][inside])) if inside.any() else 0.0
    tall = radius_mm * rng.uniform(0.55, 1.05)
    floor = rng.uniform(0.3, 0.7)
    bend = rng.uniform(1.2, 2.6)
    wall = np.clip((share - floor) / (0.96 - floor), 0, 1)
    height = ground + 6 + np.float32(tall - 6) * wall ** np.float32(bend)
    height = ground + (height - ground) * (1 - 0.75 * smoothstep(0.965, 1.0, share))
    colour = random_colour(rng, (*_PORCELAIN, "#5d3c28", "#1e1e20", "#b3342a"), 0.05)
    steel = rng.random() < 0.12
    tone = np.broadcast_to(linear("#c3c5c6") if steel else colour, (*spot.shape, 3)).copy()
    if not steel and rng.random() < 0.5:
        at = rng.uniform(0.8, 0.97)
        tone[np.abs(share - at) < rng.uniform(0.008, 0.04)] = random_colour(rng, _INK)
    elif not steel and rng.random() < 0.3:
        tone = printed(rng, spot, colour)
    lay(
        surface, spot, share < 1, as_field(height), as_field(tone),
        gloss=0.75, polish=rng.uniform(0.7, 0.92), metal=1.0 if steel else 0.0, glow=0.1,
    )  # fmt: skip
    fill = rng.uniform(0.25, 0.85)
    reach = radius_mm * (floor + (0.96 - floor) * fill ** (1 / bend))
    level = ground + 6 + (tall - 6) * fill
    return Hollow(
        spot=spot,
        depth=as_field(np.float32(reach) - radius),
        half_width_mm=reach,
        half_height_mm=reach,
        base_mm=level - 0.12 * tall,
        rim_mm=level + 0.1 * tall,
    )
