"""Decide what becomes of a portion that a person named: is it matched with from now on, or does somebody look first?

Rule: staff's word is enough, and so is a second diner's on another tray, if both portions are alike. Neither is where
the portion looks like another enrolled dish by `contradiction_bps` more than like the one that was named: then a
manager has to confirm it. A diner, who gains by naming the cheaper dish, may not contradict the gallery at all.
"""

from dataclasses import dataclass

from engine.domain.gallery import AdoptionGround


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about one named portion, in basis points of likeness.

    `own_bps` is the likeness to the dish that was named, `rival_bps` to the most alike other dish; `agreement_bps` is
    the best likeness to a portion of another tray that was given the same name and waits, None if none does.
    """

    by_staff: bool
    own_bps: int
    rival_bps: int
    agreement_bps: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningPolicy:
    """Parameters of one version.

    >>> policy = LearningPolicy(policy_id="example", contradiction_bps=1000, alike_bps=5000)
    >>> def seen(by_staff, own, rival, agreement=None):
    ...     return Evidence(by_staff=by_staff, own_bps=own, rival_bps=rival, agreement_bps=agreement)
    >>> policy.ground(seen(True, 5000, 6000)).value, policy.ground(seen(True, 4000, 6000))
    ('staff', None)
    >>> policy.ground(seen(False, 6000, 5000)), policy.ground(seen(False, 6000, 5000, 5500)).value
    (None, 'agreement')
    """

    policy_id: str
    contradiction_bps: int
    alike_bps: int

    def needs_manager(self, evidence: Evidence) -> bool:
        """Tell whether the portion contradicts the gallery so much that only a manager's word counts."""
        allowed_bps = self.contradiction_bps if evidence.by_staff else 0
        return evidence.rival_bps - evidence.own_bps > allowed_bps

    def ground(self, evidence: Evidence) -> AdoptionGround | None:
        """Return why the portion may be matched with at once, or None if it has to wait."""
        if self.needs_manager(evidence):
            return None
        if evidence.by_staff:
            return AdoptionGround.STAFF
        if evidence.agreement_bps is not None and evidence.agreement_bps >= self.alike_bps:
            return AdoptionGround.AGREEMENT
        return None


LEARNING: LearningPolicy = LearningPolicy(policy_id="learning-1000-5000", contradiction_bps=1000, alike_bps=5000)
