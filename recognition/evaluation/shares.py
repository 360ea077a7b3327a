"""Figures that carry their sample size, and how well one score parts two groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many; a share of nothing has no value."""

    hits: int
    of: int

    @classmethod
    def counted(cls, cases: Iterable[bool]) -> Self:
        """Count how many cases hold."""
        held = list(cases)
        return cls(sum(held), len(held))

    @property
    def value(self) -> float | None:
        """The share in [0, 1]."""
        return self.hits / self.of if self.of else None


def auroc(higher: Sequence[float], lower: Sequence[float]) -> float | None:
    """Return how often a score of the first group exceeds one of the second, in [0, 1]; a tie counts half.

    None if a group is empty.
    """
    if not higher or not lower:
        return None
    below = np.sort(np.asarray(lower, np.float64))
    wins = np.searchsorted(below, higher, side="left") + np.searchsorted(below, higher, side="right")
    return float(wins.sum() / (2 * len(higher) * len(lower)))
