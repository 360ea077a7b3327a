from dataclasses import replace

import pytest

from engine.domain.bill import ItemStatus
from engine.domain.reading import Box, DishSighting
from tests.unit.engine.examples import POLICY, sighting


@pytest.mark.parametrize(
    ("best_bps", "second_bps", "detector_bps", "expected"),
    [
        (6000, 5000, 9000, ItemStatus.ACCEPTED),
        (6000, 5001, 9000, ItemStatus.UNCERTAIN),
        (3500, 0, 9000, ItemStatus.ACCEPTED),
        (3499, 0, 9000, ItemStatus.UNKNOWN),
        (9000, 2000, 4000, ItemStatus.ACCEPTED),
        (9000, 2000, 3999, ItemStatus.UNCERTAIN),
        (1000, 900, 100, ItemStatus.UNKNOWN),
    ],
)
def test_a_portion_is_accepted_uncertain_or_unknown_exactly_at_the_stored_limits(
    best_bps: int, second_bps: int, detector_bps: int, expected: ItemStatus
) -> None:
    seen = sighting("mifan", "doufu", best_bps=best_bps, second_bps=second_bps, detector_bps=detector_bps)

    assert POLICY.judge(seen) is expected


def test_a_portion_without_any_candidate_is_unknown() -> None:
    assert POLICY.judge(sighting()) is ItemStatus.UNKNOWN
    assert POLICY.confidence_bps(sighting()) == 0


@pytest.mark.parametrize(
    ("best_bps", "second_bps", "expected_bps"),
    [(9000, 8000, 10_000), (6000, 5000, 7000), (3000, 8000, 0), (4000, -2000, 8000), (-500, -600, 0)],
)
def test_confidence_is_twice_the_best_less_the_second_and_stays_between_0_and_10000(
    best_bps: int, second_bps: int, expected_bps: int
) -> None:
    seen = sighting("mifan", "doufu", best_bps=best_bps, second_bps=second_bps)

    assert POLICY.confidence_bps(seen) == expected_bps


def test_a_lone_candidate_competes_with_nothing() -> None:
    assert POLICY.confidence_bps(sighting("mifan", best_bps=4000)) == 8000


def at(left_px: int, dish_id: str = "mifan", *, best_bps: int = 9000) -> DishSighting:
    seen = sighting(dish_id, best_bps=best_bps)
    return replace(seen, box=Box(left_px=left_px, top_px=0, right_px=left_px + 100, bottom_px=100))


@pytest.mark.parametrize("left_px", [99, 100, 124])
def test_one_dish_seen_twice_at_nearly_one_place_is_left_to_a_person(left_px: int) -> None:
    assert POLICY.judge_tray((at(0), at(left_px), at(300))) == (
        ItemStatus.UNCERTAIN,
        ItemStatus.UNCERTAIN,
        ItemStatus.ACCEPTED,
    )


def test_two_portions_of_a_dish_with_a_rim_between_them_are_two() -> None:
    assert POLICY.judge_tray((at(0), at(125))) == (ItemStatus.ACCEPTED, ItemStatus.ACCEPTED)


def test_different_dishes_may_overlap() -> None:
    assert POLICY.judge_tray((at(0, "mifan"), at(50, "doufu"))) == (ItemStatus.ACCEPTED, ItemStatus.ACCEPTED)


def test_nearness_never_makes_an_unknown_portion_better_known() -> None:
    assert POLICY.judge_tray((at(0), at(50, best_bps=1000))) == (ItemStatus.UNCERTAIN, ItemStatus.UNKNOWN)
