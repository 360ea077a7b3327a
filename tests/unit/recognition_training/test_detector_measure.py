"""Figures of a detector, from portions that are given."""

import pytest

from engine.domain.reading import Box
from recognition.labels import LabelledPhoto, LabelledPortion
from recognition.postprocess import Portion
from recognition.training.detector.measure import DetectionFigures, FloorFigures, figures_of


def box_at(x: int) -> Box:
    return Box(left_px=x, top_px=0, right_px=x + 100, bottom_px=100)


def photo_of(*places: int) -> LabelledPhoto:
    portions = tuple(LabelledPortion(dish_id="rice", box=box_at(x)) for x in places)
    return LabelledPhoto(file="1.jpg", width_px=1000, height_px=100, portions=portions)


def found_at(x: int, bps: int) -> Portion:
    return Portion(box=box_at(x), detector_bps=bps)


def at_floor(figures: DetectionFigures, floor_bps: int) -> FloorFigures:
    return next(row for row in figures.floors if row.floor_bps == floor_bps)


def test_a_perfect_reading_has_perfect_figures() -> None:
    figures = figures_of([(photo_of(0, 200), [found_at(0, 9000), found_at(205, 8000)])], partial=False)
    row = at_floor(figures, 4000)
    assert figures.average_precision == 1.0
    assert (row.recall, row.precision, row.exact_share) == (1.0, 1.0, 1.0)


def test_a_floor_leaves_out_what_is_less_certain() -> None:
    readings = [(photo_of(0, 200), [found_at(0, 9000), found_at(200, 3500), found_at(700, 3400)])]
    figures = figures_of(readings, partial=False)
    low, high = at_floor(figures, 3300), at_floor(figures, 4000)
    assert (low.found, low.false, low.exact) == (2, 1, 0)
    assert (high.found, high.false, high.exact) == (1, 0, 0)


def test_a_portion_found_twice_is_found_once_and_false_once() -> None:
    row = at_floor(figures_of([(photo_of(0), [found_at(0, 9000), found_at(30, 8000)])], partial=False), 4000)
    assert (row.found, row.false, row.exact) == (1, 1, 0)


def test_food_without_a_label_is_no_fault_where_labels_are_partial() -> None:
    readings = [(photo_of(0), [found_at(0, 9000), found_at(60, 8000), found_at(700, 8000)])]
    assert at_floor(figures_of(readings, partial=True), 4000).false == 1
    assert at_floor(figures_of(readings, partial=False), 4000).false == 2


def test_a_report_where_too_little_is_seen_to_say_anything_is_no_fault() -> None:
    tray = LabelledPhoto(file="1.jpg", width_px=1000, height_px=100, portions=(), unsure=(box_at(0),))
    row = at_floor(figures_of([(tray, [found_at(10, 8000), found_at(700, 8000)])], partial=False), 4000)
    assert row.false == 1


def test_average_precision_falls_when_a_false_report_is_more_certain_than_a_true_one() -> None:
    late = figures_of([(photo_of(0), [found_at(0, 9000), found_at(700, 8000)])], partial=False)
    early = figures_of([(photo_of(0), [found_at(0, 8000), found_at(700, 9000)])], partial=False)
    assert late.average_precision == 1.0
    assert early.average_precision == pytest.approx(0.5)


def test_an_empty_tray_read_as_empty_is_exact() -> None:
    figures = figures_of([(photo_of(), [])], partial=False)
    assert at_floor(figures, 4000).exact == 1
    assert figures.average_precision == 0.0
