"""Bytes of a photograph -> an upright RGB frame, or a clear refusal.

Nothing large is decoded before its header is judged.

Source: decisions R1 and R2 of the README.
"""

import hashlib
import io
import math
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from engine.domain.errors import PhotoTooLargeError, PhotoUnreadableError, PhotoUnusableError

TRANSPARENT_GREY: Final = 114
"""What shows through a transparent picture: the grey that the detector knows as "nothing"."""

SCALE_TOLERANCE: Final = 1.4
"""A decoded long side may be off its target by this factor before pixels are resampled a second time."""

EXIF_ORIENTATION_TAG: Final = 0x0112

TURN_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
FIRST_SIDEWAYS_ORIENTATION: Final = 5

GRID_CELLS: Final = 16
SAMPLES_PER_CELL: Final = 4
DARK_LUMA: Final = 32.0
BRIGHT_LUMA: Final = 238.0
FLAT_LUMA_RANGE: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoLimits:
    """What a photograph may be before it is decoded."""

    max_bytes: int = 12 * 1024 * 1024
    max_pixels: int = 40_000_000
    min_side_px: int = 64
    max_aspect_ratio: int = 4
    max_jpeg_scans: int = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """An upright photograph, scaled for recognition; boxes are in its pixels.

    `pixels` is (height, width, 3) uint8 RGB and read-only; the original sizes are of the upright photograph.
    """

    pixels: NDArray[np.uint8]
    photo_sha256: str
    original_width_px: int
    original_height_px: int
    decode_us: int

    @property
    def width_px(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.pixels.shape[0])


def decode_photo(data: bytes, *, limits: PhotoLimits = PhotoLimits(), target_long_side_px: int = 1280) -> Frame:
    """Decode a JPEG, PNG or WebP to an upright frame whose long side is near the target, in pixels.

    A JPEG is scaled while it is decoded, by 1/2, 1/4 or 1/8, so the long side comes out within a factor of
    1.4 of the target; a smaller photograph is never enlarged.

    Raises:
        PhotoTooLargeError: more bytes or pixels than `limits` allow; judged on the header.
        PhotoUnreadableError: not a still JPEG, PNG or WebP, or damaged.
        PhotoUnusableError: too small or too narrow, black, white or flat.
    """
    started_ns = time.perf_counter_ns()
    if len(data) > limits.max_bytes:
        raise PhotoTooLargeError(
            f"The photograph has {len(data):,} bytes; at most {limits.max_bytes:,} are taken. "
            "Send a JPEG of lower quality or resolution.",
            bytes=len(data),
            max_bytes=limits.max_bytes,
        )
    image = _open_by_content(data, limits)
    width_px, height_px = image.size
    _check_size(width_px, height_px, limits)
    upright = _decode(image, target_long_side_px)
    orientation = _orientation(image)
    if orientation in TURN_UPRIGHT:
        upright = upright.transpose(TURN_UPRIGHT[orientation])
        if orientation >= FIRST_SIDEWAYS_ORIENTATION:
            width_px, height_px = height_px, width_px
    pixels = np.asarray(upright)
    pixels.flags.writeable = False
    _check_light(pixels)
    return Frame(
        pixels=pixels,
        photo_sha256=hashlib.sha256(data).hexdigest(),
        original_width_px=width_px,
        original_height_px=height_px,
        decode_us=(time.perf_counter_ns() - started_ns) // 1000,
    )


def _open_by_content(data: bytes, limits: PhotoLimits) -> Image.Image:
    """Read the header only. The decoder is chosen by the first bytes, whatever the sender calls the file."""
    try:
        if data.startswith(b"\xff\xd8\xff"):
            if data.count(b"\xff\xda") > limits.max_jpeg_scans:
                raise PhotoTooLargeError(
                    f"The JPEG has more than {limits.max_jpeg_scans} scans. Send an ordinary JPEG.",
                    max_jpeg_scans=limits.max_jpeg_scans,
                )
            return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            png = PngImagePlugin.PngImageFile(io.BytesIO(data))
            if png.is_animated:
                raise _animated()
            return png
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            # The plugin makes room for the whole canvas when it opens, so the size is read by hand first.
            width_px, height_px, animated = _webp_header(data)
            if animated:
                raise _animated()
            _check_size(width_px, height_px, limits)
            return WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    except (PhotoTooLargeError, PhotoUnreadableError, PhotoUnusableError):
        raise
    except Exception as error:  # a parser fails in many ways on hostile bytes; none of them is a photograph
        raise PhotoUnreadableError("The photograph's header is damaged. Take it again.") from error
    raise PhotoUnreadableError("This is not a photograph. Send a JPEG, PNG or WebP picture.")


def _animated() -> PhotoUnreadableError:
    return PhotoUnreadableError("The picture is animated. Send a still photograph.")


def _webp_header(data: bytes) -> tuple[int, int, bool]:
    """Canvas width and height in pixels, and whether it is animated.

    Source: WebP container specification (VP8X), RFC 6386 section 9.1 (VP8), WebP lossless bitstream (VP8L).
    """
    kind = data[12:16]
    if kind == b"VP8X" and len(data) >= 30:
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return width, height, bool(data[20] & 0x02)
    if kind == b"VP8L" and len(data) >= 25 and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, False
    if kind == b"VP8 " and len(data) >= 30 and data[23:26] == b"\x9d\x01\x2a":
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
        return width, height, False
    raise PhotoUnreadableError("The photograph's header is damaged. Take it again.")


def _check_size(width_px: int, height_px: int, limits: PhotoLimits) -> None:
    if width_px * height_px > limits.max_pixels:
        raise PhotoTooLargeError(
            f"The photograph has {width_px} x {height_px} pixels; at most {limits.max_pixels:,} are taken. "
            "Set the camera to a lower resolution.",
            width_px=width_px,
            height_px=height_px,
            max_pixels=limits.max_pixels,
        )
    short_px, long_px = sorted((width_px, height_px))
    if short_px < limits.min_side_px or long_px > short_px * limits.max_aspect_ratio:
        raise PhotoUnusableError(
            f"The photograph has {width_px} x {height_px} pixels; the shorter side needs "
            f"{limits.min_side_px} and the longer one at most {limits.max_aspect_ratio} times as many. "
            "Photograph the whole tray.",
            width_px=width_px,
            height_px=height_px,
        )


def _decode(image: Image.Image, target_long_side_px: int) -> Image.Image:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        # draft() takes the strongest scale that still gives the size asked for, hence the lower bound.
        least_px = target_long_side_px / SCALE_TOLERANCE
        share = least_px / max(image.size)
        image.draft(None, (math.ceil(image.width * share), math.ceil(image.height * share)))
    try:
        image.load()
        rgb = _to_rgb(image)
    except Exception as error:  # a decoder fails in many ways on damaged bytes; none of them is a photograph
        raise PhotoUnreadableError("The photograph is damaged or was cut off. Take it again.") from error
    if max(rgb.size) > target_long_side_px * SCALE_TOLERANCE:
        rgb.thumbnail((target_long_side_px, target_long_side_px), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return rgb


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey: Pillow's own conversion clips at 255 instead of scaling.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        upright = Image.new("RGB", image.size, (TRANSPARENT_GREY,) * 3)
        upright.paste(layer, mask=layer.getchannel("A"))
        return upright
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """Orientation by EXIF, 1 to 8, or 1. A damaged block costs the rotation, not the photograph."""
    try:
        return int(image.getexif().get(EXIF_ORIENTATION_TAG, 1))
    except Exception:
        return 1


def _check_light(pixels: NDArray[np.uint8]) -> None:
    """Refuse a frame that shows nothing; means over a grid keep sensor noise from passing as a picture."""
    side = GRID_CELLS * SAMPLES_PER_CELL
    rows = (np.arange(side) * pixels.shape[0]) // side
    columns = (np.arange(side) * pixels.shape[1]) // side
    samples = pixels[rows[:, None], columns] @ np.array((0.299, 0.587, 0.114), np.float32)
    cells = samples.reshape(GRID_CELLS, SAMPLES_PER_CELL, GRID_CELLS, SAMPLES_PER_CELL).mean(axis=(1, 3))
    dark, bright = np.percentile(cells, (2, 98))
    if bright < DARK_LUMA:
        fault = "almost black"
    elif dark > BRIGHT_LUMA:
        fault = "almost white"
    elif bright - dark < FLAT_LUMA_RANGE:
        fault = "one even colour"
    else:
        return
    raise PhotoUnusableError(f"The photograph is {fault}. Check lamp and lens, then take it again.")
