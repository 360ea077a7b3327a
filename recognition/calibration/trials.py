"""What labelled trays say about limits: what would be billed from which certainty on, and whether that is right."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from engine.domain.acceptance import AcceptanceLimits
from engine.domain.bill import ItemStatus
from engine.domain.reading import DishSighting
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.enrolment import EnrolledDishes
from recognition.evaluation.matching import pair_boxes
from recognition.evaluation.seeing import SeenPhoto
from recognition.evaluation.trays import COUNTED_FROM_BPS, JudgedTray, first_of, judge_tray
from recognition.gallery import Gallery
from recognition.tray import sightings_of

Meal = tuple[str, str]

MANY = 1_000
NEVER_BPS = -20_000
"""Less certain than any portion can be: what is left to a person at every limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Likeness and lead of one portion in basis points, or that it is left to a person whatever they are."""

    likeness_bps: int
    lead_bps: int
    doubtful: bool

    def certainty_bps(self, likeness_pct: int) -> int:
        """Return the certainty that a policy with this share of likeness has of it."""
        if self.doubtful:
            return NEVER_BPS
        return (likeness_pct * self.likeness_bps + (100 - likeness_pct) * self.lead_bps) // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayTrial:
    """A tray whose dishes are all enrolled and on the menu; `right` is whether its first candidates are its dishes."""

    meal: Meal
    portions: tuple[Evidence, ...]
    right: bool

    def certainty_bps(self, likeness_pct: int) -> int:
        """Return the highest limit at which the tray is billed without a person."""
        return min((one.certainty_bps(likeness_pct) for one in self.portions), default=NEVER_BPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangeTrial:
    """A portion of a dish that is neither enrolled nor on the menu: whatever is accepted is wrong."""

    meal: Meal
    portion: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Everything that limits can be tried on.

    `right_likeness_bps` are likenesses of right first candidates; `most_equal` and `most_portions` the counts that are
    usual: those assumed, or the largest on a labelled tray if that is more.
    """

    trays: tuple[TrayTrial, ...]
    strange: tuple[StrangeTrial, ...]
    right_likeness_bps: tuple[int, ...]
    most_equal: int
    most_portions: int

    @property
    def meals(self) -> list[Meal]:
        """Sittings in the order of their first tray."""
        return list(dict.fromkeys([*(trial.meal for trial in self.trays), *(trial.meal for trial in self.strange)]))

    def __add__(self, other: "Trials") -> "Trials":
        """The trials of the same trays against two galleries."""
        return Trials(
            trays=self.trays + other.trays,
            strange=self.strange + other.strange,
            right_likeness_bps=self.right_likeness_bps + other.right_likeness_bps,
            most_equal=max(self.most_equal, other.most_equal),
            most_portions=max(self.most_portions, other.most_portions),
        )

    def without(self, meals: frozenset[Meal]) -> "Trials":
        """The trials of other sittings."""
        return self._only(frozenset(self.meals) - meals)

    def of(self, meals: frozenset[Meal]) -> "Trials":
        """The trials of these sittings."""
        return self._only(meals)

    def _only(self, meals: frozenset[Meal]) -> "Trials":
        return replace(
            self,
            trays=tuple(trial for trial in self.trays if trial.meal in meals),
            strange=tuple(trial for trial in self.strange if trial.meal in meals),
        )


def make_trials(
    seen: Sequence[SeenPhoto],
    dishes: EnrolledDishes,
    limits: AcceptanceLimits,
    *,
    partly_labelled: bool,
) -> Trials:
    """Judge every tray as it is, and with each of its dishes taken off menu and gallery in turn.

    Args:
        dishes: what each tray is compared with, never made from itself.
        limits: those that are kept (detector's score, usual counts of the labels at least).
        partly_labelled: not all food is labelled and boxes follow another convention, so only portions that were found
            are judged, and those by their dish alone; counts say nothing then.
    """
    usual = limits if partly_labelled else _usual_counts(seen, limits)
    # Whatever likeness and lead are, so that only the other doubts are left.
    others = AcceptancePolicy(
        policy_id="",
        limits=replace(
            usual,
            accept_bps=NEVER_BPS,
            known_bps=NEVER_BPS,
            most_equal=MANY if partly_labelled else usual.most_equal,
            most_portions=MANY if partly_labelled else usual.most_portions,
        ),
    )
    trays: list[TrayTrial] = []
    strange: list[StrangeTrial] = []
    right_likeness: list[int] = []
    for one in [_only_found(photo) for photo in seen] if partly_labelled else seen:
        gallery = dishes.gallery(one.photo)
        judged = judge_tray(one, gallery, dishes.menu(one.photo, gallery), others)
        right_likeness += _right_likenesses(judged)
        if judged.all_on_menu and judged.truth:
            trays.append(_tray_trial(judged))
        for dish_id in sorted(set(judged.truth)):
            strange += _strange_trials(judged, gallery, dish_id, others)
    return Trials(
        trays=tuple(trays),
        strange=tuple(strange),
        right_likeness_bps=tuple(right_likeness),
        most_equal=usual.most_equal,
        most_portions=usual.most_portions,
    )


def _only_found(photo: SeenPhoto) -> SeenPhoto:
    """Leave nothing but labelled portions that were found, and their labels."""
    counted = [index for index, portion in enumerate(photo.portions) if portion.detector_bps >= COUNTED_FROM_BPS]
    boxes = [portion.box for portion in photo.labelled]
    pairs = pair_boxes(boxes, [photo.portions[index].box for index in counted])
    places, found = list(pairs), [counted[number] for number in pairs.values()]
    return replace(
        photo,
        labelled=tuple(photo.labelled[place] for place in places),
        label_embeddings=photo.label_embeddings[places],
        portions=tuple(photo.portions[index] for index in found),
        embeddings=photo.embeddings[found],
    )


def _usual_counts(seen: Sequence[SeenPhoto], limits: AcceptanceLimits) -> AcceptanceLimits:
    counts = [Counter(portion.dish_id for portion in one.labelled) for one in seen]
    return replace(
        limits,
        most_equal=max([limits.most_equal, *(max(count.values(), default=0) for count in counts)]),
        most_portions=max([limits.most_portions, *(count.total() for count in counts)]),
    )


def _tray_trial(tray: JudgedTray) -> TrayTrial:
    named = Counter(first_of(sighting.candidates) for sighting in tray.sightings)
    return TrayTrial(
        meal=tray.seen.photo.meal,
        portions=tuple(_evidence(*portion) for portion in zip(tray.sightings, tray.statuses, strict=True)),
        right=named == Counter(tray.truth),
    )


def _strange_trials(tray: JudgedTray, gallery: Gallery, dish_id: str, policy: AcceptancePolicy) -> list[StrangeTrial]:
    menu = tray.menu - {dish_id}
    sightings = sightings_of(tray.seen.portions, tray.seen.embeddings, gallery.without_dish(dish_id), menu)
    judgements = policy.judge_tray(sightings)
    return [
        StrangeTrial(meal=tray.seen.photo.meal, portion=_evidence(sightings[index], judgements[index].status))
        for place, index in tray.found.items()
        if tray.truth[place] == dish_id
    ]


def _right_likenesses(tray: JudgedTray) -> list[int]:
    return [
        tray.sightings[index].candidates[0].similarity_bps
        for place, index in tray.found.items()
        if first_of(tray.sightings[index].candidates) == tray.truth[place]
    ]


def _evidence(sighting: DishSighting, status: ItemStatus) -> Evidence:
    return Evidence(
        likeness_bps=_alone(100).certainty_bps(sighting),
        lead_bps=_alone(0).certainty_bps(sighting),
        doubtful=status is not ItemStatus.ACCEPTED,
    )


@lru_cache
def _alone(likeness_pct: int) -> AcceptancePolicy:
    """The policy's own arithmetic with all the weight on one side."""
    return AcceptancePolicy(
        policy_id="",
        limits=AcceptanceLimits(
            likeness_pct=likeness_pct, accept_bps=1, known_bps=0, detector_bps=0, most_equal=1, most_portions=1
        ),
    )
