from hypothesis import given
from hypothesis import strategies as st

from engine.domain.benefit_rule import FunderPart
from engine.domain.money import WHOLE_BPS, RoundingMode, allocate, round_ratio, share_of, yuan
from engine.policies.benefits import split_over_funders
from tests.property.engine.strategies import amounts_fen, funder_splits

weights = st.lists(st.integers(0, 100_000), min_size=1, max_size=12)


@given(amounts_fen, weights)
def test_an_allocation_sums_to_the_fen_and_no_part_is_a_fen_away_from_its_share(
    total_fen: int, weighing: list[int]
) -> None:
    parts = allocate(total_fen, weighing)

    assert sum(parts) == total_fen
    assert len(parts) == len(weighing)
    whole = sum(weighing)
    if whole:
        for part, weight in zip(parts, weighing, strict=True):
            assert abs(part * whole - total_fen * weight) < whole


@given(weights, st.data())
def test_a_part_of_an_allocation_never_exceeds_its_weight_while_the_total_does_not(
    weighing: list[int], data: st.DataObject
) -> None:
    total_fen = data.draw(st.integers(0, sum(weighing)))

    assert all(0 <= part <= weight for part, weight in zip(allocate(total_fen, weighing), weighing, strict=True))


@given(amounts_fen, st.integers(1, 1_000), st.sampled_from([1, 10, 100]), st.sampled_from(RoundingMode))
def test_rounding_gives_a_multiple_of_the_unit_less_than_a_unit_away(
    numerator: int, denominator: int, unit_fen: int, mode: RoundingMode
) -> None:
    rounded_fen = round_ratio(numerator, denominator, unit_fen, mode)

    difference = rounded_fen * denominator - numerator
    assert rounded_fen % unit_fen == 0
    assert abs(difference) < unit_fen * denominator
    if mode is RoundingMode.DOWN:
        assert difference <= 0
    elif mode is RoundingMode.UP:
        assert difference >= 0
    else:
        assert 2 * abs(difference) <= unit_fen * denominator


@given(amounts_fen, st.integers(0, WHOLE_BPS))
def test_a_share_and_its_complement_differ_from_the_whole_by_a_fen_at_most(amount_fen: int, rate_bps: int) -> None:
    assert 0 <= share_of(amount_fen, rate_bps) + share_of(amount_fen, WHOLE_BPS - rate_bps) - amount_fen <= 1


@given(amounts_fen, funder_splits())
def test_the_shares_of_funders_sum_to_the_subsidy_to_the_fen(amount_fen: int, parts: tuple[FunderPart, ...]) -> None:
    shares = split_over_funders(amount_fen, parts)

    assert sum(share.amount_fen for share in shares) == amount_fen
    assert all(share.amount_fen > 0 for share in shares)
    assert len({share.funder_id for share in shares}) == len(shares)
    fixed = {part.funder_id: part.fixed_fen for part in parts if part.fixed_fen}
    assert all(share.amount_fen <= fixed.get(share.funder_id, amount_fen) for share in shares)


@given(st.integers(-10_000_000, 10_000_000))
def test_an_amount_that_is_written_in_yuan_reads_back_as_the_same_fen(amount_fen: int) -> None:
    assert int(yuan(amount_fen).replace(".", "")) == amount_fen
