"""One tray session in every situation it can be in, and every command on it, decided without any storage."""

from typing import Any

from engine.deciders.checkout import (
    CHECKOUT,
    CheckoutState,
    OpenCheckout,
    decide_addition,
    decide_correction,
    decide_identification,
    decide_payment,
    decide_refund,
    decide_removal_of_dish,
    decide_removal_of_tray,
    decide_scan,
    decide_void,
    require_payable,
    require_refundable,
)
from engine.domain.actor import Actor
from engine.domain.bill import Bill
from engine.domain.canteen import Site
from engine.domain.commands import (
    AddDish,
    Command,
    CorrectDish,
    IdentifyDiner,
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
from engine.domain.events import Event, ReadingSource, VoidCause
from engine.domain.reading import DishSighting
from engine.domain.resident import CredentialKind
from engine.policies.benefits import compute_bill, remaining_bill
from engine.policies.pricing import price_reading
from tests.unit.engine.examples import (
    CASHIER,
    MENU,
    NOON_MS,
    POLICY,
    SITE,
    SYSTEM,
    TERMINAL,
    facts,
    occasion,
    reading,
    sighting,
    spend_15_save_3,
    unsure,
)
from tests.unit.engine.given import fold

RULE = spend_15_save_3()
RESIDENT = "resident-1"
OTHER_RESIDENT = "resident-2"

_FACE_OWNERS = {"face-of-1": RESIDENT, "face-of-2": OTHER_RESIDENT}


def said(command_id: str, at_ms: int = NOON_MS, by: Actor = TERMINAL) -> dict[str, Any]:
    """What every command of the session says."""
    return {"command_id": command_id, "at_ms": at_ms, "by": by, "checkout_id": "c-1"}


def scan(*sightings: DishSighting, lane_id: str = "lanxi-1", at_ms: int = NOON_MS, **changes: Any) -> ScanTray:
    """A reading made on the server, of a tray placed 900 ms before."""
    fields: dict[str, Any] = {
        "canteen_id": "lanxi",
        "lane_id": lane_id,
        "placed_at_ms": at_ms - 900,
        "source": ReadingSource.SERVER,
        "menu_version": None,
        "reading": reading(*sightings),
    }
    return ScanTray(**{**said("scan", at_ms), **fields, **changes})


def pay(kind: type[PayCheckout], amount_fen: int, *, at_ms: int = NOON_MS + 8_000, **changes: Any) -> PayCheckout:
    """A payment of the kind that began 3 s after the scan; every other field has a valid value."""
    fields: dict[type[PayCheckout], dict[str, Any]] = {
        PayByFace: {"credential_id": "face-of-1"},
        PayByCard: {"acquirer": "unionpay", "acquirer_reference": "up-1"},
        PayByQr: {"acquirer": "alipay", "acquirer_reference": "ali-1"},
        PayByCash: {"received_fen": 10_000},
        PayByWallet: {},
    }
    given_fields = {"amount_fen": amount_fen, "pay_started_at_ms": NOON_MS + 3_000, **fields[kind], **changes}
    return kind(**said("pay", at_ms), **given_fields)


def refund(*item_ids: int, by: Actor = CASHIER, reason: str = "cold soup") -> RefundCheckout:
    """A refund by the cashier."""
    return RefundCheckout(**said("refund", NOON_MS + 60_000, by), item_ids=item_ids, reason=reason)


def void(cause: VoidCause = VoidCause.DINER, by: Actor = TERMINAL, reason: str = "") -> VoidCheckout:
    """A void twenty seconds after the scan."""
    return VoidCheckout(**said("void", NOON_MS + 20_000, by), cause=cause, reason=reason)


def correct(item_id: int, dish_id: str, by: Actor = CASHIER, reason: str = "", pieces: int = 1) -> CorrectDish:
    """A correction by the cashier."""
    return CorrectDish(**said("correct", by=by), item_id=item_id, dish_id=dish_id, reason=reason, pieces=pieces)


def add(dish_id: str, by: Actor = TERMINAL, pieces: int = 1) -> AddDish:
    """An addition by the diner at the terminal."""
    return AddDish(**said("add", by=by), dish_id=dish_id, pieces=pieces)


def remove(item_id: int, by: Actor = CASHIER) -> RemoveDish:
    """A removal by the cashier."""
    return RemoveDish(**said("remove", by=by), item_id=item_id)


def identify(credential_id: str = "card-of-1") -> IdentifyDiner:
    """The diner shows a card."""
    return IdentifyDiner(**said("identify"), credential_id=credential_id)


def remove_tray() -> RemoveTray:
    """The tray leaves half a minute after the scan."""
    return RemoveTray(**said("leave", NOON_MS + 30_000))


def bill_of(session: OpenCheckout) -> Bill:
    """The bill with 满15减3 for whoever is identified."""
    return compute_bill(session.priced_lines(), [RULE], occasion(), facts() if session.diner else None, ())


def decide(state: CheckoutState, command: Command) -> tuple[Event, ...]:
    """Decide any command of a session on the menu, rule and people of these tests."""
    match command:
        case ScanTray():
            site = Site(
                canteen_id=command.canteen_id,
                lane_id=command.lane_id,
                business_day=SITE.business_day,
                meal_period=SITE.meal_period,
            )
            items = price_reading(command.reading, MENU, POLICY)
            return decide_scan(
                state, command, site=site, menu_version=1, acceptance_policy=POLICY.policy_id, items=items
            )
        case CorrectDish():
            return decide_correction(state, command, MENU)
        case AddDish():
            return decide_addition(state, command, MENU)
        case RemoveDish():
            return decide_removal_of_dish(state, command)
        case IdentifyDiner():
            return decide_identification(
                state,
                at_ms=command.at_ms,
                by=command.by,
                resident_id=OTHER_RESIDENT if command.credential_id == "card-of-2" else RESIDENT,
                credential_kind=CredentialKind.ELDER_CARD,
            )
        case PayCheckout():
            bill = bill_of(require_payable(state))
            face = command.credential_id if isinstance(command, PayByFace) else ""
            return decide_payment(
                state,
                command,
                bill=bill,
                face_consent_id=f"consent-of-{face}" if face else "",
                payer_resident_id=_FACE_OWNERS.get(face, ""),
            )
        case RemoveTray():
            return decide_removal_of_tray(state, command)
        case VoidCheckout():
            return decide_void(state, command)
        case RefundCheckout():
            settled, kept_item_ids = require_refundable(state, command)
            rules = [RULE for _ in settled.remaining.benefits]
            return decide_refund(state, command, kept=remaining_bill(settled.remaining, kept_item_ids, rules))
    raise AssertionError(f"these tests know no {type(command).__name__}")


def after(*commands: Command) -> CheckoutState:
    """The state after commands, each of which has to be legal."""
    state: CheckoutState = CHECKOUT.initial
    for command in commands:
        state = fold(CHECKOUT, decide(state, command), state)
    return state


READY = (scan(sighting("paigu"), sighting("bocai"), sighting("tang")),)
"""Spare ribs 10.00, spinach 4.00, soup 2.00: 16.00, or 13.00 with 满15减3."""
HELD = (scan(sighting("paigu"), unsure("doufu", "bocai")),)
"""Spare ribs 10.00 and either bean curd 3.50 or spinach 4.00."""
IDENTIFIED = (*READY, identify())
PAID = (*IDENTIFIED, pay(PayByCard, 1300))
TRAY_GONE = (*PAID, remove_tray())
PARTLY_REFUNDED = (*PAID, refund(3))
REFUNDED = (*PAID, refund())
VOIDED = (*READY, void())

BY_TIMEOUT = void(VoidCause.TIMEOUT, SYSTEM)
