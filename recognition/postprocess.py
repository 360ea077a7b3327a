"""What the detector returned -> portions in frame pixels, in reading order. Pure functions.

Source: decision R4 of the README.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.errors import InferenceFailedError
from engine.domain.reading import Box
from recognition.preprocess import Letterbox

STRIDE_PX: Final = 8
MAX_PEAKS: Final = 300
SAME_PORTION_IOU: Final = 0.5
INSIDE_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """One portion of food that the detector found, in frame pixels."""

    box: Box
    detector_bps: int


def portions_in_reading_order(
    heatmap: NDArray[np.float32], ltrb: NDArray[np.float32], plan: Letterbox, floor_bps: int
) -> list[Portion]:
    """Turn the detector's outputs into portions, top to bottom and left to right.

    Args:
        heatmap: (1, 1, network height / 8, network width / 8) scores in [0, 1].
        ltrb: (1, 4, same, same) distances from the cell's centre to the four sides, in cells.
        floor_bps: portions below this score are not reported, basis points.
    Raises:
        InferenceFailedError: the arrays do not fit the letterbox.
    """
    boxes, scores = find_peaks(heatmap, ltrb, plan, floor_bps / 10_000)
    kept = suppress_duplicates(boxes, scores)
    portions = [
        Portion(box=box, detector_bps=min(round(score * 10_000), 10_000))
        for row, score in zip(boxes[kept], scores[kept].tolist(), strict=True)
        if (box := to_frame_box(row, plan)) is not None
    ]
    return in_reading_order(portions)


def find_peaks(
    heatmap: NDArray[np.float32], ltrb: NDArray[np.float32], plan: Letterbox, floor: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Find the cells that are the best of their 3 x 3 neighbourhood.

    Returns:
        boxes (n, 4) left, top, right, bottom in network pixels, and scores (n,), best first.
    Raises:
        InferenceFailedError: the arrays do not fit the letterbox.
    """
    rows, columns = plan.network_height_px // STRIDE_PX, plan.network_width_px // STRIDE_PX
    if heatmap.shape != (1, 1, rows, columns) or ltrb.shape != (1, 4, rows, columns):
        raise InferenceFailedError(
            f"The detector returned a grid of {list(heatmap.shape)} and {list(ltrb.shape)} "
            f"for {rows} x {columns} cells. Install the models that belong to this version."
        )
    scores = heatmap[0, 0]
    padded = np.pad(scores, 1, constant_values=-np.inf)
    across = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    best = np.maximum(np.maximum(across[:-2], across[1:-1]), across[2:])
    row, column = np.nonzero((scores == best) & (scores >= floor))
    order = np.argsort(-scores[row, column], kind="stable")[:MAX_PEAKS]
    row, column = row[order], column[order]
    centres = np.stack((column, row, column, row)).astype(np.float32) + np.float32(0.5)
    sides = ltrb[0][:, row, column] * np.array((-1, -1, 1, 1), np.float32)[:, None]
    return ((centres + sides) * STRIDE_PX).T, scores[row, column]


def suppress_duplicates(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> list[int]:
    """Drop every box that is the same portion as, or lies inside, a better one.

    Args:
        boxes: (n, 4) left, top, right, bottom.
        scores: (n,), in any order.
    Returns:
        indices of the boxes that stay, best first.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    areas = width * height
    waiting = np.argsort(-scores, kind="stable")
    waiting = waiting[(width[waiting] > 0) & (height[waiting] > 0)]
    kept: list[int] = []
    while waiting.size:
        best, rest = waiting[0], waiting[1:]
        kept.append(int(best))
        overlap_width = np.minimum(boxes[best, 2], boxes[rest, 2]) - np.maximum(boxes[best, 0], boxes[rest, 0])
        overlap_height = np.minimum(boxes[best, 3], boxes[rest, 3]) - np.maximum(boxes[best, 1], boxes[rest, 1])
        overlap = np.maximum(overlap_width, 0) * np.maximum(overlap_height, 0)
        iou = overlap / (areas[best] + areas[rest] - overlap)
        waiting = rest[(iou < SAME_PORTION_IOU) & (overlap < INSIDE_SHARE * areas[rest])]
    return kept


def to_frame_box(box: NDArray[np.float32], plan: Letterbox) -> Box | None:
    """Map a box from network to frame pixels and clip it; none if less than one cell of it is inside.

    Args:
        box: (4,) left, top, right, bottom in network pixels.
    """
    left, top, right, bottom = box.tolist()
    left, right = (min(max(x - plan.left_px, 0.0), plan.width_px) for x in (left, right))
    top, bottom = (min(max(y - plan.top_px, 0.0), plan.height_px) for y in (top, bottom))
    if right - left < STRIDE_PX or bottom - top < STRIDE_PX:
        return None
    across, down = plan.frame_width_px / plan.width_px, plan.frame_height_px / plan.height_px
    return Box(
        left_px=round(left * across),
        top_px=round(top * down),
        right_px=round(right * across),
        bottom_px=round(bottom * down),
    )


def in_reading_order(portions: list[Portion]) -> list[Portion]:
    """Sort portions into rows, top to bottom, and each row from left to right.

    A portion belongs to the row of the topmost one that waits if their centres differ by less than half of
    the smaller height.
    """
    waiting = sorted(portions, key=lambda portion: (_middle_px(portion.box), portion.box.left_px))
    ordered: list[Portion] = []
    while waiting:
        first = waiting[0].box
        row = [portion for portion in waiting if _same_row(first, portion.box)]
        waiting = [portion for portion in waiting if not _same_row(first, portion.box)]
        ordered += sorted(row, key=lambda portion: (portion.box.left_px, portion.box.top_px))
    return ordered


def _same_row(first: Box, other: Box) -> bool:
    lower = min(first.bottom_px - first.top_px, other.bottom_px - other.top_px)
    return abs(_middle_px(first) - _middle_px(other)) < lower / 2


def _middle_px(box: Box) -> float:
    return (box.top_px + box.bottom_px) / 2
