"""Compute what the benefit rules in force take off a bill, who pays it, and what the diner owes.

Rule: rules apply in ascending stage, then by id. A percentage is taken of what earlier stages left; a threshold is
tested on the bill's gross or on what is left, with >= or >, as its rule says. Of rules that share a `best_of` group
only the one that takes off most applies. Caps are counted per resident over all canteens. A benefit never exceeds
what is left to pay, and no rule looks at the way of paying, since it is not among the inputs.

Example: the worked trap of 16.00 yuan at age 65 with 90 % first: 14.40 is left, so a threshold of 15 on net
gives nothing, on gross it gives 2.00 more (tests/unit/engine/policies/test_benefits.py).

Source: public notices named in each rule's `source`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from engine.domain.benefit_rule import (
    BenefitRule,
    Cap,
    CapMeasure,
    CapPeriod,
    Channel,
    Comparison,
    Eligibility,
    FunderPart,
    ReductionKind,
    Scope,
    ThresholdBasis,
)
from engine.domain.bill import AppliedBenefit, BenefitKind, Bill, BillLine, FunderShare
from engine.domain.calendar import age_on, week_start
from engine.domain.money import WHOLE_BPS, allocate, share_of
from engine.domain.resident import EntitlementFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Where and when the meal is: all that a rule's scope can ask for."""

    canteen_id: str
    street: str
    district: str
    business_day: date
    meal_period: str
    channel: Channel = Channel.DINE_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitUse:
    """One benefit that a resident used before; caps count these."""

    rule_id: str
    business_day: date
    meal_period: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """One dish to be billed at what it costs under the menu's offers; 0 if it is included with another."""

    item_id: int
    dish_id: str
    price_fen: int


def rules_in_force(rules: Iterable[BenefitRule], day: date) -> tuple[BenefitRule, ...]:
    """Return the rules that hold on a day, in the order in which they apply.

    Of one id the highest version that has begun counts. Once it ends, no earlier version comes back: that is how a
    rule without an end is ended (decision E8).
    """
    newest: dict[str, BenefitRule] = {}
    for rule in rules:
        known = newest.get(rule.rule_id)
        if rule.effective_from <= day and (known is None or known.version < rule.version):
            newest[rule.rule_id] = rule
    holding = (rule for rule in newest.values() if rule.effective_until is None or day <= rule.effective_until)
    return tuple(sorted(holding, key=lambda rule: (rule.stage, rule.rule_id)))


def compute_bill(
    lines: Sequence[PricedLine],
    rules: Sequence[BenefitRule],
    occasion: Occasion,
    facts: EntitlementFacts | None,
    uses: Sequence[BenefitUse],
) -> Bill:
    """Compute the whole bill. The order of the lines changes no total.

    Args:
        lines: the dishes, each price >= 0.
        rules: candidates of any day; those in force on the occasion's day are taken.
        facts: the diner's facts, or None for an anonymous diner (who gets no benefit).
        uses: what the resident used before, at least of the occasion's month and week.
    """
    if facts is None or not is_attested(facts, occasion.business_day):
        return assemble_bill(lines, ())
    entitled = [
        rule
        for rule in rules_in_force(rules, occasion.business_day)
        if in_scope(rule.scope, occasion) and is_eligible(rule.eligibility, facts, occasion.business_day)
    ]
    return assemble_bill(lines, apply_rules(sum(line.price_fen for line in lines), entitled, occasion, uses))


def apply_rules(
    gross_fen: int, rules: Sequence[BenefitRule], occasion: Occasion, uses: Sequence[BenefitUse]
) -> tuple[AppliedBenefit, ...]:
    """Apply rules, already known to fit the diner and sorted, to an amount in fen."""
    applied: list[AppliedBenefit] = []
    left_fen = gross_fen
    decided_groups: set[str] = set()
    for rule in rules:
        if rule.best_of:
            if rule.best_of in decided_groups:
                continue
            decided_groups.add(rule.best_of)
            rivals = [other for other in rules if other.best_of == rule.best_of]
            benefit = max(
                (_apply_one(rival, gross_fen, left_fen, occasion, uses) for rival in rivals),
                key=lambda candidate: candidate.amount_fen,
            )
        else:
            benefit = _apply_one(rule, gross_fen, left_fen, occasion, uses)
        if benefit.amount_fen > 0:
            applied.append(benefit)
            left_fen -= benefit.amount_fen
    return tuple(applied)


def _apply_one(
    rule: BenefitRule, gross_fen: int, left_fen: int, occasion: Occasion, uses: Sequence[BenefitUse]
) -> AppliedBenefit:
    amount_fen = 0
    if _passes_threshold(rule, gross_fen, left_fen):
        amount_fen = _reduction_fen(rule, left_fen)
        for cap in rule.caps:
            amount_fen = min(amount_fen, _allowed_by(cap, rule.rule_id, amount_fen, occasion, uses))
        amount_fen = max(0, min(amount_fen, left_fen))
    return AppliedBenefit(
        rule_id=rule.rule_id,
        rule_version=rule.version,
        kind=rule.kind,
        stage=rule.stage,
        base_fen=left_fen,
        amount_fen=amount_fen,
        shares=split_over_funders(amount_fen, rule.funders) if rule.kind is BenefitKind.SUBSIDY else (),
    )


def _passes_threshold(rule: BenefitRule, gross_fen: int, left_fen: int) -> bool:
    threshold = rule.threshold
    if threshold is None:
        return True
    tested_fen = gross_fen if threshold.basis is ThresholdBasis.GROSS else left_fen
    if threshold.comparison is Comparison.MORE_THAN:
        return tested_fen > threshold.amount_fen
    return tested_fen >= threshold.amount_fen


def _reduction_fen(rule: BenefitRule, left_fen: int) -> int:
    reduction = rule.reduction
    if reduction.kind is ReductionKind.PERCENTAGE:
        amount_fen = share_of(left_fen, reduction.rate_bps, reduction.rounding_unit_fen, reduction.rounding)
    else:
        amount_fen = reduction.amount_fen
    return amount_fen if reduction.at_most_fen is None else min(amount_fen, reduction.at_most_fen)


def _allowed_by(cap: Cap, rule_id: str, amount_fen: int, occasion: Occasion, uses: Sequence[BenefitUse]) -> int:
    counted = [use for use in uses if use.rule_id == rule_id and _same_period(cap.period, use, occasion)]
    if cap.measure is CapMeasure.TIMES:
        return amount_fen if len(counted) < cap.limit else 0
    return max(0, cap.limit - sum(use.amount_fen for use in counted))


def _same_period(period: CapPeriod, use: BenefitUse, occasion: Occasion) -> bool:
    day = occasion.business_day
    if period is CapPeriod.MEAL:
        return use.business_day == day and use.meal_period == occasion.meal_period
    if period is CapPeriod.DAY:
        return use.business_day == day
    if period is CapPeriod.WEEK:
        return week_start(use.business_day) == week_start(day)
    return (use.business_day.year, use.business_day.month) == (day.year, day.month)


def is_attested(facts: EntitlementFacts, day: date) -> bool:
    """Tell whether the facts still hold on a day and no suspension covers it."""
    if facts.valid_until is not None and day > facts.valid_until:
        return False
    return not any(
        pause.from_day <= day and (pause.until_day is None or day <= pause.until_day) for pause in facts.suspensions
    )


def is_eligible(eligibility: Eligibility, facts: EntitlementFacts, day: date) -> bool:
    """Tell whether a person may have a benefit on a day; the age counts on that day, birthday included."""
    age = age_on(facts.birth_date, day)
    named = (
        (eligibility.household_cities, facts.household_city),
        (eligibility.household_districts, facts.household_district),
        (eligibility.residence_districts, facts.residence_district),
        (eligibility.residence_streets, facts.residence_street),
        (eligibility.welfare_classes, facts.welfare_class),
    )
    return (
        (eligibility.min_age is None or age >= eligibility.min_age)
        and (eligibility.max_age is None or age <= eligibility.max_age)
        and facts.care_level >= eligibility.min_care_level
        and all(not allowed or fact in allowed for allowed, fact in named)
        and (
            not eligibility.registered_cards
            or any(card in eligibility.registered_cards for card in facts.registered_cards)
        )
    )


def in_scope(scope: Scope, occasion: Occasion) -> bool:
    """Tell whether a benefit holds at a canteen, in a meal period, on a channel."""
    return (
        (not scope.canteen_ids or occasion.canteen_id in scope.canteen_ids)
        and (not scope.streets or occasion.street in scope.streets)
        and (not scope.districts or occasion.district in scope.districts)
        and (not scope.meal_periods or occasion.meal_period in scope.meal_periods)
        and occasion.channel in scope.channels
    )


def split_over_funders(amount_fen: int, parts: Sequence[FunderPart]) -> tuple[FunderShare, ...]:
    """Split a subsidy so that the shares sum to it to the fen.

    Fixed parts are served first in the order given, then rates of the whole (rounded down), then the residual
    funder takes the rest. A small amount may not reach the last funders; shares of zero are left out.
    """
    shares: list[FunderShare] = []
    left_fen = amount_fen
    residual: FunderPart | None = None
    for part in parts:
        if part.residual:
            residual = part
            continue
        wanted_fen = part.fixed_fen or amount_fen * part.rate_bps // WHOLE_BPS
        given_fen = min(wanted_fen, left_fen)
        left_fen -= given_fen
        if given_fen:
            shares.append(FunderShare(funder_id=part.funder_id, amount_fen=given_fen))
    if left_fen and residual is not None:
        shares.append(FunderShare(funder_id=residual.funder_id, amount_fen=left_fen))
    return tuple(shares)


def assemble_bill(lines: Sequence[PricedLine], benefits: tuple[AppliedBenefit, ...]) -> Bill:
    """Put lines and benefits together; each line gets its share by price, to the fen, at most its own price."""
    discount_fen = sum(b.amount_fen for b in benefits if b.kind is BenefitKind.DISCOUNT)
    subsidy_fen = sum(b.amount_fen for b in benefits if b.kind is BenefitKind.SUBSIDY)
    prices = [line.price_fen for line in lines]
    gross_fen = sum(prices)
    benefit_parts = allocate(discount_fen + subsidy_fen, prices)
    discount_parts = allocate(discount_fen, benefit_parts)
    bill_lines = tuple(
        BillLine(
            item_id=line.item_id,
            dish_id=line.dish_id,
            gross_fen=line.price_fen,
            discount_fen=discount,
            subsidy_fen=benefit - discount,
            own_fen=line.price_fen - benefit,
        )
        for line, benefit, discount in zip(lines, benefit_parts, discount_parts, strict=True)
    )
    return Bill(
        lines=bill_lines,
        benefits=benefits,
        gross_fen=gross_fen,
        discount_fen=discount_fen,
        subsidy_fen=subsidy_fen,
        own_fen=gross_fen - discount_fen - subsidy_fen,
    )


def remaining_bill(original: Bill, kept_item_ids: frozenset[int], rules: Sequence[BenefitRule]) -> Bill:
    """Compute what a paid bill comes to when only some items are kept.

    The rules that were applied then are applied again, in the versions stored with the bill, to the smaller sum:
    a threshold that is no longer reached gives its benefit back. No benefit grows, and the diner never owes more
    than was paid; where re-evaluation would ask for more, the last stages keep part of their benefit instead.

    Source: decisions E3 and P3.

    Args:
        original: the bill as last posted (after earlier refunds).
        rules: exactly the rules of `original.benefits`, in the same order.
    """
    lines = [
        PricedLine(item_id=line.item_id, dish_id=line.dish_id, price_fen=line.gross_fen)
        for line in original.lines
        if line.item_id in kept_item_ids
    ]
    gross_fen = sum(line.price_fen for line in lines)
    left_fen = gross_fen
    kept: list[AppliedBenefit] = []
    for benefit, rule in zip(original.benefits, rules, strict=True):
        amount_fen = 0
        if _passes_threshold(rule, gross_fen, left_fen):
            amount_fen = min(_reduction_fen(rule, left_fen), benefit.amount_fen, left_fen)
        kept.append(replace(benefit, base_fen=left_fen, amount_fen=amount_fen))
        left_fen -= amount_fen
    kept = _keep_enough(kept, original, left_fen - original.own_fen)
    shared = [
        replace(benefit, shares=_shrink_shares(benefit.amount_fen, before.shares))
        for benefit, before in zip(kept, original.benefits, strict=True)
    ]
    return assemble_bill(lines, tuple(benefit for benefit in shared if benefit.amount_fen > 0))


def _keep_enough(kept: list[AppliedBenefit], original: Bill, owed_fen: int) -> list[AppliedBenefit]:
    """Raise benefits, last stage first and never above what they were, until the diner owes nothing more."""
    enough = list(kept)
    for index in range(len(enough) - 1, -1, -1):
        raised_fen = max(0, min(owed_fen, original.benefits[index].amount_fen - enough[index].amount_fen))
        enough[index] = replace(enough[index], amount_fen=enough[index].amount_fen + raised_fen)
        owed_fen -= raised_fen
    return enough


def _shrink_shares(amount_fen: int, shares: Sequence[FunderShare]) -> tuple[FunderShare, ...]:
    parts = allocate(amount_fen, [share.amount_fen for share in shares]) if shares else ()
    return tuple(
        FunderShare(funder_id=share.funder_id, amount_fen=part)
        for share, part in zip(shares, parts, strict=True)
        if part
    )


def subtract(before: Bill, after: Bill) -> Bill:
    """Return the reversal that leads from one bill to a smaller one: line by line, rule by rule, funder by funder."""
    after_lines = {line.item_id: line for line in after.lines}
    after_benefits = {benefit.rule_id: benefit for benefit in after.benefits}
    lines = []
    for line in before.lines:
        left = after_lines.get(line.item_id)
        if left is None:
            lines.append(line)
        elif left != line:
            lines.append(
                replace(
                    line,
                    gross_fen=line.gross_fen - left.gross_fen,
                    discount_fen=line.discount_fen - left.discount_fen,
                    subsidy_fen=line.subsidy_fen - left.subsidy_fen,
                    own_fen=line.own_fen - left.own_fen,
                )
            )
    benefits = []
    for benefit in before.benefits:
        remains = after_benefits.get(benefit.rule_id)
        if remains is None:
            benefits.append(benefit)
        elif remains.amount_fen != benefit.amount_fen:
            kept_shares = {share.funder_id: share.amount_fen for share in remains.shares}
            shares = tuple(
                FunderShare(funder_id=s.funder_id, amount_fen=s.amount_fen - kept_shares.get(s.funder_id, 0))
                for s in benefit.shares
                if s.amount_fen != kept_shares.get(s.funder_id, 0)
            )
            benefits.append(replace(benefit, amount_fen=benefit.amount_fen - remains.amount_fen, shares=shares))
    return Bill(
        lines=tuple(lines),
        benefits=tuple(benefits),
        gross_fen=before.gross_fen - after.gross_fen,
        discount_fen=before.discount_fen - after.discount_fen,
        subsidy_fen=before.subsidy_fen - after.subsidy_fen,
        own_fen=before.own_fen - after.own_fen,
    )
