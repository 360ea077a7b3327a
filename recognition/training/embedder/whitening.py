"""Within-class whitening: what differs between portions of one dish is made small, what differs between dishes counts.

Source: the within-class covariance of linear discriminant analysis, shrunk towards a multiple of the identity.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

SHRINKAGE: Final = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whitening:
    """`apply` is (features - mean) @ matrix, brought to length 1; mean is (size,), matrix (size, size)."""

    mean: NDArray[np.float32]
    matrix: NDArray[np.float32]

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, size) features to (n, size) directions."""
        turned = (features - self.mean) @ self.matrix
        directions: NDArray[np.float32] = turned / np.linalg.norm(turned, axis=1, keepdims=True).clip(1e-12)
        return directions


def fit_whitening(features: NDArray[np.float32], dishes: ArrayLike, shrinkage: float = SHRINKAGE) -> Whitening:
    """Learn the whitening from features of dishes; each dish counts the same.

    Args:
        features: (n, size).
        dishes: (n,) indices; at least one dish has two rows.
        shrinkage: in (0, 1]; 1 leaves only the centring.
    """
    values, dishes = features.astype(np.float64), np.asarray(dishes)
    means = []
    scatter = np.zeros((values.shape[1], values.shape[1]))
    for dish in np.unique(dishes):
        own = values[dishes == dish]
        means.append(own.mean(axis=0))
        apart = own - means[-1]
        scatter += apart.T @ apart / max(len(own) - 1, 1)
    scatter /= len(means)
    level = np.trace(scatter) / len(scatter)
    strengths, axes = np.linalg.eigh((1 - shrinkage) * scatter + shrinkage * level * np.eye(len(scatter)))
    matrix = (axes / np.sqrt(strengths)) @ axes.T * np.sqrt(level)
    return Whitening(mean=np.mean(means, axis=0).astype(np.float32), matrix=matrix.astype(np.float32))
