"""What has happened. Every class is final, frozen, and stored for ever under its own pinned TOPIC.

A changed meaning or field gets a new version (`canteen.TrayScanned.v2`) and an upcaster in `engine.application.topics`;
a stored form never changes (fixtures/events holds a golden example of each).
`at_ms` is when it happened (milliseconds since 1970 UTC); `by` is who asked for it.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import ClassVar, final

from engine.domain.acceptance import AcceptanceLimits, Calibration
from engine.domain.actor import Actor, Role
from engine.domain.benefit_rule import BenefitRule
from engine.domain.bill import AppliedBenefit, AppliedOffer, Bill, FunderShare, ScannedItem, ServiceSplit, Tender
from engine.domain.canteen import CanteenProfile, Site
from engine.domain.gallery import AdoptionGround
from engine.domain.menu import Inclusion, MenuItem, SetMeal
from engine.domain.reading import ModelRef, ReadingTimings
from engine.domain.resident import CredentialKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event says."""

    TOPIC: ClassVar[str]

    at_ms: int
    by: Actor


class ReadingSource(StrEnum):
    """Where a photograph was read: on the server or on the terminal."""

    SERVER = "server"
    TERMINAL = "terminal"


class VoidCause(StrEnum):
    """Why a session ended without payment."""

    DINER = "diner"
    STAFF = "staff"
    TIMEOUT = "timeout"


# --- tray session (stream checkout-*) ---------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrayScanned(Event):
    """A tray was read and priced. `scan_number` counts the readings of the session from 1; the last one counts."""

    TOPIC: ClassVar[str] = "canteen.TrayScanned.v2"

    site: Site
    scan_number: int
    source: ReadingSource
    photo_sha256: str
    models: tuple[ModelRef, ...]
    timings: ReadingTimings
    acceptance_policy: str
    menu_version: int
    placed_at_ms: int
    items: tuple[ScannedItem, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DishCorrected(Event):
    """A person said what an item is; the same dish as before means that it was confirmed."""

    TOPIC: ClassVar[str] = "canteen.DishCorrected.v1"

    site: Site
    item_id: int
    from_dish_id: str
    to_dish_id: str
    price_fen: int
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DishAdded(Event):
    """A person added an item that the camera did not see."""

    TOPIC: ClassVar[str] = "canteen.DishAdded.v1"

    site: Site
    item_id: int
    dish_id: str
    price_fen: int
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DishRemoved(Event):
    """A person took an item off the bill."""

    TOPIC: ClassVar[str] = "canteen.DishRemoved.v1"

    site: Site
    item_id: int
    dish_id: str
    price_fen: int
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DinerIdentified(Event):
    """The diner showed a credential. Its kind is stored, never its number."""

    TOPIC: ClassVar[str] = "canteen.DinerIdentified.v1"

    site: Site
    resident_id: str
    credential_kind: CredentialKind


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OfferApplied(Event):
    """An offer of the menu priced items of the bill that is paid with it; the bill's gross is what they cost then."""

    TOPIC: ClassVar[str] = "canteen.OfferApplied.v1"

    site: Site
    offer: AppliedOffer


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountApplied(Event):
    """A rule reduced the bill at the canteen's own cost."""

    TOPIC: ClassVar[str] = "canteen.DiscountApplied.v1"

    site: Site
    resident_id: str
    rule_id: str
    rule_version: int
    stage: int
    base_fen: int
    amount_fen: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SubsidyApplied(Event):
    """A rule reduced the bill and funders owe the canteen the amount; `shares` sums to it."""

    TOPIC: ClassVar[str] = "canteen.SubsidyApplied.v1"

    site: Site
    resident_id: str
    rule_id: str
    rule_version: int
    stage: int
    base_fen: int
    amount_fen: int
    shares: tuple[FunderShare, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPaid(Event):
    """What every kind of payment says: the final bill, who it was for ('' when anonymous), how long it took."""

    tender: ClassVar[Tender]

    site: Site
    resident_id: str
    bill: Bill
    split: ServiceSplit


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FacePaid(BillPaid):
    """Paid at a glance from the resident's wallet; the token is opaque, the consent allows its use."""

    TOPIC: ClassVar[str] = "canteen.FacePaid.v1"
    tender: ClassVar[Tender] = Tender.FACE

    face_token: str
    consent_id: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CardPaid(BillPaid):
    """Paid by bank card at the acquirer, under its reference."""

    TOPIC: ClassVar[str] = "canteen.CardPaid.v1"
    tender: ClassVar[Tender] = Tender.CARD

    acquirer: str
    acquirer_reference: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WalletPaid(BillPaid):
    """Paid from the prepaid wallet of the identified diner."""

    TOPIC: ClassVar[str] = "canteen.WalletPaid.v1"
    tender: ClassVar[Tender] = Tender.WALLET


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class QrPaid(BillPaid):
    """Paid by a QR code at an acquirer, under its reference."""

    TOPIC: ClassVar[str] = "canteen.QrPaid.v1"
    tender: ClassVar[Tender] = Tender.QR

    acquirer: str
    acquirer_reference: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CashPaid(BillPaid):
    """Paid in cash: `received_fen = own_fen + change_fen`."""

    TOPIC: ClassVar[str] = "canteen.CashPaid.v1"
    tender: ClassVar[Tender] = Tender.CASH

    received_fen: int
    change_fen: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TrayRemoved(Event):
    """The paid tray left the counter; `occupied_ms` is since it was placed."""

    TOPIC: ClassVar[str] = "canteen.TrayRemoved.v1"

    site: Site
    occupied_ms: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutVoided(Event):
    """The session ended without payment; `occupied_ms` is since the tray was placed."""

    TOPIC: ClassVar[str] = "canteen.CheckoutVoided.v1"

    site: Site
    cause: VoidCause
    reason: str
    occupied_ms: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """All or part of a payment went back the way it came.

    `reversal` is the bill before minus the bill after, line by line and rule by rule, so that subtracting it from
    the original postings leaves exactly what the remaining items cost.
    """

    TOPIC: ClassVar[str] = "canteen.PaymentRefunded.v1"

    site: Site
    resident_id: str
    refund_number: int
    tender: Tender
    item_ids: tuple[int, ...]
    reversal: Bill
    reason: str


# --- wallet (stream resident-*-wallet) --------------------------------------------------------------------------


class TopUpSource(StrEnum):
    """Where money for a wallet came from."""

    CASH = "cash"
    TRANSFER = "transfer"
    OPENING = "opening"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WalletOpened(Event):
    TOPIC: ClassVar[str] = "canteen.WalletOpened.v1"

    resident_id: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WalletToppedUp(Event):
    TOPIC: ClassVar[str] = "canteen.WalletToppedUp.v1"

    resident_id: str
    amount_fen: int
    balance_fen: int
    source: TopUpSource
    reference: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WalletCharged(Event):
    TOPIC: ClassVar[str] = "canteen.WalletCharged.v1"

    resident_id: str
    checkout_id: str
    canteen_id: str
    amount_fen: int
    balance_fen: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class WalletRefunded(Event):
    TOPIC: ClassVar[str] = "canteen.WalletRefunded.v1"

    resident_id: str
    checkout_id: str
    canteen_id: str
    amount_fen: int
    balance_fen: int


# --- entitlement use (stream resident-*-entitlement) ------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementUsed(Event):
    """A paid bill used these benefits; caps count them."""

    TOPIC: ClassVar[str] = "canteen.EntitlementUsed.v1"

    resident_id: str
    checkout_id: str
    canteen_id: str
    business_day: date
    meal_period: str
    benefits: tuple[AppliedBenefit, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementRestored(Event):
    """A refund gave these amounts back to the caps."""

    TOPIC: ClassVar[str] = "canteen.EntitlementRestored.v1"

    resident_id: str
    checkout_id: str
    canteen_id: str
    business_day: date
    meal_period: str
    benefits: tuple[AppliedBenefit, ...]


# --- canteen, menu, gallery -------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CanteenOpened(Event):
    TOPIC: ClassVar[str] = "canteen.CanteenOpened.v1"

    profile: CanteenProfile


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CanteenChanged(Event):
    TOPIC: ClassVar[str] = "canteen.CanteenChanged.v1"

    profile: CanteenProfile


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MenuPublished(Event):
    """The menu of one meal period in one version; the highest version is in force."""

    TOPIC: ClassVar[str] = "canteen.MenuPublished.v2"

    canteen_id: str
    business_day: date
    meal_period: str
    version: int
    items: tuple[MenuItem, ...]
    set_meals: tuple[SetMeal, ...]
    inclusions: tuple[Inclusion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarRef:
    """One enrolled view of a dish; its vectors and its crop lie in the store's attachments under their sha256."""

    exemplar_id: str
    photo_sha256: str
    vectors_sha256: str
    crop_sha256: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DishEnrolled(Event):
    """A canteen showed what a dish looks like there; `variant` says in which portion or crockery, '' for any."""

    TOPIC: ClassVar[str] = "canteen.DishEnrolled.v2"

    canteen_id: str
    dish_id: str
    name_zh: str
    name_en: str
    variant: str
    embedder_sha256: str
    exemplars: tuple[ExemplarRef, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarProposed(Event):
    """A person said what a portion on a tray is; its view may be learnt.

    `own_bps` and `rival_bps` are its likeness to the dish that was named and to the most alike other one then.
    `displaced_ids` are older proposals of the dish that make room.
    """

    TOPIC: ClassVar[str] = "canteen.ExemplarProposed.v1"

    canteen_id: str
    dish_id: str
    embedder_sha256: str
    exemplar: ExemplarRef
    checkout_id: str
    lane_id: str
    own_bps: int
    rival_dish_id: str
    rival_bps: int
    needs_manager: bool
    learning_policy: str
    displaced_ids: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarsAdopted(Event):
    """Proposed exemplars are matched with from now on; `retired_ids` are the oldest learnt ones that make room."""

    TOPIC: ClassVar[str] = "canteen.ExemplarsAdopted.v1"

    canteen_id: str
    dish_id: str
    exemplar_ids: tuple[str, ...]
    ground: AdoptionGround
    retired_ids: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarsWithdrawn(Event):
    """Exemplars are no longer matched with, nor wait to be; `undoes_version` is the change taken back, 0 for none."""

    TOPIC: ClassVar[str] = "canteen.ExemplarsWithdrawn.v1"

    canteen_id: str
    dish_id: str
    exemplar_ids: tuple[str, ...]
    undoes_version: int
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarsRestored(Event):
    """Withdrawn exemplars are what they were before; `undoes_version` is the change taken back, 0 for none."""

    TOPIC: ClassVar[str] = "canteen.ExemplarsRestored.v1"

    canteen_id: str
    dish_id: str
    exemplar_ids: tuple[str, ...]
    undoes_version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembeddedExemplar:
    """The vectors of one exemplar under another embedder."""

    dish_id: str
    exemplar_id: str
    vectors_sha256: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryReembedded(Event):
    """Every exemplar of a canteen got new vectors from its kept crop, those that are withdrawn or wait included."""

    TOPIC: ClassVar[str] = "canteen.GalleryReembedded.v1"

    canteen_id: str
    from_embedder_sha256: str
    embedder_sha256: str
    exemplars: tuple[ReembeddedExemplar, ...]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicyPublished(Event):
    """A canteen bills from other limits from now on; `calibration` is None if they were not measured."""

    TOPIC: ClassVar[str] = "canteen.AcceptancePolicyPublished.v1"

    canteen_id: str
    version: int
    limits: AcceptanceLimits
    calibration: Calibration | None


# --- resident, credential, rule, key ----------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentRegistered(Event):
    """A person was registered. `sealed` are the attributes, encrypted under the person's own key."""

    TOPIC: ClassVar[str] = "canteen.ResidentRegistered.v1"

    resident_id: str
    sealed: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentChanged(Event):
    TOPIC: ClassVar[str] = "canteen.ResidentChanged.v1"

    resident_id: str
    sealed: bytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialIssued(Event):
    """A credential names a resident from now on. `consent_id` is set for a face."""

    TOPIC: ClassVar[str] = "canteen.CredentialIssued.v1"

    credential_id: str
    kind: CredentialKind
    resident_id: str
    valid_until: date | None
    consent_id: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialBlocked(Event):
    TOPIC: ClassVar[str] = "canteen.CredentialBlocked.v1"

    credential_id: str
    reason: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BenefitRulePublished(Event):
    TOPIC: ClassVar[str] = "canteen.BenefitRulePublished.v1"

    rule: BenefitRule


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeyIssued(Event):
    """A terminal or a person got a key; only the sha256 of its random secret is stored."""

    TOPIC: ClassVar[str] = "canteen.AccessKeyIssued.v1"

    key_id: str
    role: Role
    canteen_id: str
    lane_id: str
    label: str
    secret_sha256: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeyRevoked(Event):
    TOPIC: ClassVar[str] = "canteen.AccessKeyRevoked.v1"

    key_id: str
    reason: str
