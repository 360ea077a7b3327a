"""Light on the scene: ceiling panels, soft shadows, dim corners, reflections, light that spreads inside food."""

from dataclasses import dataclass

import numpy as np

from recognition.training.synthetic.surface import Surface
from recognition.training.synthetic.texture import Field, as_field, box_blur, smoothstep


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A lamp panel on the ceiling as the tray sees it: place and half size as tangents of the angle from zenith."""

    x: float
    y: float
    half_width: float
    half_height: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lighting:
    """All the light of one picture; `tint` is the colour of the lamps, (3,) around 1."""

    panels: tuple[Panel, ...]
    ambient: float
    tint: tuple[float, float, float]


def random_lighting(rng: np.random.Generator) -> Lighting:
    """Draw one to three ceiling panels, warm to cool, from a direction of their own."""
    angle = rng.uniform(0, 2 * np.pi)
    panels = []
    for k in range(int(rng.integers(1, 4))):
        away = rng.uniform(0.45, 0.95) if k == 0 else rng.uniform(0.6, 1.5)
        along = angle + (0 if k == 0 else rng.uniform(0.8, 5.4))
        long = rng.random() < 0.6
        panels.append(
            Panel(
                x=away * np.cos(along),
                y=away * np.sin(along),
                half_width=rng.uniform(0.35, 0.6) if long else rng.uniform(0.15, 0.25),
                half_height=rng.uniform(0.06, 0.12) if long else rng.uniform(0.15, 0.25),
                strength=rng.uniform(0.75, 1.0) if k == 0 else rng.uniform(0.2, 0.5),
            )
        )
    warmth = rng.normal(0, 0.045)
    return Lighting(
        panels=tuple(panels),
        ambient=rng.uniform(0.3, 0.45),
        tint=(1 + warmth, 1 + rng.normal(0, 0.008), 1 - 1.3 * warmth),
    )


def shade(surface: Surface, lighting: Lighting, eye_mm: tuple[float, float, float]) -> Field:
    """Return the light that leaves each pixel towards the camera; linear, about 1 for a lit white.

    Args:
        eye_mm: where the camera is; only reflections depend on it.
    Returns:
        (rows, columns, 3) float32.
    """
    scale = np.float32(surface.px_per_mm)
    height = surface.height
    slope_y, slope_x = np.gradient(height)
    slope_x, slope_y = slope_x * scale, slope_y * scale
    # The edge of a piece is a cliff of one pixel; left alone it would shine like a wall seen at grazing angle.
    tame = 1 / np.sqrt(1 + (slope_x**2 + slope_y**2) / 9)
    slope_x, slope_y = slope_x * tame, slope_y * tame
    steep = np.sqrt(1 + slope_x**2 + slope_y**2)
    normal_x, normal_y, normal_z = -slope_x / steep, -slope_y / steep, 1 / steep

    openness = _openness(height, surface.px_per_mm)
    diffuse = np.zeros_like(height)
    for panel in lighting.panels:
        distance = float(np.sqrt(1 + panel.x**2 + panel.y**2))
        facing = np.clip((normal_x * panel.x + normal_y * panel.y + normal_z) / distance, 0, None)
        softness = max(panel.half_width, panel.half_height)
        diffuse += np.float32(panel.strength) * facing * _unshadowed(height, surface.px_per_mm, panel, softness)
    total = sum(panel.strength for panel in lighting.panels)
    diffuse = diffuse / np.float32(total) * np.float32(1.15)

    inner = _blend_inside(diffuse, surface)
    around = np.stack([box_blur(surface.albedo[..., c], max(1, int(4 * scale))) for c in range(3)], axis=-1)
    # Pale food lights up its own gaps, dark food does not.
    dim = (1 - openness)[..., None] * (1 - 0.8 * around)
    ambient = lighting.ambient * (0.55 + 0.45 * normal_z)[..., None] * (1 - dim)
    tint = np.array(lighting.tint, np.float32)
    light = (inner[..., None] * (1 - 0.35 * dim) * (1 - 0.5 * lighting.ambient) + ambient) * tint

    x, y = surface.grid_mm()
    away_x, away_y = (x - eye_mm[0]) / eye_mm[2], (y - eye_mm[1]) / eye_mm[2]
    normals = (normal_x, normal_y, normal_z)
    mirror = _reflected(normals, (away_x, away_y), surface.polish, lighting) * (0.3 + 0.7 * openness)
    base = 0.04 + 0.25 * np.clip(1 - normal_z, 0, 1) ** 4
    dielectric = (surface.gloss * base * 1.7 * mirror)[..., None] * tint
    near = np.stack([box_blur(light[..., c], max(1, int(1.5 * scale))) for c in range(3)], axis=-1)
    glare = np.minimum(mirror, 5.0)[..., None]
    sheen = 0.28 * near * (0.5 + around) + 0.62 * glare * (0.3 + 0.7 * openness)[..., None]
    metallic = surface.albedo * tint * sheen
    metal = surface.metal[..., None]
    return as_field((surface.albedo * light + dielectric) * (1 - metal) + metallic * metal)


def _blend_inside(diffuse: Field, surface: Surface) -> Field:
    """Spread light sideways where the material lets it: rice, egg, bean curd."""
    near = box_blur(diffuse, max(1, int(0.8 * surface.px_per_mm)))
    far = box_blur(diffuse, max(1, int(2.2 * surface.px_per_mm)))
    spread = 0.5 * near + 0.5 * far
    return as_field(diffuse * (1 - surface.glow * 0.92) + spread * surface.glow * 0.92)


def _openness(height: Field, px_per_mm: float) -> Field:
    """Estimate how much of the ceiling each pixel sees, in [0, 1], from how far it lies below its surroundings."""
    open_share = np.ones_like(height)
    for reach_mm, weight in ((0.7, 0.3), (2.0, 0.5), (6.0, 0.6), (16.0, 0.45)):
        below = box_blur(height, max(1, round(reach_mm * px_per_mm / 1.7))) - height
        open_share *= 1 - weight * np.clip(below / (reach_mm * 0.7), 0, 1)
    return open_share


def _unshadowed(height: Field, px_per_mm: float, panel: Panel, softness: float) -> Field:
    """March towards a panel and return the unshadowed share of it, in [0, 1]; computed at half size."""
    coarse = height[::2, ::2]
    scale = px_per_mm / 2
    tangent = float(np.hypot(panel.x, panel.y))
    if tangent < 1e-3:
        return np.ones_like(height)
    step_x, step_y = panel.x / tangent, panel.y / tangent
    blocked = np.zeros_like(coarse)
    ceiling_mm = float(coarse.max())
    distance_mm = 0.8
    while distance_mm < ceiling_mm * tangent + 4:
        dx, dy = round(step_x * distance_mm * scale), round(step_y * distance_mm * scale)
        if dx or dy:
            over = _shifted(coarse, dx, dy) - coarse - np.float32(distance_mm / tangent)
            wide = softness * distance_mm / (tangent**2 + 0.3) + 0.5
            blocked = np.maximum(blocked, np.clip(0.5 + over / np.float32(wide), 0, 1))
        distance_mm *= 1.16
    full = np.repeat(np.repeat(blocked, 2, axis=0), 2, axis=1)[: height.shape[0], : height.shape[1]]
    return 1 - box_blur(full, 1)


def _shifted(field: Field, dx: int, dy: int) -> Field:
    rows, columns = field.shape
    down = np.clip(np.arange(rows) + dy, 0, rows - 1)
    across = np.clip(np.arange(columns) + dx, 0, columns - 1)
    return field[np.ix_(down, across)]


def _reflected(
    normals: tuple[Field, Field, Field], away: tuple[Field, Field], polish: Field, lighting: Lighting
) -> Field:
    """Return the brightness of the ceiling (0.2 to 0.6) or of a lamp that a mirror at each pixel would show."""
    nx, ny, nz = normals
    up = np.clip(2 * nz * nz - 1, 0.05, 1)
    x = 2 * nz * nx / up + away[0]
    y = 2 * nz * ny / up + away[1]
    blur = (0.04 + 0.75 * (1 - polish) ** 1.5).astype(np.float32)
    main = lighting.panels[0]
    toward = (x * main.x + y * main.y) / np.float32(np.hypot(main.x, main.y))
    seen = 0.4 + 0.3 * np.tanh(toward) - 0.2 * smoothstep(0.8, 2.6, np.hypot(x, y))
    for panel in lighting.panels:
        width, height = panel.half_width, panel.half_height
        in_x = smoothstep(0, 1, (width + blur - np.abs(x - panel.x)) / (2 * blur))
        in_y = smoothstep(0, 1, (height + blur - np.abs(y - panel.y)) / (2 * blur))
        spread = (width / (width + 0.8 * blur)) * (height / (height + 0.8 * blur))
        seen = seen + np.float32(22 * panel.strength) * in_x * in_y * spread
    return as_field(seen)
