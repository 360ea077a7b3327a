"""Decide for each portion of a reading whether it may be billed without a person looking.

Rule: the certainty of a portion is a weighted sum of its likeness to the best dish and of its lead over the nearest
rival, which is the second dish of the menu or the most alike dish that the canteen knows but does not sell now. A
portion is *accepted* when its certainty reaches `accept_bps`, the detector is sure of it, and the tray gives no cause
for doubt; *unknown* when nothing on the menu is alike enough; *uncertain* otherwise, with ranked look-alikes to choose
from. One portion that is not accepted holds the bill. Every doubt has a reason that a screen can tell:

| doubt | cause |
|---|---|
| `not_alike` | likeness is under `known_bps`, or too low even if there were no rival |
| `look_alike` | alike enough, but so is a rival |
| `faint` | the detector's score is under `detector_bps` |
| `may_be_one` | two sightings of one dish nearly touch |
| `unusual_count` | more portions of one dish, or in all, than are usual on a tray |

Nearly touching means nearer than a quarter of the shortest side of both boxes. It may be one portion seen twice (a
napkin or chopsticks across it), which would charge it twice; the rims of two wells or bowls keep two real portions
further apart.

Source: the measured trade-off between silent error and hand-off in recognition/calibration/README.md.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from engine.domain.acceptance import AcceptanceLimits
from engine.domain.bill import Doubt, ItemStatus
from engine.domain.reading import Box, DishSighting

BILLED_CONFIDENCE_BPS = 9_000
WHOLE_BPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What may be done with one portion, and why it is left to a person if it is."""

    status: ItemStatus
    doubt: Doubt = Doubt.NONE


_ACCEPTED = Judgement(status=ItemStatus.ACCEPTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicy:
    """The rule with its limits under an id that is stored with every scan.

    >>> from engine.domain.reading import Box, Candidate, DishSighting
    >>> box = Box(left_px=0, top_px=0, right_px=9, bottom_px=9)
    >>> def seen(detector, *similarities):
    ...     ranked = tuple(Candidate(dish_id=str(i), similarity_bps=s) for i, s in enumerate(similarities))
    ...     return DishSighting(box=box, detector_bps=detector, candidates=ranked)
    >>> limits = AcceptanceLimits(
    ...     likeness_pct=60, accept_bps=4500, known_bps=3500, detector_bps=4000, most_equal=2, most_portions=8
    ... )
    >>> policy = AcceptancePolicy(policy_id="example", limits=limits)
    >>> policy.certainty_bps(seen(9000, 6000, 3000))  # .6 x 6,000 + .4 x (6,000 - 3,000)
    4800
    >>> [policy.judge(seen(9000, *s)).doubt.value for s in ((6000, 3000), (6000, 5500), (4000, 500), (2000,))]
    ['', 'look_alike', 'not_alike', 'not_alike']
    """

    policy_id: str
    limits: AcceptanceLimits

    def certainty_bps(self, sighting: DishSighting) -> int:
        """Return likeness and lead as one number, -10,000 to 10,000; a portion without candidates has 0."""
        if not sighting.candidates:
            return 0
        best = sighting.candidates[0].similarity_bps
        rivals = [candidate.similarity_bps for candidate in sighting.candidates[1:2]]
        lead = best - max(0, sighting.off_menu_bps, *rivals)
        return (self.limits.likeness_pct * best + (100 - self.limits.likeness_pct) * lead) // 100

    def confidence_bps(self, sighting: DishSighting) -> int:
        """Return how certain a portion is for people to read, 0 to 10,000; from 9,000 on it may be billed.

        That means the same with every model and at every canteen, which certainty itself does not.
        """
        certainty, accept = max(0, self.certainty_bps(sighting)), self.limits.accept_bps
        if certainty < accept:
            return BILLED_CONFIDENCE_BPS * certainty // accept
        beyond = (WHOLE_BPS - BILLED_CONFIDENCE_BPS) * (certainty - accept) // max(1, WHOLE_BPS - accept)
        return min(WHOLE_BPS, BILLED_CONFIDENCE_BPS + beyond)

    def judge(self, sighting: DishSighting) -> Judgement:
        """Return what may be done with one portion, whatever else stands on the tray."""
        limits = self.limits
        if not sighting.candidates or sighting.candidates[0].similarity_bps < limits.known_bps:
            return Judgement(status=ItemStatus.UNKNOWN, doubt=Doubt.NOT_ALIKE)
        if sighting.detector_bps < limits.detector_bps:
            return Judgement(status=ItemStatus.UNCERTAIN, doubt=Doubt.FAINT)
        if self.certainty_bps(sighting) >= limits.accept_bps:
            return _ACCEPTED
        rivalled = sighting.candidates[0].similarity_bps >= limits.accept_bps
        return Judgement(status=ItemStatus.UNCERTAIN, doubt=Doubt.LOOK_ALIKE if rivalled else Doubt.NOT_ALIKE)

    def judge_tray(self, sightings: Sequence[DishSighting]) -> tuple[Judgement, ...]:
        """Return what may be done with each portion of a tray."""
        doubts = _doubled(sightings) | self._unusual(sightings)
        return tuple(
            Judgement(status=ItemStatus.UNCERTAIN, doubt=doubts[index])
            if index in doubts and alone.status is ItemStatus.ACCEPTED
            else alone
            for index, alone in enumerate(map(self.judge, sightings))
        )

    def _unusual(self, sightings: Sequence[DishSighting]) -> dict[int, Doubt]:
        """More portions than usual: of one dish those of it are doubtful, in all every one."""
        firsts = [sighting.candidates[0].dish_id if sighting.candidates else "" for sighting in sightings]
        counts = Counter(firsts)
        return {
            index: Doubt.UNUSUAL_COUNT
            for index, dish_id in enumerate(firsts)
            if len(sightings) > self.limits.most_portions or (dish_id and counts[dish_id] > self.limits.most_equal)
        }


def _doubled(sightings: Sequence[DishSighting]) -> dict[int, Doubt]:
    return {
        index: Doubt.MAY_BE_ONE
        for first, second in combinations(range(len(sightings)), 2)
        if _same_dish(sightings[first], sightings[second]) and _may_be_one(sightings[first].box, sightings[second].box)
        for index in (first, second)
    }


def _same_dish(one: DishSighting, other: DishSighting) -> bool:
    return bool(one.candidates and other.candidates) and one.candidates[0].dish_id == other.candidates[0].dish_id


def _may_be_one(one: Box, other: Box) -> bool:
    gap_px = max(
        max(one.left_px, other.left_px) - min(one.right_px, other.right_px),
        max(one.top_px, other.top_px) - min(one.bottom_px, other.bottom_px),
    )
    shortest_px = min(
        one.right_px - one.left_px,
        one.bottom_px - one.top_px,
        other.right_px - other.left_px,
        other.bottom_px - other.top_px,
    )
    return 4 * gap_px < shortest_px


def policy_for_all(limits: AcceptanceLimits) -> AcceptancePolicy:
    """Return the policy of canteens that have none of their own; its id tells all its limits.

    >>> policy_for_all(
    ...     AcceptanceLimits(
    ...         likeness_pct=60, accept_bps=4500, known_bps=3500, detector_bps=4000, most_equal=2, most_portions=8
    ...     )
    ... ).policy_id
    'default-60-4500-3500-4000-2-8'
    """
    numbers = (
        limits.likeness_pct,
        limits.accept_bps,
        limits.known_bps,
        limits.detector_bps,
        limits.most_equal,
        limits.most_portions,
    )
    return AcceptancePolicy(policy_id="-".join(["default", *map(str, numbers)]), limits=limits)
