"""Postings, claims and prepaid money, from hand-made lunches."""

from collections import Counter
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from engine.application.decision import StreamAppend
from engine.domain.bill import Tender
from engine.domain.errors import ProjectionError
from engine.domain.events import BillPaid, WalletToppedUp
from projections.runner import ProjectionRunner
from projections.subsidy_ledger import (
    Account,
    Movement,
    SubsidyLedgerProjection,
    SubsidyLedgerView,
)
from tests.support.lunch import Lunch, portions
from tests.support.memory_log import MemoryLog

DAY_MS = 86_400_000


def shown(engine: Engine, lunch: Lunch, utc_offset_minutes: int = 480) -> SubsidyLedgerView:
    """Bring the model up to date with a lunch."""
    projection = SubsidyLedgerProjection(utc_offset_minutes)
    ProjectionRunner(MemoryLog(lunch.groups), engine, [projection]).catch_up()
    return SubsidyLedgerView(engine)


def elder_pays(lunch: Lunch, checkout_id: str, resident_id: str = "resident-1", tender: Tender = Tender.CASH) -> None:
    """30.83 gross: 4.62 discount, 3.00 subsidy (city 0.99, street 2.01), 23.21 own."""
    lunch.scan(checkout_id, portions("hongshaorou", "yu"))
    lunch.identify(checkout_id, resident_id)
    lunch.pay(checkout_id, tender)


def test_a_sale_posts_own_money_discount_and_each_funder_against_sales(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a")
    entries = shown(read_models, lunch).bill_entries("a")
    posted = [(entry.account, entry.means or entry.funder_id, entry.rule_id, entry.amount_fen) for entry in entries]
    assert posted == [
        (Account.TAKINGS, "cash", "", 2321),
        (Account.DISCOUNT_EXPENSE, "", "elder-85", 462),
        (Account.FUNDER_RECEIVABLE, "city", "street-15-3", 99),
        (Account.FUNDER_RECEIVABLE, "street", "street-15-3", 201),
        (Account.SALES, "", "", -3083),
    ]
    assert {(entry.business_day, entry.canteen_id, entry.resident_id) for entry in entries} == {
        ("2026-11-24", "caoyang-1", "resident-1")
    }


def test_every_transaction_sums_to_zero(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.top_up("resident-1", 5_000)
    elder_pays(lunch, "a", tender=Tender.FACE)
    lunch.refund("a", 1)
    sums: Counter[int] = Counter()
    for entry in shown(read_models, lunch).resident_entries("resident-1"):
        sums[entry.position] += entry.amount_fen
    assert len(sums) == 5
    assert set(sums.values()) == {0}


def test_a_whole_refund_reverses_the_original_postings(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a")
    lunch.refund("a", 2)
    lunch.refund("a")
    left: Counter[tuple[str, str, str]] = Counter()
    for entry in shown(read_models, lunch).bill_entries("a"):
        left[entry.account, entry.funder_id, entry.rule_id] += entry.amount_fen
    assert set(left.values()) == {0}


def test_claims_count_persons_and_person_times_per_funder_canteen_and_month(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a", "resident-1")
    elder_pays(lunch, "b", "resident-1")
    elder_pays(lunch, "c", "resident-2")
    lunch.business_day = "2026-12-01"
    elder_pays(lunch, "d", "resident-2")
    view = shown(read_models, lunch)
    claims = {(row.funder_id, row.month): row for row in view.claims()}
    november = claims["street", "2026-11"]
    assert (november.persons, november.person_times, november.amount_fen) == (2, 3, 603)
    assert (claims["city", "2026-12"].persons, claims["city", "2026-12"].amount_fen) == (1, 99)
    (street,) = view.claims(from_day="2026-12-01", funder_id="street", by_rule=True)
    assert (street.rule_id, street.rule_version, street.amount_fen) == ("street-15-3", 1, 201)


def test_a_refunded_meal_is_not_claimed(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a", "resident-1")
    elder_pays(lunch, "b", "resident-2")
    lunch.refund("b", 2)
    claims = {row.funder_id: row for row in shown(read_models, lunch).claims()}
    assert (claims["street"].persons, claims["street"].person_times, claims["street"].amount_fen) == (1, 1, 201)


def test_what_a_resident_was_given_is_listed_by_rule_and_funder(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a")
    elder_pays(lunch, "b")
    elder_pays(lunch, "c", "somebody-else")
    rows = shown(read_models, lunch).resident_benefits("resident-1")
    assert [(row.rule_id, row.funder_id, row.bills, row.amount_fen) for row in rows] == [
        ("elder-85", "", 2, 924),
        ("street-15-3", "city", 2, 198),
        ("street-15-3", "street", 2, 402),
    ]


def test_the_trial_balance_sums_to_zero_and_takings_by_wallet_are_settled(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.top_up("resident-1", 10_000)
    elder_pays(lunch, "a", tender=Tender.WALLET)
    elder_pays(lunch, "b", tender=Tender.FACE)
    lunch.refund("b", 1)
    balances = {row.account: row.balance_fen for row in shown(read_models, lunch).trial_balance()}
    assert sum(balances.values()) == 0
    assert balances[Account.TAKINGS] == -balances[Account.WALLET_SETTLEMENT]
    assert -balances[Account.PREPAID] == lunch.wallets["resident-1"].balance_fen
    assert balances[Account.PREPAID_MONEY] == 10_000


def test_one_canteens_trial_balance_sums_to_zero_too(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.top_up("resident-1", 10_000)
    elder_pays(lunch, "a", tender=Tender.WALLET)
    lunch.canteen_id = "caoyang-2"
    elder_pays(lunch, "b")
    rows = shown(read_models, lunch).trial_balance(canteen_id="caoyang-2")
    assert sum(row.balance_fen for row in rows) == 0
    assert {row.account: row.debit_fen for row in rows}[Account.TAKINGS] == 2321


def test_the_prepaid_statement_closes_day_by_day(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.top_up("resident-1", 10_000)
    elder_pays(lunch, "a", tender=Tender.WALLET)
    lunch.now_ms += DAY_MS
    lunch.refund("a")
    lunch.top_up("resident-2", 500)
    view = shown(read_models, lunch)
    first, second = view.prepaid_statement()
    assert (first.opening_fen, first.top_ups_fen, first.spend_fen, first.refunds_fen) == (0, 10_000, 2_321, 0)
    assert (second.opening_fen, second.top_ups_fen, second.spend_fen, second.refunds_fen) == (7_679, 500, 0, 2_321)
    assert second.closing_fen == 10_500
    (only_second,) = view.prepaid_statement(from_day=second.business_day)
    assert only_second == second
    own = view.prepaid_statement(resident_id="resident-1")
    assert [day.closing_fen for day in own] == [7_679, 10_000]


def test_a_wallet_moves_on_its_local_day(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.now_ms += 12 * 3_600_000 + 1
    lunch.top_up("resident-1", 100)
    (day,) = shown(read_models, lunch).prepaid_statement()
    assert day.business_day == "2026-11-25"


def test_a_resident_page_never_cuts_a_transaction(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a")
    elder_pays(lunch, "b")
    view = shown(read_models, lunch)
    first = view.resident_entries("resident-1", limit=1)
    rest = view.resident_entries("resident-1", after_position=first[-1].position)
    assert [entry.line for entry in (*first, *rest)] == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]
    assert first[0].movement is Movement.SALE


def test_a_transaction_that_does_not_sum_to_zero_is_not_posted(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a")
    lunch.groups[-1] = _with_payment(lunch, lambda paid: replace(paid, bill=replace(paid.bill, benefits=())))
    with pytest.raises(ProjectionError, match="does not sum to zero"):
        shown(read_models, lunch)
    assert SubsidyLedgerView(read_models).bill_entries("a") == ()


def test_a_reversal_of_more_than_was_posted_is_not_posted(read_models: Engine) -> None:
    lunch = Lunch()
    elder_pays(lunch, "a")
    lunch.groups.append(lunch.refund("a"))
    with pytest.raises(ProjectionError, match="More is taken back"):
        shown(read_models, lunch)


def test_a_wallet_event_with_a_wrong_balance_is_not_posted(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.top_up("resident-1", 100)
    lunch.top_up("resident-1", 100)
    (append,) = lunch.groups[-1]
    (topped_up,) = append.events
    assert isinstance(topped_up, WalletToppedUp)
    lunch.groups[-1] = (
        StreamAppend(
            stream_type=append.stream_type, stream=append.stream, events=(replace(topped_up, balance_fen=201),)
        ),
    )
    with pytest.raises(ProjectionError, match="should hold 200 fen"):
        shown(read_models, lunch)


def test_another_time_zone_is_another_schema_version() -> None:
    assert SubsidyLedgerProjection(480).schema_version != SubsidyLedgerProjection(0).schema_version


def _with_payment(lunch: Lunch, change):  # type: ignore[no-untyped-def]
    return tuple(
        StreamAppend(
            stream_type=append.stream_type,
            stream=append.stream,
            events=tuple(change(event) if isinstance(event, BillPaid) else event for event in append.events),
        )
        for append in lunch.groups[-1]
    )
