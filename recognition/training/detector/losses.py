"""What the network ought to say of a picture, and how far off it is."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recognition.postprocess import STRIDE_PX

PEAK_SHARE: Final = 0.54
"""The peak of a portion is a Gaussian that reaches, at three deviations, this share of its box."""

TAUGHT_FROM: Final = 0.05
"""Boxes are taught in all cells of a portion's peak from this height on."""

FOCUS: Final = 2.0
SPARING: Final = 4.0
SIDES_WEIGHT: Final = 3.0


def targets_of(
    boxes: NDArray[np.float32], rows: int, columns: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Draw portions as peaks, larger ones first, so that a small portion keeps its place on a large one.

    Args:
        boxes: (n, 4) left, top, right, bottom in network pixels.
    Returns:
        heatmap (rows, columns) in [0, 1], 1 at the cell of each centre; corners (4, rows, columns) in cells; weight
        (rows, columns) of the corners, which sums to about 1 for each portion.

    Source: Training-Time-Friendly Network (Liu et al. 2020).
    """
    heatmap = np.zeros((rows, columns), np.float32)
    corners = np.zeros((4, rows, columns), np.float32)
    weight = np.zeros((rows, columns), np.float32)
    ys, xs = np.mgrid[0:rows, 0:columns].astype(np.float32)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for box in boxes[np.argsort(-areas, kind="stable")] / STRIDE_PX:
        column = min(int((box[0] + box[2]) / 2), columns - 1)
        row = min(int((box[1] + box[3]) / 2), rows - 1)
        across = max((box[2] - box[0]) * PEAK_SHARE / 6, 0.35)
        down = max((box[3] - box[1]) * PEAK_SHARE / 6, 0.35)
        peak = np.exp(-(((xs - column) / across) ** 2 + ((ys - row) / down) ** 2) / 2)
        taught = (peak >= TAUGHT_FROM) & (peak >= heatmap)
        heatmap = np.maximum(heatmap, peak)
        corners[:, taught] = box[:, None]
        weight[taught] = peak[taught] / peak[taught].sum()
    return heatmap, corners, weight


def score_loss(logits: Tensor, heatmap: Tensor, known: Tensor) -> Tensor:
    """Penalty-reduced focal loss over known cells, per portion.

    Source: CornerNet (Law and Deng 2018), equation 1.
    """
    score = logits.sigmoid().clamp(1e-4, 1 - 1e-4)
    centre = heatmap >= 1.0
    loss = torch.where(
        centre,
        -((1 - score) ** FOCUS) * score.log(),
        -((1 - heatmap) ** SPARING) * score**FOCUS * (1 - score).log(),
    )
    return (loss * known).sum() / (centre & (known > 0)).sum().clamp(min=1)


def sides_loss(sides: Tensor, corners: Tensor, weight: Tensor) -> Tensor:
    """One less the generalised IoU, weighted mean over the cells that boxes are taught in.

    Args:
        sides: (n, 4, rows, columns) distances from the cell's centre in cells.
        corners: (n, 4, rows, columns) of the portion's box in cells; weight: (n, rows, columns).

    Source: Generalized Intersection over Union (Rezatofighi et al. 2019).
    """
    image, row, column = weight.nonzero(as_tuple=True)
    found, wanted = sides[image, :, row, column], corners[image, :, row, column]
    x, y = column + 0.5, row + 0.5
    centre = torch.stack((x, y, x, y), 1)
    wanted = (wanted - centre) * wanted.new_tensor((-1.0, -1.0, 1.0, 1.0))
    lesser, greater = torch.minimum(found, wanted), torch.maximum(found, wanted)
    shared = (lesser[:, 0] + lesser[:, 2]).clamp(min=0) * (lesser[:, 1] + lesser[:, 3]).clamp(min=0)
    found_area = (found[:, 0] + found[:, 2]) * (found[:, 1] + found[:, 3])
    wanted_area = (wanted[:, 0] + wanted[:, 2]) * (wanted[:, 1] + wanted[:, 3])
    union = found_area + wanted_area - shared
    hull = (greater[:, 0] + greater[:, 2]) * (greater[:, 1] + greater[:, 3])
    likeness = shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
    weights = weight[image, row, column]
    return ((1 - likeness) * weights).sum() / weights.sum().clamp(min=1e-6)


def detection_loss(
    logits: Tensor, sides: Tensor, heatmap: Tensor, corners: Tensor, weight: Tensor, known: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss of the scores and that of the boxes, the second already weighted."""
    return (
        score_loss(logits.float(), heatmap, known),
        SIDES_WEIGHT * sides_loss(sides.float(), corners, weight),
    )
