import pytest

from engine.domain.reading import Box, Candidate, DishSighting
from recognition.training.synthetic.measure_fixtures import certainty_bps, overlap, pair


def sighting(left: int, top: int, right: int, bottom: int, *scores: int) -> DishSighting:
    return DishSighting(
        box=Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom),
        detector_bps=9000,
        candidates=tuple(Candidate(dish_id=f"dish-{n}", similarity_bps=score) for n, score in enumerate(scores)),
    )


def test_overlap_is_the_shared_area_over_the_joint_area() -> None:
    box = Box(left_px=0, top_px=0, right_px=10, bottom_px=10)
    assert overlap(box, [0, 0, 10, 10]) == 1.0
    assert overlap(box, [5, 0, 15, 10]) == pytest.approx(50 / 150)
    assert overlap(box, [10, 0, 20, 10]) == 0.0


def test_each_sighting_finds_one_portion_and_the_rest_is_spare() -> None:
    near, far = sighting(0, 0, 10, 10, 7000), sighting(50, 50, 60, 60, 7000)
    dishes: list[dict[str, object]] = [
        {"dish": "a", "box": [0, 0, 10, 12]},
        {"dish": "b", "box": [1, 1, 11, 11], "off_menu": True},
    ]
    matches, spare = pair("x.jpg", dishes, [near, far])
    assert [(match.dish_id, match.sighting) for match in matches] == [("a", near), ("b", None)]
    assert matches[1].off_menu
    assert spare == [far]


def test_certainty_rewards_likeness_and_distance_to_the_second_best() -> None:
    assert certainty_bps(sighting(0, 0, 1, 1, 7000, 3000)) == 11000
    assert certainty_bps(sighting(0, 0, 1, 1, 7000)) == 14000
