"""Outlines on the table in mm, and the window of a scene that one thing covers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.surface import NO_PORTION, Surface
from recognition.training.synthetic.texture import Field, as_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A window of the scene: `u`, `v` are mm along and across from its middle, turned by the thing's own angle."""

    cut: tuple[slice, slice]
    u: Field
    v: Field
    px_per_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.u.shape[0], self.u.shape[1]


def spot_at(surface: Surface, x_mm: float, y_mm: float, reach_mm: float, turn: float = 0.0) -> Spot | None:
    """Cut the window of `reach_mm` around a point; None where nothing of it lies in the scene.

    Args:
        turn: radians, from the scene's x axis to the thing's own.
    """
    rows, columns = surface.height.shape
    scale = surface.px_per_mm
    top = max(0, int((y_mm - reach_mm - surface.top_mm) * scale))
    bottom = min(rows, int((y_mm + reach_mm - surface.top_mm) * scale) + 2)
    left = max(0, int((x_mm - reach_mm - surface.left_mm) * scale))
    right = min(columns, int((x_mm + reach_mm - surface.left_mm) * scale) + 2)
    if bottom - top < 4 or right - left < 4:
        return None
    x = (np.arange(left, right, dtype=np.float32) + 0.5) / np.float32(scale) + np.float32(surface.left_mm - x_mm)
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5) / np.float32(scale) + np.float32(surface.top_mm - y_mm)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return Spot(
        cut=(slice(top, bottom), slice(left, right)),
        u=as_field(x[None, :] * cos + y[:, None] * sin),
        v=as_field(y[:, None] * cos - x[None, :] * sin),
        px_per_mm=scale,
    )


def rounded_box(u: Field, v: Field, half_w: float, half_h: float, corner: float) -> Field:
    """Return the signed distance to a rounded rectangle in mm, negative inside."""
    corner = min(corner, half_w, half_h)
    dx = np.abs(u) - np.float32(half_w - corner)
    dy = np.abs(v) - np.float32(half_h - corner)
    outside = np.sqrt(np.clip(dx, 0, None) ** 2 + np.clip(dy, 0, None) ** 2)
    return as_field(outside + np.clip(np.maximum(dx, dy), None, 0) - np.float32(corner))


def ellipse(u: Field, v: Field, half_w: float, half_h: float) -> Field:
    """Return about the signed distance to an ellipse in mm, negative inside; exact for a circle."""
    share = np.sqrt((u / np.float32(half_w)) ** 2 + (v / np.float32(half_h)) ** 2)
    return as_field((share - 1) * np.float32(min(half_w, half_h)))


def capsule(u: Field, v: Field, start: tuple[float, float], end: tuple[float, float], radius_mm: float) -> Field:
    """Return the signed distance to a round-ended stroke in mm, negative inside."""
    along_u, along_v = end[0] - start[0], end[1] - start[1]
    length = max(along_u**2 + along_v**2, 1e-6)
    share = np.clip(((u - start[0]) * along_u + (v - start[1]) * along_v) / np.float32(length), 0, 1)
    return as_field(np.hypot(u - start[0] - share * along_u, v - start[1] - share * along_v) - np.float32(radius_mm))


def lay(
    surface: Surface,
    spot: Spot,
    where: NDArray[np.bool_],
    height: Field | float,
    colour: Field,
    *,
    gloss: float,
    polish: float,
    metal: float = 0.0,
    glow: float = 0.0,
) -> None:
    """Replace what is seen of a window by a thing that is no food.

    Args:
        height: mm above the table.
        colour: (3,) or (rows, columns, 3), linear light.
    """
    cut = spot.cut
    surface.height[cut][where] = height[where] if isinstance(height, np.ndarray) else height
    surface.albedo[cut][where] = colour if colour.ndim == 1 else colour[where]
    surface.gloss[cut][where] = gloss
    surface.polish[cut][where] = polish
    surface.metal[cut][where] = metal
    surface.glow[cut][where] = glow
    surface.portion[cut][where] = NO_PORTION
