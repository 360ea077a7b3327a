"""A bill: priced lines, benefits, and what each funder and the diner pay.

For every bill and for every line: gross = own + subsidies + discount, to the fen.
"""

from dataclasses import dataclass
from enum import StrEnum

from engine.domain.reading import Box, Candidate


class ItemStatus(StrEnum):
    """What the acceptance policy made of one portion."""

    ACCEPTED = "accepted"
    UNCERTAIN = "uncertain"
    UNKNOWN = "unknown"


class Doubt(StrEnum):
    """Why a portion is left to a person."""

    NONE = ""
    NOT_RECORDED = "not_recorded"
    """Scanned before reasons were kept."""
    NOT_ALIKE = "not_alike"
    LOOK_ALIKE = "look_alike"
    FAINT = "faint"
    MAY_BE_ONE = "may_be_one"
    UNUSUAL_COUNT = "unusual_count"
    WHICH_SIZE = "which_size"


class Tender(StrEnum):
    """A way of paying."""

    FACE = "face"
    CARD = "card"
    WALLET = "wallet"
    QR = "qr"
    CASH = "cash"


class BenefitKind(StrEnum):
    """A discount is borne by the canteen; a subsidy is paid back to it by funders."""

    DISCOUNT = "discount"
    SUBSIDY = "subsidy"


class OfferKind(StrEnum):
    """What a menu makes of several dishes on one tray."""

    SET_MEAL = "set_meal"
    INCLUSION = "inclusion"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedItem:
    """One portion of a reading with its price on the menu; `dish_id` is '' and the price 0 while it is unknown.

    `confidence_bps` is 9,000 or more where it suffices to be billed unasked.
    """

    item_id: int
    status: ItemStatus
    doubt: Doubt = Doubt.NONE
    dish_id: str
    price_fen: int
    confidence_bps: int
    detector_bps: int
    box: Box | None
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLine:
    """What one item costs on the menu and what it costs under an offer."""

    item_id: int
    list_fen: int
    price_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedOffer:
    """One set meal, or all that one inclusion made free: the items that it prices, each in no other offer."""

    offer_id: str
    menu_version: int
    kind: OfferKind
    title_zh: str
    title_en: str
    lines: tuple[OfferedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunderShare:
    """What one funder owes of a subsidy."""

    funder_id: str
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedBenefit:
    """What one rule took off the bill. `shares` is empty for a discount and sums to `amount_fen` for a subsidy."""

    rule_id: str
    rule_version: int
    kind: BenefitKind
    stage: int
    base_fen: int
    amount_fen: int
    shares: tuple[FunderShare, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """One dish on a bill with its share of the benefits; in a reversal, what is taken back (own may be negative)."""

    item_id: int
    dish_id: str
    gross_fen: int
    discount_fen: int
    subsidy_fen: int
    own_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """The whole sum: `gross_fen = own_fen + subsidy_fen + discount_fen`. Also the form of a reversal."""

    lines: tuple[BillLine, ...]
    benefits: tuple[AppliedBenefit, ...]
    gross_fen: int
    discount_fen: int
    subsidy_fen: int
    own_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSplit:
    """Where the time of one service went, in milliseconds: reading the tray, deciding with the diner, paying."""

    recognise_ms: int
    interact_ms: int
    pay_ms: int
