import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine.domain.reading import Box
from recognition.evaluation.distortion import coloured, covered, exposed, glaring, shrunk, smeared, turned

PORTION = Box(left_px=80, top_px=60, right_px=140, bottom_px=90)
OTHER = Box(left_px=220, top_px=130, right_px=260, bottom_px=170)
FOOD = (200, 40, 40)


def picture() -> Image.Image:
    """Two red ellipses on grey, one in each box."""
    image = Image.new("RGB", (320, 200), (120, 120, 120))
    canvas = ImageDraw.Draw(image)
    for box in (PORTION, OTHER):
        canvas.ellipse((box.left_px, box.top_px, box.right_px - 1, box.bottom_px - 1), fill=FOOD)
    return image


def extent_of_food(image: Image.Image, near: Box) -> Box:
    """The extent of what is red within and just around a box."""
    pixels = np.asarray(image).astype(int)
    red = (pixels[..., 0] - pixels[..., 1]) > 80
    window = np.zeros_like(red)
    window[max(0, near.top_px - 8) : near.bottom_px + 8, max(0, near.left_px - 8) : near.right_px + 8] = True
    rows, columns = np.nonzero(red & window)
    return Box(
        left_px=int(columns.min()),
        top_px=int(rows.min()),
        right_px=int(columns.max()) + 1,
        bottom_px=int(rows.max()) + 1,
    )


def sides(box: Box) -> list[int]:
    return [box.left_px, box.top_px, box.right_px, box.bottom_px]


@pytest.mark.parametrize("degrees", range(0, 360, 30))
def test_boxes_turn_with_the_food_and_stay_tight(degrees: int) -> None:
    image, boxes = turned(picture(), [PORTION, OTHER], degrees)
    for box in boxes:
        assert sides(extent_of_food(image, box)) == pytest.approx(sides(box), abs=2)


def test_a_turned_picture_is_cut_to_its_portions_and_shows_no_black_corner() -> None:
    image, boxes = turned(picture(), [PORTION], 45)
    assert image.width < 150
    assert np.asarray(image).max(axis=-1).min() > 100
    assert 0 <= boxes[0].left_px < boxes[0].right_px <= image.width


def test_an_empty_tray_is_turned_whole() -> None:
    image, boxes = turned(picture(), [], 90)
    assert (image.size, boxes) == ((200, 320), [])


def test_boxes_shrink_with_the_picture_and_nothing_is_enlarged() -> None:
    image, [box, _] = shrunk(picture(), [PORTION, OTHER], 160)
    assert image.size == (160, 100)
    assert sides(box) == [40, 30, 70, 45]
    assert shrunk(picture(), [PORTION], 640)[0].size == (320, 200)


def test_one_stop_doubles_the_light_and_what_is_too_bright_is_lost() -> None:
    level = Image.new("RGB", (8, 8), (100, 100, 100))
    brighter = np.asarray(exposed(level, [], 1)[0])[0, 0, 0]
    # 100 of sRGB is .127 of the light; .254 is 138.
    assert brighter == 138
    assert np.asarray(exposed(level, [], 0)[0])[0, 0, 0] == 100
    assert np.asarray(exposed(Image.new("RGB", (8, 8), (200, 200, 200)), [], 2)[0]).max() == 255


def test_warm_light_is_redder_and_cold_light_bluer() -> None:
    level = Image.new("RGB", (8, 8), (100, 100, 100))
    red, green, blue = np.asarray(coloured(level, [], 1)[0])[0, 0].tolist()
    assert red > green == 100 > blue
    red, green, blue = np.asarray(coloured(level, [], -1)[0])[0, 0].tolist()
    assert red < green == 100 < blue


def test_movement_spreads_a_line_evenly_sideways_and_keeps_its_light() -> None:
    line = Image.new("RGB", (101, 5), (0, 0, 0))
    line.paste((255, 255, 255), (50, 0, 51, 5))
    row = np.asarray(smeared(line, [], 0.1)[0])[2, :, 0]
    lit = np.nonzero(row)[0]
    assert len(lit) == 10
    assert lit.min() <= 50 <= lit.max()
    assert len(set(row[lit].tolist())) == 1
    assert np.array_equal(np.asarray(smeared(line, [], 0.0)[0]), np.asarray(line))


def test_an_even_picture_stays_as_it_is_when_it_is_smeared() -> None:
    level = Image.new("RGB", (64, 16), (90, 120, 30))
    assert np.array_equal(np.asarray(smeared(level, [], 0.2)[0]), np.asarray(level))


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_a_napkin_covers_its_share_of_every_box_and_nothing_else(share: float) -> None:
    before = picture()
    after, boxes = covered(before, [PORTION, OTHER], share)
    assert boxes == [PORTION, OTHER]
    changed = (np.asarray(before) != np.asarray(after)).any(axis=-1)
    for box in boxes:
        part = changed[box.top_px : box.bottom_px, box.left_px : box.right_px]
        assert part.mean() == pytest.approx(share, abs=0.03)
        changed[box.top_px : box.bottom_px, box.left_px : box.right_px] = False
    assert not changed.any()
    assert np.array_equal(np.asarray(before), np.asarray(picture()))


def test_glare_whitens_about_its_share_and_is_the_same_for_the_same_seed() -> None:
    after = np.asarray(glaring(picture(), [PORTION], 0.1)[0])
    half_white = after.min(axis=-1) > (120 + 255) / 2
    assert half_white.mean() == pytest.approx(0.1, abs=0.03)
    assert np.array_equal(after, np.asarray(glaring(picture(), [PORTION], 0.1)[0]))
    assert not np.array_equal(after, np.asarray(glaring(picture(), [PORTION], 0.1, seed=1)[0]))
    assert np.array_equal(np.asarray(glaring(picture(), [PORTION], 0.0)[0]), np.asarray(picture()))
