"""Money is an integer number of fen (100 fen = 1 yuan); rates are integer basis points (10,000 = the whole).

All division of money in the product goes through the three functions here, so that no fen is lost or invented.
"""

from collections.abc import Sequence
from enum import StrEnum

WHOLE_BPS = 10_000


class RoundingMode(StrEnum):
    """How an amount that is not a multiple of the rounding unit becomes one."""

    HALF_UP = "half_up"
    DOWN = "down"
    UP = "up"


def round_ratio(numerator: int, denominator: int, unit_fen: int = 1, mode: RoundingMode = RoundingMode.HALF_UP) -> int:
    """Round numerator/denominator fen (both >= 0, denominator > 0) to a multiple of `unit_fen`.

    >>> round_ratio(1385, 10), round_ratio(1384, 10), round_ratio(1389, 10, unit_fen=10, mode=RoundingMode.DOWN)
    (139, 138, 130)
    """
    divisor = denominator * unit_fen
    if mode is RoundingMode.DOWN:
        return numerator // divisor * unit_fen
    if mode is RoundingMode.UP:
        return -(-numerator // divisor) * unit_fen
    return (2 * numerator + divisor) // (2 * divisor) * unit_fen


def share_of(amount_fen: int, rate_bps: int, unit_fen: int = 1, mode: RoundingMode = RoundingMode.HALF_UP) -> int:
    """Take `rate_bps` of an amount, in fen.

    >>> share_of(1600, 1500)
    240
    """
    return round_ratio(amount_fen * rate_bps, WHOLE_BPS, unit_fen, mode)


def allocate(total_fen: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split an amount over weights so that the parts sum to it to the fen (largest remainder, first wins a tie).

    Args:
        total_fen: >= 0.
        weights: each >= 0; if all are 0 the whole goes to the first part.

    >>> allocate(300, [700, 800, 100])
    (131, 150, 19)
    >>> allocate(1, [1, 1])
    (1, 0)
    """
    if not weights:
        if total_fen:
            raise ValueError("an amount cannot be split over no parts")
        return ()
    whole = sum(weights)
    if whole == 0:
        return (total_fen, *([0] * (len(weights) - 1)))
    parts = [total_fen * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(total_fen * weights[i] % whole), i))
    for index in by_remainder[: total_fen - sum(parts)]:
        parts[index] += 1
    return tuple(parts)


def yuan(amount_fen: int) -> str:
    """Write an amount in yuan with two places, for people.

    >>> yuan(1205), yuan(-5)
    ('12.05', '-0.05')
    """
    sign = "-" if amount_fen < 0 else ""
    return f"{sign}{abs(amount_fen) // 100}.{abs(amount_fen) % 100:02d}"
