"""How surely the dishes of a gallery are told apart, estimated from the photographs that they were enrolled with.

Each photograph plays the portion on a tray once: it is matched with its own dish, of which it is left out, and with a
rival. How often the own dish wins by how much says how surely the two are told apart. A dish with one photograph has
nothing left to be matched with; then the likeness that photographs of one dish usually have in this gallery is taken
for its own. Photographs of one enrolment are more alike than trays are, so a win counts as certain only if it is wide.

Source: decision R11 of the README.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recognition.gallery import Exemplar, Gallery, likeness_to

MARGIN_SPREAD: Final = 0.12
"""Standard deviation of how much the lead of a dish on a tray differs from its lead on enrolled photographs."""
USUAL_LIKENESS: Final = 0.72
"""Likeness of a photograph to the others of its dish where no dish of the gallery has two."""


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
    portions = {dish_id: _portions(of) for dish_id, of in by_dish.items()}
    own = _own_likenesses(by_dish, portions)
    # Of a pair, at least one dish was asked for.
    asked = by_dish.keys() if dish_ids is None else by_dish.keys() & set(dish_ids)
    rivals = {dish_id: gallery.likenesses(of, None if dish_id in asked else asked) for dish_id, of in portions.items()}
    pairs = [
        _compare(one, other, own, rivals, {each for each in (one, other) if len(by_dish[each]) < 2})
        for one, other in combinations(sorted(by_dish), 2)
        if one in asked or other in asked
    ]
    return sorted(pairs, key=lambda pair: (pair.told_apart_bps, pair.dish_id, pair.other_dish_id))


def _portions(exemplars: Sequence[Exemplar]) -> NDArray[np.float32]:
    """Return what a tray would show of each exemplar: the vector of its whole portion, at length 1."""
    vectors = np.stack([exemplar.vectors[0] for exemplar in exemplars])
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _own_likenesses(
    by_dish: dict[str, list[Exemplar]], portions: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Return for each photograph its likeness to the other photographs of its dish."""
    left_out = {
        dish_id: np.concatenate(
            [likeness_to(of[:n] + of[n + 1 :], portions[dish_id][n : n + 1]) for n in range(len(of))]
        )
        for dish_id, of in by_dish.items()
        if len(of) > 1
    }
    usual = float(np.median(np.concatenate(list(left_out.values())))) if left_out else USUAL_LIKENESS
    return {dish_id: left_out.get(dish_id, np.full(len(of), usual, np.float32)) for dish_id, of in by_dish.items()}


def _compare(
    one: str,
    other: str,
    own: dict[str, NDArray[np.float32]],
    rivals: dict[str, dict[str, NDArray[np.float32]]],
    single: Collection[str],
) -> LookAlikes:
    leads = {one: own[one] - rivals[one][other], other: own[other] - rivals[other][one]}
    surety = {dish_id: sum(_surely_ahead(float(lead)) for lead in of) / len(of) for dish_id, of in leads.items()}
    return LookAlikes(
        dish_id=one,
        other_dish_id=other,
        told_apart_bps=round(sum(surety.values()) / len(surety) * 10_000),
        trials=sum(len(of) for of in leads.values()),
        won=sum(int((of > 0).sum()) for of in leads.values()),
        weaker_dish_id=min(surety, key=lambda dish_id: (surety[dish_id], len(leads[dish_id]), dish_id)),
        estimated=bool(single),
    )


def _surely_ahead(lead: float) -> float:
    """Return the probability that a dish which leads by so much on a photograph also leads on a tray."""
    return 0.5 * (1 + math.erf(lead / (MARGIN_SPREAD * math.sqrt(2))))
