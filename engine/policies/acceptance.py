"""Decide for each portion of a reading whether it may be billed without a person looking.

Rule: a portion is *accepted* when its best candidate is both alike and clearly ahead (2 x best - second, in basis
points, reaches `accept_bps`) and the detector is sure of it; *unknown* when nothing on the menu is alike enough;
*uncertain* otherwise, with ranked look-alikes to choose from. One portion that is not accepted holds the bill.
Two portions of the same dish that lie nearer to each other than a quarter of the shortest side of their boxes may be
one portion seen twice (a napkin or chopsticks across it), which would charge it twice: both are uncertain. The rims of
two wells or bowls keep two real portions further apart.

Source: the measured trade-off between silent error and hand-off in recognition/README.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from engine.domain.bill import ItemStatus
from engine.domain.reading import Box, DishSighting


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicy:
    """Parameters of one version, in basis points of cosine similarity and detector score.

    >>> from engine.domain.reading import Box, Candidate, DishSighting
    >>> box = Box(left_px=0, top_px=0, right_px=9, bottom_px=9)
    >>> def seen(detector, *similarities):
    ...     ranked = tuple(Candidate(dish_id=str(i), similarity_bps=s) for i, s in enumerate(similarities))
    ...     return DishSighting(box=box, detector_bps=detector, candidates=ranked)
    >>> policy = AcceptancePolicy(policy_id="example", accept_bps=7000, known_bps=3500, detector_bps=4000)
    >>> policy.judge(seen(9000, 6000, 3000)).value, policy.judge(seen(9000, 6000, 5500)).value
    ('accepted', 'uncertain')
    >>> policy.judge(seen(9000, 2000)).value, policy.judge(seen(3500, 9000)).value
    ('unknown', 'uncertain')
    """

    policy_id: str
    accept_bps: int
    known_bps: int
    detector_bps: int

    def judge(self, sighting: DishSighting) -> ItemStatus:
        """Return what may be done with one portion."""
        if not sighting.candidates or sighting.candidates[0].similarity_bps < self.known_bps:
            return ItemStatus.UNKNOWN
        if sighting.detector_bps < self.detector_bps or self.confidence_bps(sighting) < self.accept_bps:
            return ItemStatus.UNCERTAIN
        return ItemStatus.ACCEPTED

    def judge_tray(self, sightings: Sequence[DishSighting]) -> tuple[ItemStatus, ...]:
        """Return what may be done with each portion of a tray."""
        statuses = [self.judge(sighting) for sighting in sightings]
        doubled = {
            index
            for first, second in combinations(range(len(sightings)), 2)
            if _same_dish(sightings[first], sightings[second])
            and _may_be_one(sightings[first].box, sightings[second].box)
            for index in (first, second)
        }
        return tuple(
            ItemStatus.UNCERTAIN if index in doubled and status is ItemStatus.ACCEPTED else status
            for index, status in enumerate(statuses)
        )

    def confidence_bps(self, sighting: DishSighting) -> int:
        """Return 2 x best - second in basis points, 0 to 10,000; a lone candidate competes with similarity 0."""
        best = sighting.candidates[0].similarity_bps if sighting.candidates else 0
        second = sighting.candidates[1].similarity_bps if len(sighting.candidates) > 1 else 0
        return max(0, min(10_000, 2 * best - max(0, second)))


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


def margin_policy(accept_bps: int) -> AcceptancePolicy:
    """Return the policy with this limit of acceptance, in basis points; its id tells all its parameters.

    >>> margin_policy(8000).policy_id
    'margin-8000-3500-4000'
    """
    known_bps, detector_bps = 3500, 4000
    return AcceptancePolicy(
        policy_id=f"margin-{accept_bps}-{known_bps}-{detector_bps}",
        accept_bps=accept_bps,
        known_bps=known_bps,
        detector_bps=detector_bps,
    )
