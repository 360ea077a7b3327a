"""Trays as the models might have seen them, written by hand: dishes are directions, boxes stand side by side."""

import numpy as np
from numpy.typing import NDArray

from engine.domain.acceptance import AcceptanceLimits
from engine.domain.reading import Box
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.seeing import SeenPhoto, SittingPhoto
from recognition.evaluation.trays import JudgedTray, judge_tray
from recognition.gallery import EMBEDDING_SIZE, Exemplar, Gallery
from recognition.labels import LabelledPhoto, LabelledPortion
from recognition.postprocess import Portion

EMBEDDER = "0" * 64
DISHES = ("doufu", "mifan", "rou", "tang", "yu")
LIMITS = AcceptanceLimits(
    likeness_pct=50, accept_bps=3750, known_bps=3000, detector_bps=4000, most_equal=3, most_portions=12
)
POLICY = AcceptancePolicy(policy_id="for-tests", limits=LIMITS)


def box_at(place: int, *, width: int = 80, left: int = 0) -> Box:
    """The box of one of the wells, far from its neighbours."""
    return Box(left_px=200 * place + left, top_px=10, right_px=200 * place + left + width, bottom_px=90)


def looks(dish: str, other: str = "", share: float = 0.0) -> NDArray[np.float32]:
    """The look of a dish, with a share of another dish's in it."""
    vector = np.zeros(EMBEDDING_SIZE, np.float32)
    vector[DISHES.index(dish)] = np.sqrt(1 - share)
    if other:
        vector[DISHES.index(other)] = np.sqrt(share)
    return vector


def stacked(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(n, 1280)."""
    return np.stack(vectors) if vectors else np.empty((0, EMBEDDING_SIZE), np.float32)


def gallery_of(*dishes: str) -> Gallery:
    """A gallery of these dishes, one photograph each."""
    return Gallery(EMBEDDER, [Exemplar(dish_id=dish, exemplar_id="1", vectors=looks(dish)[None]) for dish in dishes])


def photo_of(file: str, *dishes: str, meal: str | None = None) -> SittingPhoto:
    """A labelled photograph with these dishes, one in each well."""
    portions = tuple(LabelledPortion(dish_id=dish, box=box_at(place)) for place, dish in enumerate(dishes))
    return SittingPhoto(label=LabelledPhoto(file=file, width_px=1200, height_px=100, portions=portions, meal=meal))


Sighting = tuple[int, NDArray[np.float32], int]
"""Which well, what it looks like, and the detector's score in basis points."""


def seen(photo: SittingPhoto, *sightings: Sighting) -> SeenPhoto:
    """The photograph with labelled dishes that look like themselves, and what the detector found."""
    return SeenPhoto(
        photo=photo,
        labelled=photo.label.portions,
        label_embeddings=stacked([looks(portion.dish_id) for portion in photo.label.portions]),
        portions=tuple(Portion(box=box_at(place), detector_bps=score) for place, _, score in sightings),
        embeddings=stacked([look for _, look, _ in sightings]),
    )


def tray(truth: tuple[str, ...], *sightings: Sighting, menu: tuple[str, ...] = ("mifan", "rou", "tang")) -> JudgedTray:
    """A judged tray; all dishes of the menu are enrolled."""
    return judge_tray(seen(photo_of("tray.jpg", *truth), *sightings), gallery_of(*menu), frozenset(menu), POLICY)
