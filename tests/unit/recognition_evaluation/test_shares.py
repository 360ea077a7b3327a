import pytest

from recognition.evaluation.shares import Share, auroc


def test_a_share_knows_its_sample_size_and_a_share_of_nothing_has_no_value() -> None:
    assert Share.counted([True, False, True]) == Share(2, 3)
    assert Share(2, 3).value == pytest.approx(2 / 3)
    assert Share(0, 0).value is None


def test_auroc_counts_pairs_in_the_right_order_and_ties_half() -> None:
    assert auroc([3, 4], [1, 2]) == 1.0
    assert auroc([1, 2], [3, 4]) == 0.0
    assert auroc([1, 3], [2]) == 0.5
    assert auroc([5], [5]) == 0.5
    assert auroc([4, 2], [3, 2, 1]) == pytest.approx((3 + 1.5) / 6)


def test_auroc_of_an_empty_group_has_no_value() -> None:
    assert auroc([], [1]) is None
    assert auroc([1], []) is None
