"""Tray sessions under any sequence of commands: refused ones leave no trace, and the log alone gives the state."""

from hypothesis import given
from hypothesis import strategies as st

from engine.application.codec import EventCodec
from engine.application.topics import EVENT_TYPES, UPCASTERS
from engine.deciders.checkout import CHECKOUT, CheckoutState, Held, OpenCheckout, Scanned, Settled, Voided
from engine.domain.bill import ItemStatus
from engine.domain.commands import Command, PayByCard, PayByCash, PayByFace, PayByQr, PayByWallet, PayCheckout
from engine.domain.errors import CommandRejectedError
from engine.domain.events import BillPaid, Event, PaymentRefunded, VoidCause
from tests.property.engine.test_bills import check
from tests.unit.engine.examples import CASHIER, DINER, SYSTEM, TERMINAL, sighting, unknown_portion, unsure
from tests.unit.engine.given import fold
from tests.unit.engine.sessions import (
    add,
    bill_of,
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

CODEC = EventCodec(event_types=EVENT_TYPES, upcasters=UPCASTERS)

dishes = st.sampled_from(["mifan", "doufu", "bocai", "paigu", "yu", "tang"])
items = st.integers(1, 6)
actors = st.sampled_from([DINER, TERMINAL, CASHIER, SYSTEM])
portions = st.one_of(dishes.map(sighting), st.builds(unsure, dishes, dishes), st.just(unknown_portion()))
payments: st.SearchStrategy[type[PayCheckout]] = st.sampled_from(
    [PayByCard, PayByCash, PayByFace, PayByQr, PayByWallet]
)
PAY_WHAT_IS_DUE = -1

wishes: st.SearchStrategy[Command] = st.one_of(
    st.lists(portions, min_size=1, max_size=4).map(lambda seen: scan(*seen)),
    st.builds(correct, items, dishes, actors),
    st.builds(correct, items, dishes, st.just(CASHIER)),
    st.builds(add, dishes),
    st.builds(remove, items, actors),
    st.sampled_from(["card-of-1", "card-of-2"]).map(identify),
    st.builds(pay, payments, st.just(PAY_WHAT_IS_DUE) | st.integers(0, 3000)),
    st.just(remove_tray()),
    st.builds(void, st.sampled_from(VoidCause), actors),
    st.lists(items, max_size=3).map(lambda item_ids: refund(*item_ids)),
)


def with_the_amount_due(state: CheckoutState, command: Command) -> Command:
    if isinstance(command, PayCheckout) and command.amount_fen == PAY_WHAT_IS_DUE and isinstance(state, OpenCheckout):
        return pay(type(command), bill_of(state).own_fen)
    return command


@given(st.lists(wishes, max_size=25))
def test_the_stored_events_alone_give_the_state_and_refusals_leave_no_trace(commands: list[Command]) -> None:
    state: CheckoutState = CHECKOUT.initial
    log: list[Event] = []
    for wish in commands:
        before = state
        try:
            events = decide(state, with_the_amount_due(state, wish))
        except CommandRejectedError:
            assert state is before
            continue
        log.extend(events)
        state = fold(CHECKOUT, events, state)

    stored = [CODEC.encode(event) for event in log]
    replayed = tuple(CODEC.decode(topic, body) for topic, body in stored)
    assert replayed == tuple(log)
    assert fold(CHECKOUT, replayed) == state


@given(st.lists(wishes, max_size=25))
def test_a_session_is_paid_once_voided_or_open_and_never_refunds_more_than_was_paid(commands: list[Command]) -> None:
    state: CheckoutState = CHECKOUT.initial
    payments_seen: list[BillPaid] = []
    refunded_fen = 0
    for wish in (scan(sighting("paigu"), unsure("doufu", "bocai")), correct(2, "bocai"), *commands):
        try:
            events = decide(state, with_the_amount_due(state, wish))
        except CommandRejectedError:
            continue
        assert not isinstance(state, Voided)
        state = fold(CHECKOUT, events, state)
        for event in events:
            if isinstance(event, BillPaid):
                payments_seen.append(event)
            if isinstance(event, PaymentRefunded):
                refunded_fen += event.reversal.own_fen

        assert len(payments_seen) <= 1
        if isinstance(state, Settled):
            check(state.bill)
            check(state.remaining)
            assert state.bill == payments_seen[0].bill
            assert 0 <= refunded_fen == state.bill.own_fen - state.remaining.own_fen
        if isinstance(state, OpenCheckout):
            in_doubt = any(item.status is not ItemStatus.ACCEPTED for item in state.items)
            assert isinstance(state, Held if in_doubt else Scanned)
            item_ids = [item.item_id for item in state.items]
            assert len(set(item_ids)) == len(item_ids) > 0
            assert all(item_id < state.next_item_id for item_id in item_ids)
