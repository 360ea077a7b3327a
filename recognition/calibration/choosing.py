"""Choose limits on trials, and say honestly what they are worth.

The honest figures come from cross-validation: sittings are dealt into folds, limits are chosen on the other folds, and
each fold is judged by limits that it had no part in choosing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, lgamma, log, log1p
from typing import Final

import numpy as np

from engine.domain.acceptance import AcceptanceLimits
from engine.domain.errors import LabelsInvalidError
from recognition.calibration.trials import Meal, Trials

STEP_BPS: Final = 50
CURVE_STEP_BPS: Final = 250
WHOLE_BPS: Final = 10_000
FOLDS: Final = 5
LIKENESS_SHARES_PCT: Final = (30, 40, 50, 60, 70, 80, 90, 100)
UNNAMED_SHARE: Final = 0.02
"""Of right portions so many are less alike than `known_bps` and therefore shown without a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What becomes of trials under one policy."""

    trays: int
    right: int
    silent_errors: int
    strange_portions: int
    strange_accepted: int

    @property
    def handed_off(self) -> int:
        """Trays that go to a person."""
        return self.trays - self.right - self.silent_errors

    def __add__(self, other: "Outcomes") -> "Outcomes":
        return Outcomes(
            trays=self.trays + other.trays,
            right=self.right + other.right,
            silent_errors=self.silent_errors + other.silent_errors,
            strange_portions=self.strange_portions + other.strange_portions,
            strange_accepted=self.strange_accepted + other.strange_accepted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One limit and what it leads to."""

    accept_bps: int
    outcomes: Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """The most that may go wrong: shares of trays billed wrongly, and of strange portions accepted, in [0, 1]."""

    max_silent: float
    max_strange: float

    def met_by(self, outcomes: Outcomes) -> bool:
        """Whether these outcomes stay within it."""
        return (
            outcomes.silent_errors <= self.max_silent * outcomes.trays
            and outcomes.strange_accepted <= self.max_strange * outcomes.strange_portions
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Chosen limits, the curve they lie on, and what they are worth on trays that did not choose them.

    `unchecked_right` are trays whose first candidates are all right: what would be right if nothing were doubted.
    """

    limits: AcceptanceLimits
    chosen_on: Outcomes
    cross_validated: Outcomes
    curve: tuple[CurvePoint, ...]
    unchecked_right: int
    aim_met: bool


class Tally:
    """Trials under one share of likeness, sorted, so that every limit is counted at once."""

    def __init__(self, trials: Trials, likeness_pct: int) -> None:
        certainties = [(trial.certainty_bps(likeness_pct), trial.right) for trial in trials.trays]
        self._trays = len(certainties)
        self._right = np.sort([certainty for certainty, right in certainties if right])
        self._wrong = np.sort([certainty for certainty, right in certainties if not right])
        self._strange = np.sort([trial.portion.certainty_bps(likeness_pct) for trial in trials.strange])

    def at(self, accept_bps: int) -> Outcomes:
        """Count what becomes of the trials at a limit."""
        right, wrong, strange = (
            len(group) - int(np.searchsorted(group, accept_bps)) for group in (self._right, self._wrong, self._strange)
        )
        return Outcomes(
            trays=self._trays,
            right=right,
            silent_errors=wrong,
            strange_portions=len(self._strange),
            strange_accepted=strange,
        )


def choose_limits(trials: Trials, base: AcceptanceLimits, aim: Aim, *, weigh: bool) -> Choice:
    """Choose the limits that bill most trays rightly within the aim; of equal ones the strictest.

    Args:
        base: limits to start from; the detector's score is kept.
        weigh: choose the share of likeness too, which needs hundreds of trays.
    Raises:
        LabelsInvalidError: fewer than two sittings, or no tray whose dishes are all enrolled.
    """
    if len(trials.meals) < 2 or not trials.trays:
        raise LabelsInvalidError(
            f"{len(trials.trays)} trays of {len(trials.meals)} sittings can be judged. Label at least two sittings "
            "with dishes that are enrolled."
        )
    shares = LIKENESS_SHARES_PCT if weigh else (base.likeness_pct,)
    likeness_pct, accept_bps = _best(trials, shares, aim)
    tally = Tally(trials, likeness_pct)
    chosen_on = tally.at(accept_bps)
    return Choice(
        limits=replace(
            base,
            likeness_pct=likeness_pct,
            accept_bps=accept_bps,
            known_bps=min(_known_bps(trials.right_likeness_bps, base), accept_bps),
            most_equal=trials.most_equal,
            most_portions=trials.most_portions,
        ),
        chosen_on=chosen_on,
        cross_validated=_cross_validated(trials, shares, aim),
        curve=tuple(
            CurvePoint(accept_bps=limit, outcomes=tally.at(limit))
            for limit in range(CURVE_STEP_BPS, WHOLE_BPS, CURVE_STEP_BPS)
        ),
        unchecked_right=sum(trial.right for trial in trials.trays),
        aim_met=aim.met_by(chosen_on) and accept_bps < WHOLE_BPS,
    )


def _best(trials: Trials, shares: Sequence[int], aim: Aim) -> tuple[int, int]:
    """Return share of likeness and limit; at the highest limit nothing is billed and every aim is met."""
    tallies = {likeness_pct: Tally(trials, likeness_pct) for likeness_pct in shares}
    tried = [
        (outcomes.right, accept_bps, likeness_pct)
        for likeness_pct, tally in tallies.items()
        for accept_bps in range(STEP_BPS, WHOLE_BPS + 1, STEP_BPS)
        if aim.met_by(outcomes := tally.at(accept_bps))
    ]
    if not tried:
        return shares[0], WHOLE_BPS
    _, accept_bps, likeness_pct = max(tried)
    return likeness_pct, accept_bps


def _known_bps(right_likeness_bps: Sequence[int], base: AcceptanceLimits) -> int:
    if not right_likeness_bps:
        return base.known_bps
    lowest = sorted(right_likeness_bps)[int(UNNAMED_SHARE * len(right_likeness_bps))]
    return max(0, lowest // STEP_BPS * STEP_BPS)


def _cross_validated(trials: Trials, shares: Sequence[int], aim: Aim) -> Outcomes:
    meals = trials.meals
    folds: list[frozenset[Meal]] = [frozenset(meals[start::FOLDS]) for start in range(min(FOLDS, len(meals)))]
    judged = []
    for fold in folds:
        likeness_pct, accept_bps = _best(trials.without(fold), shares, aim)
        judged.append(Tally(trials.of(fold), likeness_pct).at(accept_bps))
    return sum(judged[1:], start=judged[0])


def upper_bound(hits: int, of: int, confidence: float = 0.95) -> float:
    """Return the share that is not exceeded with this confidence, in [0, 1], after so many hits of so many.

    With no hit it is about three of so many.

    Source: one-sided bound of Clopper and Pearson, Biometrika 26 (1934).
    """
    if hits >= of:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        at_most_hits = sum(exp(_log_ways(of, k) + k * log(middle) + (of - k) * log1p(-middle)) for k in range(hits + 1))
        low, high = (middle, high) if at_most_hits > 1 - confidence else (low, middle)
    return high


def _log_ways(of: int, hits: int) -> float:
    return lgamma(of + 1) - lgamma(hits + 1) - lgamma(of - hits + 1)
