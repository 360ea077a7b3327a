"""What somebody wants to happen. Ids and time arrive with it, so that deciding again gives the same events."""

from dataclasses import dataclass
from datetime import date

from engine.domain.acceptance import AcceptanceLimits, Calibration
from engine.domain.actor import Actor, Role
from engine.domain.benefit_rule import BenefitRule
from engine.domain.canteen import CanteenProfile
from engine.domain.events import ExemplarRef, ReadingSource, ReembeddedExemplar, TopUpSource, VoidCause
from engine.domain.gallery import AlikeExemplar
from engine.domain.menu import Inclusion, MenuItem, SetMeal
from engine.domain.reading import Candidate, TrayReading
from engine.domain.resident import CredentialKind, PersonRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command says: its id (the idempotency key), when it happened, who asks."""

    command_id: str
    at_ms: int
    by: Actor


# --- tray session -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTray(Command):
    """Read a tray into the session. `menu_version` is what the reading was made against, None if made just now."""

    checkout_id: str
    canteen_id: str
    lane_id: str
    placed_at_ms: int
    source: ReadingSource
    menu_version: int | None
    reading: TrayReading


@dataclass(frozen=True, slots=True, kw_only=True)
class PortionView:
    """How a portion on a tray looks, measured against the canteen's gallery, so that the gallery can learn from it.

    `likenesses` are to every enrolled dish, `proposals` to every view that waits. `attachments` are the vectors and
    the crop that `exemplar` names, by sha256 (hex).
    """

    exemplar: ExemplarRef
    embedder_sha256: str
    likenesses: tuple[Candidate, ...]
    proposals: tuple[AlikeExemplar, ...]
    attachments: dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectDish(Command):
    """Say what an item is, and how many pieces of it lie there; each further piece becomes an item of its own.

    `view` is the item as the camera saw it, None if its photograph is not at hand.
    """

    checkout_id: str
    item_id: int
    dish_id: str
    pieces: int = 1
    reason: str = ""
    view: PortionView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddDish(Command):
    checkout_id: str
    dish_id: str
    pieces: int = 1
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveDish(Command):
    checkout_id: str
    item_id: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyDiner(Command):
    checkout_id: str
    credential_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayCheckout(Command):
    """What every payment says: the amount that the diner was shown, and when paying began."""

    checkout_id: str
    amount_fen: int
    pay_started_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PayByFace(PayCheckout):
    """Identifies the diner as well, if no credential was shown before."""

    credential_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayByCard(PayCheckout):
    acquirer: str
    acquirer_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayByWallet(PayCheckout):
    """From the wallet of the diner who was identified before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayByQr(PayCheckout):
    acquirer: str
    acquirer_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PayByCash(PayCheckout):
    received_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveTray(Command):
    checkout_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidCheckout(Command):
    checkout_id: str
    cause: VoidCause
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundCheckout(Command):
    """Give back what was paid for these items; an empty tuple means all that is left."""

    checkout_id: str
    item_ids: tuple[int, ...]
    reason: str


# --- the rest ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TopUpWallet(Command):
    resident_id: str
    amount_fen: int
    source: TopUpSource
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCanteen(Command):
    """Open a canteen, or change it; the same profile again changes nothing."""

    profile: CanteenProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishMenu(Command):
    """Put a menu in force; the same dishes and offers again change nothing."""

    canteen_id: str
    business_day: date
    meal_period: str
    items: tuple[MenuItem, ...]
    set_meals: tuple[SetMeal, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolDish(Command):
    """Enrol views of a dish; `variant` says in which portion or crockery, '' for any.

    `attachments` are the vectors and crops that the exemplars name, by sha256 (hex).
    """

    canteen_id: str
    dish_id: str
    name_zh: str
    name_en: str
    variant: str = ""
    embedder_sha256: str
    exemplars: tuple[ExemplarRef, ...]
    attachments: dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmExemplars(Command):
    """Match with proposed views of a dish from now on; only a manager may say so."""

    canteen_id: str
    dish_id: str
    exemplar_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveExemplars(Command):
    """Match with these views of a dish no longer; an empty tuple means all of the dish."""

    canteen_id: str
    dish_id: str
    exemplar_ids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoGalleryChange(Command):
    """Take back one change of a gallery, by its version; taking back a withdrawal puts the views back."""

    canteen_id: str
    version: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReembedGallery(Command):
    """Give every view of a gallery the vectors of another embedder; `attachments` are the vectors by sha256 (hex)."""

    canteen_id: str
    embedder_sha256: str
    exemplars: tuple[ReembeddedExemplar, ...]
    attachments: dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishAcceptancePolicy(Command):
    """Let a canteen bill from these limits; the same again changes nothing."""

    canteen_id: str
    limits: AcceptanceLimits
    calibration: Calibration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterResident(Command):
    """Register a person or change the record; the same record again changes nothing. The handler seals it."""

    resident_id: str
    record: PersonRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueCredential(Command):
    credential_id: str
    kind: CredentialKind
    resident_id: str
    valid_until: date | None = None
    consent_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockCredential(Command):
    credential_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishBenefitRule(Command):
    rule: BenefitRule


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueAccessKey(Command):
    key_id: str
    role: Role
    canteen_id: str
    lane_id: str
    label: str
    secret_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeAccessKey(Command):
    key_id: str
    reason: str
