"""Seamless noise of several grain sizes, from which every uneven thing in a picture is made."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def as_field(values: NDArray[Any]) -> Field:
    """Give values back as 32-bit floats."""
    return np.asarray(values, dtype=np.float32)


_SIDE_PX = 512
_GRAINS_PX = (1.2, 2.4, 4.8, 9.6, 19.2, 38.4, 76.8)


@lru_cache(maxsize=1)
def _sheets() -> tuple[Field, ...]:
    """Return one seamless sheet per grain size, each twice as wide and high as its period, mean 0 and deviation 1."""
    rng = np.random.default_rng(20210901)
    frequency = np.fft.fftfreq(_SIDE_PX)
    squared = frequency[:, None] ** 2 + frequency[None, :] ** 2
    sheets = []
    for grain_px in _GRAINS_PX:
        white = rng.standard_normal((_SIDE_PX, _SIDE_PX))
        smooth = np.fft.ifft2(np.fft.fft2(white) * np.exp(-2 * (np.pi * grain_px / 2) ** 2 * squared)).real
        smooth = (smooth - smooth.mean()) / smooth.std()
        sheets.append(np.tile(smooth, (2, 2)).astype(np.float32))
    return tuple(sheets)


def noise(rng: np.random.Generator, shape: tuple[int, int], grain_px: float) -> Field:
    """Cut a random piece of noise, mean about 0 and deviation about 1.

    Args:
        shape: rows and columns; larger than a sheet repeats it.
        grain_px: size of one bump; the nearest sheet is used.
    """
    level = int(np.argmin([abs(np.log(max(grain_px, 0.1) / known)) for known in _GRAINS_PX]))
    sheet = _sheets()[level]
    if rng.random() < 0.5:
        sheet = sheet.T
    top, left = rng.integers(0, _SIDE_PX, 2)
    rows, columns = shape
    if rows <= _SIDE_PX and columns <= _SIDE_PX:
        return sheet[top : top + rows, left : left + columns]
    across = (np.arange(columns) + left) % _SIDE_PX
    down = (np.arange(rows) + top) % _SIDE_PX
    return sheet[np.ix_(down, across)]


def layered_noise(rng: np.random.Generator, shape: tuple[int, int], grain_px: float, layers: int = 3) -> Field:
    """Add noise of halving grain and strength, deviation about 1."""
    total = np.zeros(shape, np.float32)
    weight = 1.0
    power = 0.0
    for _ in range(layers):
        total += weight * noise(rng, shape, grain_px)
        power += weight**2
        weight *= 0.55
        grain_px /= 2
    return total / np.float32(np.sqrt(power))


def box_blur(field: Field, radius_px: int) -> Field:
    """Average over a square of 2 radius + 1 pixels, edges repeated, three times over (close to a Gaussian)."""
    if radius_px < 1:
        return field
    return _blurred_down(np.ascontiguousarray(_blurred_down(field, radius_px).T), radius_px).T


def _blurred_down(field: Field, radius_px: int) -> Field:
    width = 2 * radius_px + 1
    rows, columns = field.shape
    sums = np.zeros((rows + width, columns), np.float64)
    for _ in range(3):
        above, below = field[0], field[-1]
        sums[1 : radius_px + 1] = above
        sums[radius_px + 1 : radius_px + 1 + rows] = field
        sums[radius_px + 1 + rows :] = below
        totals = np.cumsum(sums, axis=0)
        field = ((totals[width:] - totals[:-width]) / width).astype(np.float32)
    return field


def smoothstep(low: float, high: float, value: Field) -> Field:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return as_field(t * t * (3 - 2 * t))
