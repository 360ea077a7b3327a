import pytest

from engine.domain.bill import ItemStatus
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
