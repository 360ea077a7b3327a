import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageOps

from engine.domain.errors import (
    PhotoTooLargeError,
    PhotoUnreadableError,
    PhotoUnusableError,
    RecognitionError,
)
from recognition.frame import TRANSPARENT_GREY, TURN_UPRIGHT, Frame, PhotoLimits, decode_photo
from tests.unit.recognition.pictures import encoded, tray

KINDS = ("JPEG", "PNG", "WEBP")
# What a camera held that way stores: the turn that undoes the one of the decoder.
STORED_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def with_orientation(picture: Image.Image, orientation: int, kind: str, **options: object) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture.transpose(STORED_TURN[orientation]) if orientation in STORED_TURN else picture
    return encoded(stored, kind, exif=exif, **options)


def jpeg_of_claimed_size(width_px: int, height_px: int) -> bytes:
    """A JPEG whose header claims a size that its data do not have."""
    data = bytearray(encoded(tray()))
    start_of_frame = data.index(b"\xff\xc0")
    data[start_of_frame + 5 : start_of_frame + 9] = struct.pack(">HH", height_px, width_px)
    return bytes(data)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_claimed_size(width_px: int, height_px: int) -> bytes:
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 99))


def webp_of_claimed_size(width_px: int, height_px: int, flags: int = 0) -> bytes:
    sizes = (width_px - 1).to_bytes(3, "little") + (height_px - 1).to_bytes(3, "little")
    extended = b"VP8X" + struct.pack("<I", 10) + bytes((flags, 0, 0, 0)) + sizes
    return b"RIFF" + struct.pack("<I", 4 + len(extended)) + b"WEBP" + extended


@pytest.mark.parametrize("kind", KINDS)
def test_a_photograph_is_decoded_to_rgb_pixels_of_its_size(kind: str) -> None:
    frame = decode_photo(encoded(tray(), kind))
    assert frame.pixels.shape == (720, 960, 3)
    assert frame.pixels.dtype == np.uint8
    assert (frame.original_width_px, frame.original_height_px) == (960, 720)
    assert np.abs(frame.pixels.astype(int) - np.asarray(tray())).mean() < 4


def test_the_hash_is_that_of_the_bytes_that_were_sent() -> None:
    frame = decode_photo(encoded(tray(), "PNG"))
    again = decode_photo(encoded(tray(), "PNG"))
    other = decode_photo(encoded(tray(), "JPEG"))
    assert frame.photo_sha256 == again.photo_sha256 != other.photo_sha256
    assert len(frame.photo_sha256) == 64


def test_the_pixels_of_a_frame_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        decode_photo(encoded(tray())).pixels[0, 0] = 0


@pytest.mark.parametrize("size", [(4000, 3000), (2592, 1944), (1920, 1080), (1080, 1920), (1600, 1200)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_photograph_comes_out_near_the_target_size(size: tuple[int, int], kind: str) -> None:
    options = {"compress_level": 1} if kind == "PNG" else {}
    frame = decode_photo(encoded(tray().resize(size), kind, **options))
    assert (frame.original_width_px, frame.original_height_px) == size
    assert 1280 / 1.4 <= max(frame.width_px, frame.height_px) <= 1280 * 1.4
    assert frame.width_px / frame.height_px == pytest.approx(size[0] / size[1], rel=0.01)


def test_a_small_photograph_is_not_enlarged() -> None:
    assert decode_photo(encoded(tray().resize((200, 150)))).width_px == 200


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright_by_its_exif(orientation: int, kind: str) -> None:
    picture = tray().resize((320, 240))
    options = {"lossless": True} if kind == "WEBP" else {}
    frame = decode_photo(with_orientation(picture, orientation, kind, **options))
    assert np.array_equal(frame.pixels, np.asarray(picture))
    assert (frame.original_width_px, frame.original_height_px) == (320, 240)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_decoder_and_pillow_agree_about_every_orientation_of_a_jpeg(orientation: int) -> None:
    data = with_orientation(tray(), orientation, "JPEG")
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(decode_photo(data).pixels, np.asarray(expected))
    assert set(TURN_UPRIGHT) == set(STORED_TURN)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_costs_the_rotation_but_not_the_photograph() -> None:
    data = bytearray(with_orientation(tray(), 6, "JPEG"))
    tiff = data.index(b"Exif\0\0") + 6
    data[tiff + 4 : tiff + 8] = b"\xff\xff\xff\xff"
    assert decode_photo(bytes(data)).pixels.shape == (960, 720, 3)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_show_the_same_tray(mode: str) -> None:
    frame = decode_photo(encoded(tray().convert(mode), "JPEG"))
    expected = np.asarray(tray().convert(mode).convert("RGB"))
    assert np.abs(frame.pixels.astype(int) - expected).mean() < 4


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "1"])
def test_png_modes_show_the_same_tray(mode: str) -> None:
    picture = tray().convert(mode)
    frame = decode_photo(encoded(picture, "PNG"))
    assert np.array_equal(frame.pixels, np.asarray(picture.convert("RGB")))


def test_sixteen_bit_grey_is_scaled_and_not_clipped() -> None:
    grey = np.asarray(tray().convert("L"))
    frame = decode_photo(encoded(Image.fromarray(grey.astype(np.uint16) << 8), "PNG"))
    assert np.array_equal(frame.pixels[..., 1], grey)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_parts_become_the_grey_that_means_nothing(kind: str) -> None:
    picture = tray().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 960, 100))
    options = {"lossless": True} if kind == "WEBP" else {}
    frame = decode_photo(encoded(picture, kind, **options))
    assert (frame.pixels[:100] == TRANSPARENT_GREY).all()
    assert np.array_equal(frame.pixels[100:], np.asarray(tray())[100:])


def test_a_transparent_palette_colour_becomes_grey_too() -> None:
    picture = tray().quantize(16)
    corner = picture.getpixel((0, 0))
    frame = decode_photo(encoded(picture, "PNG", transparency=corner))
    assert (frame.pixels[0, 0] == TRANSPARENT_GREY).all()


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8\xff", b"not a photograph", b"<html></html>", b"RIFF\0\0\0\0WEBP", b"%PDF-1.7"],
    ids=["nothing", "three bytes", "text", "page", "empty webp", "pdf"],
)
def test_bytes_that_are_no_photograph_are_refused(data: bytes) -> None:
    with pytest.raises(PhotoUnreadableError):
        decode_photo(data)


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF"])
def test_other_kinds_of_pictures_are_refused(kind: str) -> None:
    with pytest.raises(PhotoUnreadableError, match="JPEG, PNG or WebP"):
        decode_photo(encoded(tray(), kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.95])
def test_a_photograph_that_was_cut_off_is_refused(kind: str, kept: float) -> None:
    data = encoded(tray(), kind)
    with pytest.raises(PhotoUnreadableError):
        decode_photo(data[: int(len(data) * kept)])


def test_a_progressive_jpeg_that_was_cut_off_is_refused() -> None:
    data = encoded(tray(), "JPEG", progressive=True)
    with pytest.raises(PhotoUnreadableError, match="cut off"):
        decode_photo(data[: len(data) // 2])


@pytest.mark.parametrize(
    "data",
    [
        jpeg_of_claimed_size(20_000, 20_000),
        png_of_claimed_size(20_000, 20_000),
        webp_of_claimed_size(16_383, 16_383),
    ],
    ids=KINDS,
)
def test_a_header_that_claims_too_many_pixels_is_refused_before_anything_is_decoded(data: bytes) -> None:
    # The bytes after the header are not a picture: an attempt to decode them would call them damaged.
    with pytest.raises(PhotoTooLargeError, match="at most 40,000,000") as refusal:
        decode_photo(data)
    assert refusal.value.details["width_px"] in (20_000, 16_383)


def test_a_decompression_bomb_is_refused() -> None:
    bomb = encoded(Image.new("1", (20_000, 20_000)), "PNG", compress_level=1)
    assert len(bomb) < 1_000_000
    with pytest.raises(PhotoTooLargeError):
        decode_photo(bomb)


def test_too_many_bytes_are_refused() -> None:
    data = encoded(tray())
    with pytest.raises(PhotoTooLargeError, match="bytes"):
        decode_photo(data, limits=PhotoLimits(max_bytes=len(data) - 1))
    assert decode_photo(data, limits=PhotoLimits(max_bytes=len(data)))


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    with pytest.raises(PhotoTooLargeError, match="scans"):
        decode_photo(encoded(tray(), "JPEG", progressive=True) + b"\xff\xda\0\2" * 200)


@pytest.mark.parametrize("size", [(1, 1), (63, 200), (200, 63), (1000, 200)])
def test_a_picture_too_small_or_too_narrow_for_a_tray_is_unusable(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoUnusableError):
        decode_photo(encoded(tray().resize(size), "PNG"))


@pytest.mark.parametrize(
    ("grey", "noise", "fault"),
    [
        (0, 0, "black"),
        (6, 8, "black"),
        (255, 0, "white"),
        (253, 6, "white"),
        (128, 0, "even"),
        (128, 8, "even"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_black_white_or_flat_frame_is_unusable(grey: int, noise: int, fault: str, kind: str) -> None:
    pixels = np.random.default_rng(3).normal(grey, noise, (480, 640, 3)).clip(0, 255).astype(np.uint8)
    with pytest.raises(PhotoUnusableError, match=f"{fault}.*Check lamp and lens"):
        decode_photo(encoded(Image.fromarray(pixels), kind))


def test_a_dim_but_visible_tray_is_accepted() -> None:
    dim = (np.asarray(tray()) * 0.35).astype(np.uint8)
    assert decode_photo(encoded(Image.fromarray(dim))).width_px == 960


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_an_animation_is_refused(kind: str) -> None:
    frames = [tray(count).resize((320, 240)) for count in (2, 3)]
    with pytest.raises(PhotoUnreadableError, match="animated"):
        decode_photo(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100))


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0"}])
def test_every_form_of_webp_is_measured_by_its_header(options: dict[str, object]) -> None:
    data = encoded(tray(), "WEBP", **options)
    with pytest.raises(PhotoTooLargeError) as refusal:
        decode_photo(data, limits=PhotoLimits(max_pixels=1000))
    assert (refusal.value.details["width_px"], refusal.value.details["height_px"]) == (960, 720)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_end_in_a_frame_or_a_named_refusal_and_nothing_else(kind: str) -> None:
    data = encoded(tray().resize((320, 240)), kind)
    rng = np.random.default_rng(11)
    outcomes = set()
    for _ in range(150):
        damaged = bytearray(data)
        for position in rng.integers(0, len(data) if rng.random() < 0.5 else 60, 4):
            damaged[position] = rng.integers(0, 256)
        try:
            outcomes.add(type(decode_photo(bytes(damaged))))
        except RecognitionError as refusal:
            outcomes.add(type(refusal))
    assert PhotoUnreadableError in outcomes
    assert Frame in outcomes or kind == "PNG"


def test_several_threads_decode_the_same_pixels() -> None:
    photos = [with_orientation(tray(count), 6, "JPEG") for count in (1, 2, 3, 4)] * 4
    alone = [decode_photo(photo).pixels for photo in photos]
    with ThreadPoolExecutor(4) as pool:
        together = [frame.pixels for frame in pool.map(decode_photo, photos)]
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
