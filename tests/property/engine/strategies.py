"""Draws of prices, rules and bills within what a canteen may see."""

from hypothesis import strategies as st

from engine.deciders.rulebook import check_rule
from engine.domain.benefit_rule import (
    BenefitRule,
    Cap,
    CapMeasure,
    CapPeriod,
    Comparison,
    FunderPart,
    Reduction,
    ReductionKind,
    Threshold,
    ThresholdBasis,
)
from engine.domain.bill import BenefitKind
from engine.domain.menu import MAX_PRICE_FEN
from engine.domain.money import RoundingMode
from tests.unit.engine.examples import fixed

amounts_fen = st.integers(min_value=0, max_value=300_000)
prices_fen = st.one_of(st.integers(1, 2_000), st.integers(1, MAX_PRICE_FEN))
price_lists = st.lists(prices_fen, min_size=1, max_size=8)

thresholds = st.builds(
    Threshold,
    amount_fen=st.integers(0, 4_000),
    basis=st.sampled_from(ThresholdBasis),
    comparison=st.sampled_from(Comparison),
)
reductions = st.one_of(
    st.builds(
        Reduction,
        kind=st.just(ReductionKind.PERCENTAGE),
        rate_bps=st.integers(1, 10_000),
        at_most_fen=st.none() | st.integers(1, 2_000),
        rounding_unit_fen=st.sampled_from([1, 10, 100]),
        rounding=st.sampled_from(RoundingMode),
    ),
    st.builds(Reduction, kind=st.just(ReductionKind.FIXED), amount_fen=st.integers(1, 3_000)),
)
caps = st.builds(
    Cap, period=st.sampled_from(CapPeriod), measure=st.sampled_from(CapMeasure), limit=st.integers(1, 1_000)
)


@st.composite
def funder_splits(draw: st.DrawFn) -> tuple[FunderPart, ...]:
    """Some fixed parts, some rates that sum to at most the whole, and one residual funder at any place."""
    fixed_parts = draw(st.lists(st.integers(1, 500), max_size=2))
    rates = draw(st.lists(st.integers(1, 4_000), max_size=2))
    parts = [
        *(FunderPart(funder_id=f"fixed-{i}", fixed_fen=part_fen) for i, part_fen in enumerate(fixed_parts)),
        *(FunderPart(funder_id=f"rate-{i}", rate_bps=rate_bps) for i, rate_bps in enumerate(rates)),
        FunderPart(funder_id="residual", residual=True),
    ]
    return tuple(draw(st.permutations(parts)))


@st.composite
def rule_lists(draw: st.DrawFn, *, max_size: int = 4) -> list[BenefitRule]:
    """Rules that a rulebook would take, stacked and competing."""
    rules = []
    for number in range(draw(st.integers(0, max_size))):
        kind = draw(st.sampled_from(BenefitKind))
        rule = fixed(
            1,
            rule_id=f"rule-{number}",
            kind=kind,
            stage=draw(st.integers(1, 3)),
            reduction=draw(reductions),
            threshold=draw(st.none() | thresholds),
            best_of=draw(st.sampled_from(["", "", "group"])),
            caps=tuple(draw(st.lists(caps, max_size=2))),
            funders=draw(funder_splits()) if kind is BenefitKind.SUBSIDY else (),
        )
        check_rule(rule)
        rules.append(rule)
    return rules
