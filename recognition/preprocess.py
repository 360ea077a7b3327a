"""Upright pixels -> the tensors that the models take. Pure functions.

Source: decisions R4 and R5 of the README.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NETWORK_LONG_PX: Final = 352
NETWORK_SHORT_PX: Final = 256
PADDING_GREY: Final = 114
CROP_SIDE_PX: Final = 224

# Whole pixels are averaged first and only the rest is interpolated: half the cost of a plain bilinear resize.
REDUCING_GAP: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterbox:
    """Where a frame lies inside the detector's input, all in pixels."""

    frame_width_px: int
    frame_height_px: int
    network_width_px: int
    network_height_px: int
    left_px: int
    top_px: int
    width_px: int
    height_px: int


def plan_letterbox(frame_width_px: int, frame_height_px: int) -> Letterbox:
    """Fit a frame, centred and undistorted, into 352 x 256 pixels, or 256 x 352 if it is taller than wide."""
    network_width_px, network_height_px = NETWORK_LONG_PX, NETWORK_SHORT_PX
    if frame_height_px > frame_width_px:
        network_width_px, network_height_px = network_height_px, network_width_px
    scale = min(network_width_px / frame_width_px, network_height_px / frame_height_px)
    width_px = min(max(round(frame_width_px * scale), 1), network_width_px)
    height_px = min(max(round(frame_height_px * scale), 1), network_height_px)
    return Letterbox(
        frame_width_px=frame_width_px,
        frame_height_px=frame_height_px,
        network_width_px=network_width_px,
        network_height_px=network_height_px,
        left_px=(network_width_px - width_px) // 2,
        top_px=(network_height_px - height_px) // 2,
        width_px=width_px,
        height_px=height_px,
    )


def detector_input(image: Image.Image, plan: Letterbox) -> NDArray[np.float32]:
    """Scale a frame and pad it with grey.

    Args:
        image: RGB, of the frame size that the plan was made for.
    Returns:
        (1, 3, network height, network width) float32, (value - 127) / 128.
    """
    scaled = image.resize((plan.width_px, plan.height_px), Image.Resampling.BILINEAR, reducing_gap=REDUCING_GAP)
    tensor = np.full((1, 3, plan.network_height_px, plan.network_width_px), (PADDING_GREY - 127) / 128, np.float32)
    inside = tensor[0, :, plan.top_px : plan.top_px + plan.height_px, plan.left_px : plan.left_px + plan.width_px]
    _normalise_into(inside, scaled)
    return tensor


def embedder_input(image: Image.Image, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut boxes out of a frame and stretch each to a square of 224 pixels.

    Args:
        image: RGB.
        boxes: (n, 4) left, top, right, bottom in pixels of the image, inside it and not empty.
    Returns:
        (n, 3, 224, 224) float32, (value - 127) / 128.
    """
    tensor = np.empty((len(boxes), 3, CROP_SIDE_PX, CROP_SIDE_PX), np.float32)
    for row, (left, top, right, bottom) in zip(tensor, boxes.tolist(), strict=True):
        crop = image.resize(
            (CROP_SIDE_PX, CROP_SIDE_PX),
            Image.Resampling.BILINEAR,
            box=(left, top, right, bottom),
            reducing_gap=REDUCING_GAP,
        )
        _normalise_into(row, crop)
    return tensor


def trimmed(box: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Cut a share of a box's width and height away, half of it on either side.

    Args:
        box: (4,) left, top, right, bottom.
        share: in [0, 1).
    """
    left, top, right, bottom = box.tolist()
    x, y = (right - left) * share / 2, (bottom - top) * share / 2
    return np.array((left + x, top + y, right - x, bottom - y), np.float32)


def _normalise_into(target: NDArray[np.float32], image: Image.Image) -> None:
    np.subtract(np.asarray(image).transpose(2, 0, 1), 127.0, out=target, dtype=np.float32)
    target *= 1 / 128
