"""What a canteen would make of one labelled tray: its bill, and whether it is right, wrong unnoticed, or a person's."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from engine.domain.bill import ItemStatus
from engine.domain.reading import Candidate, DishSighting
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.matching import pair_boxes
from recognition.evaluation.seeing import SeenPhoto
from recognition.gallery import Gallery
from recognition.tray import sightings_of

UNKNOWN: Final = ""
"""Stands in a list of dishes for a portion that is left to a person."""


COUNTED_FROM_BPS: Final = 4000
"""Detector score from which a box counts as a portion, basis points."""


class Outcome(StrEnum):
    """What became of a tray."""

    RIGHT = "right"
    SILENT_ERROR = "silent_error"
    HANDED_OFF = "handed_off"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JudgedTray:
    """One tray with what was seen, what each portion was taken for, and what the policy made of it.

    `counted` are the indices of sightings that count as portions, `found` pairs labelled portions with them.
    `label_candidates` are the candidates of each labelled portion's own box, none if the photograph was refused.
    """

    seen: SeenPhoto
    menu: frozenset[str]
    sightings: tuple[DishSighting, ...]
    statuses: tuple[ItemStatus, ...]
    counted: tuple[int, ...]
    found: Mapping[int, int]
    label_candidates: tuple[tuple[Candidate, ...], ...]

    @property
    def truth(self) -> tuple[str, ...]:
        """The dish of every labelled portion."""
        return tuple(portion.dish_id for portion in self.seen.labelled)

    @property
    def all_on_menu(self) -> bool:
        """Whether every labelled dish can be recognised at all."""
        return self.menu.issuperset(self.truth)

    @property
    def expected_list(self) -> Counter[str]:
        """The list of dishes that is right; a dish that is not on the menu is unknown."""
        return Counter(dish_id if dish_id in self.menu else UNKNOWN for dish_id in self.truth)

    @property
    def list_right(self) -> bool:
        """Whether the whole list with counts is right if nothing but dishes off the menu is left to a person."""
        return Counter(self._named(index) for index in self.counted) == self.expected_list

    @property
    def billed(self) -> Counter[str] | None:
        """The dishes that are billed without a person; None if anything is left to one or nothing was seen."""
        if not self.sightings or any(status is not ItemStatus.ACCEPTED for status in self.statuses):
            return None
        return Counter(first_of(sighting.candidates) for sighting in self.sightings)

    @property
    def outcome(self) -> Outcome:
        """What became of the tray.

        Right: billed as it is, or empty and seen to be so; and a tray with dishes off the menu, of which exactly
        these are handed off.
        """
        if self.seen.refusal:
            return Outcome.HANDED_OFF
        billed = self.billed
        if billed is not None:
            return Outcome.RIGHT if billed == Counter(self.truth) else Outcome.SILENT_ERROR
        if not self.sightings:
            return Outcome.RIGHT if not self.truth else Outcome.HANDED_OFF
        return Outcome.RIGHT if not self.all_on_menu and self._only_strange_handed_off() else Outcome.HANDED_OFF

    def _only_strange_handed_off(self) -> bool:
        strange = self._on_strange_dishes()
        left = {index for index, status in enumerate(self.statuses) if status is not ItemStatus.ACCEPTED}
        rest = Counter(first_of(s.candidates) for index, s in enumerate(self.sightings) if index not in left)
        expected = self.expected_list
        return left == strange and len(left) == expected.pop(UNKNOWN, 0) and rest == expected

    def _on_strange_dishes(self) -> set[int]:
        """Sightings of labelled portions whose dish is not on the menu."""
        return {index for place, index in self.found.items() if self.truth[place] not in self.menu}

    def _named(self, index: int) -> str:
        if index in self._on_strange_dishes() and self.statuses[index] is not ItemStatus.ACCEPTED:
            return UNKNOWN
        # What has no name is still one thing too many unless it is a strange dish.
        return first_of(self.sightings[index].candidates) or "nothing alike"


def first_of(candidates: tuple[Candidate, ...]) -> str:
    """Return the best candidate's dish, or '' without candidates."""
    return candidates[0].dish_id if candidates else UNKNOWN


def judge_tray(seen: SeenPhoto, gallery: Gallery, menu: frozenset[str], policy: AcceptancePolicy) -> JudgedTray:
    """Read what was seen with a gallery and a menu, and let the policy judge it."""
    if seen.refusal:
        return JudgedTray(seen=seen, menu=menu, sightings=(), statuses=(), counted=(), found={}, label_candidates=())
    sightings = sightings_of(seen.portions, seen.embeddings, gallery, menu)
    counted = tuple(index for index, one in enumerate(sightings) if one.detector_bps >= COUNTED_FROM_BPS)
    pairs = pair_boxes([portion.box for portion in seen.labelled], [sightings[index].box for index in counted])
    return JudgedTray(
        seen=seen,
        menu=menu,
        sightings=sightings,
        statuses=tuple(judged.status for judged in policy.judge_tray(sightings)),
        counted=counted,
        found={place: counted[number] for place, number in pairs.items()},
        label_candidates=tuple(gallery.match(seen.label_embeddings, menu)),
    )
