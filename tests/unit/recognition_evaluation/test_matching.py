import pytest

from engine.domain.reading import Box
from recognition.evaluation.matching import overlap, pair_boxes, touches_a_label


def box(left: int, top: int, right: int, bottom: int) -> Box:
    return Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def test_overlap_is_the_shared_area_over_the_joint_area() -> None:
    assert overlap(box(0, 0, 10, 10), box(0, 0, 10, 10)) == 1.0
    assert overlap(box(0, 0, 10, 10), box(5, 0, 15, 10)) == pytest.approx(50 / 150)
    assert overlap(box(0, 0, 10, 10), box(10, 0, 20, 10)) == 0.0
    assert overlap(box(0, 0, 10, 10), box(20, 20, 30, 30)) == 0.0


def test_the_greatest_overlap_is_paired_first_and_every_box_only_once() -> None:
    labelled = [box(0, 0, 10, 10), box(2, 0, 12, 10)]
    # The first found box fits both labels, the second label better; the first label then takes the other box.
    assert pair_boxes(labelled, [box(2, 0, 11, 10), box(0, 0, 8, 10)]) == {0: 1, 1: 0}
    assert pair_boxes(labelled, [box(2, 0, 11, 10)]) == {1: 0}


def test_a_box_is_found_from_an_overlap_of_one_half_on() -> None:
    assert pair_boxes([box(0, 0, 10, 10)], [box(0, 0, 10, 5)]) == {0: 0}
    assert pair_boxes([box(0, 0, 10, 10)], [box(0, 0, 10, 4)]) == {}
    assert pair_boxes([], [box(0, 0, 10, 10)]) == {}


def test_of_equal_boxes_the_first_is_paired() -> None:
    same = box(0, 0, 10, 10)
    assert pair_boxes([same], [same, same]) == {0: 0}
    assert pair_boxes([same, same], [same]) == {0: 0}


def test_a_box_touches_a_label_with_a_fifth_of_itself() -> None:
    assert touches_a_label(box(8, 0, 18, 10), [box(0, 0, 10, 10)])
    assert not touches_a_label(box(9, 0, 19, 10), [box(0, 0, 10, 10)])
    assert not touches_a_label(box(0, 0, 10, 10), [])
