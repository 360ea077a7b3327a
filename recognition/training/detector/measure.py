"""How well a detector finds portions: `python -m recognition.training.detector.measure --labels L --images D`.

Prints recall, precision and exact count for several floors, and the average precision, at an IoU of .5.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain.errors import LabelsInvalidError, ModelInvalidError
from recognition.evaluation.matching import pair_boxes, touches_a_label
from recognition.labels import LabelledPhoto, read_labels
from recognition.model_card import MODELS_DIR, read_model_card
from recognition.postprocess import Portion, portions_in_reading_order
from recognition.preprocess import detector_input, plan_letterbox
from recognition.session import VerifiedSession

Arrays = tuple[NDArray[np.float32], NDArray[np.float32]]
Detector = Callable[[NDArray[np.float32]], Arrays]
"""From the detector's input to its heatmap and sides."""

LOWEST_FLOOR_BPS: Final = 500
FLOORS_BPS: Final = (2000, 2500, 3000, 3300, 3500, 4000, 4500, 5000, 5500, 6000)


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorFigures:
    """What is found when portions below `floor_bps` are not reported; `exact` counts photographs with no fault."""

    floor_bps: int
    photos: int
    labelled: int
    found: int
    false: int
    exact: int

    @property
    def recall(self) -> float:
        return self.found / max(self.labelled, 1)

    @property
    def precision(self) -> float:
        return self.found / max(self.found + self.false, 1)

    @property
    def exact_share(self) -> float:
        return self.exact / max(self.photos, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionFigures:
    """`average_precision` in [0, 1] over all floors from .05 on, and the figures floor by floor."""

    average_precision: float
    floors: tuple[FloorFigures, ...]


class MeasuredSet:
    """Labelled photographs that a detector is measured on, decoded once.

    Where only some of the food is labelled (`partial`), a report that touches no label is left out: it may be food.
    """

    def __init__(self, labels: Path, images: Path, *, partial: bool) -> None:
        self.name = f"{labels.parent.name}/{labels.stem}"
        self._partial = partial
        self._photos = [(photo, _frame(images / photo.file)) for photo in read_labels(labels)]

    def measure(self, detector: Detector) -> DetectionFigures:
        """Find the portions of every photograph and compare them with the labels."""
        return figures_of([(photo, found_on(frame, detector)) for photo, frame in self._photos], partial=self._partial)


def found_on(frame: Image.Image, detector: Detector) -> list[Portion]:
    """Return what a detector finds on an upright RGB frame, scored .05 or more, as the product does."""
    plan = plan_letterbox(*frame.size)
    heatmap, ltrb = detector(detector_input(frame, plan))
    return portions_in_reading_order(heatmap, ltrb, plan, LOWEST_FLOOR_BPS)


def figures_of(readings: Sequence[tuple[LabelledPhoto, Sequence[Portion]]], *, partial: bool) -> DetectionFigures:
    """Compare what was found on photographs with their labels.

    Args:
        readings: photographs whose labels are in pixels of the file, with portions in pixels of the same size.
    """
    labelled = sum(len(photo.portions) for photo, _ in readings)
    return DetectionFigures(
        average_precision=_average_precision(readings, labelled, partial=partial),
        floors=tuple(_at_floor(readings, floor_bps, labelled, partial=partial) for floor_bps in FLOORS_BPS),
    )


def _at_floor(
    readings: Sequence[tuple[LabelledPhoto, Sequence[Portion]]], floor_bps: int, labelled: int, *, partial: bool
) -> FloorFigures:
    found = false = exact = 0
    for photo, portions in readings:
        right, wrong = _judged(photo, [p for p in portions if p.detector_bps >= floor_bps], partial=partial)
        found += len(right)
        false += len(wrong)
        exact += len(right) == len(photo.portions) and not wrong
    return FloorFigures(
        floor_bps=floor_bps, photos=len(readings), labelled=labelled, found=found, false=false, exact=exact
    )


def _judged(photo: LabelledPhoto, portions: Sequence[Portion], *, partial: bool) -> tuple[list[Portion], list[Portion]]:
    labels = [portion.box for portion in photo.portions]
    right = set(pair_boxes(labels, [portion.box for portion in portions]).values())
    wrong = [
        portion
        for index, portion in enumerate(portions)
        if index not in right
        and not touches_a_label(portion.box, photo.unsure)
        and not (partial and not touches_a_label(portion.box, labels))
    ]
    return [portions[index] for index in right], wrong


def _average_precision(
    readings: Sequence[tuple[LabelledPhoto, Sequence[Portion]]], labelled: int, *, partial: bool
) -> float:
    """Area under precision over recall; each portion is judged among all that were found on its photograph."""
    judged = []
    for photo, portions in readings:
        right, wrong = _judged(photo, portions, partial=partial)
        judged += [(portion.detector_bps, True) for portion in right]
        judged += [(portion.detector_bps, False) for portion in wrong]
    judged.sort(key=lambda one: -one[0])
    right_so_far = np.cumsum([right for _, right in judged])
    precision = right_so_far / np.arange(1, len(judged) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    gains = np.array([right for _, right in judged], bool)
    return float(best_from_here[gains].sum() / max(labelled, 1))


def _frame(file: Path) -> Image.Image:
    try:
        with Image.open(file) as picture:
            return picture.convert("RGB")
    except OSError as error:
        raise LabelsInvalidError(
            f"{file} cannot be read ({error}). Give the folder that the labels belong to."
        ) from error


def onnx_detector(card_file: Path, threads: int = 1) -> Detector:
    """Return the detector that a model card describes, as the product runs it.

    Raises:
        ModelInvalidError: the model is missing or is not what its card says.
    """
    session = VerifiedSession(read_model_card(card_file), threads=threads)

    def detect(image: NDArray[np.float32]) -> Arrays:
        outputs = session.run({"image": image})
        return outputs["heatmap"], outputs["ltrb"]

    return detect


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recognition.training.detector.measure", description=__doc__)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="the folder that the labels belong to")
    parser.add_argument("--partial", action="store_true", help="only some of the food is labelled")
    parser.add_argument("--card", type=Path, default=MODELS_DIR / "dish_detector.toml", help="model card")
    given = parser.parse_args(arguments)
    try:
        measured = MeasuredSet(given.labels, given.images, partial=given.partial)
        figures = measured.measure(onnx_detector(given.card))
    except (LabelsInvalidError, ModelInvalidError) as error:
        print(error.message, file=sys.stderr)
        return 2
    first = figures.floors[0]
    print(f"{measured.name}: {first.photos} photographs, {first.labelled} portions")
    print(f"average precision {figures.average_precision:.3f}")
    print("floor  recall  precision  exact count  false boxes")
    for row in figures.floors:
        print(
            f"{row.floor_bps / 10_000:5.2f} {row.recall:7.3f} {row.precision:10.3f} {row.exact_share:12.3f} "
            f"{row.false:12d}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
