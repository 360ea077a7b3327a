"""Measuring the embedder: menus of dishes that are told apart perfectly, not at all, and dishes off the menu."""

import numpy as np
import pytest

from recognition.evaluation.shares import auroc
from recognition.training.embedder.measure import EmbeddedCrop, measure


def crops_at(spread: float, dishes: int = 14) -> list[EmbeddedCrop]:
    """Fifteen crops of each dish, scattered about an axis of its own."""
    random = np.random.default_rng(1)
    crops = []
    for dish in range(dishes):
        for _ in range(15):
            vectors = np.eye(1, 1280, dish) + spread * random.normal(size=(3, 1280)) / 1280**0.5
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            crops.append(EmbeddedCrop(dish=f"dish-{dish:02}", source="drawn", vectors=vectors.astype(np.float32)))
    return crops


def test_dishes_on_axes_of_their_own_are_all_told_apart() -> None:
    figures = list(measure([crops_at(0.1)], episodes=3))
    assert [(figure.menu, figure.shots) for figure in figures] == [(12, 1), (12, 3), (12, 5), (12, 10)]
    assert all(figure.right == 1.0 and figure.auroc == 1.0 and figure.kept == 1.0 for figure in figures)
    assert figures[0].lookups == 3 * 12 * 8
    assert figures[0].unknown_lookups == 3 * 2 * 8


def test_directions_without_meaning_are_right_as_often_as_guessing() -> None:
    figure = next(measure([crops_at(1e6)], episodes=10))
    assert figure.right == pytest.approx(1 / 12, abs=0.04)
    assert figure.auroc == pytest.approx(0.5, abs=0.08)


def test_a_menu_of_all_dishes_leaves_none_to_be_unknown() -> None:
    figure = next(measure([crops_at(0.1, dishes=12)], episodes=2))
    assert (figure.auroc, figure.kept, figure.unknown_lookups) == (None, None, 0)


def test_the_area_counts_equal_scores_half() -> None:
    assert auroc([1.0, 0.5], [0.5, 0.0]) == pytest.approx((1 + 0.75) / 2)
