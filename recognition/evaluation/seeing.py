"""Labelled photographs as the models see them: everything that costs time is done here, once for each photograph."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain.errors import EnrolmentError, LabelsInvalidError, PhotoUnusableError, RecognitionError
from engine.domain.reading import Box
from recognition.evaluation.matching import area_px2, touches_a_label
from recognition.frame import Frame, decode_photo
from recognition.labels import LabelledPhoto, LabelledPortion
from recognition.postprocess import Portion
from recognition.tray import TrayReader, corners_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SittingPhoto:
    """A labelled photograph with the sitting it was taken at and the canteen it belongs to ('' if there is one)."""

    label: LabelledPhoto
    canteen: str = ""

    @property
    def meal(self) -> tuple[str, str]:
        """The sitting; a photograph that names none is a sitting of its own."""
        return self.canteen, f"meal {self.label.meal}" if self.label.meal is not None else f"file {self.label.file}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeenPhoto:
    """What the models saw on one photograph; boxes are in pixels of the frame.

    `label_embeddings` is (labelled portions, 1280), `embeddings` (found portions, 1280). `refusal` says why the
    photograph cannot be read; nothing was found on it then.
    """

    photo: SittingPhoto
    labelled: tuple[LabelledPortion, ...]
    label_embeddings: NDArray[np.float32]
    portions: tuple[Portion, ...]
    embeddings: NDArray[np.float32]
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPlace:
    """A labelled portion that may be enrolled; `photograph` names where it can be cut out."""

    dish_id: str
    exemplar_id: str
    photograph: str
    meal: tuple[str, str]
    canteen: str
    area_px2: int


def by_canteen(photos: Sequence[LabelledPhoto], canteens: Sequence[str]) -> list[SittingPhoto]:
    """Give every photograph to the canteen that its first folder names, or all to one if no canteens are named.

    Raises:
        LabelsInvalidError: a photograph lies in no canteen's folder.
    """
    sitting = []
    for photo in photos:
        folder = Path(photo.file).parts[0] if canteens else ""
        if canteens and folder not in canteens:
            raise LabelsInvalidError(
                f"{photo.file} lies in no canteen's folder. The first folder must be one of: {', '.join(canteens)}.",
                file=photo.file,
            )
        sitting.append(SittingPhoto(label=photo, canteen=folder))
    return sitting


def open_frame(label: LabelledPhoto, images: Path) -> tuple[Frame, tuple[LabelledPortion, ...]]:
    """Decode a labelled photograph and bring its boxes to the frame's pixels.

    Raises:
        LabelsInvalidError: the file is missing, damaged, or has another size than its label says.
        PhotoUnusableError: nothing can be seen on it.
    """
    path = images / label.file
    try:
        photo = path.read_bytes()
    except OSError as error:
        raise LabelsInvalidError(
            f"{path} cannot be read ({error.strerror}). Give the folder that the labels' files lie in with --images.",
            file=label.file,
        ) from error
    return decode_labelled(photo, label)


def decode_labelled(photo: bytes, label: LabelledPhoto) -> tuple[Frame, tuple[LabelledPortion, ...]]:
    """Decode a photograph and bring the boxes of its label to the frame's pixels; otherwise like `open_frame`."""
    try:
        frame = decode_photo(photo)
    except PhotoUnusableError:
        raise
    except RecognitionError as error:
        raise LabelsInvalidError(f"{label.file}: {error.message}", file=label.file) from error
    if (frame.original_width_px, frame.original_height_px) != (label.width_px, label.height_px):
        raise LabelsInvalidError(
            f"{label.file} is {frame.original_width_px} x {frame.original_height_px} pixels, its label says "
            f"{label.width_px} x {label.height_px}. Correct the label; boxes are pixels of the upright photograph.",
            file=label.file,
        )
    return frame, tuple(replace(portion, box=box_in_frame(portion.box, label, frame)) for portion in label.portions)


def box_in_frame(box: Box, label: LabelledPhoto, frame: Frame) -> Box:
    """Bring a box from the pixels of a label to those of its frame, of which it keeps one at least."""
    across, down = frame.width_px / label.width_px, frame.height_px / label.height_px
    left_px, top_px = (
        min(int(box.left_px * across), frame.width_px - 1),
        min(int(box.top_px * down), frame.height_px - 1),
    )
    return Box(
        left_px=left_px,
        top_px=top_px,
        right_px=max(left_px + 1, round(box.right_px * across)),
        bottom_px=max(top_px + 1, round(box.bottom_px * down)),
    )


def see(reader: TrayReader, photo: SittingPhoto, images: Path, *, partly_labelled: bool) -> SeenPhoto:
    """Let the models see one photograph; one that they refuse is seen as refused.

    Args:
        partly_labelled: not all food is labelled, so boxes that lie on no label are left out.
    Raises:
        LabelsInvalidError: see `open_frame`.
    """
    try:
        frame, labelled = open_frame(photo.label, images)
        unsure = [box_in_frame(box, photo.label, frame) for box in photo.label.unsure]
        return see_frame(reader, photo, frame, labelled, unsure, partly_labelled=partly_labelled)
    except PhotoUnusableError as error:
        return refused(photo, error)


def see_frame(
    reader: TrayReader,
    photo: SittingPhoto,
    frame: Frame,
    labelled: Sequence[LabelledPortion],
    unsure: Sequence[Box],
    *,
    partly_labelled: bool,
) -> SeenPhoto:
    """Let the models see a frame with labelled boxes in its pixels; otherwise like `see`.

    Args:
        unsure: areas in which there may be food or not: boxes there that lie on no label are left out.
    Raises:
        PhotoUnusableError: more portions are seen than a tray can hold.
    """
    image = Image.fromarray(frame.pixels)
    label_boxes = [portion.box for portion in labelled]
    portions = [
        portion
        for portion in reader.detect(image)
        if touches_a_label(portion.box, label_boxes) or not (partly_labelled or touches_a_label(portion.box, unsure))
    ]
    return SeenPhoto(
        photo=photo,
        labelled=tuple(labelled),
        label_embeddings=reader.embed(image, corners_of(label_boxes)),
        portions=tuple(portions),
        embeddings=reader.embed(image, corners_of([portion.box for portion in portions])),
    )


def refused(photo: SittingPhoto, error: PhotoUnusableError) -> SeenPhoto:
    """Return a photograph that no reading can be made of."""
    nothing = np.empty((0, 0), np.float32)
    return SeenPhoto(
        photo=photo,
        labelled=photo.label.portions,
        label_embeddings=nothing,
        portions=(),
        embeddings=nothing,
        refusal=error.message,
    )


def places_of(photo: SittingPhoto) -> list[LabelledPlace]:
    """Return every labelled portion of a photograph, in the order of its label."""
    return [
        LabelledPlace(
            dish_id=portion.dish_id,
            exemplar_id=_exemplar_id(photo.label, place),
            photograph=photo.label.file,
            meal=photo.meal,
            canteen=photo.canteen,
            area_px2=area_px2(portion.box),
        )
        for place, portion in enumerate(photo.label.portions)
    ]


def enrol_places(
    reader: TrayReader, photo: SittingPhoto, images: Path, wanted: frozenset[str]
) -> dict[str, NDArray[np.float32]]:
    """Return what a gallery keeps of the wanted portions of a photograph; one without light has none.

    Args:
        wanted: exemplar ids.
    Raises:
        LabelsInvalidError: see `open_frame`.
    """
    if wanted.isdisjoint(_exemplar_id(photo.label, place) for place in range(len(photo.label.portions))):
        return {}
    try:
        frame, labelled = open_frame(photo.label, images)
    except PhotoUnusableError:
        return {}
    image = Image.fromarray(frame.pixels)
    return {
        exemplar_id: reader.exemplar_vectors(image, portion.box)
        for place, portion in enumerate(labelled)
        if (exemplar_id := _exemplar_id(photo.label, place)) in wanted
    }


def enrol_as_staff(
    reader: TrayReader, photo: SittingPhoto, images: Path, wanted: frozenset[str]
) -> dict[str, NDArray[np.float32]]:
    """Return what enrolling a photograph of one dish keeps of it, with the portion that enrolling itself finds.

    Args:
        wanted: exemplar ids.
    Raises:
        LabelsInvalidError: the photograph cannot be used, or not exactly one portion is labelled on it.
    """
    exemplar_id = _exemplar_id(photo.label, 0)
    if exemplar_id not in wanted:
        return {}
    if len(photo.label.portions) != 1:
        raise LabelsInvalidError(
            f"{photo.label.file} shows {len(photo.label.portions)} labelled portions. As staff enrol them, "
            "photographs show one dish each; leave --as-staff out.",
            file=photo.label.file,
        )
    open_frame(photo.label, images)
    try:
        [enrolled] = reader.enrol([(images / photo.label.file).read_bytes()])
    except EnrolmentError as error:
        raise LabelsInvalidError(f"{photo.label.file}: {error.message}", file=photo.label.file) from error
    return {exemplar_id: enrolled.vectors}


def _exemplar_id(label: LabelledPhoto, place: int) -> str:
    return f"{label.file} {place}"
