from dataclasses import replace
from typing import Any

import pytest

from engine.deciders.checkout import (
    CHECKOUT,
    MAX_FACE_PAYMENT_FEN,
    MAX_REASON_CHARACTERS,
    CheckoutState,
    Diner,
    Held,
    Scanned,
    Settled,
    Voided,
    decide_addition,
    decide_correction,
    decide_payment,
    decide_scan,
)
from engine.domain.actor import Actor, Role
from engine.domain.bill import (
    AppliedOffer,
    Bill,
    FunderShare,
    ItemStatus,
    OfferedLine,
    OfferKind,
    ScannedItem,
    ServiceSplit,
    Tender,
)
from engine.domain.commands import (
    AddDish,
    Command,
    CorrectDish,
    PayByCard,
    PayByCash,
    PayByFace,
    PayByQr,
    PayByWallet,
    PayCheckout,
    ScanTray,
)
from engine.domain.errors import (
    AlreadyPaidError,
    CheckoutHeldError,
    DishNotOnMenuError,
    EmptyTrayError,
    IllegalTransitionError,
    InvalidValueError,
    NotPermittedError,
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
    SubsidyApplied,
    TrayRemoved,
    TrayScanned,
    VoidCause,
)
from engine.domain.resident import CredentialKind
from engine.policies.benefits import compute_bill
from engine.policies.pricing import price_reading
from tests.unit.engine.examples import (
    ADMIN,
    CASHIER,
    DINER,
    MENU,
    NOON_MS,
    POLICY,
    SITE,
    SYSTEM,
    TERMINAL,
    facts,
    occasion,
    percent_off,
    sighting,
    spend_15_save_3,
    unknown_portion,
    unsure,
)
from tests.unit.engine.given import When, fold
from tests.unit.engine.sessions import (
    HELD,
    IDENTIFIED,
    OTHER_RESIDENT,
    PAID,
    READY,
    RESIDENT,
    VOIDED,
    add,
    after,
    bill_of,
    correct,
    decide,
    identify,
    pay,
    refund,
    remove,
    remove_tray,
    said,
    scan,
    void,
)


def when(*commands: Command) -> When:
    """The last command, on the state that the others lead to."""
    *before, last = commands
    return When(CHECKOUT, after(*before), lambda state: decide(state, last))


def total_own_fen(*bills: Bill) -> int:
    return sum(bill.own_fen for bill in bills)


# --- scanning ---------------------------------------------------------------------------------------------------


def test_a_scan_stores_what_was_read_by_which_models_under_which_policy_and_menu() -> None:
    command = scan(sighting("paigu"), unsure("doufu", "bocai"))
    (event,) = when(command).then_types(TrayScanned)

    assert (event.site, event.scan_number, event.menu_version) == (SITE, 1, 1)
    assert (event.acceptance_policy, event.models) == (POLICY.policy_id, command.reading.models)
    assert (event.photo_sha256, event.source) == (command.reading.photo_sha256, command.source)
    assert event.placed_at_ms == NOON_MS - 900


def test_a_tray_with_every_item_accepted_may_be_paid_and_one_in_doubt_holds_the_bill() -> None:
    assert isinstance(after(*READY), Scanned)
    assert isinstance(after(*HELD), Held)
    assert isinstance(after(scan(sighting("paigu"), unknown_portion())), Held)


def test_a_second_scan_replaces_the_reading_and_keeps_diner_and_time_of_placing() -> None:
    again = scan(sighting("yu"), at_ms=NOON_MS + 4_000)

    state = after(*IDENTIFIED, again)

    assert isinstance(state, Scanned)
    assert [item.dish_id for item in state.items] == ["yu"]
    assert (state.scan_number, state.placed_at_ms) == (2, NOON_MS - 900)
    assert state.diner == Diner(resident_id=RESIDENT, credential_kind=CredentialKind.ELDER_CARD)


def test_a_correction_meant_for_an_earlier_scan_never_touches_an_item_of_the_later_one() -> None:
    rescanned = (*READY, scan(sighting("yu"), unsure("doufu", "bocai")))

    state = after(*rescanned)
    assert isinstance(state, Held)
    assert [item.item_id for item in state.items] == [4, 5]
    for late in (correct(2, "mifan", CASHIER), remove(1, CASHIER)):
        when(*rescanned, late).then_refused(UnknownItemError)
    assert isinstance(after(*rescanned, correct(5, "bocai", DINER)), Scanned)
    when(*rescanned, add("mifan"), scan(sighting("yu"))).then_types(TrayScanned)
    again = after(*rescanned, add("mifan"), scan(sighting("yu")))
    assert isinstance(again, Scanned)
    assert [item.item_id for item in again.items] == [7]


def test_a_second_scan_drops_corrections_of_the_first() -> None:
    state = after(*HELD, correct(2, "bocai"), scan(sighting("paigu"), unsure("doufu", "bocai")))

    assert isinstance(state, Held)


def test_a_tray_that_was_placed_after_the_scan_is_a_wrong_clock() -> None:
    when(scan(sighting("paigu"), placed_at_ms=NOON_MS + 1)).then_refused(InvalidValueError)
    when(scan(sighting("paigu"), placed_at_ms=NOON_MS)).then_types(TrayScanned)


def test_an_empty_reading_is_never_stored_as_an_empty_tray() -> None:
    when(scan()).then_refused(EmptyTrayError)
    when(*READY, scan()).then_refused(EmptyTrayError)


# --- corrections ------------------------------------------------------------------------------------------------


def test_choosing_a_look_alike_settles_the_item_at_its_price_and_frees_the_bill() -> None:
    state = when(*HELD, correct(2, "bocai", DINER, " it is spinach ")).then(
        DishCorrected(
            at_ms=NOON_MS,
            by=DINER,
            site=SITE,
            item_id=2,
            from_dish_id="doufu",
            to_dish_id="bocai",
            price_fen=400,
            reason="it is spinach",
        )
    )

    assert isinstance(state, Scanned)
    assert [(item.dish_id, item.price_fen, item.status) for item in state.items] == [
        ("paigu", 1000, ItemStatus.ACCEPTED),
        ("bocai", 400, ItemStatus.ACCEPTED),
    ]


def test_confirming_the_best_look_alike_is_a_correction_to_the_same_dish() -> None:
    (event,) = when(*HELD, correct(2, "doufu", DINER)).then_types(DishCorrected)

    assert (event.from_dish_id, event.to_dish_id) == ("doufu", "doufu")


@pytest.mark.parametrize("actor", [DINER, TERMINAL, SYSTEM])
def test_a_diner_may_choose_among_look_alikes_only(actor: Actor) -> None:
    when(*HELD, correct(2, "yu", actor)).then_refused(NotPermittedError, item_id=2)
    when(*HELD, correct(1, "mifan", actor)).then_refused(NotPermittedError, item_id=1)


def test_a_diner_may_not_name_an_unknown_item_even_if_it_has_candidates() -> None:
    unknown = scan(sighting("paigu"), unknown_portion())

    when(unknown, correct(2, "mifan", DINER)).then_refused(NotPermittedError)
    when(unknown, correct(2, "mifan", CASHIER)).then_types(DishCorrected)


@pytest.mark.parametrize("role", [Role.CASHIER, Role.FINANCE, Role.MANAGER, Role.ADMIN])
def test_staff_may_name_any_dish_of_the_menu_for_any_item(role: Role) -> None:
    staff = Actor(role=role, actor_id="somebody")

    (event,) = when(*READY, correct(1, "yu", staff)).then_types(DishCorrected)
    assert (event.by, event.price_fen) == (staff, 1200)
    when(*READY, correct(1, "zongzi", staff)).then_refused(DishNotOnMenuError, dish_id="zongzi")


def test_only_the_last_item_in_doubt_frees_the_bill() -> None:
    two_in_doubt = scan(unsure("doufu", "bocai"), unsure("tang", "mifan"))

    assert isinstance(after(two_in_doubt, correct(1, "doufu")), Held)
    assert isinstance(after(two_in_doubt, correct(1, "doufu"), correct(2, "tang")), Scanned)
    assert isinstance(after(two_in_doubt, correct(1, "doufu"), remove(2)), Scanned)


def test_a_held_bill_says_which_items_wait() -> None:
    two_in_doubt = scan(unsure("doufu", "bocai"), sighting("mifan"), unknown_portion())

    when(two_in_doubt, pay(PayByCard, 450)).then_refused(CheckoutHeldError, item_ids=["1", "3"])


def test_an_added_dish_gets_the_next_number_even_after_one_was_taken_off() -> None:
    state = after(*READY, add("mifan"), remove(4), add("mifan"))

    assert isinstance(state, Scanned)
    assert [item.item_id for item in state.items] == [1, 2, 3, 5]
    when(*READY, add("mifan")).then(
        DishAdded(at_ms=NOON_MS, by=TERMINAL, site=SITE, item_id=4, dish_id="mifan", price_fen=100, reason="")
    )


def test_an_added_dish_does_not_free_a_held_bill() -> None:
    assert isinstance(after(*HELD, add("mifan")), Held)


BY_PIECE = {**MENU, "mantou": replace(MENU["mifan"], dish_id="mantou", sold_by_piece=True)}
TWO_BUNS_IN_A_WELL = (scan(sighting("mantou"), sighting("paigu")),)


def with_buns(*commands: Command) -> CheckoutState:
    """The state after commands on a menu that sells buns by the piece."""
    state: CheckoutState = CHECKOUT.initial
    for command in commands:
        match command:
            case ScanTray():
                items = price_reading(command.reading, BY_PIECE, POLICY)
                events = decide_scan(state, command, site=SITE, menu_version=1, acceptance_policy="p", items=items)
            case CorrectDish():
                events = decide_correction(state, command, BY_PIECE)
            case AddDish():
                events = decide_addition(state, command, BY_PIECE)
            case _:
                events = decide(state, command)
        state = fold(CHECKOUT, events, state)
    return state


def test_pieces_that_a_person_counts_become_items_of_their_own() -> None:
    state = with_buns(*TWO_BUNS_IN_A_WELL, correct(1, "mantou", pieces=3), add("mantou", pieces=2))

    assert isinstance(state, Scanned)
    assert [(item.item_id, item.dish_id, item.price_fen) for item in state.items] == [
        (1, "mantou", 100),
        (2, "paigu", 1000),
        (3, "mantou", 100),
        (4, "mantou", 100),
        (5, "mantou", 100),
        (6, "mantou", 100),
    ]
    assert state.next_item_id == 7


@pytest.mark.parametrize(
    "command",
    [
        correct(1, "mantou", pieces=0),
        correct(1, "mantou", pieces=11),
        correct(1, "paigu", pieces=2),
        add("mantou", pieces=0),
        add("mantou", pieces=11),
        add("paigu", pieces=2),
    ],
)
def test_only_a_dish_sold_by_the_piece_is_counted_in_pieces_and_ten_at_most(command: Command) -> None:
    with pytest.raises(InvalidValueError):
        with_buns(*TWO_BUNS_IN_A_WELL, command)


def test_pieces_do_not_fill_a_bill_beyond_thirty_items() -> None:
    full = (*TWO_BUNS_IN_A_WELL, add("mantou", pieces=10), add("mantou", pieces=10), add("mantou", pieces=7))
    assert len(items_of(with_buns(*full, correct(1, "mantou", pieces=2)))) == 30
    with pytest.raises(InvalidValueError, match="at most 30 items"):
        with_buns(*full, correct(1, "mantou", pieces=3))
    with pytest.raises(InvalidValueError, match="at most 30 items"):
        with_buns(*full, add("mantou", pieces=2))


def items_of(state: CheckoutState) -> tuple[ScannedItem, ...]:
    assert isinstance(state, Scanned)
    return state.items


def test_a_bill_holds_thirty_items() -> None:
    full = after(*READY, *(add("mifan") for _ in range(27)))

    When(CHECKOUT, full, lambda state: decide(state, add("mifan"))).then_refused(InvalidValueError)


def test_the_last_item_cannot_be_taken_off() -> None:
    when(scan(sighting("mifan")), remove(1)).then_refused(IllegalTransitionError)
    when(*READY, remove(1)).then(
        DishRemoved(at_ms=NOON_MS, by=CASHIER, site=SITE, item_id=1, dish_id="paigu", price_fen=1000, reason="")
    )


@pytest.mark.parametrize(
    "command",
    [
        correct(1, "yu", CASHIER, "x" * (MAX_REASON_CHARACTERS + 1)),
        void(reason="x" * (MAX_REASON_CHARACTERS + 1)),
        AddDish(**said("add"), dish_id="mifan", reason="x" * (MAX_REASON_CHARACTERS + 1)),
    ],
)
def test_a_reason_has_a_limit(command: Command) -> None:
    when(*READY, command).then_refused(InvalidValueError)


# --- identification ---------------------------------------------------------------------------------------------


def test_identification_stores_the_kind_of_credential_and_the_pseudonym() -> None:
    when(*READY, identify()).then(
        DinerIdentified(
            at_ms=NOON_MS,
            by=TERMINAL,
            site=SITE,
            resident_id=RESIDENT,
            credential_kind=CredentialKind.ELDER_CARD,
        )
    )


def test_another_credential_replaces_the_first_before_payment() -> None:
    state = after(*IDENTIFIED, identify("card-of-2"))

    assert isinstance(state, Scanned)
    assert state.diner is not None
    assert state.diner.resident_id == OTHER_RESIDENT


# --- payment ----------------------------------------------------------------------------------------------------

TENDERS: list[tuple[type[PayCheckout], Tender]] = [
    (PayByFace, Tender.FACE),
    (PayByCard, Tender.CARD),
    (PayByWallet, Tender.WALLET),
    (PayByQr, Tender.QR),
    (PayByCash, Tender.CASH),
]


@pytest.mark.parametrize(("kind", "tender"), TENDERS)
def test_the_benefits_and_the_bill_are_the_same_for_every_tender(kind: type[PayCheckout], tender: Tender) -> None:
    subsidy, paid = decide(after(*IDENTIFIED), pay(kind, 1300))

    assert isinstance(paid, BillPaid)
    assert paid.tender is tender
    session = after(*IDENTIFIED)
    assert isinstance(session, Scanned)
    assert paid.bill == bill_of(session)
    assert subsidy == SubsidyApplied(
        at_ms=NOON_MS + 8_000,
        by=TERMINAL,
        site=SITE,
        resident_id=RESIDENT,
        rule_id="spend-15-save-3",
        rule_version=1,
        stage=20,
        base_fen=1600,
        amount_fen=300,
        shares=(FunderShare(funder_id="street", amount_fen=300),),
    )


@pytest.mark.parametrize("kind", [kind for kind, _ in TENDERS])
def test_a_wrong_amount_is_refused_with_the_right_one_for_every_tender(kind: type[PayCheckout]) -> None:
    for amount_fen in (0, -1300, 1299, 1301, 1600):
        when(*IDENTIFIED, pay(kind, amount_fen)).then_refused(WrongAmountError, due_fen=1300)


@pytest.mark.parametrize("kind", [kind for kind, _ in TENDERS])
def test_paying_twice_charges_once(kind: type[PayCheckout]) -> None:
    when(*IDENTIFIED, pay(kind, 1300), pay(kind, 1300)).then_refused(AlreadyPaidError)


def test_a_discount_and_a_subsidy_are_recorded_in_the_order_in_which_they_applied() -> None:
    session = after(*IDENTIFIED)
    assert isinstance(session, Scanned)
    bill = compute_bill(session.priced_lines(), [spend_15_save_3(), percent_off(1500)], occasion(), facts(), ())
    events = decide_payment(session, pay(PayByCard, 1060), bill=bill)

    assert [type(event) for event in events] == [DiscountApplied, SubsidyApplied, CardPaid]


def test_offers_are_recorded_before_the_benefits_and_stay_with_the_paid_bill() -> None:
    session = after(*IDENTIFIED)
    assert isinstance(session, Scanned)
    soup_free = AppliedOffer(
        offer_id="soup",
        menu_version=1,
        kind=OfferKind.INCLUSION,
        title_zh="含汤",
        title_en="Soup included",
        lines=(OfferedLine(item_id=3, list_fen=200, price_fen=0),),
    )
    bill = compute_bill(session.priced_lines((soup_free,)), [percent_off(1500)], occasion(), facts(), ())
    assert [line.gross_fen for line in bill.lines] == [1000, 400, 0]

    events = decide_payment(session, pay(PayByCard, 1190), bill=bill, offers=(soup_free,))

    assert [type(event) for event in events] == [OfferApplied, DiscountApplied, CardPaid]
    settled = fold(CHECKOUT, events, session)
    assert (settled.offers, settled.bill) == ((soup_free,), bill)


def test_cash_gives_change_and_never_less_than_is_due() -> None:
    *_, paid = when(*IDENTIFIED, pay(PayByCash, 1300, received_fen=2000)).then_types(SubsidyApplied, CashPaid)
    assert (paid.received_fen, paid.change_fen, paid.bill.own_fen) == (2000, 700, 1300)

    *_, exact = when(*IDENTIFIED, pay(PayByCash, 1300, received_fen=1300)).then_types(SubsidyApplied, CashPaid)
    assert exact.change_fen == 0
    when(*IDENTIFIED, pay(PayByCash, 1300, received_fen=1299)).then_refused(WrongAmountError, due_fen=1300)
    when(*IDENTIFIED, pay(PayByCash, 1300, received_fen=100_001)).then_refused(WrongAmountError)


def test_a_face_payment_stores_an_opaque_token_and_the_consent() -> None:
    *_, paid = when(*IDENTIFIED, pay(PayByFace, 1300)).then_types(SubsidyApplied, FacePaid)

    assert (paid.face_token, paid.consent_id) == ("face-of-1", "consent-of-face-of-1")


def test_face_payment_ends_at_its_limit_to_the_fen() -> None:
    session = after(*IDENTIFIED)
    assert isinstance(session, Scanned)
    at_limit = replace(bill_of(session), own_fen=MAX_FACE_PAYMENT_FEN)
    above = replace(at_limit, own_fen=MAX_FACE_PAYMENT_FEN + 1)

    def paying(bill: Bill) -> tuple[Event, ...]:
        return decide_payment(session, pay(PayByFace, bill.own_fen), bill=bill, payer_resident_id=RESIDENT)

    assert isinstance(paying(at_limit)[-1], FacePaid)
    When(CHECKOUT, session, lambda _: paying(above)).then_refused(InvalidValueError, limit_fen=MAX_FACE_PAYMENT_FEN)


@pytest.mark.parametrize("kind", [PayByCard, PayByQr])
def test_a_payment_at_an_acquirer_needs_its_reference(kind: type[PayCheckout]) -> None:
    when(*IDENTIFIED, pay(kind, 1300, acquirer_reference="  ")).then_refused(InvalidValueError)


@pytest.mark.parametrize(
    ("pay_started_at_ms", "paid_at_ms", "expected_ms"),
    [
        (NOON_MS + 3_000, NOON_MS + 8_000, (900, 3_000, 5_000)),
        (NOON_MS - 50_000, NOON_MS + 8_000, (900, 0, 8_000)),
        (NOON_MS + 90_000, NOON_MS + 8_000, (900, 8_000, 0)),
        (NOON_MS + 3_000, NOON_MS - 5_000, (900, 0, 0)),
    ],
)
def test_the_service_time_is_split_without_a_negative_part_whatever_the_clocks_say(
    pay_started_at_ms: int, paid_at_ms: int, expected_ms: tuple[int, int, int]
) -> None:
    command = pay(PayByCard, 1300, at_ms=paid_at_ms, pay_started_at_ms=pay_started_at_ms)
    *_, paid = when(*IDENTIFIED, command).then_types(SubsidyApplied, CardPaid)

    recognise_ms, interact_ms, pay_ms = expected_ms
    assert paid.split == ServiceSplit(recognise_ms=recognise_ms, interact_ms=interact_ms, pay_ms=pay_ms)


# --- the end ----------------------------------------------------------------------------------------------------


def test_the_tray_leaves_once() -> None:
    when(*PAID, remove_tray()).then(TrayRemoved(at_ms=NOON_MS + 30_000, by=TERMINAL, site=SITE, occupied_ms=30_900))
    when(*PAID, remove_tray(), remove_tray()).then()


def test_a_void_says_by_whom_why_and_how_long_the_lane_was_taken() -> None:
    state = when(*IDENTIFIED, void(VoidCause.STAFF, ADMIN, "wrong tray")).then(
        CheckoutVoided(
            at_ms=NOON_MS + 20_000,
            by=ADMIN,
            site=SITE,
            cause=VoidCause.STAFF,
            reason="wrong tray",
            occupied_ms=20_900,
        )
    )

    assert isinstance(state, Voided)
    assert isinstance(after(*VOIDED), Voided)


# --- refunds ----------------------------------------------------------------------------------------------------


def test_a_refund_of_one_item_gives_back_what_the_kept_ones_do_not_cost() -> None:
    (event,) = when(*PAID, refund(3)).then_types(PaymentRefunded)

    assert (event.refund_number, event.item_ids, event.tender) == (1, (3,), Tender.CARD)
    assert (event.resident_id, event.reason) == (RESIDENT, "cold soup")
    # 16.00 - 2.00 = 14.00 is below 15.00: the benefit goes, but no more than 13.00 may stay paid.
    assert (event.reversal.gross_fen, event.reversal.subsidy_fen, event.reversal.own_fen) == (200, 200, 0)


def test_a_refund_in_parts_gives_back_exactly_what_was_paid() -> None:
    state: Any = after(*PAID)
    original = state.bill
    reversals = []
    for number, item_id in enumerate((3, 1, 2), start=1):
        (event,) = decide(state, refund(item_id))
        assert isinstance(event, PaymentRefunded)
        assert event.refund_number == number
        reversals.append(event.reversal)
        state = fold(CHECKOUT, (event,), state)

    assert total_own_fen(*reversals) == original.own_fen
    assert sum(reversal.subsidy_fen for reversal in reversals) == original.subsidy_fen
    assert state.remaining.lines == ()
    assert state.remaining.own_fen == state.remaining.gross_fen == 0
    assert state.bill == original


def test_a_refund_after_everything_was_refunded_is_refused() -> None:
    for second in (refund(), refund(1), refund(1, 2, 3)):
        when(*PAID, refund(), second).then_refused(RefundExceedsPaymentError)


def test_an_item_is_refunded_once_even_together_with_another() -> None:
    when(*PAID, refund(3), refund(1, 3)).then_refused(RefundExceedsPaymentError, item_id=3)
    when(*PAID, refund(1, 1)).then_refused(InvalidValueError)


@pytest.mark.parametrize("reason", ["", "   ", "x" * (MAX_REASON_CHARACTERS + 1)])
def test_a_refund_needs_a_reason_of_limited_length(reason: str) -> None:
    when(*PAID, refund(reason=reason)).then_refused(InvalidValueError)


def test_the_tray_may_leave_after_a_refund() -> None:
    state = after(*PAID, refund(), remove_tray())

    assert isinstance(state, Settled)
    assert state.tray_removed


def test_the_record_of_a_benefit_does_not_change_the_session_since_the_payment_carries_the_bill() -> None:
    session = after(*IDENTIFIED)
    subsidy = decide(session, pay(PayByCard, 1300))[0]

    assert CHECKOUT.evolve(session, subsidy) is session
