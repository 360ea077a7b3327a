"""All benefit rules in all versions."""

from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from engine.domain.benefit_rule import BenefitRule, ReductionKind
from engine.domain.bill import BenefitKind
from engine.domain.commands import PublishBenefitRule
from engine.domain.errors import InvalidRuleError
from engine.domain.events import BenefitRulePublished, Event
from engine.domain.money import WHOLE_BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Rules in the order in which they were published."""

    rules: tuple[BenefitRule, ...] = ()

    def exact(self, rule_id: str, version: int) -> BenefitRule:
        """Return a rule in the version that a bill was computed with."""
        return next(rule for rule in self.rules if (rule.rule_id, rule.version) == (rule_id, version))


def decide_rule_publication(state: Rulebook, command: PublishBenefitRule) -> tuple[Event, ...]:
    """Add a rule; the same rule again changes nothing. A published version never changes: publish the next one."""
    rule = command.rule
    check_rule(rule)
    versions = [known for known in state.rules if known.rule_id == rule.rule_id]
    for known in versions:
        if known.version == rule.version:
            if known == rule:
                return ()
            raise InvalidRuleError(
                f"Version {rule.version} of '{rule.rule_id}' is published with other content. Use a new version."
            )
    expected = max((known.version for known in versions), default=0) + 1
    if rule.version != expected:
        raise InvalidRuleError(f"The next version of '{rule.rule_id}' is {expected}, not {rule.version}.")
    return (BenefitRulePublished(at_ms=command.at_ms, by=command.by, rule=rule),)


def check_rule(rule: BenefitRule) -> None:
    """Refuse a rule that contradicts itself, with what is wrong in it."""
    problem = next((text for wrong, text in _contradictions(rule) if wrong), None)
    if problem:
        raise InvalidRuleError(f"Rule '{rule.rule_id}' version {rule.version}: {problem}.", rule_id=rule.rule_id)


def _contradictions(rule: BenefitRule) -> list[tuple[bool, str]]:
    reduction = rule.reduction
    residuals = sum(part.residual for part in rule.funders)
    ages = rule.eligibility
    return [
        (not rule.rule_id or not rule.source, "it needs an id and the source it comes from"),
        (rule.effective_until is not None and rule.effective_until < rule.effective_from, "it ends before it begins"),
        (
            reduction.kind is ReductionKind.PERCENTAGE and not 0 < reduction.rate_bps <= WHOLE_BPS,
            "rate_bps must be 1 to 10,000",
        ),
        (reduction.kind is ReductionKind.FIXED and reduction.amount_fen <= 0, "amount_fen must be above zero"),
        (
            bool(reduction.rate_bps) and bool(reduction.amount_fen),
            "a reduction has rate_bps or amount_fen, as its kind says, not both",
        ),
        (reduction.at_most_fen is not None and reduction.at_most_fen <= 0, "at_most_fen must be above zero"),
        (reduction.rounding_unit_fen <= 0, "rounding_unit_fen must be above zero"),
        (
            ages.min_age is not None and ages.max_age is not None and ages.min_age > ages.max_age,
            "min_age is above max_age",
        ),
        (rule.threshold is not None and rule.threshold.amount_fen < 0, "the threshold is below zero"),
        (not rule.scope.channels, "it holds on no channel"),
        (any(cap.limit <= 0 for cap in rule.caps), "a cap must be above zero"),
        (rule.kind is BenefitKind.DISCOUNT and bool(rule.funders), "a discount is borne by the canteen: no funders"),
        (rule.kind is BenefitKind.SUBSIDY and not rule.funders, "a subsidy needs funders"),
        (
            any(part.fixed_fen < 0 or part.rate_bps < 0 for part in rule.funders)
            or any((part.fixed_fen > 0) + (part.rate_bps > 0) + part.residual != 1 for part in rule.funders),
            "each funder has exactly one of fixed_fen, rate_bps and residual",
        ),
        (
            rule.kind is BenefitKind.SUBSIDY
            and residuals != 1
            and not (residuals == 0 and len(rule.funders) == 1 and rule.funders[0].rate_bps == WHOLE_BPS),
            "exactly one funder must be residual, so that the split sums to the subsidy",
        ),
        (sum(part.rate_bps for part in rule.funders) > WHOLE_BPS, "funder rates sum to more than the whole"),
        (
            len({part.funder_id for part in rule.funders}) != len(rule.funders),
            "a funder stands twice in the split",
        ),
    ]


def evolve(state: Rulebook, event: Event) -> Rulebook:
    """Return the rulebook after an event."""
    match event:
        case BenefitRulePublished():
            return Rulebook(rules=(*state.rules, event.rule))
        case _:
            return state


RULEBOOK: StreamType[Rulebook] = StreamType(initial=Rulebook(), evolve=evolve)
