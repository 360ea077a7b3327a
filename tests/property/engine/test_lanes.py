"""Several trays of the same people at several canteens at once, in any order of their steps."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.application.vault import PersonVault
from engine.deciders.checkout import CHECKOUT, Settled
from engine.domain import commands, ids
from engine.domain.benefit_rule import Cap, CapMeasure, CapPeriod
from engine.domain.errors import CommandRejectedError, WrongAmountError
from engine.domain.events import BillPaid, Event, PaymentRefunded, WalletCharged, WalletRefunded, WalletToppedUp
from tests.unit.engine.examples import facts, percent_off, sighting, spend_15_save_3
from tests.unit.engine.street import Street

OPENING_FEN = 4_000
PEOPLE = ("CY-1", "CY-2")
TRAYS = 5
KINDS = (
    commands.PayByFace,
    commands.PayByCard,
    commands.PayByWallet,
    commands.PayByQr,
    commands.PayByCash,
)

SUBSIDY = spend_15_save_3(
    caps=(
        Cap(period=CapPeriod.DAY, measure=CapMeasure.TIMES, limit=2),
        Cap(period=CapPeriod.DAY, measure=CapMeasure.AMOUNT_FEN, limit=500),
    )
)
DISCOUNT = percent_off(1500, caps=(Cap(period=CapPeriod.MEAL, measure=CapMeasure.TIMES, limit=1),))

steps = st.tuples(
    st.sampled_from(["identify", "pay", "pay", "refund one", "refund"]),
    st.integers(0, TRAYS - 1),
    st.sampled_from(PEOPLE),
    st.sampled_from(KINDS),
    st.integers(1, 3),
)


def take(street: Street, step: tuple[str, int, str, type[commands.PayCheckout], int]) -> None:
    """Take one step; a terminal that is told another amount shows it and asks again."""
    what, tray, person, kind, item_id = step
    checkout_id = f"c-{tray}"
    if what == "identify":
        street.identify(checkout_id, street.card(person))
    elif what == "refund":
        street.refund(checkout_id)
    elif what == "refund one":
        street.refund(checkout_id, item_id)
    else:
        changes = {"credential_id": street.face(person)} if kind is commands.PayByFace else {}
        try:
            street.pay(kind, checkout_id, 0, **changes)
        except WrongAmountError as error:
            due_fen = error.details["due_fen"]
            assert isinstance(due_fen, int)
            street.pay(kind, checkout_id, due_fen, **changes)


def posted(events: tuple[Event, ...]) -> Counter[tuple[str, str]]:
    """What payments less refunds used of each rule, by person."""
    used: Counter[tuple[str, str]] = Counter()
    for event in events:
        if isinstance(event, BillPaid):
            for benefit in event.bill.benefits:
                used[event.resident_id, benefit.rule_id] += benefit.amount_fen
        if isinstance(event, PaymentRefunded):
            for benefit in event.reversal.benefits:
                used[event.resident_id, benefit.rule_id] -= benefit.amount_fen
    return used


@settings(max_examples=40)
@given(st.lists(steps, max_size=20))
def test_caps_and_wallets_hold_under_any_interleaving_of_payments_over_lanes(
    vault: PersonVault, plan: list[tuple[str, int, str, type[commands.PayCheckout], int]]
) -> None:
    street = Street(vault)
    street.publish(SUBSIDY, DISCOUNT)
    people = [street.register(facts(), number=number, balance_fen=OPENING_FEN) for number in PEOPLE]
    for tray in range(TRAYS):
        canteen_id = ("lanxi", "zaoyang")[tray % 2]
        street.scan(f"c-{tray}", sighting("yu"), sighting("bocai"), sighting("tang"), canteen_id=canteen_id)

    for step in plan:
        before = dict(street.states.streams)
        try:
            take(street, step)
        except CommandRejectedError:
            assert street.states.streams == before
        events = tuple(street.all_events())
        sessions = (street.states.get(CHECKOUT, ids.checkout_stream(f"c-{tray}")) for tray in range(TRAYS))
        settled = [session for session in sessions if isinstance(session, Settled)]
        for resident_id in people:
            used = posted(events)
            assert used[resident_id, SUBSIDY.rule_id] <= 500
            times = Counter(
                benefit.rule_id
                for session in settled
                if session.resident_id == resident_id
                for benefit in session.remaining.benefits
            )
            assert times[SUBSIDY.rule_id] <= 2
            assert times[DISCOUNT.rule_id] <= 1

            moved_fen = 0
            for event in events:
                if getattr(event, "resident_id", "") != resident_id:
                    continue
                if isinstance(event, WalletToppedUp | WalletRefunded):
                    moved_fen += event.amount_fen
                if isinstance(event, WalletCharged):
                    moved_fen -= event.amount_fen
            assert street.balance_fen(resident_id) == moved_fen >= 0
