"""How surely the dishes of a gallery are told apart, estimated from the photographs that they were enrolled with.

Each photograph plays the portion on a tray once: it is left out of its own dish and matched with what is left of it and
with a rival. To be fair the rival lacks a photograph too, each of them in turn. How far the own dish leads says how
surely the two are told apart. A dish with one photograph has nothing left to be matched with: then the likeness between
two photographs of one dish that is usual in this gallery is assumed.

Source: decision R11 of the README.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recognition.gallery import Exemplar, Gallery, likeness_to

LEAD_SPREAD: Final = 0.08
"""Standard deviation of the difference between a dish's lead on a tray and on a photograph that was left out."""
USUAL_LIKENESS: Final = 0.42
USUAL_SPREAD: Final = 0.18
"""Likeness of two photographs of one dish, and its standard deviation, where no dish of the gallery has two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlikes:
    """Two dishes and how surely they are told apart.

    `told_apart_bps` is the estimated share of portions of either that are not taken for the other. `trials` is the
    number of photographs that it rests on, of which `won` were nearer to their own dish. `weaker_dish_id` is the one
    whose portions are mistaken more easily: it gains most by another photograph. `estimated` is true if a dish has a
    single photograph, so that its own likeness had to be assumed.
    """

    dish_id: str
    other_dish_id: str
    told_apart_bps: int
    trials: int
    won: int
    weaker_dish_id: str
    estimated: bool


def find_look_alikes(gallery: Gallery, dish_ids: Collection[str] | None = None) -> list[LookAlikes]:
    """Return every pair of dishes with how surely it is told apart, the least sure first.

    Args:
        dish_ids: only pairs with one of these dishes; all pairs if None.
    """
    by_dish: dict[str, list[Exemplar]] = {}
    for exemplar in gallery.exemplars:
        by_dish.setdefault(exemplar.dish_id, []).append(exemplar)
    # Of a pair, at least one dish was asked for.
    asked = by_dish.keys() if dish_ids is None else by_dish.keys() & set(dish_ids)
    usual = _usual_likeness(by_dish)
    dishes = {dish_id: _Dish.of(exemplars, usual) for dish_id, exemplars in by_dish.items()}
    pairs = [
        _compare((one, dishes[one]), (other, dishes[other]))
        for one, other in combinations(sorted(dishes), 2)
        if one in asked or other in asked
    ]
    return sorted(pairs, key=lambda pair: (pair.told_apart_bps, pair.dish_id, pair.other_dish_id))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Dish:
    """A dish with n photographs: as portions (n, 1280), and likeness (n,) of each to the others with its spread."""

    exemplars: tuple[Exemplar, ...]
    portions: NDArray[np.float32]
    own: NDArray[np.float32]
    own_spread: float

    @classmethod
    def of(cls, exemplars: Sequence[Exemplar], usual: tuple[float, float]) -> Self:
        portions = _portions(exemplars)
        if len(exemplars) == 1:
            mean, spread = usual
            return cls(
                exemplars=tuple(exemplars), portions=portions, own=np.full(1, mean, np.float32), own_spread=spread
            )
        own = [likeness_to(rest, portions[n : n + 1]) for n, rest in enumerate(_short_of_one(exemplars))]
        return cls(exemplars=tuple(exemplars), portions=portions, own=np.concatenate(own), own_spread=0.0)

    def leads_over(self, rival: "_Dish") -> NDArray[np.float32]:
        """Return by how much each photograph is nearer to its own dish: (n, ways in which the rival lacks one)."""
        theirs = [likeness_to(rest, self.portions) for rest in _short_of_one(rival.exemplars)]
        return self.own[:, None] - np.stack(theirs, axis=1)

    def surely_ahead(self, lead: float) -> float:
        """Return the probability that a dish which leads by so much on a photograph also leads on a tray."""
        return 0.5 * (1 + math.erf(lead / (math.hypot(LEAD_SPREAD, self.own_spread) * math.sqrt(2))))


def _short_of_one(exemplars: Sequence[Exemplar]) -> list[list[Exemplar]]:
    """Return the exemplars without each of them in turn; a single one cannot be spared."""
    if len(exemplars) == 1:
        return [list(exemplars)]
    return [[*exemplars[:n], *exemplars[n + 1 :]] for n in range(len(exemplars))]


def _portions(exemplars: Sequence[Exemplar]) -> NDArray[np.float32]:
    """Return what a tray would show of each exemplar: the vector of its whole portion, at length 1."""
    vectors = np.stack([exemplar.vectors[0] for exemplar in exemplars])
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _usual_likeness(by_dish: dict[str, list[Exemplar]]) -> tuple[float, float]:
    """Return mean and standard deviation of the likeness of a photograph to the next one of its dish."""
    likenesses = [
        float(likeness_to([other], _portions([one]))[0])
        for exemplars in by_dish.values()
        for one, other in pairwise(exemplars)
    ]
    if not likenesses:
        return USUAL_LIKENESS, USUAL_SPREAD
    return float(np.mean(likenesses)), float(np.std(likenesses))


def _compare(one: tuple[str, _Dish], other: tuple[str, _Dish]) -> LookAlikes:
    surety: dict[str, float] = {}
    won = trials = 0
    for (dish_id, dish), (_, rival) in ((one, other), (other, one)):
        leads = dish.leads_over(rival)
        surety[dish_id] = float(np.mean([dish.surely_ahead(lead) for lead in leads.ravel().tolist()]))
        trials += len(leads)
        won += int((leads.mean(axis=1) > 0).sum())
    return LookAlikes(
        dish_id=one[0],
        other_dish_id=other[0],
        told_apart_bps=round(sum(surety.values()) / len(surety) * 10_000),
        trials=trials,
        won=won,
        weaker_dish_id=min(surety, key=lambda dish_id: (surety[dish_id], dish_id)),
        estimated=any(len(dish.exemplars) == 1 for _, dish in (one, other)),
    )
