"""Table tops and what lies on them that is no food: a detector has to learn to leave all of it alone."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.crockery import Place, printed, random_colour
from recognition.training.synthetic.shapes import Spot, capsule, ellipse, lay, rounded_box, spot_at
from recognition.training.synthetic.surface import Surface, linear
from recognition.training.synthetic.texture import as_field, layered_noise, noise, smoothstep

_WOODS = ("#b98d5e", "#8a5f3c", "#d2ad7c", "#5c3d28", "#a5744a", "#c9b394")
_LAMINATES = ("#d6d2c8", "#f0eee9", "#a9b4ba", "#7d8a80", "#c9a98a", "#4a4a4e", "#b8c8d6", "#e0cfae", "#3d6b52")
_SKIN = ("#e0ac8a", "#c98f6c", "#a8704e", "#edc3a6", "#7d5138")


def lay_table(surface: Surface, rng: np.random.Generator) -> None:
    """Cover everything with a random table top, sometimes with a printed cloth."""
    shape = surface.height.shape
    scale = surface.px_per_mm
    kind = rng.choice(("wood", "laminate", "stone", "steel", "cloth"), p=(0.32, 0.3, 0.14, 0.1, 0.14))
    gloss, polish, metal = rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.75), 0.0
    tone = 1 + 0.04 * layered_noise(rng, shape, 60 * scale, 2)
    if kind == "wood":
        stretch = int(rng.integers(8, 20))
        narrow = noise(rng, (shape[0], max(8, shape[1] // stretch + 1)), 2.4)
        grain = np.repeat(narrow, stretch, axis=1)[:, : shape[1]]
        if rng.random() < 0.5:
            planks = (np.arange(shape[0]) / (rng.uniform(50, 120) * scale)).astype(int)
            tone = tone * (1 + 0.12 * rng.standard_normal(planks.max() + 1)[planks])[:, None]
        grain = grain * np.float32(rng.uniform(0.02, 0.12)) + 0.1 * layered_noise(rng, shape, 30 * scale, 2)
        tone = tone * (1 + grain)
        if rng.random() < 0.5 and shape[0] == shape[1]:
            tone = tone.T
        colour = random_colour(rng, _WOODS, 0.1) * tone[..., None]
    elif kind == "stone":
        speck = layered_noise(rng, shape, rng.uniform(1.0, 5.0) * scale, 2)
        tone = tone + np.float32(rng.uniform(0.05, 0.3)) * np.clip(speck, -1.6, 2.4) * (np.abs(speck) > 0.8)
        colour = random_colour(rng, ("#8d8c8a", "#c9c4ba", "#4d4b4a", "#a89a88"), 0.1) * tone[..., None]
    elif kind == "cloth":
        whole = Spot(
            cut=(slice(0, shape[0]), slice(0, shape[1])),
            u=np.ascontiguousarray(np.broadcast_to(surface.grid_mm()[0], shape)),
            v=np.ascontiguousarray(np.broadcast_to(surface.grid_mm()[1], shape)),
            px_per_mm=scale,
        )
        weave = 1 + 0.06 * noise(rng, shape, 1.2)
        colour = printed(rng, whole, random_colour(rng, _LAMINATES, 0.2)) * (tone * weave)[..., None]
        gloss, polish = 0.05, 0.1
    elif kind == "steel":
        metal, gloss, polish = 1.0, 0.6, rng.uniform(0.45, 0.7)
        colour = linear("#b4b6b8") * tone[..., None]
    else:
        flecks = np.clip(noise(rng, shape, 1.2) - rng.uniform(1.5, 3), 0, 1) * np.float32(rng.uniform(-0.4, 0.4))
        colour = random_colour(rng, _LAMINATES, 0.1) * (tone + flecks)[..., None]
    surface.albedo[...] = np.clip(colour, 0.004, 0.95)
    surface.gloss[...] = gloss
    surface.polish[...] = polish
    surface.metal[...] = metal


def _ground(surface: Surface, spot: Spot, inside: NDArray[np.bool_]) -> float:
    below = surface.height[spot.cut][inside]
    return float(np.quantile(below, 0.8)) if below.size else 0.0


def lay_chopsticks(surface: Surface, rng: np.random.Generator, place: Place) -> None:
    """Lay down two chopsticks, side by side or crossed a little."""
    colour = random_colour(rng, ("#6b3a22", "#c79a63", "#2a2624", "#e8d9b8", "#a83226"))
    for side in (-1, 1):
        spot = spot_at(surface, place.x_mm, place.y_mm, 128, place.turn + rng.normal(0, 0.03))
        if spot is None:
            return
        offset = side * rng.uniform(3, 7)
        distance = capsule(spot.u, spot.v, (-115, offset), (115, offset * rng.uniform(0.3, 1)), rng.uniform(2.4, 3.6))
        lift = np.sqrt(np.clip(-distance, 0, None)) * 3.2
        where = distance < 0
        height = np.maximum(surface.height[spot.cut], _ground(surface, spot, where) * 0.6) + lift
        lay(surface, spot, where, as_field(height), colour, gloss=0.5, polish=0.6)


def lay_spoon(surface: Surface, rng: np.random.Generator, place: Place) -> None:
    """Lay down a spoon, fork or soup spoon of steel, plastic or porcelain."""
    spot = spot_at(surface, place.x_mm, place.y_mm, 105, place.turn)
    if spot is None:
        return
    metal = rng.random() < 0.65
    colour = linear("#c6c7c9") if metal else random_colour(rng, ("#f0efec", "#e8d26a", "#d05040", "#f4f4f0", "#303034"))
    long, wide = rng.uniform(20, 30), rng.uniform(13, 21)
    bowl = ellipse(spot.u - 60, spot.v, long, wide)
    if rng.random() < 0.25:  # a fork
        tines = np.abs(np.mod(spot.v + 20, 6) - 3) < 1.6
        bowl = np.where((spot.u > 62) & ~tines, np.float32(5), bowl)
    handle = capsule(spot.u, spot.v, (-85, 0), (45, 0), rng.uniform(3, 6))
    where = np.minimum(bowl, handle) < 0
    dip = 2 + 5 * np.clip(1 + bowl / np.float32(wide), 0, 1) ** 2
    height = _ground(surface, spot, where) + np.where(bowl < 0, dip, 4.0)
    lay(surface, spot, where, as_field(height), colour, gloss=0.8, polish=0.85, metal=float(metal))


def stand_cup(surface: Surface, rng: np.random.Generator, place: Place) -> None:
    """Stand a cup, a lidded cup, a can or a bottle down; a drink is no dish."""
    radius = rng.uniform(22, 44)
    spot = spot_at(surface, place.x_mm, place.y_mm, radius + 50, place.turn)
    if spot is None:
        return
    distance = np.hypot(spot.u, spot.v)
    where = distance < radius
    tall = rng.uniform(50, 110)
    ground = _ground(surface, spot, where)
    colour = random_colour(rng, ("#f4f3ef", "#d8d8d8", "#b3342a", "#2c4f94", "#6b4a30", "#3c5a46", "#e8c840"), 0.15)
    tone = np.broadcast_to(colour, (*spot.shape, 3)).copy()
    lidded = rng.random() < 0.5
    if lidded:
        height = ground + tall - 3 * np.exp(-((distance - 0.75 * radius) ** 2) / 8) + 0 * distance
        tone[distance < 0.86 * radius] = random_colour(rng, ("#f4f3ef", "#303034", "#c9c9c6", "#e6dcc2"))
        hole = np.hypot(spot.u - np.float32(0.6 * radius), spot.v) < 0.1 * radius
        tone[hole] = 0.02
    else:
        level = ground + tall * rng.uniform(0.4, 0.9)
        height = np.where(distance < 0.9 * radius, level, ground + tall)
        tone[distance < 0.9 * radius] = random_colour(rng, ("#5a3414", "#c8a060", "#d8e0e4", "#2a1408", "#f0ead8"))
    if rng.random() < 0.3:
        handle = capsule(spot.u, spot.v, (radius, 0), (radius + 22, 0), 6)
        lay(surface, spot, handle < 0, ground + tall * 0.6, colour, gloss=0.7, polish=0.8)
    lay(
        surface, spot, where, as_field(height), as_field(tone), gloss=0.75, polish=0.9, metal=float(rng.random() < 0.15)
    )


def lay_flat_thing(surface: Surface, rng: np.random.Generator, place: Place) -> None:
    """Lay down a receipt, a card, a phone or a packet."""
    kind = int(rng.integers(4))
    half_w, half_h = ((29, rng.uniform(40, 90)), (43, 27), (37, 77), (rng.uniform(15, 50), rng.uniform(15, 60)))[kind]
    spot = spot_at(surface, place.x_mm, place.y_mm, 1.1 * float(np.hypot(half_w, half_h)) + 3, place.turn)
    if spot is None:
        return
    distance = rounded_box(spot.u, spot.v, half_w, half_h, (1, 4, 10, 3)[kind])
    where = distance < 0
    thick = (0.4, 1.0, 8.0, rng.uniform(1, 12))[kind]
    if kind == 0:
        lines = (np.sin(spot.v * np.float32(1.1)) > 0.2) & (noise(rng, spot.shape, 2.4) > -0.2) & (distance < -4)
        colour = np.where(lines[..., None], np.float32(0.12), linear("#f2f1ee")).astype(np.float32)
    elif kind == 2:
        colour = np.broadcast_to(
            random_colour(rng, ("#111114", "#d8d8da", "#2c3c5a", "#e0c8b8")), (*spot.shape, 3)
        ).copy()
        if rng.random() < 0.6:
            screen = distance < -3
            colour[screen] = (random_colour(rng, ("#111114", "#f4f4f6", "#3c6fd0"), 0.3) * np.float32(0.8))[None]
            icons = screen & (np.sin(spot.u * np.float32(0.45)) > 0.3) & (np.sin(spot.v * np.float32(0.45)) > 0.3)
            colour[icons & (rng.random() < 0.5)] = random_colour(rng, ("#e04a3a", "#3ab06a", "#f0c030", "#f4f4f6"), 0.3)
    else:
        base = random_colour(rng, ("#c8502e", "#2c4f94", "#3c8a5a", "#e8c840", "#f2f0ea", "#303034", "#c03a6a"), 0.2)
        colour = printed(rng, spot, base)
    level = np.float32(0.5 * _ground(surface, spot, where) + thick)
    lift = surface.height[spot.cut] * np.float32(0.5) + level
    lay(
        surface,
        spot,
        where,
        as_field(lift),
        as_field(colour),
        gloss=0.6 if kind else 0.1,
        polish=0.9 if kind == 2 else 0.4,
    )


def drop_tissue(surface: Surface, rng: np.random.Generator, place: Place) -> None:
    """Drop a crumpled or folded tissue."""
    size = rng.uniform(30, 62)
    spot = spot_at(surface, place.x_mm, place.y_mm, 1.6 * size, place.turn)
    if spot is None:
        return
    crumple = layered_noise(rng, spot.shape, 14 * spot.px_per_mm, 3)
    loose = rng.uniform(1, 0.18 * size)
    outline = rounded_box(spot.u, spot.v, size, size * rng.uniform(0.5, 1), 6) + np.float32(loose) * crumple
    where = outline < 0
    level = np.float32(0.4 * _ground(surface, spot, where) + 2)
    height = surface.height[spot.cut] * np.float32(0.6) + level + np.float32(rng.uniform(0.5, 7)) * np.abs(crumple)
    colour = random_colour(rng, ("#f0efec", "#f4f4f2", "#e6dcc2", "#f2d8d8"), 0.02)
    lay(surface, spot, where, as_field(height), colour, gloss=0.05, polish=0.1, glow=0.35)


def reach_in(surface: Surface, rng: np.random.Generator, place: Place) -> None:
    """Let a hand reach in: fingers, palm, wrist and a sleeve that leads away from `place` along its angle."""
    spot = spot_at(surface, place.x_mm, place.y_mm, 330, place.turn)
    if spot is None:
        return
    skin = random_colour(rng, _SKIN, 0.06)
    lift = rng.uniform(5, 40)
    palm = capsule(spot.u, spot.v, (52, 0), (85, 0), 36)
    hand = palm
    spread = rng.uniform(0.6, 1.2)
    for number in range(4):
        across = (number - 1.5) * 17 * spread
        tip = (rng.uniform(-35, 12), across * 1.4 + rng.normal(0, 5))
        hand = np.minimum(hand, capsule(spot.u, spot.v, (45, across), tip, 8.5))
    thumb = (rng.uniform(0, 35), 55 * rng.choice((-1, 1)))
    hand = np.minimum(hand, capsule(spot.u, spot.v, (70, thumb[1] * 0.5), thumb, 10))
    wrist = capsule(spot.u, spot.v, (85, 0), (400, 0), 27)
    bare = np.minimum(hand, wrist)
    bulge = np.sqrt(np.clip(-bare, 0, 16)) * 4
    wear = 1 + 0.05 * layered_noise(rng, spot.shape, 12 * spot.px_per_mm, 2)
    below = np.float32(_ground(surface, spot, bare < 0))
    lay(
        surface, spot, bare < 0, as_field(below + np.float32(lift) + bulge), as_field(skin * wear[..., None]),
        gloss=0.25, polish=0.3, glow=0.4,
    )  # fmt: skip
    if rng.random() < 0.75:
        folds = layered_noise(rng, spot.shape, 20 * spot.px_per_mm, 2)
        sleeve = capsule(spot.u, spot.v, (rng.uniform(110, 170), 0), (420, 0), rng.uniform(36, 55)) + 2 * folds
        cloth = random_colour(rng, ("#2c3c5a", "#f0efec", "#7a1f1f", "#404048", "#8a9a6a", "#c8a878", "#5b7fb5"), 0.2)
        tone = printed(rng, spot, cloth) if rng.random() < 0.3 else cloth * (1 + 0.08 * folds)[..., None]
        height = below + np.float32(lift) + np.sqrt(np.clip(-sleeve, 0, 25)) * 4 + 2 * folds
        lay(surface, spot, sleeve < 0, as_field(height), as_field(tone), gloss=0.05, polish=0.1)


_Thing = Callable[[Surface, np.random.Generator, Place], None]
THINGS: tuple[_Thing, ...] = (
    lay_chopsticks,
    lay_chopsticks,
    lay_spoon,
    lay_spoon,
    stand_cup,
    stand_cup,
    lay_flat_thing,
    lay_flat_thing,
    drop_tissue,
)


def dim_a_side(surface: Surface, rng: np.random.Generator) -> None:
    """Darken one side of everything with a soft border, as the shadow of a person does."""
    grid_x, grid_y = surface.grid_mm()
    angle, border, soft = rng.uniform(0, 2 * np.pi), rng.uniform(-120, 120), rng.uniform(15, 160)
    away = grid_x * np.float32(np.cos(angle)) + grid_y * np.float32(np.sin(angle)) - np.float32(border)
    if rng.random() < 0.4:
        away = np.abs(away) - np.float32(rng.uniform(20, 90))
    surface.albedo[...] *= (1 - np.float32(rng.uniform(0.2, 0.6)) * smoothstep(-soft, soft, as_field(away)))[..., None]
