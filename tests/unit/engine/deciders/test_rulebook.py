from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from engine.deciders.rulebook import RULEBOOK, decide_rule_publication
from engine.domain.benefit_rule import (
    BenefitRule,
    Cap,
    CapMeasure,
    CapPeriod,
    Eligibility,
    FunderPart,
    Reduction,
    ReductionKind,
    Scope,
    Threshold,
)
from engine.domain.bill import BenefitKind
from engine.domain.commands import PublishBenefitRule
from engine.domain.errors import InvalidRuleError
from engine.domain.events import BenefitRulePublished
from tests.unit.engine.examples import ADMIN, NOON_MS, fixed, percent_off, spend_15_save_3
from tests.unit.engine.given import given

SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": ADMIN}
RULE = spend_15_save_3()


def publish(rule: BenefitRule) -> PublishBenefitRule:
    return PublishBenefitRule(command_id="p", **SAID, rule=rule)


def published(rule: BenefitRule) -> BenefitRulePublished:
    return BenefitRulePublished(**SAID, rule=rule)


def test_a_rule_is_published_in_versions_and_the_same_again_changes_nothing() -> None:
    second = replace(RULE, version=2, effective_until=date(2026, 12, 31))

    given(RULEBOOK).when(lambda s: decide_rule_publication(s, publish(RULE))).then(published(RULE))
    given(RULEBOOK, published(RULE)).when(lambda s: decide_rule_publication(s, publish(RULE))).then()
    book = (
        given(RULEBOOK, published(RULE))
        .when(lambda s: decide_rule_publication(s, publish(second)))
        .then(published(second))
    )

    assert book.exact(RULE.rule_id, 1) == RULE
    assert book.exact(RULE.rule_id, 2) == second


@pytest.mark.parametrize(
    "rule",
    [
        replace(RULE, title_en="changed"),
        replace(RULE, version=3),
        replace(RULE, version=0),
        replace(RULE, rule_id="another", version=2),
    ],
)
def test_a_published_version_never_changes_and_none_is_left_out(rule: BenefitRule) -> None:
    given(RULEBOOK, published(RULE)).when(lambda s: decide_rule_publication(s, publish(rule))).then_refused(
        InvalidRuleError
    )


def funded(*parts: FunderPart) -> BenefitRule:
    return fixed(300, funders=parts)


@pytest.mark.parametrize(
    "rule",
    [
        replace(RULE, rule_id=""),
        replace(RULE, source=""),
        replace(RULE, effective_until=date(2020, 8, 31)),
        percent_off(0),
        percent_off(10_001),
        fixed(0),
        fixed(-1),
        percent_off(1500, reduction=Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=1500, amount_fen=300)),
        fixed(300, reduction=Reduction(kind=ReductionKind.FIXED, amount_fen=300, rate_bps=1500)),
        fixed(300, reduction=Reduction(kind=ReductionKind.FIXED, amount_fen=300, at_most_fen=0)),
        percent_off(1500, reduction=Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=1, rounding_unit_fen=0)),
        replace(RULE, eligibility=Eligibility(min_age=80, max_age=79)),
        replace(RULE, threshold=Threshold(amount_fen=-1)),
        replace(RULE, scope=Scope(channels=())),
        replace(RULE, caps=(Cap(period=CapPeriod.DAY, measure=CapMeasure.TIMES, limit=0),)),
        replace(RULE, kind=BenefitKind.DISCOUNT),
        funded(),
        funded(FunderPart(funder_id="a")),
        funded(FunderPart(funder_id="a", rate_bps=5000)),
        funded(FunderPart(funder_id="a", rate_bps=5000), FunderPart(funder_id="b", rate_bps=5000)),
        funded(FunderPart(funder_id="a", residual=True), FunderPart(funder_id="b", residual=True)),
        funded(FunderPart(funder_id="a", residual=True), FunderPart(funder_id="a", rate_bps=100)),
        funded(FunderPart(funder_id="a", residual=True, rate_bps=1)),
        funded(FunderPart(funder_id="a", fixed_fen=-1), FunderPart(funder_id="b", residual=True)),
        funded(
            FunderPart(funder_id="a", rate_bps=6000),
            FunderPart(funder_id="b", rate_bps=6000),
            FunderPart(funder_id="c", residual=True),
        ),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(rule: BenefitRule) -> None:
    given(RULEBOOK).when(lambda s: decide_rule_publication(s, publish(rule))).then_refused(InvalidRuleError)


@pytest.mark.parametrize(
    "rule",
    [
        funded(FunderPart(funder_id="a", rate_bps=10_000)),
        funded(FunderPart(funder_id="a", residual=True)),
        funded(FunderPart(funder_id="a", fixed_fen=200), FunderPart(funder_id="b", residual=True)),
        funded(FunderPart(funder_id="a", rate_bps=10_000), FunderPart(funder_id="b", residual=True)),
        percent_off(10_000),
        replace(RULE, effective_until=RULE.effective_from),
        replace(RULE, threshold=Threshold(amount_fen=0)),
    ],
)
def test_a_rule_at_the_edge_of_what_makes_sense_is_taken(rule: BenefitRule) -> None:
    given(RULEBOOK).when(lambda s: decide_rule_publication(s, publish(rule))).then(published(rule))
