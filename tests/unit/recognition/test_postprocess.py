import numpy as np
import pytest
from numpy.typing import NDArray

from engine.domain.errors import InferenceFailedError
from engine.domain.reading import Box
from recognition.postprocess import (
    Portion,
    find_peaks,
    in_reading_order,
    portions_in_reading_order,
    suppress_duplicates,
    to_frame_box,
)
from recognition.preprocess import plan_letterbox

# The same shape as the network: one frame pixel is one network pixel.
PLAN = plan_letterbox(352, 256)
Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]


def silent_outputs() -> Arrays:
    return np.zeros((1, 1, 32, 44), np.float32), np.full((1, 4, 32, 44), 2.0, np.float32)


def outputs_with(*peaks: tuple[int, int, float]) -> Arrays:
    heatmap, ltrb = silent_outputs()
    for row, column, score in peaks:
        heatmap[0, 0, row, column] = score
    return heatmap, ltrb


def boxes_of(*rows: tuple[float, float, float, float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def portion(left: int, top: int, right: int, bottom: int) -> Portion:
    return Portion(box=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom), detector_bps=9000)


def test_a_silent_heatmap_holds_no_portion() -> None:
    assert portions_in_reading_order(*silent_outputs(), PLAN, 3300) == []


def test_a_peak_becomes_a_box_around_the_centre_of_its_cell() -> None:
    heatmap, ltrb = outputs_with((10, 20, 0.8))
    ltrb[0, :, 10, 20] = (1, 2, 3, 4)
    boxes, scores = find_peaks(heatmap, ltrb, PLAN, 0.4)
    # Centre: 20.5 cells = 164 px across, 10.5 cells = 84 px down.
    assert boxes.tolist() == [[164 - 8, 84 - 16, 164 + 24, 84 + 32]]
    assert scores.tolist() == pytest.approx([0.8])


def test_only_the_best_of_a_neighbourhood_of_nine_cells_is_a_peak() -> None:
    heatmap, ltrb = outputs_with((10, 20, 0.8), (11, 21, 0.7), (10, 22, 0.6), (30, 5, 0.9))
    _, scores = find_peaks(heatmap, ltrb, PLAN, 0.4)
    assert scores.tolist() == pytest.approx([0.9, 0.8])


def test_peaks_in_the_corners_of_the_grid_are_found() -> None:
    heatmap, ltrb = outputs_with((0, 0, 0.5), (0, 43, 0.6), (31, 0, 0.7), (31, 43, 0.8))
    assert len(find_peaks(heatmap, ltrb, PLAN, 0.4)[1]) == 4


def test_a_score_at_the_floor_counts_and_one_below_does_not() -> None:
    heatmap, ltrb = outputs_with((10, 20, 0.5), (30, 40, 0.49))
    assert find_peaks(heatmap, ltrb, PLAN, 0.5)[1].tolist() == [0.5]


def test_outputs_that_do_not_fit_the_letterbox_are_refused() -> None:
    heatmap, ltrb = silent_outputs()
    with pytest.raises(InferenceFailedError, match="grid"):
        find_peaks(heatmap[:, :, :-1], ltrb, PLAN, 0.4)
    with pytest.raises(InferenceFailedError, match="grid"):
        find_peaks(heatmap, ltrb, plan_letterbox(256, 352), 0.4)


def test_of_two_boxes_that_overlap_by_half_only_the_better_stays() -> None:
    # 100 x 30 shifted by 33: overlap 67, union 133, IoU .504; by 34: 66 / 134 = .493.
    scores = np.array((0.6, 0.9), np.float32)
    assert suppress_duplicates(boxes_of((0, 0, 100, 30), (33, 0, 133, 30)), scores) == [1]
    assert suppress_duplicates(boxes_of((0, 0, 100, 30), (34, 0, 134, 30)), scores) == [1, 0]


def test_a_box_that_lies_inside_a_better_one_is_dropped() -> None:
    outer, inside, hanging_out = (0, 0, 100, 100), (80, 0, 105, 20), (81, 0, 106, 20)
    scores = np.array((0.9, 0.8), np.float32)
    assert suppress_duplicates(boxes_of(outer, inside), scores) == [0]
    assert suppress_duplicates(boxes_of(outer, hanging_out), scores) == [0, 1]


def test_a_better_box_inside_a_large_one_keeps_both() -> None:
    boxes = boxes_of((0, 0, 100, 100), (10, 10, 30, 30))
    assert suppress_duplicates(boxes, np.array((0.5, 0.9), np.float32)) == [1, 0]


def test_a_box_that_was_dropped_drops_no_other() -> None:
    boxes = boxes_of((0, 0, 100, 10), (30, 0, 130, 10), (60, 0, 160, 10))
    assert suppress_duplicates(boxes, np.array((0.9, 0.8, 0.7), np.float32)) == [0, 2]


def test_a_box_that_is_turned_inside_out_is_dropped() -> None:
    boxes = boxes_of((50, 0, 20, 10), (0, 0, 10, 10))
    assert suppress_duplicates(boxes, np.array((0.9, 0.5), np.float32)) == [1]


def test_boxes_are_mapped_back_to_frame_pixels_without_the_bars() -> None:
    plan = plan_letterbox(1280, 720)
    box = to_frame_box(np.array((88, 29 + 49.5, 176, 29 + 99), np.float32), plan)
    assert box == Box(left_px=320, top_px=180, right_px=640, bottom_px=360)


def test_boxes_are_clipped_to_the_frame() -> None:
    box = to_frame_box(np.array((-50, -50, 500, 500), np.float32), PLAN)
    assert box == Box(left_px=0, top_px=0, right_px=352, bottom_px=256)


def test_a_box_that_lies_in_the_bars_is_no_portion() -> None:
    plan = plan_letterbox(1280, 720)
    assert to_frame_box(np.array((100, 0, 200, 31), np.float32), plan) is None
    assert to_frame_box(np.array((-30, 100, 5, 200), np.float32), plan) is None


def test_portions_are_read_in_rows_from_the_top_left() -> None:
    upper_left, upper_right = portion(0, 10, 100, 110), portion(200, 0, 300, 100)
    lower_left, lower_right = portion(10, 150, 90, 250), portion(210, 160, 290, 260)
    ordered = in_reading_order([lower_right, upper_right, lower_left, upper_left])
    assert ordered == [upper_left, upper_right, lower_left, lower_right]


def test_small_portions_beside_a_tall_one_keep_their_own_rows() -> None:
    tall, small_upper, small_lower = (
        portion(0, 0, 100, 300),
        portion(200, 0, 260, 60),
        portion(200, 240, 260, 300),
    )
    assert in_reading_order([tall, small_lower, small_upper]) == [small_upper, tall, small_lower]


def test_scores_are_reported_in_basis_points() -> None:
    portions = portions_in_reading_order(*outputs_with((10, 20, 0.8765), (30, 40, 1.0)), PLAN, 3300)
    assert [found.detector_bps for found in portions] == [8765, 10_000]


def test_a_heatmap_full_of_noise_is_worked_off_without_harm() -> None:
    heatmap = np.random.default_rng(0).random((1, 1, 32, 44)).astype(np.float32)
    boxes, scores = find_peaks(heatmap, silent_outputs()[1], PLAN, 0.33)
    assert 100 < len(boxes) <= 300
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
