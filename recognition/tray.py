"""A photograph of a tray -> a reading: which portions are seen, and which of today's dishes each may be.

Source: decisions R2 to R8 of the README.
"""

import hashlib
import io
import math
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain.errors import (
    EnrolmentError,
    InferenceFailedError,
    ModelInvalidError,
    PhotoUnusableError,
    RecognitionError,
)
from engine.domain.reading import Box, DishSighting, ModelRef, ReadingTimings, TrayReading
from recognition.frame import Frame, decode_photo
from recognition.gallery import EMBEDDING_SIZE, Gallery, refuse_other_embedder
from recognition.model_card import MODELS_DIR, ModelCard, read_model_card
from recognition.postprocess import Portion, portions_in_reading_order
from recognition.preprocess import detector_input, embedder_input, plan_letterbox, trimmed
from recognition.session import VerifiedSession

MAX_PORTIONS: Final = 24
MAX_ENROLMENT_PHOTOS: Final = 20
LEAST_CROP_SIDE_PX: Final = 48
EMBED_BATCH: Final = 6
ZOOM_SHARES: Final = (0.0, 0.12, 0.22)
EXEMPLAR_ID_DIGITS: Final = 32
CROP_JPEG_SIDE_PX: Final = 640
CROP_JPEG_QUALITY: Final = 98


class WhichPortion(StrEnum):
    """What of a photograph shows the dish, if it is not said by number or box."""

    LARGEST = "largest"
    WHOLE = "whole"


PortionChoice = WhichPortion | int | Box
"""The large portion near the middle, the whole photograph, a portion by number in reading order from 1, or a box."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EnrolledPhoto:
    """One photograph of a dish made ready for a gallery.

    `exemplar_id` follows from the photograph, and from the portion where it was said which, so enrolling it twice
    changes nothing. `vectors` is (3, 1280) float32, one per zoom. `box` is in pixels of the frame; `portion_found` is
    false if the whole photograph was taken. `crop_jpeg` shows what was taken: a person looks at it, and another
    embedder makes its vectors of it.
    """

    exemplar_id: str
    photo_sha256: str
    vectors: NDArray[np.float32]
    crop_jpeg: bytes
    box: Box
    portion_found: bool


class TrayReader:
    """The detector and the embedder together. All methods may be called from several threads at once."""

    def __init__(
        self, detector: ModelCard, embedder: ModelCard, *, threads: int = 1, detector_floor_bps: int = 3300
    ) -> None:
        """Load, verify and run both models once, so that the first tray of the day is as fast as the second.

        Args:
            threads: cores that one reading may use.
            detector_floor_bps: portions scored lower are not reported, basis points.
        Raises:
            ModelInvalidError: a model is missing, changed or has other inputs and outputs than its card says.
        """
        self._detector = VerifiedSession(detector, threads=threads)
        self._embedder = VerifiedSession(embedder, threads=threads)
        self._detector_floor_bps = detector_floor_bps
        self._warm_up()

    @classmethod
    def load(cls, models_dir: Path | None = None, threads: int = 1) -> Self:
        """Load the models of a folder, or those that the package ships.

        Raises:
            ModelInvalidError: see the constructor.
        """
        folder = MODELS_DIR if models_dir is None else models_dir
        return cls(
            read_model_card(folder / "dish_detector.toml"),
            read_model_card(folder / "dish_embedder.toml"),
            threads=threads,
        )

    @property
    def cards(self) -> tuple[ModelCard, ModelCard]:
        """The cards of the detector and of the embedder."""
        return self._detector.card, self._embedder.card

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return tuple(card.ref for card in self.cards)

    @property
    def embedder_sha256(self) -> str:
        return self._embedder.card.sha256

    def read(self, photo: bytes, gallery: Gallery, menu: Collection[str]) -> TrayReading:
        """Read a photograph of a tray; boxes are in pixels of the reading's own width and height.

        A reading without sightings means that no food was seen; it is never a failure in disguise.

        Args:
            photo: a JPEG, PNG or WebP.
            gallery: the canteen's enrolled dishes.
            menu: dish ids that are sold now; nothing else can be a candidate.
        Raises:
            PhotoTooLargeError, PhotoUnreadableError, PhotoUnusableError: see `decode_photo`; more than 24
                portions are unusable too.
            GalleryMismatchError: the gallery belongs to another embedder.
            InferenceFailedError: a model failed.
        """
        return self.read_frame(decode_photo(photo), gallery, menu)

    def read_frame(self, frame: Frame, gallery: Gallery, menu: Collection[str]) -> TrayReading:
        """Read a frame that was decoded before; otherwise like `read`."""
        refuse_other_embedder(gallery, self.embedder_sha256)
        image = Image.fromarray(frame.pixels)
        start_ns = time.perf_counter_ns()
        portions = self.detect(image)
        detected_ns = time.perf_counter_ns()
        embeddings = self.embed(image, corners_of([portion.box for portion in portions]))
        embedded_ns = time.perf_counter_ns()
        sightings = sightings_of(portions, embeddings, gallery, menu)
        matched_ns = time.perf_counter_ns()
        return TrayReading(
            photo_sha256=frame.photo_sha256,
            width_px=frame.width_px,
            height_px=frame.height_px,
            sightings=sightings,
            models=self.models,
            timings=ReadingTimings(
                decode_us=frame.decode_us,
                detect_us=(detected_ns - start_ns) // 1000,
                embed_us=(embedded_ns - detected_ns) // 1000,
                match_us=(matched_ns - embedded_ns) // 1000,
            ),
        )

    def enrol(
        self,
        photos: Sequence[bytes],
        *,
        portion: PortionChoice = WhichPortion.LARGEST,
    ) -> list[EnrolledPhoto]:
        """Make photographs of one dish ready for a gallery; one result for each different photograph.

        Args:
            photos: 1 to 20 photographs of the same dish.
            portion: what of each photograph is the dish; a box is in pixels of the upright photograph as it was sent.
                Where no portion is seen, the largest is the whole photograph.
        Raises:
            EnrolmentError: no or too many photographs, or one that cannot be used; `details` name it, from 1.
            InferenceFailedError: a model failed.
        """
        if not 1 <= len(photos) <= MAX_ENROLMENT_PHOTOS:
            raise EnrolmentError(
                f"{len(photos)} photographs were given. Give 1 to {MAX_ENROLMENT_PHOTOS} of the dish.",
                photos=len(photos),
            )
        enrolled: dict[str, EnrolledPhoto] = {}
        for number, photo in enumerate(photos, start=1):
            try:
                frame = decode_photo(photo)
            except RecognitionError as error:
                raise EnrolmentError(
                    f"Photograph {number} of {len(photos)} cannot be used: {error.message}",
                    photo=number,
                    reason=error.code,
                ) from error
            if frame.photo_sha256 not in enrolled:
                enrolled[frame.photo_sha256] = self._enrol_frame(frame, number, portion)
        return list(enrolled.values())

    def enrol_portion(self, frame: Frame, box: Box) -> EnrolledPhoto:
        """Make one portion of a frame ready for a gallery, as when a person said what it is.

        Raises:
            EnrolmentError: the box is smaller than a dish can be.
            InferenceFailedError: the embedder failed.
        """
        return self._enrol_box(frame, 1, box, _portion_id(frame.photo_sha256, box), portion_found=True)

    def vectors_of_crop(self, crop_jpeg: bytes) -> NDArray[np.float32]:
        """Make the vectors of an exemplar again from its kept crop: (3, 1280), one per zoom.

        Raises:
            EnrolmentError: the crop cannot be decoded.
            InferenceFailedError: the embedder failed.
        """
        try:
            crop = Image.open(io.BytesIO(crop_jpeg), formats=("JPEG",)).convert("RGB")
        except (OSError, ValueError) as error:
            raise EnrolmentError(
                "A kept crop cannot be decoded. Remove its exemplar and enrol the dish again."
            ) from error
        return self.exemplar_vectors(crop, Box(left_px=0, top_px=0, right_px=crop.width, bottom_px=crop.height))

    def _enrol_frame(self, frame: Frame, number: int, choice: PortionChoice) -> EnrolledPhoto:
        photo_id = frame.photo_sha256[:EXEMPLAR_ID_DIGITS]
        whole = Box(left_px=0, top_px=0, right_px=frame.width_px, bottom_px=frame.height_px)
        if choice is WhichPortion.WHOLE:
            return self._enrol_box(frame, number, whole, photo_id, portion_found=False)
        if isinstance(choice, Box):
            box = _on_frame(choice, frame, number)
            return self._enrol_box(frame, number, box, _portion_id(frame.photo_sha256, box), portion_found=True)
        portions = self.detect(Image.fromarray(frame.pixels))
        if isinstance(choice, int):
            if not 1 <= choice <= len(portions):
                raise EnrolmentError(
                    f"Photograph {number} shows {len(portions)} portions, so there is no portion {choice}. Count in "
                    "reading order from 1, or name a box.",
                    photo=number,
                    portions=len(portions),
                    reason="no_such_portion",
                )
            box = portions[choice - 1].box
            return self._enrol_box(frame, number, box, _portion_id(frame.photo_sha256, box), portion_found=True)
        box = max(portions, key=lambda seen: _prominence(seen.box, frame)).box if portions else whole
        return self._enrol_box(frame, number, box, photo_id, portion_found=bool(portions))

    def _enrol_box(
        self, frame: Frame, number: int, box: Box, exemplar_id: str, *, portion_found: bool
    ) -> EnrolledPhoto:
        if min(box.right_px - box.left_px, box.bottom_px - box.top_px) < LEAST_CROP_SIDE_PX:
            raise EnrolmentError(
                f"The dish on photograph {number} is smaller than {LEAST_CROP_SIDE_PX} pixels. Go nearer.",
                photo=number,
                reason="dish_too_small",
            )
        image = Image.fromarray(frame.pixels)
        return EnrolledPhoto(
            exemplar_id=exemplar_id,
            photo_sha256=frame.photo_sha256,
            vectors=self.exemplar_vectors(image, box),
            crop_jpeg=_crop_jpeg(image, box),
            box=box,
            portion_found=portion_found,
        )

    def _warm_up(self) -> None:
        blank = Image.new("RGB", (640, 480))
        try:
            self.detect(blank)
            self.embed(blank, np.array([(0, 0, 640, 480)], np.float32))
        except InferenceFailedError as error:
            detector, embedder = self.cards
            raise ModelInvalidError(
                f"{detector.name} and {embedder.name} cannot be used as detector and embedder: {error.message}",
                model=str(error.details.get("model", detector.name)),
            ) from error

    def exemplar_vectors(self, image: Image.Image, box: Box) -> NDArray[np.float32]:
        """Return what a gallery keeps of one portion on an upright RGB frame: (3, 1280), one per zoom."""
        corners = corners_of([box])[0]
        return self.embed(image, np.stack([trimmed(corners, share) for share in ZOOM_SHARES]))

    def detect(self, image: Image.Image) -> list[Portion]:
        """Find the portions on an upright RGB frame, in reading order.

        Raises:
            PhotoUnusableError: more than 24 were seen.
            InferenceFailedError: the detector failed.
        """
        plan = plan_letterbox(*image.size)
        outputs = self._detector.run({"image": detector_input(image, plan)})
        portions = portions_in_reading_order(outputs["heatmap"], outputs["ltrb"], plan, self._detector_floor_bps)
        if len(portions) > MAX_PORTIONS:
            raise PhotoUnusableError(
                f"More than {MAX_PORTIONS} portions were seen. Photograph one tray at a time.",
                portions=len(portions),
                max_portions=MAX_PORTIONS,
            )
        return portions

    def embed(self, image: Image.Image, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (n, 1280) embeddings of (n, 4) boxes in pixels of an upright RGB frame, inside it and not empty."""
        parts = [
            self._embedder.run({"crops": embedder_input(image, boxes[start : start + EMBED_BATCH])})["embedding"]
            for start in range(0, len(boxes), EMBED_BATCH)
        ]
        return np.concatenate(parts) if parts else np.empty((0, EMBEDDING_SIZE), np.float32)


def sightings_of(
    portions: Sequence[Portion], embeddings: NDArray[np.float32], gallery: Gallery, menu: Collection[str]
) -> tuple[DishSighting, ...]:
    """Match portions with today's dishes, and with those that the canteen knows but does not sell now.

    Args:
        embeddings: (portions, 1280).
    """
    ranked, off_menu = gallery.match(embeddings, menu), gallery.likeness_off_menu(embeddings, menu)
    return tuple(
        DishSighting(
            box=portion.box, detector_bps=portion.detector_bps, candidates=candidates, off_menu_bps=off_menu_bps
        )
        for portion, candidates, off_menu_bps in zip(portions, ranked, off_menu, strict=True)
    )


def corners_of(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """Return (n, 4) left, top, right, bottom in pixels."""
    rows = [(box.left_px, box.top_px, box.right_px, box.bottom_px) for box in boxes]
    return np.array(rows, np.float32).reshape(-1, 4)


def _portion_id(photo_sha256: str, box: Box) -> str:
    """Name one portion of a photograph: several dishes may be enrolled from one tray, and one dish from two wells."""
    where = f"{photo_sha256}:{box.left_px},{box.top_px},{box.right_px},{box.bottom_px}"
    return hashlib.sha256(where.encode()).hexdigest()[:EXEMPLAR_ID_DIGITS]


def _on_frame(box: Box, frame: Frame, number: int) -> Box:
    """Turn a box of the upright photograph into one of its frame, cut to the frame.

    Raises:
        EnrolmentError: nothing of it lies on the photograph.
    """
    x, y = frame.width_px / frame.original_width_px, frame.height_px / frame.original_height_px
    cut = Box(
        left_px=max(round(box.left_px * x), 0),
        top_px=max(round(box.top_px * y), 0),
        right_px=min(round(box.right_px * x), frame.width_px),
        bottom_px=min(round(box.bottom_px * y), frame.height_px),
    )
    if cut.left_px >= cut.right_px or cut.top_px >= cut.bottom_px:
        raise EnrolmentError(
            f"The box lies outside photograph {number}, which is {frame.original_width_px} x "
            f"{frame.original_height_px} pixels.",
            photo=number,
            reason="box_outside",
        )
    return cut


def _prominence(box: Box, frame: Frame) -> float:
    """Area of a box, worth less the farther it is from the middle, where a dish that is enrolled stands."""
    x = (box.left_px + box.right_px) / frame.width_px - 1
    y = (box.top_px + box.bottom_px) / frame.height_px - 1
    area = (box.right_px - box.left_px) * (box.bottom_px - box.top_px)
    return area * (1 - math.hypot(x, y) / math.sqrt(2))


def _crop_jpeg(image: Image.Image, box: Box) -> bytes:
    crop = image.crop((box.left_px, box.top_px, box.right_px, box.bottom_px))
    crop.thumbnail((CROP_JPEG_SIDE_PX, CROP_JPEG_SIDE_PX), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    # Full colour resolution: another embedder will see this crop instead of the photograph (decision R12).
    crop.save(buffer, "JPEG", quality=CROP_JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()
