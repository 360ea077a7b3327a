"""The scene seen from straight above: one height and one material per pixel. Pieces of food are stamped onto it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.texture import Field, as_field, box_blur

NO_PORTION = -1
SMALLEST_DRAPED_PX = 24  # a smaller piece is too short to bend


def linear(colour: str) -> Field:
    """Turn an sRGB colour such as "#a03c1e" into linear light, (3,) in [0, 1]."""
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


@dataclass(slots=True)
class Surface:
    """Heights in mm above the table and materials; every array is (rows, columns) or (rows, columns, 3).

    `gloss` is the strength of reflections, `polish` their sharpness, `glow` how far light spreads inside,
    `metal` whether the reflection takes the colour; all in [0, 1]. `portion` is the number of the portion seen
    at a pixel, or NO_PORTION.
    """

    px_per_mm: float
    left_mm: float
    top_mm: float
    height: Field
    albedo: Field
    gloss: Field
    polish: Field
    glow: Field
    metal: Field
    portion: NDArray[np.int16]

    @classmethod
    def blank(
        cls, width_mm: float, height_mm: float, px_per_mm: float, *, left_mm: float = 0.0, top_mm: float = 0.0
    ) -> "Surface":
        """Make a flat grey matt table, or the window of one that begins at `left_mm`, `top_mm`."""
        shape = (round(height_mm * px_per_mm), round(width_mm * px_per_mm))
        return cls(
            px_per_mm=px_per_mm,
            left_mm=left_mm,
            top_mm=top_mm,
            height=np.zeros(shape, np.float32),
            albedo=np.full((*shape, 3), 0.3, np.float32),
            gloss=np.full(shape, 0.1, np.float32),
            polish=np.full(shape, 0.3, np.float32),
            glow=np.zeros(shape, np.float32),
            metal=np.zeros(shape, np.float32),
            portion=np.full(shape, NO_PORTION, np.int16),
        )

    def grid_mm(self) -> tuple[Field, Field]:
        """Return x and y in mm of every pixel centre, broadcastable as (1, columns) and (rows, 1)."""
        rows, columns = self.height.shape
        x = (np.arange(columns, dtype=np.float32) + 0.5) / np.float32(self.px_per_mm) + np.float32(self.left_mm)
        y = (np.arange(rows, dtype=np.float32) + 0.5) / np.float32(self.px_per_mm) + np.float32(self.top_mm)
        return x[None, :], y[:, None]


@dataclass(slots=True)
class Piece:
    """One piece of food on its own small grid: `lift` is mm above its underside, and at most 0 outside of it."""

    lift: Field
    albedo: Field
    gloss: float
    polish: float
    glow: float
    cover: float = 1.0


def stamp(
    surface: Surface,
    piece: Piece,
    x_mm: float,
    y_mm: float,
    *,
    portion: int,
    drape: float = 0.0,
    sink_mm: float = 0.0,
    within: NDArray[np.bool_] | None = None,
) -> None:
    """Lay a piece on whatever is there already; it shows where it is the highest.

    Args:
        drape: 0 keeps the piece stiff (it leans on what it lies on), 1 lets it follow every bump.
        sink_mm: how far it is pressed in.
        within: where the piece may show at all; what reaches beyond is cut off.
    """
    rows, columns = piece.lift.shape
    top = round((y_mm - surface.top_mm) * surface.px_per_mm - rows / 2)
    left = round((x_mm - surface.left_mm) * surface.px_per_mm - columns / 2)
    total_rows, total_columns = surface.height.shape
    y0, y1 = max(top, 0), min(top + rows, total_rows)
    x0, x1 = max(left, 0), min(left + columns, total_columns)
    if y0 >= y1 or x0 >= x1:
        return
    own = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    here = (slice(y0, y1), slice(x0, x1))
    lift = piece.lift[own]
    inside = lift > 0 if within is None else (lift > 0) & within[here]
    count = int(inside.sum())
    if count < 3:
        return
    below = surface.height[here]
    rest = _resting_plane(below, inside, count)
    if drape > 0 and min(rows, columns) >= SMALLEST_DRAPED_PX:
        soft = box_blur(below, min(rows, columns) // 10)
        rest = (1 - drape) * rest + drape * soft
    candidate = rest + lift - np.float32(sink_mm)
    wins = inside & (candidate > below)
    if piece.cover < 1:
        mixed = piece.cover * piece.albedo[own] + (1 - piece.cover) * surface.albedo[here]
        surface.albedo[here][wins] = mixed[wins]
    else:
        surface.albedo[here][wins] = piece.albedo[own][wins]
    below[wins] = candidate[wins]
    surface.gloss[here][wins] = piece.gloss
    surface.polish[here][wins] = piece.polish
    surface.glow[here][wins] = piece.glow
    surface.metal[here][wins] = 0
    surface.portion[here][wins] = portion


def _resting_plane(below: Field, inside: NDArray[np.bool_], count: int) -> Field:
    """Fit a plane to the ground under a stiff piece and raise it until most of the ground is under it."""
    rows, columns = below.shape
    y = np.arange(rows, dtype=np.float32)[:, None] - np.float32((rows - 1) / 2)
    x = np.arange(columns, dtype=np.float32)[None, :] - np.float32((columns - 1) / 2)
    weight = inside.astype(np.float32)
    ground = below * weight
    mean = float(ground.sum()) / count
    spread_x = float((weight * x * x).sum()) + 1e-3
    spread_y = float((weight * y * y).sum()) + 1e-3
    slope_x = float(((below - mean) * weight * x).sum()) / spread_x
    slope_y = float(((below - mean) * weight * y).sum()) / spread_y
    plane = as_field(mean + 0.75 * (slope_x * x + slope_y * y))
    residual = (below - plane) * weight
    variance = float((residual * residual).sum()) / count
    # 0.3 deviations above the mean: about three fifths of the ground is below the piece, the rest pokes through.
    return plane + np.float32(0.3 * variance**0.5)


def pour(
    surface: Surface,
    *,
    level: Field,
    where: NDArray[np.bool_],
    colour: Field,
    opacity_per_mm: float,
    gloss: float,
    polish: float,
    portion: int,
    visible_mm: float,
) -> None:
    """Fill everything below `level` (mm) with a liquid that hides more the deeper it is.

    Args:
        colour: (3,) or (rows, columns, 3) linear light.
        visible_mm: from which depth on the liquid counts as part of the portion.
    """
    depth = np.where(where, level - surface.height, 0).astype(np.float32)
    wet = depth > 0
    thick = opacity_per_mm * np.clip(depth, 0, None)[..., None]
    hidden = 1 - np.exp(-thick)
    tinted = np.exp(-1.6 * thick * (1 - colour))
    surface.albedo[...] = np.where(
        wet[..., None], surface.albedo * (1 - hidden) * tinted + hidden * colour, surface.albedo
    )
    edge = np.clip(depth / 0.5, 0, 1)
    surface.height[wet] = (surface.height + depth)[wet]
    surface.gloss[...] = np.where(wet, surface.gloss + (gloss - surface.gloss) * edge, surface.gloss)
    surface.polish[...] = np.where(wet, surface.polish + (polish - surface.polish) * edge, surface.polish)
    surface.metal[wet] *= np.exp(-2 * opacity_per_mm * depth[wet])
    surface.portion[depth > visible_mm] = portion
