"""Bins without gaps, their stated resolution, and merging."""

from random import Random

from projections.histogram import LONGEST_MS, bin_of, bounds_of, percentile_ms


def test_bins_follow_each_other_without_gap_or_overlap() -> None:
    expected_lowest = 0
    for number in range(bin_of(LONGEST_MS) + 1):
        lowest, highest = bounds_of(number)
        assert lowest == expected_lowest
        assert bin_of(lowest) == bin_of(highest) == number
        expected_lowest = highest + 1
    assert expected_lowest > LONGEST_MS


def test_a_bin_is_at_most_a_sixteenth_of_its_lower_bound_wide() -> None:
    for number in range(32, bin_of(LONGEST_MS) + 1):
        lowest, highest = bounds_of(number)
        assert (highest - lowest + 1) * 16 <= lowest


def test_percentiles_are_within_3_2_percent_of_the_exact_ones() -> None:
    random = Random(5)
    durations = sorted(int(random.lognormvariate(9, 0.6)) for _ in range(5_000))
    counts: dict[int, int] = {}
    for duration_ms in durations:
        counts[bin_of(duration_ms)] = counts.get(bin_of(duration_ms), 0) + 1
    for percent in (1, 50, 90, 95, 100):
        exact = durations[-(-len(durations) * percent // 100) - 1]
        found = percentile_ms(counts, percent)
        assert found is not None
        assert abs(found - exact) <= 0.032 * exact


def test_out_of_range_durations_go_to_the_outermost_bins() -> None:
    assert bin_of(-5) == 0
    assert bin_of(10 * LONGEST_MS) == bin_of(LONGEST_MS)


def test_no_sessions_have_no_percentile() -> None:
    assert percentile_ms({}, 50) is None
