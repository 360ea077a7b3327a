"""One tray session, from the tray being placed to its removal.

    Empty --scan--> Scanned <--correct--> Held        Held: some item is uncertain or unknown
                       |  \\________________ | --void--> Voided
                      pay                                        (Settled also takes refunds and the tray's removal)
                       v
                    Settled

A second scan replaces the reading while the session is open. Whatever does not fit is refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.deciders.stream_type import StreamType
from engine.domain.actor import Actor, Role
from engine.domain.bill import AppliedOffer, BenefitKind, Bill, Doubt, ItemStatus, ScannedItem, ServiceSplit, Tender
from engine.domain.canteen import Site
from engine.domain.commands import (
    AddDish,
    CorrectDish,
    PayByCard,
    PayByCash,
    PayByFace,
    PayByQr,
    PayByWallet,
    PayCheckout,
    RefundCheckout,
    RemoveDish,
    RemoveTray,
    ScanTray,
    VoidCheckout,
)
from engine.domain.errors import (
    AlreadyPaidError,
    CheckoutHeldError,
    CheckoutVoidedError,
    EmptyTrayError,
    IdentificationRequiredError,
    IllegalTransitionError,
    InvalidValueError,
    NothingScannedError,
    NotPermittedError,
    PayerMismatchError,
    RefundExceedsPaymentError,
    UnknownItemError,
    WrongAmountError,
)
from engine.domain.events import (
    BillPaid,
    CardPaid,
    CashPaid,
    CheckoutVoided,
    DinerIdentified,
    DiscountApplied,
    DishAdded,
    DishCorrected,
    DishRemoved,
    Event,
    FacePaid,
    OfferApplied,
    PaymentRefunded,
    QrPaid,
    SubsidyApplied,
    TrayRemoved,
    TrayScanned,
    VoidCause,
    WalletPaid,
)
from engine.domain.menu import MAX_PIECES, MenuItem
from engine.domain.money import yuan
from engine.domain.resident import CredentialKind
from engine.policies.benefits import PricedLine, subtract
from engine.policies.pricing import MAX_ITEMS_PER_TRAY, require_priced

MAX_FACE_PAYMENT_FEN = 10_000
MAX_CASH_RECEIVED_FEN = 100_000
MAX_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Diner:
    """The person at the lane, by pseudonym, and what was shown."""

    resident_id: str
    credential_kind: CredentialKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Nothing was scanned yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckout:
    """A priced tray that is not paid yet: what Scanned and Held have in common."""

    site: Site
    scan_number: int
    menu_version: int
    placed_at_ms: int
    read_at_ms: int
    items: tuple[ScannedItem, ...]
    next_item_id: int
    diner: Diner | None = None
    offers: tuple[AppliedOffer, ...] = ()
    """What was applied for the payment that follows in the same append."""

    def priced_lines(self, offers: tuple[AppliedOffer, ...] = ()) -> tuple[PricedLine, ...]:
        """Return the items that have a dish, as lines to be billed at the offers' prices."""
        prices_fen = {line.item_id: line.price_fen for offer in offers for line in offer.lines}
        return tuple(
            PricedLine(
                item_id=item.item_id,
                dish_id=item.dish_id,
                price_fen=prices_fen.get(item.item_id, item.price_fen),
            )
            for item in self.items
            if item.dish_id
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned(OpenCheckout):
    """Every item is settled: the bill may be paid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(OpenCheckout):
    """Some item waits for a person's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Paid. `bill` is what was paid, `remaining` what is left of it after refunds."""

    site: Site
    scan_number: int
    menu_version: int
    placed_at_ms: int
    items: tuple[ScannedItem, ...]
    diner: Diner | None
    tender: Tender
    bill: Bill
    remaining: Bill
    offers: tuple[AppliedOffer, ...] = ()
    refund_count: int = 0
    tray_removed: bool = False

    @property
    def resident_id(self) -> str:
        """The pseudonym the bill was for, '' when anonymous."""
        return self.diner.resident_id if self.diner else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voided:
    """Ended without payment."""

    site: Site
    scan_number: int
    menu_version: int
    items: tuple[ScannedItem, ...]
    cause: VoidCause


CheckoutState = Empty | Scanned | Held | Settled | Voided


# --- decisions --------------------------------------------------------------------------------------------------


def decide_scan(
    state: CheckoutState,
    command: ScanTray,
    *,
    site: Site,
    menu_version: int,
    acceptance_policy: str,
    items: tuple[ScannedItem, ...],
) -> tuple[Event, ...]:
    """Take a priced reading into the session; before payment a later reading replaces the earlier one.

    A session belongs to the lane that opened it: the same id from another lane is refused. Items are numbered through
    the whole session, so that a correction of an earlier reading never hits an item of a later one (decision E4).
    """
    if isinstance(state, Settled):
        raise AlreadyPaidError("This tray is paid. Start a new session with a new id for the next tray.")
    if isinstance(state, Voided):
        raise CheckoutVoidedError("This session was voided. Start a new session with a new id.")
    if not items:
        raise EmptyTrayError("No dish was seen on the tray. Put the tray inside the marked area, or call staff.")
    if command.placed_at_ms > command.at_ms:
        raise InvalidValueError("placed_at_ms is later than the scan itself. Send when the tray was placed.")
    scan_number, placed_at_ms = 1, command.placed_at_ms
    if isinstance(state, OpenCheckout):
        if (state.site.canteen_id, state.site.lane_id) != (site.canteen_id, site.lane_id):
            raise IllegalTransitionError("This session belongs to another lane. Use a new id for each tray.")
        scan_number, placed_at_ms = state.scan_number + 1, state.placed_at_ms
        items = tuple(replace(item, item_id=number) for number, item in enumerate(items, start=state.next_item_id))
    return (
        TrayScanned(
            at_ms=command.at_ms,
            by=command.by,
            site=site,
            scan_number=scan_number,
            source=command.source,
            photo_sha256=command.reading.photo_sha256,
            models=command.reading.models,
            timings=command.reading.timings,
            acceptance_policy=acceptance_policy,
            menu_version=menu_version,
            placed_at_ms=placed_at_ms,
            items=items,
        ),
    )


def decide_correction(state: CheckoutState, command: CorrectDish, menu: Mapping[str, MenuItem]) -> tuple[Event, ...]:
    """Record what an item is. A diner may choose among an uncertain item's look-alikes; staff may name any dish.

    Several pieces in one well become one item each, so that each can be taken off or given back.

    Source: decisions E5 and D4.

    Raises:
        NotPermittedError: a diner names a dish outside the look-alikes, or touches an item that is not in doubt.
    """
    session = _require_open(state)
    item = _require_item(session, command.item_id)
    sold = require_priced(menu, command.dish_id)
    if not command.by.is_staff:
        offered = {candidate.dish_id for candidate in item.candidates}
        if item.status is not ItemStatus.UNCERTAIN or command.dish_id not in offered:
            raise NotPermittedError("Only staff may change this item. Call staff to the lane.", item_id=item.item_id)
    corrected = DishCorrected(
        at_ms=command.at_ms,
        by=command.by,
        site=session.site,
        item_id=item.item_id,
        from_dish_id=item.dish_id,
        to_dish_id=command.dish_id,
        price_fen=sold.price_fen,
        reason=_checked_reason(command.reason),
    )
    _require_pieces(sold, command.pieces)
    return (corrected, *_added(session, command, sold, command.pieces - 1))


def decide_addition(state: CheckoutState, command: AddDish, menu: Mapping[str, MenuItem]) -> tuple[Event, ...]:
    """Add an item that the camera did not see; diner and staff may."""
    session = _require_open(state)
    sold = require_priced(menu, command.dish_id)
    _require_pieces(sold, command.pieces)
    return _added(session, command, sold, command.pieces)


def _require_pieces(sold: MenuItem, pieces: int) -> None:
    if not 1 <= pieces <= MAX_PIECES:
        raise InvalidValueError(f"{pieces} pieces were named; 1 to {MAX_PIECES} can be. Add the rest on its own.")
    if pieces > 1 and not sold.sold_by_piece:
        raise InvalidValueError(
            f"'{sold.dish_id}' is sold by the portion, not by the piece. Add further portions one by one.",
            dish_id=sold.dish_id,
        )


def _added(session: OpenCheckout, command: CorrectDish | AddDish, sold: MenuItem, count: int) -> tuple[DishAdded, ...]:
    """Add items of one dish; each is a line of the bill.

    Raises:
        InvalidValueError: the bill would hold too many items.
    """
    if count and len(session.items) + count > MAX_ITEMS_PER_TRAY:
        raise InvalidValueError(f"A bill holds at most {MAX_ITEMS_PER_TRAY} items. Bill the rest as a second tray.")
    return tuple(
        DishAdded(
            at_ms=command.at_ms,
            by=command.by,
            site=session.site,
            item_id=item_id,
            dish_id=sold.dish_id,
            price_fen=sold.price_fen,
            reason=_checked_reason(command.reason),
        )
        for item_id in range(session.next_item_id, session.next_item_id + count)
    )


def decide_removal_of_dish(state: CheckoutState, command: RemoveDish) -> tuple[Event, ...]:
    """Take an item off the bill; only staff may, and the last item cannot go (void the session instead)."""
    session = _require_open(state)
    item = _require_item(session, command.item_id)
    if not command.by.is_staff:
        raise NotPermittedError("Only staff may take an item off a bill. Call staff to the lane.")
    if len(session.items) == 1:
        raise IllegalTransitionError("This is the last item of the bill. Void the session instead.")
    return (
        DishRemoved(
            at_ms=command.at_ms,
            by=command.by,
            site=session.site,
            item_id=item.item_id,
            dish_id=item.dish_id,
            price_fen=item.price_fen,
            reason=_checked_reason(command.reason),
        ),
    )


def decide_identification(
    state: CheckoutState, *, at_ms: int, by: Actor, resident_id: str, credential_kind: CredentialKind
) -> tuple[Event, ...]:
    """Record who the diner is; before payment another credential replaces the first."""
    session = _require_open(state)
    diner = Diner(resident_id=resident_id, credential_kind=credential_kind)
    if session.diner == diner:
        return ()
    return (
        DinerIdentified(
            at_ms=at_ms, by=by, site=session.site, resident_id=resident_id, credential_kind=credential_kind
        ),
    )


def require_payable(state: CheckoutState) -> Scanned:
    """Return the session if its bill may be paid now.

    Raises:
        CheckoutHeldError: `details['item_ids']` names the items that wait for a person.
    """
    session = _require_open(state)
    if isinstance(session, Held):
        waiting = [str(item.item_id) for item in session.items if item.status is not ItemStatus.ACCEPTED]
        raise CheckoutHeldError(
            "Some items are not settled yet. Choose a look-alike or call staff, then pay.", item_ids=waiting
        )
    assert isinstance(session, Scanned)
    return session


def decide_payment(
    state: CheckoutState,
    command: PayCheckout,
    *,
    bill: Bill,
    offers: tuple[AppliedOffer, ...] = (),
    face_consent_id: str = "",
    payer_resident_id: str = "",
) -> tuple[Event, ...]:
    """Settle the bill: the offers and benefits that were applied, then the payment, which carries the whole bill.

    Source: decisions E2 and D2.

    Args:
        bill: computed now for the identified diner; the command must name exactly its own part.
        offers: what priced the bill's items otherwise than the menu does dish by dish.
        face_consent_id: the consent behind a face payment.
        payer_resident_id: whose face it was; must be the identified diner.
    """
    session = require_payable(state)
    resident_id = session.diner.resident_id if session.diner else ""
    if command.amount_fen != bill.own_fen:
        raise WrongAmountError(
            f"{yuan(bill.own_fen)} yuan are due, not {yuan(command.amount_fen)}. Show the new amount and pay again.",
            due_fen=bill.own_fen,
        )
    applied: list[Event] = [
        OfferApplied(at_ms=command.at_ms, by=command.by, site=session.site, offer=offer) for offer in offers
    ]
    for benefit in bill.benefits:
        if benefit.kind is BenefitKind.DISCOUNT:
            applied.append(
                DiscountApplied(
                    at_ms=command.at_ms,
                    by=command.by,
                    site=session.site,
                    resident_id=resident_id,
                    rule_id=benefit.rule_id,
                    rule_version=benefit.rule_version,
                    stage=benefit.stage,
                    base_fen=benefit.base_fen,
                    amount_fen=benefit.amount_fen,
                )
            )
        else:
            applied.append(
                SubsidyApplied(
                    at_ms=command.at_ms,
                    by=command.by,
                    site=session.site,
                    resident_id=resident_id,
                    rule_id=benefit.rule_id,
                    rule_version=benefit.rule_version,
                    stage=benefit.stage,
                    base_fen=benefit.base_fen,
                    amount_fen=benefit.amount_fen,
                    shares=benefit.shares,
                )
            )
    return (*applied, _payment(session, command, bill, resident_id, face_consent_id, payer_resident_id))


def _payment(
    session: Scanned, command: PayCheckout, bill: Bill, resident_id: str, face_consent_id: str, payer_resident_id: str
) -> BillPaid:
    said: dict[str, Any] = {
        "at_ms": command.at_ms,
        "by": command.by,
        "site": session.site,
        "resident_id": resident_id,
        "bill": bill,
        "split": _service_split(session, command),
    }
    match command:
        case PayByFace():
            if payer_resident_id != resident_id:
                raise PayerMismatchError("The face belongs to another person than the diner who was identified.")
            if bill.own_fen > MAX_FACE_PAYMENT_FEN:
                raise InvalidValueError(
                    f"Face payment ends at {yuan(MAX_FACE_PAYMENT_FEN)} yuan. Pay by card, wallet, QR or cash.",
                    limit_fen=MAX_FACE_PAYMENT_FEN,
                )
            return FacePaid(**said, face_token=command.credential_id, consent_id=face_consent_id)
        case PayByWallet():
            if not resident_id:
                raise IdentificationRequiredError("Show a card or code first: the wallet's owner is not known.")
            return WalletPaid(**said)
        case PayByCard():
            return CardPaid(
                **said, acquirer=command.acquirer, acquirer_reference=_checked_reference(command.acquirer_reference)
            )
        case PayByQr():
            return QrPaid(
                **said, acquirer=command.acquirer, acquirer_reference=_checked_reference(command.acquirer_reference)
            )
        case PayByCash():
            if not bill.own_fen <= command.received_fen <= MAX_CASH_RECEIVED_FEN:
                raise WrongAmountError(
                    f"{yuan(command.received_fen)} yuan received, {yuan(bill.own_fen)} due. Enter the cash received.",
                    due_fen=bill.own_fen,
                )
            return CashPaid(**said, received_fen=command.received_fen, change_fen=command.received_fen - bill.own_fen)
        case _:
            raise TypeError(f"no way of paying is known as {type(command).__name__}")


def _service_split(session: OpenCheckout, command: PayCheckout) -> ServiceSplit:
    """Split the time since the tray was placed; a terminal's clock that runs behind never makes a part negative."""
    pay_started_at_ms = min(max(command.pay_started_at_ms, session.read_at_ms), command.at_ms)
    return ServiceSplit(
        recognise_ms=max(0, session.read_at_ms - session.placed_at_ms),
        interact_ms=max(0, pay_started_at_ms - session.read_at_ms),
        pay_ms=max(0, command.at_ms - pay_started_at_ms),
    )


def decide_removal_of_tray(state: CheckoutState, command: RemoveTray) -> tuple[Event, ...]:
    """Record that the paid tray left the counter; a second report changes nothing."""
    if not isinstance(state, Settled):
        _require_open(state)
        raise IllegalTransitionError("The tray is not paid. Take payment, or void the session.")
    if state.tray_removed:
        return ()
    return (
        TrayRemoved(
            at_ms=command.at_ms,
            by=command.by,
            site=state.site,
            occupied_ms=max(0, command.at_ms - state.placed_at_ms),
        ),
    )


def decide_void(state: CheckoutState, command: VoidCheckout) -> tuple[Event, ...]:
    """End an open session without payment. A time-out is the system's to give, a staff void is staff's."""
    session = _require_open(state)
    if command.cause is VoidCause.TIMEOUT and command.by.role is not Role.SYSTEM:
        raise NotPermittedError("Only the system voids for a time-out. Give 'diner' or 'staff' as the cause.")
    if command.cause is VoidCause.STAFF and not command.by.is_staff:
        raise NotPermittedError("Only staff may void as staff. Sign in with a staff key.")
    return (
        CheckoutVoided(
            at_ms=command.at_ms,
            by=command.by,
            site=session.site,
            cause=command.cause,
            reason=_checked_reason(command.reason),
            occupied_ms=max(0, command.at_ms - session.placed_at_ms),
        ),
    )


def require_refundable(state: CheckoutState, command: RefundCheckout) -> tuple[Settled, frozenset[int]]:
    """Return the paid session and the items that stay on its bill after the refund.

    Raises:
        RefundExceedsPaymentError: everything was refunded before, or one of the items was.
    """
    if not isinstance(state, Settled):
        _require_open(state)
        raise IllegalTransitionError("The bill is not paid yet, so nothing can be refunded. Void the session instead.")
    if not command.by.is_staff:
        raise NotPermittedError("Only staff may refund. Sign in with a staff key.")
    left = {line.item_id for line in state.remaining.lines}
    if not left:
        raise RefundExceedsPaymentError("The whole bill was refunded before.")
    wanted = set(command.item_ids) or left
    if len(wanted) != len(command.item_ids or left):
        raise InvalidValueError("item_ids names an item twice. Name each item once.")
    for item_id in sorted(wanted - left):
        if any(line.item_id == item_id for line in state.bill.lines):
            raise RefundExceedsPaymentError(f"Item {item_id} was refunded before.", item_id=item_id)
        raise UnknownItemError(f"The bill has no item {item_id}. Read the bill again.", item_id=item_id)
    return state, frozenset(left - wanted)


def decide_refund(state: CheckoutState, command: RefundCheckout, *, kept: Bill) -> tuple[PaymentRefunded]:
    """Give back the difference between what is posted and what the kept items cost (decision E3)."""
    settled, kept_item_ids = require_refundable(state, command)
    gone = tuple(line.item_id for line in settled.remaining.lines if line.item_id not in kept_item_ids)
    reason = _checked_reason(command.reason)
    if not reason:
        raise InvalidValueError("A refund needs a reason. Say why the money goes back.")
    return (
        PaymentRefunded(
            at_ms=command.at_ms,
            by=command.by,
            site=settled.site,
            resident_id=settled.resident_id,
            refund_number=settled.refund_count + 1,
            tender=settled.tender,
            item_ids=gone,
            reversal=subtract(settled.remaining, kept),
            reason=reason,
        ),
    )


def _require_open(state: CheckoutState) -> OpenCheckout:
    match state:
        case Settled():
            raise AlreadyPaidError("This bill is paid already; nothing was charged again.")
        case Voided():
            raise CheckoutVoidedError("This session was voided. Scan the tray again with a new id.")
        case Empty():
            raise NothingScannedError("No tray was scanned under this id. Scan the tray first.")
        case _:
            return state


def _require_item(session: OpenCheckout, item_id: int) -> ScannedItem:
    for item in session.items:
        if item.item_id == item_id:
            return item
    raise UnknownItemError(f"The bill has no item {item_id}. Read the bill again.", item_id=item_id)


def _checked_reason(reason: str) -> str:
    if len(reason) > MAX_REASON_CHARACTERS:
        raise InvalidValueError(f"A reason has at most {MAX_REASON_CHARACTERS} characters. Shorten it.")
    return reason.strip()


def _checked_reference(reference: str) -> str:
    if not reference.strip():
        raise InvalidValueError("The acquirer's reference is missing. Send the reference of its confirmation.")
    return reference


# --- how events change the state --------------------------------------------------------------------------------


def evolve(state: CheckoutState, event: Event) -> CheckoutState:
    """Return the state after an event. Events of the stream were decided in order, so none is refused here."""
    match event:
        case TrayScanned():
            return _opened(
                site=event.site,
                scan_number=event.scan_number,
                menu_version=event.menu_version,
                placed_at_ms=event.placed_at_ms,
                read_at_ms=event.at_ms,
                items=event.items,
                next_item_id=max(item.item_id for item in event.items) + 1,
                diner=state.diner if isinstance(state, OpenCheckout) else None,
            )
        case CheckoutVoided():
            assert isinstance(state, OpenCheckout)
            return Voided(
                site=state.site,
                scan_number=state.scan_number,
                menu_version=state.menu_version,
                items=state.items,
                cause=event.cause,
            )
        case BillPaid():
            assert isinstance(state, OpenCheckout)
            return Settled(
                site=state.site,
                scan_number=state.scan_number,
                menu_version=state.menu_version,
                placed_at_ms=state.placed_at_ms,
                items=state.items,
                diner=state.diner,
                tender=event.tender,
                bill=event.bill,
                remaining=event.bill,
                offers=state.offers,
            )
        case PaymentRefunded():
            assert isinstance(state, Settled)
            # A line or benefit that was reversed wholly disappears; the others shrink by what was reversed.
            return replace(state, remaining=subtract(state.remaining, event.reversal), refund_count=event.refund_number)
        case TrayRemoved():
            assert isinstance(state, Settled)
            return replace(state, tray_removed=True)
        case DinerIdentified():
            assert isinstance(state, OpenCheckout)
            diner = Diner(resident_id=event.resident_id, credential_kind=event.credential_kind)
            return replace(state, diner=diner)
        case DishCorrected() | DishAdded() | DishRemoved():
            assert isinstance(state, OpenCheckout)
            return _with_items(state, event)
        case OfferApplied():
            assert isinstance(state, OpenCheckout)
            return replace(state, offers=(*state.offers, event.offer))
        case _:
            return state


def _opened(**fields: Any) -> Scanned | Held:
    settled = all(item.status is ItemStatus.ACCEPTED for item in fields["items"])
    return Scanned(**fields) if settled else Held(**fields)


def _with_items(state: OpenCheckout, event: DishCorrected | DishAdded | DishRemoved) -> Scanned | Held:
    items = state.items
    next_item_id = state.next_item_id
    match event:
        case DishCorrected():
            items = tuple(
                replace(
                    item,
                    dish_id=event.to_dish_id,
                    price_fen=event.price_fen,
                    status=ItemStatus.ACCEPTED,
                    doubt=Doubt.NONE,
                )
                if item.item_id == event.item_id
                else item
                for item in items
            )
        case DishAdded():
            added = ScannedItem(
                item_id=event.item_id,
                status=ItemStatus.ACCEPTED,
                dish_id=event.dish_id,
                price_fen=event.price_fen,
                confidence_bps=10_000,
                detector_bps=0,
                box=None,
                candidates=(),
            )
            items = (*items, added)
            next_item_id += 1
        case DishRemoved():
            items = tuple(item for item in items if item.item_id != event.item_id)
    return _opened(
        site=state.site,
        scan_number=state.scan_number,
        menu_version=state.menu_version,
        placed_at_ms=state.placed_at_ms,
        read_at_ms=state.read_at_ms,
        items=items,
        next_item_id=next_item_id,
        diner=state.diner,
    )


CHECKOUT: StreamType[CheckoutState] = StreamType(initial=Empty(), evolve=evolve)
