"""All figures of a set of labelled photographs, as `canteen evaluate` shows them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.errors import LabelsInvalidError
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.enrolment import EnrolledDishes, Enrolment, places_to_enrol
from recognition.evaluation.figures import (
    AmountFigures,
    Confusion,
    DetectorFigures,
    DishFigures,
    NamingFigures,
    OpenSetFigures,
    PortionFigures,
    TrayFigures,
    measure_amounts,
    measure_confusions,
    measure_detector,
    measure_dishes,
    measure_naming,
    measure_open_set,
    measure_portions,
    measure_trays,
)
from recognition.evaluation.seeing import SeenPhoto, SittingPhoto, enrol_as_staff, enrol_places, see
from recognition.evaluation.shares import Share
from recognition.evaluation.trays import COUNTED_FROM_BPS, JudgedTray, judge_tray
from recognition.gallery import Gallery
from recognition.tray import TrayReader

DETECTOR_SCORES_BPS: Final = (3300, COUNTED_FROM_BPS, 5000, 6000)

Told = Callable[[int, int], None]
"""Is told how many photographs are done, and of how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognitionFigures:
    """Everything that needs a gallery. Trays are split by whether all their dishes could be recognised.

    In `open_set` a dish that is taken off is unknown to the canteen, in `off_menu` it is enrolled but not sold now.
    """

    policy_id: str
    dishes_enrolled: int
    exemplars: int
    naming_on_labels: NamingFigures
    naming_on_detected: NamingFigures
    all_enrolled: TrayFigures
    with_strange_dish: TrayFigures
    all_trays: TrayFigures
    portions: PortionFigures
    open_set: OpenSetFigures
    off_menu: OpenSetFigures
    amounts: AmountFigures
    dishes: tuple[DishFigures, ...]
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All figures of one run; `recognition` is None if nothing was enrolled."""

    photographs: int
    labelled_portions: int
    refused_photographs: tuple[str, ...]
    partly_labelled: bool
    models: tuple[tuple[str, str], ...]
    detector: DetectorFigures
    detector_by_score: tuple[DetectorFigures, ...]
    recognition: RecognitionFigures | None


def see_all(
    reader: TrayReader, photos: Sequence[SittingPhoto], images: Path, *, partly_labelled: bool, told: Told
) -> list[SeenPhoto]:
    """Let the models see every photograph once.

    Raises:
        LabelsInvalidError: there is none, or one cannot be used.
    """
    if not photos:
        raise LabelsInvalidError("The labels name no photograph. Give a file with at least one.")
    seen = []
    for done, photo in enumerate(photos):
        told(done, len(photos))
        seen.append(see(reader, photo, images, partly_labelled=partly_labelled))
    told(len(photos), len(photos))
    return seen


def enrol_all(
    reader: TrayReader, photos: Sequence[SittingPhoto], images: Path, enrolment: Enrolment, told: Told
) -> EnrolledDishes:
    """Make the labelled portions of photographs ready for the galleries.

    Raises:
        LabelsInvalidError: a photograph cannot be used, or nothing is left to enrol.
    """
    places = places_to_enrol(photos, enrolment.leave_out, enrolment.photos_per_dish)
    wanted = frozenset(place.exemplar_id for place in places)
    vectors: dict[str, NDArray[np.float32]] = {}
    enrol = enrol_as_staff if enrolment.as_staff else enrol_places
    for done, photo in enumerate(photos):
        told(done, len(photos))
        vectors |= enrol(reader, photo, images, wanted)
    told(len(photos), len(photos))
    return EnrolledDishes(reader.embedder_sha256, places, vectors, enrolment)


def judge_all(seen: Sequence[SeenPhoto], dishes: EnrolledDishes, policy: AcceptancePolicy) -> list[JudgedTray]:
    """Judge every tray with the gallery that it may be compared with."""
    trays = []
    for one in seen:
        gallery = dishes.gallery(one.photo)
        trays.append(judge_tray(one, gallery, dishes.menu(one.photo, gallery), policy))
    return trays


def measure_recognition(
    trays: Sequence[JudgedTray],
    dishes: EnrolledDishes,
    policy: AcceptancePolicy,
    prices: Mapping[str, Mapping[str, int]],
    prices_told: str,
) -> RecognitionFigures:
    """Measure everything that needs a gallery.

    Args:
        dishes: what the trays were judged with.
        prices: fen of every dish, by canteen; `prices_told` says where they come from.
    """
    return RecognitionFigures(
        policy_id=policy.policy_id,
        dishes_enrolled=len({(tray.seen.photo.canteen, dish) for tray in trays for dish in tray.menu}),
        exemplars=dishes.exemplars,
        naming_on_labels=measure_naming(trays, detected=False),
        naming_on_detected=measure_naming(trays, detected=True),
        all_enrolled=measure_trays([tray for tray in trays if tray.all_on_menu]),
        with_strange_dish=measure_trays([tray for tray in trays if not tray.all_on_menu]),
        all_trays=measure_trays(trays),
        portions=measure_portions(trays),
        open_set=measure_open_set(_with_galleries(trays, dishes), policy, still_enrolled=False),
        off_menu=measure_open_set(_with_galleries(trays, dishes), policy, still_enrolled=True),
        amounts=measure_amounts(trays, prices, prices_told),
        dishes=measure_dishes(trays),
        confusions=measure_confusions(trays),
    )


def _with_galleries(trays: Sequence[JudgedTray], dishes: EnrolledDishes) -> Iterator[tuple[JudgedTray, Gallery]]:
    """One gallery at a time: those of a thousand photographs, each without its own, would fill the memory."""
    return ((tray, dishes.gallery(tray.seen.photo)) for tray in trays)


def measure_all(
    reader: TrayReader,
    seen: Sequence[SeenPhoto],
    recognition: RecognitionFigures | None,
    *,
    partly_labelled: bool,
) -> Evaluation:
    """Put the figures of the detector beside those of recognition."""
    return Evaluation(
        photographs=len(seen),
        labelled_portions=sum(len(one.labelled) for one in seen),
        refused_photographs=tuple(one.photo.label.file for one in seen if one.refusal),
        partly_labelled=partly_labelled,
        models=tuple((ref.name, ref.sha256) for ref in reader.models),
        detector=measure_detector(seen, COUNTED_FROM_BPS),
        detector_by_score=tuple(measure_detector(seen, score_bps) for score_bps in DETECTOR_SCORES_BPS),
        recognition=recognition,
    )


def plain(value: Any) -> Any:
    """Turn figures into what JSON can hold: dataclasses into objects, shares into value, hits and sample size."""
    if isinstance(value, Share):
        return {"value": None if value.value is None else round(value.value, 4), "hits": value.hits, "of": value.of}
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value
