"""Which box that was found is which labelled portion."""

from collections.abc import Sequence
from typing import Final

from engine.domain.reading import Box

SAME_PORTION_IOU: Final = 0.5
"""A portion counts as found from this overlap on."""

LABELLED_SHARE: Final = 0.2
"""Where not all food is labelled, a box that shares less of itself with any label says nothing about the labels."""


def pair_boxes(labelled: Sequence[Box], found: Sequence[Box]) -> dict[int, int]:
    """Pair labelled boxes with found ones, each used once, the greatest overlap first; only from IoU .5 on.

    Returns:
        for each labelled box that was found its index and that of the found box.
    """
    overlaps = sorted(
        (
            (overlap(label, box), -place, -index)
            for place, label in enumerate(labelled)
            for index, box in enumerate(found)
        ),
        reverse=True,
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for iou, minus_place, minus_index in overlaps:
        if iou < SAME_PORTION_IOU:
            break
        if -minus_place not in pairs and -minus_index not in taken:
            pairs[-minus_place] = -minus_index
            taken.add(-minus_index)
    return dict(sorted(pairs.items()))


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union, in [0, 1]."""
    shared = _shared_px2(one, other)
    return shared / (area_px2(one) + area_px2(other) - shared)


def touches_a_label(box: Box, labelled: Sequence[Box]) -> bool:
    """Tell whether a found box lies, by a fifth of itself or more, on one labelled box."""
    return any(_shared_px2(box, label) >= LABELLED_SHARE * area_px2(box) for label in labelled)


def area_px2(box: Box) -> int:
    """Return width x height in square pixels."""
    return (box.right_px - box.left_px) * (box.bottom_px - box.top_px)


def _shared_px2(one: Box, other: Box) -> int:
    width = min(one.right_px, other.right_px) - max(one.left_px, other.left_px)
    height = min(one.bottom_px, other.bottom_px) - max(one.top_px, other.top_px)
    return max(width, 0) * max(height, 0)
