import pytest

from engine.domain.reading import Box, Candidate, DishSighting
from recognition.training.synthetic.measure_fixtures import outcome, overlap, pair


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


def test_a_tray_is_right_only_if_every_portion_is_billed_under_its_name() -> None:
    sure, unsure = sighting(0, 0, 90, 90, 9000, 1000), sighting(200, 0, 290, 90, 5000, 4500)
    one: list[dict[str, object]] = [{"dish": "dish-0"}]
    assert outcome(one, (sure,), 6000) == "right"
    assert outcome([{"dish": "dish-1"}], (sure,), 6000) == "WRONG"
    assert outcome([*one, *one], (sure,), 6000) == "WRONG"
    assert outcome([*one, *one], (sure, unsure), 6000) == "handed over"
    assert outcome(one, (), 6000) == "nothing seen"
