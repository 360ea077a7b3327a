"""Pictures that the tests draw themselves: a tray with heaps of food, in many encodings."""

import io
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]

TRAY_SIZE = (960, 720)
HEAPS: tuple[tuple[Colour, tuple[int, int]], ...] = (
    ((190, 60, 40), (250, 220)),
    ((70, 120, 40), (700, 220)),
    ((225, 180, 60), (250, 510)),
    ((120, 70, 40), (700, 510)),
)
HEAP_RADIUS_PX = 110


def empty_tray() -> Image.Image:
    """A grey tray with four wells on a darker table, without food."""
    tray = Image.new("RGB", TRAY_SIZE, (92, 84, 76))
    pen = ImageDraw.Draw(tray)
    pen.rounded_rectangle((50, 40, 910, 690), radius=50, fill=(186, 190, 194))
    for left in (80, 500):
        for top in (70, 375):
            pen.rounded_rectangle((left, top, left + 380, top + 285), radius=40, fill=(202, 205, 208))
    return tray


def tray(heaps: int = len(HEAPS)) -> Image.Image:
    """The tray with up to four heaps of food, each of many small pieces; the same picture every time."""
    picture = empty_tray()
    rng = np.random.default_rng(7)
    pen = ImageDraw.Draw(picture)
    for colour, (x, y) in HEAPS[:heaps]:
        pen.ellipse((x - 112, y - 100, x + 118, y + 112), fill=(120, 118, 116))
        for _ in range(420):
            angle, distance = rng.uniform(0, 2 * np.pi), HEAP_RADIUS_PX * np.sqrt(rng.uniform())
            px, py = x + distance * np.cos(angle), y + distance * np.sin(angle) * 0.9
            light = 0.55 + 0.45 * (1 - distance / HEAP_RADIUS_PX) + rng.normal(0, 0.12)
            shade = tuple(int(np.clip(channel * light, 0, 255)) for channel in colour)
            half_width, half_height = rng.uniform(8, 20), rng.uniform(6, 12)
            pen.ellipse((px - half_width, py - half_height, px + half_width, py + half_height), fill=shade)
    return picture.filter(ImageFilter.GaussianBlur(1.0))


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
