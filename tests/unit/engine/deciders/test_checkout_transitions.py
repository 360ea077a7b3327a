"""Every command in every situation of a tray session: what it leads to, or the one error that refuses it."""

from typing import Any

import pytest

from engine.deciders.checkout import CHECKOUT, CheckoutState
from engine.domain.commands import Command, PayByCard, PayByCash, PayByFace, PayByQr, PayByWallet
from engine.domain.errors import (
    AlreadyPaidError,
    CheckoutHeldError,
    CheckoutVoidedError,
    CommandRejectedError,
    IdentificationRequiredError,
    IllegalTransitionError,
    NothingScannedError,
    NotPermittedError,
    PayerMismatchError,
    RefundExceedsPaymentError,
    UnknownItemError,
    WrongAmountError,
)
from engine.domain.events import (
    CardPaid,
    CashPaid,
    CheckoutVoided,
    DinerIdentified,
    DishAdded,
    DishCorrected,
    DishRemoved,
    Event,
    FacePaid,
    PaymentRefunded,
    QrPaid,
    SubsidyApplied,
    TrayRemoved,
    TrayScanned,
    VoidCause,
    WalletPaid,
)
from tests.unit.engine.examples import CASHIER, SYSTEM, TERMINAL, sighting
from tests.unit.engine.given import When
from tests.unit.engine.sessions import (
    BY_TIMEOUT,
    HELD,
    IDENTIFIED,
    PAID,
    PARTLY_REFUNDED,
    READY,
    REFUNDED,
    TRAY_GONE,
    VOIDED,
    add,
    after,
    correct,
    decide,
    identify,
    pay,
    refund,
    remove,
    remove_tray,
    scan,
    void,
)

STATES: dict[str, tuple[Command, ...]] = {
    "empty": (),
    "ready": READY,
    "held": HELD,
    "identified": IDENTIFIED,
    "paid": PAID,
    "tray gone": TRAY_GONE,
    "partly refunded": PARTLY_REFUNDED,
    "refunded": REFUNDED,
    "voided": VOIDED,
}

Outcome = type[Event] | type[CommandRejectedError] | tuple[type[Event], ...]

NOTHING: Outcome = ()
PAID_ALREADY: tuple[Outcome, ...] = (AlreadyPaidError,) * 4


def row(empty: Outcome, ready: Outcome, held: Outcome, identified: Outcome, *settled: Outcome) -> dict[str, Outcome]:
    """Outcomes for the states in their order; the last one is for a voided session."""
    return dict(zip(STATES, (empty, ready, held, identified, *settled), strict=True))


NOT_SCANNED = NothingScannedError
GONE = CheckoutVoidedError

TABLE: list[tuple[str, Command, dict[str, Outcome]]] = [
    (
        "scan at the same lane",
        scan(sighting("mifan")),
        row(TrayScanned, TrayScanned, TrayScanned, TrayScanned, *PAID_ALREADY, GONE),
    ),
    (
        "scan at another lane",
        scan(sighting("mifan"), lane_id="lanxi-2"),
        row(
            TrayScanned,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            *PAID_ALREADY,
            GONE,
        ),
    ),
    (
        "scan at another canteen",
        scan(sighting("mifan"), canteen_id="meiling"),
        row(
            TrayScanned,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            *PAID_ALREADY,
            GONE,
        ),
    ),
    (
        "correct by staff",
        correct(2, "bocai", CASHIER),
        row(NOT_SCANNED, DishCorrected, DishCorrected, DishCorrected, *PAID_ALREADY, GONE),
    ),
    (
        "choose a look-alike as diner",
        correct(2, "bocai", TERMINAL),
        row(NOT_SCANNED, NotPermittedError, DishCorrected, NotPermittedError, *PAID_ALREADY, GONE),
    ),
    (
        "correct an item that is not there",
        correct(9, "bocai", CASHIER),
        row(NOT_SCANNED, UnknownItemError, UnknownItemError, UnknownItemError, *PAID_ALREADY, GONE),
    ),
    ("add a dish", add("mifan"), row(NOT_SCANNED, DishAdded, DishAdded, DishAdded, *PAID_ALREADY, GONE)),
    (
        "remove a dish as staff",
        remove(1, CASHIER),
        row(NOT_SCANNED, DishRemoved, DishRemoved, DishRemoved, *PAID_ALREADY, GONE),
    ),
    (
        "remove a dish as diner",
        remove(1, TERMINAL),
        row(NOT_SCANNED, NotPermittedError, NotPermittedError, NotPermittedError, *PAID_ALREADY, GONE),
    ),
    (
        "identify",
        identify("card-of-1"),
        row(NOT_SCANNED, DinerIdentified, DinerIdentified, NOTHING, *PAID_ALREADY, GONE),
    ),
    (
        "identify another person",
        identify("card-of-2"),
        row(NOT_SCANNED, DinerIdentified, DinerIdentified, DinerIdentified, *PAID_ALREADY, GONE),
    ),
    (
        "pay by card what an identified diner owes",
        pay(PayByCard, 1300),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, (SubsidyApplied, CardPaid), *PAID_ALREADY, GONE),
    ),
    (
        "pay by card what an anonymous diner owes",
        pay(PayByCard, 1600),
        row(NOT_SCANNED, CardPaid, CheckoutHeldError, WrongAmountError, *PAID_ALREADY, GONE),
    ),
    (
        "pay by QR",
        pay(PayByQr, 1300),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, (SubsidyApplied, QrPaid), *PAID_ALREADY, GONE),
    ),
    (
        "pay by cash",
        pay(PayByCash, 1300),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, (SubsidyApplied, CashPaid), *PAID_ALREADY, GONE),
    ),
    (
        "pay by cash with too little in hand",
        pay(PayByCash, 1600, received_fen=1599),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, WrongAmountError, *PAID_ALREADY, GONE),
    ),
    (
        "pay from the wallet",
        pay(PayByWallet, 1300),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, (SubsidyApplied, WalletPaid), *PAID_ALREADY, GONE),
    ),
    (
        "pay from the wallet of nobody",
        pay(PayByWallet, 1600),
        row(NOT_SCANNED, IdentificationRequiredError, CheckoutHeldError, WrongAmountError, *PAID_ALREADY, GONE),
    ),
    (
        "pay by the diner's face",
        pay(PayByFace, 1300),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, (SubsidyApplied, FacePaid), *PAID_ALREADY, GONE),
    ),
    (
        "pay by another person's face",
        pay(PayByFace, 1300, credential_id="face-of-2"),
        row(NOT_SCANNED, WrongAmountError, CheckoutHeldError, PayerMismatchError, *PAID_ALREADY, GONE),
    ),
    (
        "remove the tray",
        remove_tray(),
        row(
            NOT_SCANNED,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            TrayRemoved,
            NOTHING,
            TrayRemoved,
            TrayRemoved,
            GONE,
        ),
    ),
    (
        "void as diner",
        void(VoidCause.DINER, TERMINAL),
        row(NOT_SCANNED, CheckoutVoided, CheckoutVoided, CheckoutVoided, *PAID_ALREADY, GONE),
    ),
    (
        "void as staff",
        void(VoidCause.STAFF, CASHIER),
        row(NOT_SCANNED, CheckoutVoided, CheckoutVoided, CheckoutVoided, *PAID_ALREADY, GONE),
    ),
    (
        "void as staff with a terminal's key",
        void(VoidCause.STAFF, TERMINAL),
        row(NOT_SCANNED, NotPermittedError, NotPermittedError, NotPermittedError, *PAID_ALREADY, GONE),
    ),
    (
        "void for a time-out",
        BY_TIMEOUT,
        row(NOT_SCANNED, CheckoutVoided, CheckoutVoided, CheckoutVoided, *PAID_ALREADY, GONE),
    ),
    (
        "void for a time-out as staff",
        void(VoidCause.TIMEOUT, CASHIER),
        row(NOT_SCANNED, NotPermittedError, NotPermittedError, NotPermittedError, *PAID_ALREADY, GONE),
    ),
    (
        "refund all that is left",
        refund(),
        row(
            NOT_SCANNED,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            PaymentRefunded,
            PaymentRefunded,
            PaymentRefunded,
            RefundExceedsPaymentError,
            GONE,
        ),
    ),
    (
        "refund the soup",
        refund(3),
        row(
            NOT_SCANNED,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            PaymentRefunded,
            PaymentRefunded,
            RefundExceedsPaymentError,
            RefundExceedsPaymentError,
            GONE,
        ),
    ),
    (
        "refund an item that is not there",
        refund(9),
        row(
            NOT_SCANNED,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            UnknownItemError,
            UnknownItemError,
            UnknownItemError,
            RefundExceedsPaymentError,
            GONE,
        ),
    ),
    (
        "refund at the terminal",
        refund(by=TERMINAL),
        row(
            NOT_SCANNED,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            NotPermittedError,
            NotPermittedError,
            NotPermittedError,
            NotPermittedError,
            GONE,
        ),
    ),
    (
        "refund by a process",
        refund(by=SYSTEM),
        row(
            NOT_SCANNED,
            IllegalTransitionError,
            IllegalTransitionError,
            IllegalTransitionError,
            NotPermittedError,
            NotPermittedError,
            NotPermittedError,
            NotPermittedError,
            GONE,
        ),
    ),
]


def every_pair() -> list[Any]:
    return [
        pytest.param(after(*STATES[state]), command, outcome, id=f"{name} when {state}")
        for name, command, outcomes in TABLE
        for state, outcome in outcomes.items()
    ]


@pytest.mark.parametrize(("state", "command", "outcome"), every_pair())
def test_every_command_in_every_situation_comes_to_what_the_table_says(
    state: CheckoutState, command: Command, outcome: Outcome
) -> None:
    decision = When(CHECKOUT, state, lambda known: decide(known, command))

    if isinstance(outcome, tuple):
        decision.then_types(*outcome)
    elif issubclass(outcome, Event):
        decision.then_types(outcome)
    else:
        decision.then_refused(outcome)
