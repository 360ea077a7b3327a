"""Labelled photographs in memory: decoded once, near the size that the network sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain.errors import LabelsInvalidError
from engine.domain.reading import Box
from recognition.labels import LabelledPhoto, read_labels

STORED_LONG_SIDE_PX: Final = 576
"""More than the network's 416 pixels, so that a photograph can be looked at from nearer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingPhoto:
    """One photograph: `pixels` (h, w, 3) uint8 RGB, `boxes` (n, 4) float32 left, top, right, bottom in its pixels.

    `partial` tells that only some of the food is labelled: what lies outside the boxes may be food too. `unsure`
    (m, 4) are boxes in which nothing is taught: too little is seen of the food there, or a model that looked at a
    partial photograph was not certain.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    partial: bool
    unsure: NDArray[np.float32]


class PhotoStore:
    """The photographs of one file of labels; `refresh` takes up what was added to the file since."""

    def __init__(self, labels: Path, images: Path, *, partial: bool) -> None:
        self._labels, self._images, self._partial = labels, images, partial
        self._known: dict[str, TrainingPhoto] = {}
        self._changed_ns = -1

    @property
    def photos(self) -> list[TrainingPhoto]:
        return list(self._known.values())

    def refresh(self) -> int:
        """Read photographs that are new in the file of labels and return their number; a missing file has none yet.

        Raises:
            LabelsInvalidError: the labels cannot be read or a photograph is missing.
        """
        if not self._labels.exists() or self._labels.stat().st_mtime_ns == self._changed_ns:
            return 0
        self._changed_ns = self._labels.stat().st_mtime_ns
        new = [photo for photo in read_labels(self._labels) if photo.file not in self._known]
        for photo in new:
            self._known[photo.file] = self._read(photo)
        return len(new)

    def _read(self, photo: LabelledPhoto) -> TrainingPhoto:
        try:
            with Image.open(self._images / photo.file) as picture:
                picture.draft("RGB", (STORED_LONG_SIDE_PX, STORED_LONG_SIDE_PX))
                scale = min(1.0, STORED_LONG_SIDE_PX / max(photo.width_px, photo.height_px))
                size = round(photo.width_px * scale), round(photo.height_px * scale)
                pixels = np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        except OSError as error:
            raise LabelsInvalidError(
                f"{self._images / photo.file} cannot be read ({error}). Give the folder that {self._labels} belongs to."
            ) from error
        return TrainingPhoto(
            pixels=pixels,
            boxes=_corners([portion.box for portion in photo.portions], scale),
            partial=self._partial,
            unsure=_corners(photo.unsure, scale),
        )


def _corners(boxes: Sequence[Box], scale: float) -> NDArray[np.float32]:
    rows = [(box.left_px, box.top_px, box.right_px, box.bottom_px) for box in boxes]
    return np.array(rows, np.float32).reshape(-1, 4) * np.float32(scale)


def with_found(
    photo: TrainingPhoto,
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    *,
    add_from: float,
    unsure_from: float,
) -> TrainingPhoto:
    """Complete a partial photograph by what a model found on it, so that the rest can be taught as background.

    Found boxes that lie on a labelled one say nothing new. Of the others those scored `add_from` or more become
    labels, those from `unsure_from` on areas in which nothing is learned.
    """
    fresh = np.array([_least_shared(box, photo.boxes) < 0.3 for box in boxes], bool).reshape(-1)
    return TrainingPhoto(
        pixels=photo.pixels,
        boxes=np.concatenate((photo.boxes, boxes[fresh & (scores >= add_from)])),
        partial=False,
        unsure=np.concatenate((photo.unsure, boxes[fresh & (scores < add_from) & (scores >= unsure_from)])),
    )


def _least_shared(box: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Return the greatest part that the smaller of two boxes shares with the other, in [0, 1]."""
    if not len(others):
        return 0.0
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return float((shared / np.minimum(areas, (box[2] - box[0]) * (box[3] - box[1]))).max())
