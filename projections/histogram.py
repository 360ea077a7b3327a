"""Histograms of durations that can be added up: integer counts in bins whose bounds never change.

Up to 31 ms each millisecond is a bin; above, every doubling is cut into 16 bins of equal width. A bin is at most 6.25 %
of its lower bound wide, so a percentile (the middle of its bin) is off by 3.2 % at most. Adding the counts of two
histograms gives exactly the histogram of all their durations, in any order.
"""

from collections.abc import Mapping

_BITS = 4
_PER_DOUBLING = 1 << _BITS
LONGEST_MS = 86_400_000
"""Longer durations count as this one (a day): no service takes longer, a wrong clock may say so."""


def bin_of(duration_ms: int) -> int:
    """Return the bin of a duration; negative durations count as 0.

    >>> [bin_of(ms) for ms in (0, 31, 32, 33, 34, 8_900)]
    [0, 31, 32, 32, 33, 161]
    """
    if duration_ms < 0:
        return 0
    duration_ms = min(duration_ms, LONGEST_MS)
    shift = max(0, duration_ms.bit_length() - _BITS - 1)
    return (shift << _BITS) + (duration_ms >> shift)


def bounds_of(bin_number: int) -> tuple[int, int]:
    """Return the shortest and the longest duration of a bin, in milliseconds.

    >>> bounds_of(31), bounds_of(32), bounds_of(161)
    ((31, 31), (32, 33), (8704, 9215))
    """
    shift = max(0, (bin_number >> _BITS) - 1)
    lowest = (bin_number - (shift << _BITS)) << shift
    return lowest, lowest + (1 << shift) - 1


def percentile_ms(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the duration that `percent` of all durations do not exceed, or None if there are none.

    >>> percentile_ms({10: 1, 20: 8, 161: 1}, 50), percentile_ms({10: 1, 20: 8, 161: 1}, 95)
    (20, 8959)
    """
    total = sum(counts.values())
    if total == 0:
        return None
    rank = -(-total * percent // 100)
    passed = 0
    for bin_number in sorted(counts):
        passed += counts[bin_number]
        if passed >= rank:
            lowest, highest = bounds_of(bin_number)
            return (lowest + highest) // 2
    raise AssertionError("the counts of a histogram sum to less than their total")
