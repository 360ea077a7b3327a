from dataclasses import replace

import pytest

from engine.domain.bill import Doubt, ItemStatus
from engine.domain.reading import Box, DishSighting
from engine.policies.acceptance import AcceptancePolicy, Judgement
from tests.unit.engine.examples import POLICY, sighting

ACCEPTED = Judgement(status=ItemStatus.ACCEPTED)
FAINT = Judgement(status=ItemStatus.UNCERTAIN, doubt=Doubt.FAINT)
LOOK_ALIKE = Judgement(status=ItemStatus.UNCERTAIN, doubt=Doubt.LOOK_ALIKE)
MAY_BE_ONE = Judgement(status=ItemStatus.UNCERTAIN, doubt=Doubt.MAY_BE_ONE)
UNUSUAL_COUNT = Judgement(status=ItemStatus.UNCERTAIN, doubt=Doubt.UNUSUAL_COUNT)
UNKNOWN = Judgement(status=ItemStatus.UNKNOWN, doubt=Doubt.NOT_ALIKE)


@pytest.mark.parametrize(
    ("best_bps", "second_bps", "detector_bps", "expected"),
    [
        (6000, 5000, 9000, ACCEPTED),
        (6000, 5001, 9000, LOOK_ALIKE),
        (3500, 0, 9000, ACCEPTED),
        (3499, 0, 9000, UNKNOWN),
        (9000, 2000, 4000, ACCEPTED),
        (9000, 2000, 3999, FAINT),
        (1000, 900, 100, UNKNOWN),
    ],
)
def test_a_portion_is_accepted_uncertain_or_unknown_exactly_at_the_limits(
    best_bps: int, second_bps: int, detector_bps: int, expected: Judgement
) -> None:
    seen = sighting("mifan", "doufu", best_bps=best_bps, second_bps=second_bps, detector_bps=detector_bps)

    assert POLICY.judge(seen) == expected


def test_a_dish_that_would_not_be_billed_without_any_rival_is_not_alike_rather_than_a_look_alike() -> None:
    strict = AcceptancePolicy(policy_id="strict", limits=replace(POLICY.limits, accept_bps=5000))

    assert strict.judge(sighting("mifan", "doufu", best_bps=5000, second_bps=100)).doubt is Doubt.LOOK_ALIKE
    assert strict.judge(sighting("mifan", "doufu", best_bps=4999, second_bps=100)) == Judgement(
        status=ItemStatus.UNCERTAIN, doubt=Doubt.NOT_ALIKE
    )


def test_a_dish_that_is_known_but_not_on_the_menu_is_a_rival_like_any_other() -> None:
    alone = sighting("mifan", best_bps=6000)
    rivalled = replace(alone, off_menu_bps=5001)

    assert POLICY.judge(alone) == ACCEPTED
    assert POLICY.judge(rivalled) == LOOK_ALIKE
    assert POLICY.certainty_bps(replace(sighting("a", "b", best_bps=6000, second_bps=5500), off_menu_bps=100)) == 3250


def test_a_portion_without_any_candidate_is_unknown() -> None:
    assert POLICY.judge(sighting()) == UNKNOWN
    assert POLICY.confidence_bps(sighting()) == 0


@pytest.mark.parametrize(
    ("likeness_pct", "best_bps", "second_bps", "expected_bps"),
    [
        (50, 9000, 8000, 5000),
        (100, 9000, 8000, 9000),
        (0, 9000, 8000, 1000),
        (60, 3000, 8000, -200),
        (50, 4000, -9, 4000),
    ],
)
def test_certainty_weighs_likeness_against_the_lead_and_a_rival_below_zero_gives_no_more_lead(
    likeness_pct: int, best_bps: int, second_bps: int, expected_bps: int
) -> None:
    policy = AcceptancePolicy(policy_id="", limits=replace(POLICY.limits, likeness_pct=likeness_pct))

    assert policy.certainty_bps(sighting("mifan", "doufu", best_bps=best_bps, second_bps=second_bps)) == expected_bps


@pytest.mark.parametrize(
    ("best_bps", "expected_bps"), [(-500, 0), (0, 0), (1750, 4500), (3499, 8997), (3500, 9000), (10_000, 10_000)]
)
def test_confidence_is_9000_exactly_where_a_portion_begins_to_be_billed(best_bps: int, expected_bps: int) -> None:
    assert POLICY.confidence_bps(sighting("mifan", best_bps=best_bps)) == expected_bps


def at(left_px: int, dish_id: str = "mifan", *, best_bps: int = 9000) -> DishSighting:
    seen = sighting(dish_id, best_bps=best_bps)
    return replace(seen, box=Box(left_px=left_px, top_px=0, right_px=left_px + 100, bottom_px=100))


@pytest.mark.parametrize("left_px", [99, 100, 124])
def test_one_dish_seen_twice_at_nearly_one_place_is_left_to_a_person(left_px: int) -> None:
    assert POLICY.judge_tray((at(0), at(left_px), at(300))) == (MAY_BE_ONE, MAY_BE_ONE, ACCEPTED)


def test_two_portions_of_a_dish_with_a_rim_between_them_are_two() -> None:
    assert POLICY.judge_tray((at(0), at(125))) == (ACCEPTED, ACCEPTED)


def test_different_dishes_may_overlap() -> None:
    assert POLICY.judge_tray((at(0, "mifan"), at(50, "doufu"))) == (ACCEPTED, ACCEPTED)


def test_nearness_never_makes_an_unknown_portion_better_known() -> None:
    assert POLICY.judge_tray((at(0), at(50, best_bps=1000))) == (MAY_BE_ONE, UNKNOWN)


def test_more_portions_of_one_dish_than_usual_are_doubtful_and_the_other_dishes_are_not() -> None:
    usual = [at(200 * place) for place in range(POLICY.limits.most_equal)]
    other = at(900, "doufu")

    assert set(POLICY.judge_tray((*usual, other))) == {ACCEPTED}
    assert POLICY.judge_tray((*usual, at(1200), other)) == (*[UNUSUAL_COUNT] * (len(usual) + 1), ACCEPTED)


def test_on_a_tray_with_more_portions_than_usual_every_portion_is_doubtful() -> None:
    full = [at(200 * place, f"dish-{place}") for place in range(POLICY.limits.most_portions)]

    assert set(POLICY.judge_tray(full)) == {ACCEPTED}
    assert set(POLICY.judge_tray([*full, at(9000, "one-more")])) == {UNUSUAL_COUNT}
