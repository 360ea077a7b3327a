"""What is sent and answered, field by field. Bodies are checked while they are decoded; OpenAPI shows the same types.

Money is integer fen, times are milliseconds since 1970 UTC, likenesses are basis points.
"""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from engine.domain import menu as menu_words
from engine.domain import reading as words
from engine.domain.acceptance import AcceptanceLimits, Calibration
from engine.domain.actor import Role
from engine.domain.benefit_rule import BenefitRule
from engine.domain.bill import Doubt, ItemStatus, OfferKind, Tender
from engine.domain.gallery import ExemplarOrigin
from engine.domain.resident import CredentialKind
from projections.checkout_totals import CheckoutTotalsRow
from projections.open_checkouts import OpenCheckoutRow
from projections.queue_metrics import ServiceTimes, WaitEstimate
from projections.subsidy_ledger import BalanceRow, ClaimRow, PrepaidDay

MAX_FEN = 10_000_000
MAX_MS = 4_102_444_800_000

Name = Annotated[str, Meta(min_length=1, max_length=80)]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
MaybeId = Annotated[str, Meta(max_length=64, pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="sha256, hexadecimal")]
Reason = Annotated[str, Meta(max_length=200, description="why, in a few words; no personal data")]
NeededReason = Annotated[str, Meta(min_length=1, max_length=200, description="why; no personal data")]
Instant = Annotated[int, Meta(ge=0, le=MAX_MS, description="milliseconds since 1970 UTC")]
Fen = Annotated[int, Meta(ge=0, le=MAX_FEN, description="fen (100 fen = 1 yuan)")]
SomeFen = Annotated[int, Meta(ge=1, le=MAX_FEN, description="fen (100 fen = 1 yuan), more than none")]
Price = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_FEN,
        description=f"fen, 1 to {menu_words.MAX_PRICE_FEN}; a menu with a dish without a price is refused as a whole",
    ),
]
Pieces = Annotated[
    int,
    Meta(
        ge=1,
        le=menu_words.MAX_PIECES,
        description="of a dish sold by the piece: how many lie there; each is an item of its own",
    ),
]
Bps = Annotated[int, Meta(ge=0, le=10_000, description="basis points, 10,000 = certain")]
SimilarityBps = Annotated[int, Meta(ge=-10_000, le=10_000, description="cosine x 10,000")]
Pixels = Annotated[int, Meta(ge=0, le=65_535)]
Micros = Annotated[int, Meta(ge=0, le=600_000_000)]
ItemNumber = Annotated[int, Meta(ge=0, le=10_000, description="the item's number on the bill")]
Number = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description="what the reader read from card, code or face terminal; never stored nor logged",
    ),
]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of everything that is sent."""


class TimedBody(Body, frozen=True, kw_only=True):
    """Says when it happened by the terminal's clock; left out, it is the moment of arrival."""

    occurred_at_ms: Instant | None = None


# --- tray session -----------------------------------------------------------------------------------------------


class BoxSent(Body, frozen=True, kw_only=True):
    left_px: Pixels
    top_px: Pixels
    right_px: Pixels
    bottom_px: Pixels


class CandidateSent(Body, frozen=True, kw_only=True):
    dish_id: Id
    similarity_bps: SimilarityBps


class SightingSent(Body, frozen=True, kw_only=True):
    box: BoxSent
    detector_bps: Bps
    candidates: Annotated[tuple[CandidateSent, ...], Meta(max_length=5, description="best first")]
    off_menu_bps: Annotated[
        Bps, Meta(description="similarity of the most alike dish that is enrolled but not on the menu, 0 if none")
    ] = 0


class ModelSent(Body, frozen=True, kw_only=True):
    name: Name
    sha256: Sha256


class TimingsSent(Body, frozen=True, kw_only=True):
    decode_us: Micros = 0
    detect_us: Micros = 0
    embed_us: Micros = 0
    match_us: Micros = 0


class ReadingSent(Body, frozen=True, kw_only=True):
    """A reading that the terminal made itself."""

    photo_sha256: Sha256
    width_px: Pixels
    height_px: Pixels
    sightings: Annotated[tuple[SightingSent, ...], Meta(max_length=40)]
    models: Annotated[tuple[ModelSent, ...], Meta(max_length=8)]
    timings: TimingsSent = TimingsSent()

    def to_reading(self) -> words.TrayReading:
        """Return the same in the words of the domain."""
        return msgspec.convert(self, words.TrayReading, from_attributes=True)


class TerminalScan(TimedBody, frozen=True, kw_only=True):
    """A reading made at the terminal, and the menu version it was made against."""

    lane_id: MaybeId = ""
    canteen_id: MaybeId = ""
    placed_at_ms: Instant
    menu_version: Annotated[int, Meta(ge=1)]
    reading: ReadingSent


class PhotoScan(Body, frozen=True, kw_only=True):
    """The fields beside the photograph."""

    lane_id: MaybeId = ""
    canteen_id: MaybeId = ""
    placed_at_ms: Instant
    occurred_at_ms: Instant | None = None


class Correction(TimedBody, frozen=True, kw_only=True):
    item_id: ItemNumber
    dish_id: Id
    pieces: Pieces = 1
    reason: Reason = ""


class AddedItem(TimedBody, frozen=True, kw_only=True):
    dish_id: Id
    pieces: Pieces = 1
    reason: Reason = ""


class RemovedItem(TimedBody, frozen=True, kw_only=True):
    reason: NeededReason


class Credential(Body, frozen=True, kw_only=True):
    kind: CredentialKind
    number: Number


class Identification(TimedBody, frozen=True, kw_only=True):
    credential: Credential


class Payment(TimedBody, frozen=True, kw_only=True, tag_field="tender"):
    """`amount_fen` is what the diner was shown; a bill that differs is not paid."""

    amount_fen: Fen
    pay_started_at_ms: Instant


class FacePayment(Payment, frozen=True, kw_only=True, tag="face"):
    token: Number


class CardPayment(Payment, frozen=True, kw_only=True, tag="card"):
    acquirer: Id
    reference: Id


class WalletPayment(Payment, frozen=True, kw_only=True, tag="wallet"):
    """From the wallet of the diner who was identified before."""


class QrPayment(Payment, frozen=True, kw_only=True, tag="qr"):
    acquirer: Id
    reference: Id


class CashPayment(Payment, frozen=True, kw_only=True, tag="cash"):
    received_fen: Fen


AnyPayment = FacePayment | CardPayment | WalletPayment | QrPayment | CashPayment


class TrayTaken(TimedBody, frozen=True, kw_only=True):
    """The tray left the counter."""


class Voiding(TimedBody, frozen=True, kw_only=True):
    reason: NeededReason


class Refund(TimedBody, frozen=True, kw_only=True):
    item_ids: Annotated[
        tuple[ItemNumber, ...],
        Meta(max_length=100, description="which items; none named means all that is left"),
    ] = ()
    reason: NeededReason


# --- the rest of what is sent -----------------------------------------------------------------------------------


class MenuItemSent(Body, frozen=True, kw_only=True):
    dish_id: Id
    name_zh: Name
    name_en: Name
    price_fen: Price
    category: MaybeId = ""
    size_of: Annotated[MaybeId, Meta(description="the dish that this is another size of")] = ""
    from_area_bps: Annotated[
        Bps, Meta(description="smallest box of this size, in basis points of the photograph's area; 0 for the smallest")
    ] = 0
    sold_by_piece: bool = False


class DishChoiceSent(Body, frozen=True, kw_only=True):
    """Any of these dishes and any dish of these categories."""

    dish_ids: Annotated[tuple[Id, ...], Meta(max_length=menu_words.MAX_DISHES_PER_MENU)] = ()
    categories: Annotated[tuple[Id, ...], Meta(max_length=20)] = ()


class SetSlotSent(Body, frozen=True, kw_only=True):
    dishes: DishChoiceSent
    count: Annotated[int, Meta(ge=1, le=menu_words.MAX_DISHES_PER_SET_MEAL)] = 1


class SetMealSent(Body, frozen=True, kw_only=True):
    """Dishes at one price, given where it is cheaper for the diner."""

    offer_id: Id
    title_zh: Name
    title_en: Name
    price_fen: SomeFen
    slots: Annotated[tuple[SetSlotSent, ...], Meta(min_length=1, max_length=menu_words.MAX_DISHES_PER_SET_MEAL)]


class InclusionSent(Body, frozen=True, kw_only=True):
    """Dishes that cost nothing with a main dish."""

    offer_id: Id
    title_zh: Name
    title_en: Name
    mains: DishChoiceSent
    included: DishChoiceSent
    per_main: Annotated[int, Meta(ge=1, le=10, description="how many each main brings")] = 1
    at_most_per_tray: Annotated[int, Meta(ge=0, le=30, description="0 for no limit")] = 0
    touching: Annotated[bool, Meta(description="only what lies with its main, so that their boxes touch")] = False


class MenuSent(Body, frozen=True, kw_only=True):
    items: Annotated[tuple[MenuItemSent, ...], Meta(min_length=1, max_length=menu_words.MAX_DISHES_PER_MENU)]
    set_meals: Annotated[tuple[SetMealSent, ...], Meta(max_length=menu_words.MAX_SET_MEALS_PER_MENU)] = ()
    inclusions: Annotated[tuple[InclusionSent, ...], Meta(max_length=menu_words.MAX_INCLUSIONS_PER_MENU)] = ()

    def to_content(self) -> menu_words.MenuContent:
        """Return the same in the words of the domain."""
        return msgspec.convert(self, menu_words.MenuContent, from_attributes=True)


class LaneSent(Body, frozen=True, kw_only=True):
    lane_id: Id
    name_zh: Name
    name_en: Name


class MealPeriodSent(Body, frozen=True, kw_only=True):
    period_id: Id
    name_zh: Name
    name_en: Name
    from_minute: Annotated[int, Meta(ge=0, le=1439, description="minutes after local midnight, inclusive")]
    until_minute: Annotated[int, Meta(ge=1, le=1440, description="minutes after local midnight, exclusive")]


class CanteenSent(Body, frozen=True, kw_only=True):
    canteen_id: Id
    name_zh: Name
    name_en: Name
    street: Name
    district: Name
    city: Name
    utc_offset_minutes: Annotated[int, Meta(ge=-720, le=840)]
    lanes: Annotated[tuple[LaneSent, ...], Meta(min_length=1, max_length=50)]
    meal_periods: Annotated[tuple[MealPeriodSent, ...], Meta(min_length=1, max_length=12)]


class DishEnrolment(Body, frozen=True, kw_only=True):
    """The fields beside the photographs."""

    dish_id: Id
    name_zh: Name
    name_en: Name
    variant: Annotated[
        str, Meta(max_length=40, description="the portion or crockery that the photographs show, such as 小份 or bowl")
    ] = ""
    portion: Annotated[
        str,
        Meta(
            pattern=r"^(largest|whole|[1-9][0-9]?|[0-9]{1,5},[0-9]{1,5},[0-9]{1,5},[0-9]{1,5})$",
            description="what of each photograph is the dish: `largest` near the middle, the `whole` photograph, a "
            "portion by its number in reading order from 1, or a box `left,top,right,bottom` in pixels",
        ),
    ] = "largest"


class ExemplarConfirmation(Body, frozen=True, kw_only=True):
    """Proposed photographs of a dish to be matched with from now on."""

    dish_id: Id
    exemplar_ids: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=100)]


class ExemplarRemoval(Body, frozen=True, kw_only=True):
    """Photographs of a dish that trays are no longer matched with."""

    dish_id: Id
    exemplar_ids: Annotated[tuple[Id, ...], Meta(max_length=100, description="none named means all of the dish")] = ()
    reason: NeededReason


class GalleryUndo(Body, frozen=True, kw_only=True):
    version: Annotated[int, Meta(ge=1, description="the change to take back")]
    reason: NeededReason


class CredentialBlocking(Body, frozen=True, kw_only=True):
    credential: Credential
    reason: NeededReason


class TopUp(TimedBody, frozen=True, kw_only=True):
    amount_fen: SomeFen
    source: Literal["cash", "transfer"]
    reference: MaybeId = ""


class KeyIssue(Body, frozen=True, kw_only=True):
    """A key for a terminal names its canteen and lane; a person's key may be bound to a canteen."""

    role: Role
    label: Name
    canteen_id: MaybeId = ""
    lane_id: MaybeId = ""


class KeyRevocation(Body, frozen=True, kw_only=True):
    reason: NeededReason


# --- what is answered -------------------------------------------------------------------------------------------


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Root of what is answered."""


class BoxTold(Answer, frozen=True, kw_only=True):
    left_px: int
    top_px: int
    right_px: int
    bottom_px: int


class CandidateTold(Answer, frozen=True, kw_only=True):
    dish_id: str
    name_zh: str
    name_en: str
    price_fen: int
    similarity_bps: int


class ItemTold(Answer, frozen=True, kw_only=True):
    item_id: int
    status: ItemStatus
    doubt: Annotated[Doubt, Meta(description="why it is left to a person, '' if it is not")]
    dish_id: str
    name_zh: str
    name_en: str
    price_fen: Annotated[int, Meta(description="what it costs on this bill; the items sum to `gross_fen`")]
    list_price_fen: Annotated[int, Meta(description="what the menu says; more than `price_fen` under an offer")]
    offer_id: Annotated[str, Meta(description="the offer that it is priced by, '' for none")]
    sold_by_piece: Annotated[bool, Meta(description="a person may say how many pieces lie there")]
    refunded: bool
    confidence_bps: Annotated[int, Meta(description="9,000 or more suffices to be billed unasked")]
    box: BoxTold | None
    candidates: tuple[CandidateTold, ...]


class DinerTold(Answer, frozen=True, kw_only=True):
    """Neither name, number nor welfare class: this is shown on a screen that others can see."""

    identified: bool
    credential_kind: str | None
    resident_id: Annotated[str | None, Meta(description="a pseudonym")]


class OfferTold(Answer, frozen=True, kw_only=True):
    """A set meal, or dishes that are included with another; `off_fen = list_fen - price_fen`."""

    offer_id: str
    kind: OfferKind
    title_zh: str
    title_en: str
    item_ids: tuple[int, ...]
    list_fen: int
    price_fen: int
    off_fen: int


class BenefitTold(Answer, frozen=True, kw_only=True):
    rule_id: str
    rule_version: int
    kind: str
    title_zh: str
    title_en: str
    amount_fen: int


class Bill(Answer, frozen=True, kw_only=True):
    """`gross_fen = due_fen + discount_fen + subsidy_fen` until something is refunded; offers are in `gross_fen`."""

    checkout_id: str
    status: Annotated[str, Meta(description="held, ready, paid, closed, voided or refunded")]
    canteen_id: str
    lane_id: str
    business_day: str
    meal_period: str
    menu_version: int
    scan_number: int
    items: tuple[ItemTold, ...]
    offers: tuple[OfferTold, ...]
    diner: DinerTold
    benefits: tuple[BenefitTold, ...]
    gross_fen: int
    discount_fen: int
    subsidy_fen: int
    due_fen: int
    tender: Tender | None
    refunded_fen: int
    balance_fen: Annotated[int | None, Meta(description="what is left in the wallet that paid")]


class Problem(Answer, frozen=True, kw_only=True):
    """RFC 9457. `code` is stable; `title` is Chinese, `title_en` English."""

    type: str
    title: str
    title_en: str
    status: int
    detail: str
    code: str
    instance: str
    details: dict[str, Any]


class ProblemKindTold(Answer, frozen=True, kw_only=True):
    code: str
    status: int
    title: str
    title_en: str
    meaning: str


class CanteenTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    name_zh: str
    name_en: str
    street: str
    district: str
    city: str
    utc_offset_minutes: int
    lanes: tuple[LaneSent, ...]
    meal_periods: tuple[MealPeriodSent, ...]


class Canteens(Answer, frozen=True, kw_only=True):
    canteens: tuple[CanteenTold, ...]


class Menu(Answer, frozen=True, kw_only=True):
    canteen_id: str
    business_day: date
    meal_period: str
    version: int
    items: tuple[MenuItemSent, ...]
    set_meals: tuple[SetMealSent, ...]
    inclusions: tuple[InclusionSent, ...]


class CanteenOpenedTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    changed: bool


class MenuPublishedTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    business_day: date
    meal_period: str
    version: int
    changed: bool


class LookAlikesTold(Answer, frozen=True, kw_only=True):
    """Two dishes that are easily mistaken for each other."""

    dish_id: str
    other_dish_id: str
    told_apart_bps: Annotated[Bps, Meta(description="estimated share of portions of either that are not mistaken")]
    trials: Annotated[int, Meta(description="photographs that the estimate rests on")]
    won: Annotated[int, Meta(description="photographs that were nearer to their own dish")]
    estimated: Annotated[bool, Meta(description="a dish has one photograph only: its own likeness is assumed")]
    weaker_dish_id: Annotated[str, Meta(description="the dish that gains most by another photograph")]
    message_zh: str
    message_en: str


class DishEnrolledTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    dish_id: str
    enrolled: Annotated[int, Meta(description="photographs that are new")]
    version: Annotated[int, Meta(description="of the gallery; this change can be undone by it")]
    changed: bool
    look_alikes: Annotated[
        tuple[LookAlikesTold, ...], Meta(description="dishes that this one may be mistaken for, the worst first")
    ]


class GalleryChangedTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    dish_id: str
    version: Annotated[int, Meta(description="of the gallery; this change can be undone by it")]
    changed: bool


class GalleryUndoneTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    undone: Annotated[int, Meta(description="the version that was taken back")]
    version: int
    changed: bool


class GalleryReembeddedTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    embedder_sha256: str
    exemplars: Annotated[int, Meta(description="photographs that got new vectors")]
    version: int
    changed: bool


class ExemplarTold(Answer, frozen=True, kw_only=True):
    """One photograph of a dish: `used` in matching, `waiting` to be learnt, `to_confirm` by a manager, `withdrawn`."""

    exemplar_id: str
    state: Literal["used", "waiting", "to_confirm", "withdrawn"]
    origin: ExemplarOrigin
    variant: str
    at_ms: int
    by_role: Role
    by_id: Annotated[str, Meta(description="of a key, a terminal or a process")]
    version: Annotated[int, Meta(description="of the gallery, in which it was changed last")]
    crop_sha256: Annotated[str, Meta(description="its picture, under `gallery/crops/`")]


class GalleryDishTold(Answer, frozen=True, kw_only=True):
    dish_id: str
    name_zh: str
    name_en: str
    exemplars: tuple[ExemplarTold, ...]


class GalleryTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    version: int
    embedder_sha256: Annotated[str, Meta(description="'' while nothing is enrolled")]
    current: Annotated[bool, Meta(description="false: made by another embedder model, so it has to be re-embedded")]
    dishes: tuple[GalleryDishTold, ...]


class GalleryChangeTold(Answer, frozen=True, kw_only=True):
    version: int
    kind: Literal["enrolled", "proposed", "adopted", "withdrawn", "restored", "re_embedded"]
    at_ms: int
    by_role: Role
    by_id: str
    dish_id: str
    exemplar_ids: tuple[str, ...]
    because: Annotated[str, Meta(description="the variant, the ground or the reason, as far as there is one")]
    undoes_version: int


class GalleryHistoryTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    changes: Annotated[tuple[GalleryChangeTold, ...], Meta(description="oldest first")]


class GalleryLookAlikesTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    look_alikes: Annotated[tuple[LookAlikesTold, ...], Meta(description="at most 10, the worst first")]


class FindingTold(Answer, frozen=True, kw_only=True):
    """What is wrong with one line of a file; never the value itself."""

    line: int
    column: str
    message: str


class ImportTold(Answer, frozen=True, kw_only=True):
    """`unchanged` were registered before with the same record. `kept_blocked` are credentials that stay blocked."""

    dry_run: bool
    lines: int
    registered: Annotated[int, Meta(description="residents that are new or whose record changed")]
    unchanged: int
    credentials: Annotated[int, Meta(description="credentials that are new or changed")]
    blocked: Annotated[int, Meta(description="credentials that the file reports as lost, blocked now")]
    kept_blocked: int
    wallets_opened: int
    findings: Annotated[tuple[FindingTold, ...], Meta(description="of a dry run; without one, findings are a problem")]


class WalletTold(Answer, frozen=True, kw_only=True):
    resident_id: str
    balance_fen: int


class CredentialBlockedTold(Answer, frozen=True, kw_only=True):
    credential_id: Annotated[str, Meta(description="a keyed hash, not the number")]
    changed: bool


class AcceptancePolicyPublishedTold(Answer, frozen=True, kw_only=True):
    canteen_id: str
    version: int
    changed: bool


class AcceptancePolicyTold(Answer, frozen=True, kw_only=True):
    """`policy_id` is how scans name it; `own_version` is 0 while the limits of the installation are in force."""

    canteen_id: str
    policy_id: str
    own_version: int
    limits: AcceptanceLimits
    calibration: Calibration | None


class RulePublishedTold(Answer, frozen=True, kw_only=True):
    rule_id: str
    version: int
    changed: bool


class KeyRevokedTold(Answer, frozen=True, kw_only=True):
    key_id: str
    changed: bool


class Rules(Answer, frozen=True, kw_only=True):
    rules: tuple[BenefitRule, ...]


class Totals(Answer, frozen=True, kw_only=True):
    """`values` of each row are in the order of `by`."""

    by: tuple[str, ...]
    rows: tuple[CheckoutTotalsRow, ...]


class Ledger(Answer, frozen=True, kw_only=True):
    accounts: tuple[BalanceRow, ...]
    claims: tuple[ClaimRow, ...]
    prepaid: Annotated[tuple[PrepaidDay, ...], Meta(description="empty for one canteen: it belongs to residents")]


class BucketTold(Answer, frozen=True, kw_only=True):
    """Five minutes at one lane, from `from_ms`."""

    canteen_id: str
    lane_id: str
    business_day: str
    from_ms: int
    arrivals: int
    rescans: int
    hand_offs: int
    corrections: int
    confirmations: int
    additions: int
    removals: int
    voids: int
    completed: int
    ended: int
    busy_ms: int
    utilisation: Annotated[float, Meta(description="share of the time for which a tray stood there")]
    throughput_per_minute: Annotated[float, Meta(description="payments per minute")]


class QueueMetrics(Answer, frozen=True, kw_only=True):
    buckets: tuple[BucketTold, ...]
    service_times: tuple[ServiceTimes, ...]
    estimated_waits: tuple[WaitEstimate, ...]


class OpenCheckouts(Answer, frozen=True, kw_only=True):
    checkouts: tuple[OpenCheckoutRow, ...]


class Live(Answer, frozen=True, kw_only=True):
    status: str


class StoreHealth(Answer, frozen=True, kw_only=True):
    database: str
    head_position: int
    chain_head: Annotated[str, Meta(description="hash of the newest record, hexadecimal")]


class WriterHealth(Answer, frozen=True, kw_only=True):
    accepting: bool
    queue_depth: int
    queue_limit: int
    batch_p50_us: int
    batch_p95_us: int


class ReadModelHealth(Answer, frozen=True, kw_only=True):
    name: str
    state: str
    lag: Annotated[int, Meta(description="positions behind the log")]


class RecognitionHealth(Answer, frozen=True, kw_only=True):
    in_hand: int
    limit: int
    galleries_to_re_embed: Annotated[
        tuple[str, ...],
        Meta(
            description="canteens whose trays cannot be read until `canteen gallery re-embed --canteen ID` was run, "
            "because their dishes were enrolled with another embedder model"
        ),
    ]


class Health(Answer, frozen=True, kw_only=True):
    """`faults` names what keeps work from being done, by code."""

    status: str
    faults: tuple[str, ...]
    store: StoreHealth
    writer: WriterHealth
    read_models: tuple[ReadModelHealth, ...]
    models: tuple[ModelSent, ...]
    recognition: RecognitionHealth


class KeyIssued(Answer, frozen=True, kw_only=True):
    key_id: str
    role: Role
    canteen_id: str
    lane_id: str
    label: str
    key: Annotated[str, Meta(description="the key; only its sha256 is kept")]
