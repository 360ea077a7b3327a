"""The camera of training scenes: any height, tilt and roll, then exposure, lens and sensor, good and bad."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognition.training.synthetic.food_textures import display
from recognition.training.synthetic.surface import Surface
from recognition.training.synthetic.texture import Field, as_field

_STEP_MM = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A pinhole above the table: where it is, its three directions, and mm of table per pixel at 1 mm distance."""

    position_mm: tuple[float, float, float]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    forward: NDArray[np.float64]
    per_px: float
    width_px: int
    height_px: int

    def rays(self, i: Field, j: Field) -> tuple[Field, Field, Field]:
        """Return the directions seen at pixel columns `i` and rows `j`."""
        across = (i - self.width_px / 2) * self.per_px
        along = (j - self.height_px / 2) * self.per_px
        parts = [self.forward[k] + across * self.right[k] + along * self.down[k] for k in range(3)]
        return as_field(parts[0]), as_field(parts[1]), as_field(parts[2])

    def footprint_mm(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom of the table that is seen."""
        i = np.array([0, self.width_px, 0, self.width_px], np.float32)
        j = np.array([0, 0, self.height_px, self.height_px], np.float32)
        x, y, z = self.rays(i, j)
        far = self.position_mm[2] / np.maximum(-z, 0.05)
        seen_x, seen_y = self.position_mm[0] + x * far, self.position_mm[1] + y * far
        return float(seen_x.min()), float(seen_y.min()), float(seen_x.max()), float(seen_y.max())


def aim(
    *, target_mm: tuple[float, float], tilt: float, toward: float, roll: float, away_mm: float, span_mm: float,
    width_px: int, height_px: int,
) -> View:  # fmt: skip
    """Point a camera at the table.

    Args:
        tilt: radians from straight down; `toward` is the direction on the table that it leans back to.
        span_mm: what the long side of the picture sees at the target.
    """
    back = np.array([np.sin(tilt) * np.cos(toward), np.sin(tilt) * np.sin(toward), np.cos(tilt)])
    position = np.array([target_mm[0], target_mm[1], 0.0]) + away_mm * back
    forward = -back
    right = np.array([np.cos(roll), np.sin(roll), 0.0])
    right -= forward * float(right @ forward)
    right /= np.linalg.norm(right)
    return View(
        position_mm=(float(position[0]), float(position[1]), float(position[2])),
        right=right,
        down=np.cross(forward, right),
        forward=forward,
        per_px=span_mm / max(width_px, height_px) / away_mm,
        width_px=width_px,
        height_px=height_px,
    )


def photograph(surface: Surface, light: Field, view: View) -> tuple[Field, NDArray[np.int16]]:
    """Cast a ray per pixel onto the height field; returns linear light and the portion seen at each pixel."""
    i = np.arange(view.width_px, dtype=np.float32)[None, :] + np.float32(0.5)
    j = np.arange(view.height_px, dtype=np.float32)[:, None] + np.float32(0.5)
    ray_x, ray_y, ray_z = view.rays(i, j)
    eye_x, eye_y, eye_z = (np.float32(part) for part in view.position_mm)
    scale = np.float32(surface.px_per_mm)
    slope_x, slope_y = ray_x / -ray_z * scale, ray_y / -ray_z * scale
    ground_x = (eye_x - np.float32(surface.left_mm)) * scale + slope_x * eye_z - np.float32(0.5)
    ground_y = (eye_y - np.float32(surface.top_mm)) * scale + slope_y * eye_z - np.float32(0.5)
    # From above the highest point down, until the surface is reached; then once between the last two steps.
    top = float(surface.height.max()) + 1
    found = np.zeros_like(ground_x)
    above = np.full_like(ground_x, np.float32(top))
    gap_above = np.full_like(ground_x, np.float32(_STEP_MM))
    level = top
    hit = np.zeros(ground_x.shape, bool)
    while level > 0:
        level = max(0.0, level - _STEP_MM)
        seen = _at(surface.height, ground_x - slope_x * np.float32(level), ground_y - slope_y * np.float32(level))
        gap = np.float32(level) - seen
        new = ~hit & (gap <= 0)
        share = gap_above / np.maximum(gap_above - gap, np.float32(1e-3))
        found = np.where(new, above + (np.float32(level) - above) * share, found)
        hit |= new
        above = np.where(hit, above, np.float32(level))
        gap_above = np.where(hit, gap_above, gap)
    x, y = ground_x - slope_x * found, ground_y - slope_y * found
    picture = cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    portions = cv2.remap(surface.portion, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1)
    return as_field(picture), portions


def _at(field: Field, x: Field, y: Field) -> Field:
    return as_field(cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def develop(picture: Field, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Turn linear light into an 8-bit photograph with the faults that cheap cameras have."""
    rows, columns = picture.shape[:2]
    x = (np.arange(columns, dtype=np.float32)[None, :] / columns - np.float32(rng.uniform(0.4, 0.6))) ** 2
    y = (np.arange(rows, dtype=np.float32)[:, None] / rows - np.float32(rng.uniform(0.4, 0.6))) ** 2
    picture = picture * (1 - np.float32(rng.uniform(0.1, 0.7)) * (x + y))[..., None]
    bright = max(float(np.quantile(picture[::4, ::4].mean(axis=2), 0.95)), 0.08)
    stops = rng.normal(0, 0.45) if rng.random() < 0.75 else rng.uniform(-1.5, 1.5)
    balance = np.exp(rng.normal(0, 0.05, 3) + rng.normal(0, 0.1) * np.array([1, 0, -1])).astype(np.float32)
    picture = picture * np.float32(rng.uniform(0.65, 0.95) / bright * 2**stops) * balance
    glare = cv2.GaussianBlur(np.clip(picture - 0.95, 0, 3), (0, 0), rng.uniform(2, 8))
    picture = picture + np.float32(rng.uniform(0.05, 0.35)) * glare
    grey = picture @ np.array([0.25, 0.65, 0.10], np.float32)
    picture = grey[..., None] + np.float32(rng.uniform(0.7, 1.25)) * (picture - grey[..., None])
    blur = rng.random()
    if blur < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.2))
    elif blur < 0.62:
        picture = cv2.filter2D(picture, -1, _motion(rng))
    noisy = rng.uniform(0.004, 0.02) if rng.random() < 0.8 else rng.uniform(0.02, 0.05)
    grain = rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.5:
        grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 2
    picture = np.clip(picture + grain * np.float32(noisy) * np.sqrt(np.clip(picture, 0.01, 1.5)), 0, None)
    bend = np.float32(rng.uniform(2.2, 4.0))
    picture = np.float32(1.04) * picture / (1 + (picture / np.float32(1.02)) ** bend) ** (1 / bend)
    shown = display(picture)
    if rng.random() < 0.4:
        soft = cv2.GaussianBlur(shown, (0, 0), 1.0)
        strength = rng.uniform(0.2, 0.9)
        shown = cv2.addWeighted(shown, 1 + strength, soft, -strength, 0)
    return np.asarray(shown, np.uint8)


def _motion(rng: np.random.Generator) -> Field:
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    middle = (length - 1) / 2
    for step in np.linspace(-middle, middle, 3 * length):
        kernel[round(middle + step * np.sin(angle)), round(middle + step * np.cos(angle))] = 1
    return kernel / np.float32(kernel.sum())
