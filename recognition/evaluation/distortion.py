"""What a counter does to a photograph: a turned tray, few pixels, bad light, movement, things in the way.

Pure functions.

Each takes an upright RGB picture with boxes in its pixels and returns both anew; nothing is changed in place.
"""

import math
import random
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from engine.domain.reading import Box

Distorted = tuple[Image.Image, list[Box]]

MARGIN_SHARE: Final = 0.06
NAPKIN: Final = (236, 233, 226)


def turned(image: Image.Image, boxes: Sequence[Box], degrees: float) -> Distorted:
    """Turn a tray counterclockwise, and cut the picture to what all portions need, as a camera above it would see.

    A portion fills its box as an ellipse does, so the box of the turned portion is that of the turned ellipse;
    corners that come into view have the colour of the picture's border.
    """
    turned_image = image.rotate(
        degrees, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=_border_colour(image)
    )
    radians = math.radians(degrees)
    cosine, sine = math.cos(radians), math.sin(radians)
    moved = []
    for box in boxes:
        x = (box.left_px + box.right_px) / 2 - image.width / 2
        y = (box.top_px + box.bottom_px) / 2 - image.height / 2
        half_width, half_height = (box.right_px - box.left_px) / 2, (box.bottom_px - box.top_px) / 2
        across = math.hypot(half_width * cosine, half_height * sine)
        down = math.hypot(half_width * sine, half_height * cosine)
        centre_x = turned_image.width / 2 + x * cosine + y * sine
        centre_y = turned_image.height / 2 - x * sine + y * cosine
        moved.append((centre_x - across, centre_y - down, centre_x + across, centre_y + down))
    if not moved:
        return turned_image, []
    margin = MARGIN_SHARE * max(image.size)
    left = max(0, math.floor(min(corners[0] for corners in moved) - margin))
    top = max(0, math.floor(min(corners[1] for corners in moved) - margin))
    right = min(turned_image.width, math.ceil(max(corners[2] for corners in moved) + margin))
    bottom = min(turned_image.height, math.ceil(max(corners[3] for corners in moved) + margin))
    cut = turned_image.crop((left, top, right, bottom))
    return cut, [_inside((x0 - left, y0 - top, x1 - left, y1 - top), cut.size) for x0, y0, x1, y1 in moved]


def shrunk(image: Image.Image, boxes: Sequence[Box], long_side_px: int) -> Distorted:
    """Take a photograph with fewer pixels; one that is small enough stays as it is."""
    scale = long_side_px / max(image.size)
    if scale >= 1:
        return image, list(boxes)
    small = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BOX
    )
    across, down = small.width / image.width, small.height / image.height
    return small, [
        _inside((box.left_px * across, box.top_px * down, box.right_px * across, box.bottom_px * down), small.size)
        for box in boxes
    ]


def exposed(image: Image.Image, boxes: Sequence[Box], stops_ev: float) -> Distorted:
    """Let 2 to the power of so many stops as much light in; what is too bright is lost."""
    return _lit(image, (2.0**stops_ev,) * 3), list(boxes)


def coloured(image: Image.Image, boxes: Sequence[Box], warmth: float) -> Distorted:
    """Change the lamp: red gains and blue loses a factor of 2 to the power of half the warmth; negative is cold."""
    return _lit(image, (2.0 ** (warmth / 2), 1.0, 2.0 ** (-warmth / 2))), list(boxes)


def smeared(image: Image.Image, boxes: Sequence[Box], length_share: float) -> Distorted:
    """Move the tray sideways during exposure by a share of the picture's long side, in [0, 1)."""
    length_px = round(length_share * max(image.size))
    if length_px <= 1:
        return image, list(boxes)
    before = length_px // 2
    padded = np.pad(_linear(image), ((0, 0), (before + 1, length_px - 1 - before), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    sums -= sums[:, :1]
    ends = np.concatenate((sums[:, length_px:], sums[:, -1:]), axis=1)[:, : image.width]
    return _picture((ends - sums[:, : image.width]) / length_px), list(boxes)


def covered(image: Image.Image, boxes: Sequence[Box], share: float) -> Distorted:
    """Lay a napkin over a corner of every portion: a share of its box, in [0, 1); another corner from box to box."""
    picture = image.copy()
    canvas = ImageDraw.Draw(picture)
    for number, box in enumerate(boxes):
        width, height = (box.right_px - box.left_px) * math.sqrt(share), (box.bottom_px - box.top_px) * math.sqrt(share)
        if min(width, height) < 1:
            continue
        left = box.left_px if number % 2 == 0 else box.right_px - width
        top = box.top_px if number % 4 < 2 else box.bottom_px - height
        canvas.rectangle((left, top, left + width - 1, top + height - 1), fill=NAPKIN)
    return picture, list(boxes)


def glaring(image: Image.Image, boxes: Sequence[Box], share: float, seed: int = 0) -> Distorted:
    """Let lamps shine back from steel: white patches with soft edges over a share of the picture, in [0, 1)."""
    if share <= 0:
        return image, list(boxes)
    rng = random.Random(seed)
    mask = Image.new("L", image.size)
    canvas = ImageDraw.Draw(mask)
    target, lit = share * image.width * image.height, 0.0
    long_side = max(image.size)
    while lit < target:
        width, height = (rng.uniform(0.04, 0.12) * long_side for _ in range(2))
        x, y = rng.uniform(0, image.width), rng.uniform(0, image.height)
        canvas.ellipse((x - width / 2, y - height / 2, x + width / 2, y + height / 2), fill=255)
        lit = float(np.count_nonzero(np.asarray(mask)))
    soft = mask.filter(ImageFilter.GaussianBlur(0.008 * long_side))
    return Image.composite(Image.new("RGB", image.size, (255, 255, 255)), image, soft), list(boxes)


def _inside(corners: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    left_px, top_px = min(max(round(corners[0]), 0), size[0] - 1), min(max(round(corners[1]), 0), size[1] - 1)
    return Box(
        left_px=left_px,
        top_px=top_px,
        right_px=max(left_px + 1, min(round(corners[2]), size[0])),
        bottom_px=max(top_px + 1, min(round(corners[3]), size[1])),
    )


def _border_colour(image: Image.Image) -> tuple[int, int, int]:
    pixels = np.asarray(image)
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    red, green, blue = np.median(border, axis=0).tolist()
    return int(red), int(green), int(blue)


def _lit(image: Image.Image, gains: tuple[float, ...]) -> Image.Image:
    return _picture(_linear(image) * np.array(gains, np.float32))


def _linear(image: Image.Image) -> NDArray[np.float32]:
    """Turn sRGB into amounts of light in [0, 1], (height, width, 3)."""
    levels = np.arange(256, dtype=np.float32) / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    linear: NDArray[np.float32] = light[np.asarray(image)]
    return linear


def _picture(light: NDArray[np.floating]) -> Image.Image:
    clipped = np.clip(light, 0, 1)
    encoded = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.round(encoded * 255).astype(np.uint8))
