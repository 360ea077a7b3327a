"""The counter camera: a pinhole above the tray, then lens, sensor and picture processing."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recognition.training.synthetic.surface import Surface
from recognition.training.synthetic.texture import Field, as_field, box_blur, noise

_Value = TypeVar("_Value", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """Where the camera hangs and looks, in mm on the table; `span_mm` is what the long side of the picture sees."""

    x_mm: float
    y_mm: float
    height_mm: float
    target_x_mm: float
    target_y_mm: float
    roll: float
    span_mm: float
    width_px: int
    height_px: int


def look(surface: Surface, light: Field, camera: Camera, oversampling: float = 1.3) -> tuple[Field, NDArray[np.int16]]:
    """Cast a ray per pixel onto the height field.

    Returns:
        The picture in linear light, (height_px, width_px, 3), and the portion seen at each pixel.
    """
    columns, rows = round(camera.width_px * oversampling), round(camera.height_px * oversampling)
    position = np.array([camera.x_mm, camera.y_mm, camera.height_mm])
    forward = np.array([camera.target_x_mm, camera.target_y_mm, 0.0]) - position
    reach = float(np.linalg.norm(forward))
    forward /= reach
    right = np.array([np.cos(camera.roll), np.sin(camera.roll), 0.0])
    right -= forward * float(right @ forward)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    per_px = camera.span_mm / columns / reach
    i = ((np.arange(columns) + 0.5) - columns / 2) * per_px
    j = ((np.arange(rows) + 0.5) - rows / 2) * per_px
    ray = [forward[k] + i[None, :] * right[k] + j[:, None] * down[k] for k in range(3)]
    drop = camera.height_mm / -ray[2]
    ground_x = (position[0] + ray[0] * drop).astype(np.float32)
    ground_y = (position[1] + ray[1] * drop).astype(np.float32)

    hit = _hit_height(surface, ground_x, ground_y, camera)
    share = hit / np.float32(camera.height_mm)
    x = (ground_x + (camera.x_mm - ground_x) * share - surface.left_mm) * surface.px_per_mm - 0.5
    y = (ground_y + (camera.y_mm - ground_y) * share - surface.top_mm) * surface.px_per_mm - 0.5
    seen = _bilinear(light, x, y)
    picture = np.stack([_resized(seen[..., c], camera.width_px, camera.height_px) for c in range(3)], axis=-1)
    middle_x = ((np.arange(camera.width_px) + 0.5) * columns / camera.width_px).astype(int)
    middle_y = ((np.arange(camera.height_px) + 0.5) * rows / camera.height_px).astype(int)
    picked = np.ix_(middle_y, middle_x)
    return picture, _nearest(surface.portion, x[picked], y[picked])


def _hit_height(surface: Surface, ground_x: Field, ground_y: Field, camera: Camera) -> Field:
    """March each ray from the highest point down until it is below the surface; returns the height there, mm."""
    top = float(surface.height.max()) + 0.5
    steps = max(8, int(top / 0.8))
    levels = np.linspace(top, 0, steps + 1, dtype=np.float32)
    scale = np.float32(surface.px_per_mm)
    shift_x = (camera.x_mm - ground_x) / np.float32(camera.height_mm)
    shift_y = (camera.y_mm - ground_y) / np.float32(camera.height_mm)
    gx, gy = ground_x.ravel(), ground_y.ravel()
    sx, sy = shift_x.ravel(), shift_y.ravel()
    hit_flat = np.zeros(gx.size, np.float32)
    flat_open = np.arange(gx.size)
    for level in levels:
        x = (gx[flat_open] - surface.left_mm + sx[flat_open] * level) * scale - 0.5
        y = (gy[flat_open] - surface.top_mm + sy[flat_open] * level) * scale - 0.5
        ground = _nearest(surface.height, x, y)
        reached = ground >= level
        hit_flat[flat_open[reached]] = np.minimum(ground[reached], level + np.float32(top / steps))
        flat_open = flat_open[~reached]
        if flat_open.size == 0:
            break
    return hit_flat.reshape(ground_x.shape)


def _nearest(field: NDArray[_Value], x: Field, y: Field) -> NDArray[_Value]:
    rows, columns = field.shape[:2]
    found: NDArray[_Value] = field[
        np.clip(np.rint(y), 0, rows - 1).astype(np.int32),
        np.clip(np.rint(x), 0, columns - 1).astype(np.int32),
    ]
    return found


def _bilinear(field: Field, x: Field, y: Field) -> Field:
    rows, columns = field.shape[:2]
    x = np.clip(x, 0, columns - 1.001)
    y = np.clip(y, 0, rows - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = field[top, left] * (1 - across) + field[top, left + 1] * across
    lower = field[top + 1, left] * (1 - across) + field[top + 1, left + 1] * across
    return as_field(upper * (1 - down) + lower * down)


def _resized(channel: Field, width_px: int, height_px: int) -> Field:
    image = Image.fromarray(channel).resize((width_px, height_px), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image, np.float32), 0, None)


def develop(picture: Field, rng: np.random.Generator) -> Image.Image:
    """Turn linear light into an 8-bit photograph: vignette, white balance, sensor noise, tone curve, sharpening."""
    rows, columns = picture.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    radius = np.hypot((x - columns / 2) / columns, (y - rows / 2) / columns)
    picture = picture * (1 - rng.uniform(0.15, 0.45) * radius**2)[..., None]
    bright = float(np.quantile(picture.mean(axis=2), 0.97))
    picture = picture * np.float32(rng.uniform(0.78, 0.92) / max(bright, 0.15) if bright > 0.5 else 1.35)
    picture = picture * np.exp(rng.normal(0, 0.018, 3)).astype(np.float32)
    glare = np.stack([box_blur(np.clip(picture[..., c] - 0.95, 0, 3), 4) for c in range(3)], axis=-1)
    picture = picture + 0.25 * glare
    grey = picture @ np.array([0.25, 0.65, 0.10], np.float32)
    picture = grey[..., None] + np.float32(rng.uniform(0.74, 0.86)) * (picture - grey[..., None])
    coarse = np.stack([noise(rng, (rows, columns), 1.2) for _ in range(3)], axis=-1)
    grain = rng.standard_normal(picture.shape).astype(np.float32) * 0.6 + 0.5 * coarse
    strength = rng.uniform(0.006, 0.013)
    picture = np.clip(picture + grain * strength * np.sqrt(np.clip(picture, 0.01, 1.5)), 0, None)
    toned = 1.04 * picture / (1 + (picture / 1.02) ** 3.2) ** (1 / 3.2)
    display = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * np.clip(toned, 1e-6, None) ** (1 / 2.4) - 0.055)
    display = display + 0.05 * np.sin((np.clip(display, 0, 1) - 0.5) * 2 * np.pi) * rng.uniform(0.2, 0.9)
    blurred = np.stack([box_blur(display[..., c].astype(np.float32), 1) for c in range(3)], axis=-1)
    display = display + rng.uniform(0.1, 0.4) * (display - blurred)
    return Image.fromarray((np.clip(display, 0, 1) * 255 + 0.5).astype(np.uint8))
