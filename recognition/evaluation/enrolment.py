"""Which labelled portions a tray may be compared with: never its own, and few enough to be what staff would take."""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, zip_longest
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.errors import LabelsInvalidError
from recognition.evaluation.seeing import LabelledPlace, SittingPhoto, places_of
from recognition.gallery import Exemplar, Gallery

PHOTOS_PER_DISH: Final = 3
"""What staff take of a dish; the most that is enrolled from other meals."""


class LeaveOut(StrEnum):
    """What a tray's own gallery is made without."""

    NOTHING = "nothing"
    PHOTOGRAPH = "photograph"
    MEAL = "meal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What a tray may be compared with.

    `photos_per_dish` is the most photographs of a dish that are enrolled, None for every labelled portion; `menus`
    the dish ids that each canteen sells, None for all that are enrolled; `as_staff` takes of each photograph the
    portion that enrolling finds by itself, not the labelled box.
    """

    leave_out: LeaveOut
    photos_per_dish: int | None = None
    menus: Mapping[str, Collection[str]] | None = None
    as_staff: bool = False


class EnrolledDishes:
    """The gallery for every photograph, made of what may be enrolled for it."""

    def __init__(
        self,
        embedder_sha256: str,
        places: Iterable[LabelledPlace],
        vectors: Mapping[str, NDArray[np.float32]],
        enrolment: Enrolment,
    ) -> None:
        """Index what was enrolled.

        Args:
            vectors: (zooms, 1280) of every place by exemplar id; a place without is passed over.
        """
        self._enrolment = enrolment
        self._vectors = vectors
        self._places: dict[str, dict[str, list[LabelledPlace]]] = defaultdict(lambda: defaultdict(list))
        for place in places:
            if place.exemplar_id in vectors:
                self._places[place.canteen][place.dish_id].append(place)
        self._complete = {
            canteen: Gallery(embedder_sha256, [one for places in dishes.values() for one in self._chosen(places)])
            for canteen, dishes in self._places.items()
        }
        self._empty = Gallery(embedder_sha256)

    def in_another_order(self, seed: int) -> "EnrolledDishes":
        """The same photographs in another order, of which others are chosen where not all of a dish are enrolled."""
        places = [place for dishes in self._places.values() for of_dish in dishes.values() for place in of_dish]
        random.Random(seed).shuffle(places)
        return EnrolledDishes(self._empty.embedder_sha256, places, self._vectors, self._enrolment)

    @property
    def exemplars(self) -> int:
        """How many exemplars the largest canteen's gallery has, before anything is left out."""
        return max((len(gallery.exemplars) for gallery in self._complete.values()), default=0)

    def gallery(self, photo: SittingPhoto) -> Gallery:
        """Return the gallery that a photograph is read with."""
        gallery = self._complete.get(photo.canteen, self._empty)
        for dish_id, places in self._places.get(photo.canteen, {}).items():
            others = [place for place in places if not self._is_own(place, photo)]
            if len(others) < len(places):
                gallery = gallery.without_dish(dish_id).with_exemplars(self._chosen(others))
        return gallery

    def menu(self, photo: SittingPhoto, gallery: Gallery) -> frozenset[str]:
        """Return the dishes that a portion may be: those with an exemplar that the canteen sells."""
        menus = self._enrolment.menus
        return gallery.dish_ids if menus is None else gallery.dish_ids.intersection(menus[photo.canteen])

    def _is_own(self, place: LabelledPlace, photo: SittingPhoto) -> bool:
        if self._enrolment.leave_out is LeaveOut.MEAL:
            return place.meal == photo.meal
        return self._enrolment.leave_out is LeaveOut.PHOTOGRAPH and place.photograph == photo.label.file

    def _chosen(self, places: Sequence[LabelledPlace]) -> list[Exemplar]:
        return [
            Exemplar(dish_id=place.dish_id, exemplar_id=place.exemplar_id, vectors=self._vectors[place.exemplar_id])
            for place in choose_places(places, self._enrolment.photos_per_dish)
        ]


def places_to_enrol(
    photos: Iterable[SittingPhoto], leave_out: LeaveOut, photos_per_dish: int | None
) -> list[LabelledPlace]:
    """Return the labelled portions that any gallery may need.

    Raises:
        LabelsInvalidError: whatever is left out, nothing is left to enrol from.
    """
    places = [place for photo in photos for place in places_of(photo)]
    sittings = {place.photograph if leave_out is LeaveOut.PHOTOGRAPH else place.meal for place in places}
    if len(sittings) < (1 if leave_out is LeaveOut.NOTHING else 2):
        raise LabelsInvalidError(
            f"Nothing can be enrolled: there are {len(places)} labelled portions of {len(sittings)} "
            f"{'photographs' if leave_out is LeaveOut.PHOTOGRAPH else 'meals'}, and a tray is never compared with its "
            "own. Label more, or name a gallery with --enrol GALLERY.json."
        )
    if leave_out is not LeaveOut.NOTHING:
        return places
    of_dish: dict[tuple[str, str], list[LabelledPlace]] = defaultdict(list)
    for place in places:
        of_dish[place.canteen, place.dish_id].append(place)
    return [place for dish in of_dish.values() for place in choose_places(dish, photos_per_dish)]


def choose_places(places: Sequence[LabelledPlace], at_most: int | None) -> list[LabelledPlace]:
    """Choose the portions of one dish to enrol: one for each photograph, spread evenly over the meals.

    The same portions in the same order always give the same choice. Of a photograph that shows the dish twice the
    larger portion is taken.

    Args:
        at_most: how many; None for all portions.
    """
    if at_most is None:
        return list(places)
    largest: dict[str, LabelledPlace] = {}
    for place in places:
        known = largest.get(place.photograph)
        if known is None or place.area_px2 > known.area_px2:
            largest[place.photograph] = place
    by_meal: dict[tuple[str, str], list[LabelledPlace]] = defaultdict(list)
    for place in largest.values():
        by_meal[place.meal].append(place)
    meals = list(by_meal.values())
    if len(meals) > at_most:
        meals = [meals[(2 * number + 1) * len(meals) // (2 * at_most)] for number in range(at_most)]
    in_turn = chain.from_iterable(zip_longest(*meals))
    return [place for place in in_turn if place is not None][:at_most]
