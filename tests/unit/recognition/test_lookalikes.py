from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition.gallery import Exemplar, Gallery
from recognition.lookalikes import find_look_alikes

Axis = Callable[[int], NDArray[np.float32]]


def photos(dish_id: str, *vectors: NDArray[np.float32]) -> list[Exemplar]:
    return [
        Exemplar(dish_id=dish_id, exemplar_id=f"{dish_id} {number}", vectors=vector[None])
        for number, vector in enumerate(vectors)
    ]


def near(centre: NDArray[np.float32], seed: int, share: float = 0.3) -> NDArray[np.float32]:
    """A unit vector whose cosine to a centre is about 1 - share."""
    noise = np.random.default_rng(seed).normal(size=centre.shape)
    noise -= (noise @ centre) * centre
    vector = (1 - share) * centre + np.sqrt(1 - (1 - share) ** 2) * noise / np.linalg.norm(noise)
    return vector.astype(np.float32)


def test_dishes_that_point_elsewhere_are_told_apart_surely(axis: Axis) -> None:
    gallery = Gallery(
        "sha",
        [
            *photos("pork", *(near(axis(0), n) for n in range(3))),
            *photos("rice", *(near(axis(1), 9 + n) for n in range(3))),
        ],
    )
    (pair,) = find_look_alikes(gallery)
    assert pair.told_apart_bps > 9_900
    assert (pair.trials, pair.won, pair.estimated) == (6, 6, False)


def test_one_dish_under_two_names_is_told_apart_half_the_time(axis: Axis) -> None:
    gallery = Gallery(
        "sha",
        [
            *photos("pork", *(near(axis(0), n) for n in range(5))),
            *photos("beef", *(near(axis(0), 9 + n) for n in range(5))),
        ],
    )
    (pair,) = find_look_alikes(gallery)
    assert 3_500 < pair.told_apart_bps < 6_500
    assert pair.trials == 10


def test_the_pair_that_is_mistaken_most_comes_first_and_only_pairs_that_were_asked_for(axis: Axis) -> None:
    dishes = {"beef": near(axis(0), 90, 0.1), "pork": axis(0), "rice": axis(1), "soup": axis(2)}
    gallery = Gallery(
        "sha",
        [
            photo
            for number, (dish_id, centre) in enumerate(dishes.items())
            for photo in photos(dish_id, *(near(centre, 10 * number + n) for n in range(3)))
        ],
    )
    pairs = find_look_alikes(gallery)
    assert len(pairs) == 6
    assert {pairs[0].dish_id, pairs[0].other_dish_id} == {"beef", "pork"}
    assert [pair.told_apart_bps for pair in pairs] == sorted(pair.told_apart_bps for pair in pairs)

    asked = find_look_alikes(gallery, {"rice", "unheard of"})
    assert {frozenset((pair.dish_id, pair.other_dish_id)) for pair in asked} == {
        frozenset((other, "rice")) for other in ("beef", "pork", "soup")
    }
    assert asked == [pair for pair in pairs if "rice" in (pair.dish_id, pair.other_dish_id)]


def test_a_dish_with_one_photograph_is_judged_by_what_is_usual_and_says_so(axis: Axis) -> None:
    rice = photos("rice", *(near(axis(1), n) for n in range(3)))
    alike, other = photos("beef", near(axis(1), 7)), photos("pork", near(axis(0), 8))
    pairs = {pair.dish_id: pair for pair in find_look_alikes(Gallery("sha", [*rice, *alike, *other]), {"rice"})}

    assert pairs["beef"].estimated
    assert pairs["pork"].estimated
    assert pairs["beef"].told_apart_bps < 7_000 < pairs["pork"].told_apart_bps
    assert pairs["beef"].trials == 4


def test_two_dishes_of_one_photograph_each_are_judged_without_any_other(axis: Axis) -> None:
    (same,) = find_look_alikes(Gallery("sha", [*photos("beef", axis(0)), *photos("pork", axis(0))]))
    (apart,) = find_look_alikes(Gallery("sha", [*photos("beef", axis(0)), *photos("pork", axis(1))]))

    assert same.told_apart_bps < 500
    assert same.won == 0
    assert apart.told_apart_bps > 9_500


def test_the_dish_that_is_mistaken_more_easily_is_the_one_to_photograph(axis: Axis) -> None:
    firm = photos("rice", *(near(axis(0), n, 0.05) for n in range(4)))
    loose = photos("soup", near(axis(1), 5, 0.05), near(axis(1), 6, 0.05), near(axis(0), 7, 0.1))
    (pair,) = find_look_alikes(Gallery("sha", [*firm, *loose]))
    assert pair.weaker_dish_id == "soup"


@pytest.mark.parametrize("dish_count", [0, 1])
def test_fewer_than_two_dishes_have_no_look_alikes(axis: Axis, dish_count: int) -> None:
    assert find_look_alikes(Gallery("sha", photos("rice", axis(0))[:dish_count])) == []
