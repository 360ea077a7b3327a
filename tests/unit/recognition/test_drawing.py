import io
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.domain.reading import Box
from recognition.drawing import COLOURS, LabelledBox, SightingStatus, draw_reading
from recognition.frame import Frame, decode_photo
from tests.unit.recognition.pictures import encoded, tray

BOX = Box(left_px=130, top_px=115, right_px=370, bottom_px=330)


@pytest.fixture(scope="module")
def frame() -> Frame:
    return decode_photo(encoded(tray(), "PNG"))


def labelled(
    status: SightingStatus, title: str = "红烧肉", details: str = "93% · ¥8.00", box: Box = BOX
) -> LabelledBox:
    return LabelledBox(box=box, status=status, title=title, details=details)


def drawn(frame: Frame, *boxes: LabelledBox) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(draw_reading(frame, boxes)))).astype(np.int16)


def share_of(pixels: NDArray[np.int16], colour: tuple[int, int, int]) -> float:
    return float((np.abs(pixels - colour).max(axis=-1) < 40).mean())


def test_the_picture_is_large_enough_to_read(frame: Frame) -> None:
    assert drawn(frame).shape == (960, 1280, 3)
    small = decode_photo(encoded(tray().resize((320, 240))))
    assert drawn(small).shape == (960, 1280, 3)


def test_a_large_frame_keeps_its_size() -> None:
    large = decode_photo(encoded(tray().resize((1600, 1200))))
    assert drawn(large).shape == (1200, 1600, 3)


@pytest.mark.parametrize("status", SightingStatus)
def test_every_status_has_its_own_colour_on_box_and_label(frame: Frame, status: SightingStatus) -> None:
    plain, marked = drawn(frame), drawn(frame, labelled(status))
    for other in SightingStatus:
        gained = share_of(marked, COLOURS[other]) - share_of(plain, COLOURS[other])
        assert (gained > 0.005) == (other is status)


def test_uncertain_and_unknown_boxes_have_gaps_in_their_lines(frame: Frame) -> None:
    lengths = {}
    for status in SightingStatus:
        # The right side of the box, away from the label: 370 of 960 px across is 493 of 1280.
        side = drawn(frame, labelled(status))[200:400, 486:500]
        line = (np.abs(side - COLOURS[status]).max(axis=-1) < 40).any(axis=1)
        lengths[status] = line.mean()
    assert lengths[SightingStatus.ACCEPTED] == 1.0
    assert 0.4 < lengths[SightingStatus.UNCERTAIN] < 0.85
    assert 0.3 < lengths[SightingStatus.UNKNOWN] < 0.7


def test_chinese_is_written_with_real_glyphs_and_not_with_boxes(frame: Frame) -> None:
    pork, egg = (drawn(frame, labelled(SightingStatus.ACCEPTED, title)) for title in ("红烧肉", "蒸水蛋"))
    assert (np.abs(pork - egg).max(axis=-1) > 100).sum() > 200


def test_labels_of_boxes_in_nearly_the_same_place_do_not_cover_each_other(frame: Frame) -> None:
    boxes = [
        labelled(status, "土豆烧牛肉", box=replace(BOX, left_px=130 + shift, top_px=115 + shift))
        for shift, status in zip((0, 12, 24), SightingStatus, strict=True)
    ]
    plain, together = drawn(frame), drawn(frame, *boxes)
    for one in boxes:
        colour = COLOURS[one.status]
        alone = share_of(drawn(frame, one), colour) - share_of(plain, colour)
        assert share_of(together, colour) - share_of(plain, colour) > 0.7 * alone


@pytest.mark.parametrize(
    "box",
    [
        Box(left_px=0, top_px=0, right_px=30, bottom_px=30),
        Box(left_px=940, top_px=700, right_px=960, bottom_px=720),
        Box(left_px=0, top_px=0, right_px=960, bottom_px=720),
    ],
)
def test_labels_stay_inside_the_picture(frame: Frame, box: Box) -> None:
    marked = drawn(frame, labelled(SightingStatus.UNKNOWN, box=box))
    assert share_of(marked, COLOURS[SightingStatus.UNKNOWN]) > 0.005


def test_a_name_of_any_length_is_cut_to_fit(frame: Frame) -> None:
    assert drawn(frame, labelled(SightingStatus.ACCEPTED, "很长的菜名" * 40)).shape == (960, 1280, 3)
    assert drawn(frame, labelled(SightingStatus.UNKNOWN, "未识别", "")).shape == (960, 1280, 3)
