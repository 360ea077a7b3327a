"""A benefit rule as versioned, effective-dated data. `engine.policies.benefits` computes with it."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from engine.domain.bill import BenefitKind
from engine.domain.money import RoundingMode
from engine.domain.resident import CredentialKind


class Channel(StrEnum):
    """How the meal reaches the diner."""

    DINE_IN = "dine_in"
    DELIVERY = "delivery"


class ThresholdBasis(StrEnum):
    """Which amount a threshold is tested on: the bill's gross, or what is left after earlier stages."""

    GROSS = "gross"
    NET = "net"


class Comparison(StrEnum):
    """Whether an amount equal to the threshold passes."""

    AT_LEAST = ">="
    MORE_THAN = ">"


class CapPeriod(StrEnum):
    """The span over which a cap counts; a week runs Monday to Sunday and nothing is carried over."""

    MEAL = "meal"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class CapMeasure(StrEnum):
    """What a cap limits."""

    TIMES = "times"
    AMOUNT_FEN = "amount_fen"


class ReductionKind(StrEnum):
    """How a reduction is computed."""

    PERCENTAGE = "percentage"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """Who may have the benefit. An empty tuple and a None mean that the fact does not matter."""

    min_age: int | None = None
    max_age: int | None = None
    household_cities: tuple[str, ...] = ()
    household_districts: tuple[str, ...] = ()
    residence_districts: tuple[str, ...] = ()
    residence_streets: tuple[str, ...] = ()
    welfare_classes: tuple[str, ...] = ()
    min_care_level: int = 0
    registered_cards: tuple[CredentialKind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where the benefit holds. Empty tuples mean everywhere."""

    canteen_ids: tuple[str, ...] = ()
    streets: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    meal_periods: tuple[str, ...] = ()
    channels: tuple[Channel, ...] = (Channel.DINE_IN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """The spend from which the benefit is given."""

    amount_fen: int
    basis: ThresholdBasis = ThresholdBasis.GROSS
    comparison: Comparison = Comparison.AT_LEAST


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduction:
    """What is taken off: `rate_bps` of what is left (percentage) or `amount_fen` (fixed), at most `at_most_fen`."""

    kind: ReductionKind
    rate_bps: int = 0
    amount_fen: int = 0
    at_most_fen: int | None = None
    rounding_unit_fen: int = 1
    rounding: RoundingMode = RoundingMode.HALF_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """How often, or for how much, one resident may have the benefit in a period, over all canteens."""

    period: CapPeriod
    measure: CapMeasure
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FunderPart:
    """One funder's part of a subsidy: `fixed_fen` first, then `rate_bps` of the whole, then the one residual funder."""

    funder_id: str
    fixed_fen: int = 0
    rate_bps: int = 0
    residual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitRule:
    """One rule in one version.

    Rules apply in ascending `stage`. Rules that share a non-empty `best_of` group compete: only the largest applies.
    `effective_until` is the last day on which the rule holds, or None.
    `funders` is empty for a discount. `source` names the notice that the rule comes from.
    """

    rule_id: str
    version: int
    title_zh: str
    title_en: str
    source: str
    kind: BenefitKind
    stage: int
    effective_from: date
    reduction: Reduction
    effective_until: date | None = None
    best_of: str = ""
    scope: Scope = Scope()
    eligibility: Eligibility = Eligibility()
    threshold: Threshold | None = None
    caps: tuple[Cap, ...] = ()
    funders: tuple[FunderPart, ...] = ()
