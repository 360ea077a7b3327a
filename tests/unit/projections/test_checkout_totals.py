"""What was sold, from hand-made lunches."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from engine.application.decision import StreamAppend
from engine.domain.bill import Tender
from engine.domain.errors import ProjectionError
from engine.domain.events import BillPaid, PaymentRefunded
from projections.checkout_totals import (
    BillStatus,
    CheckoutTotalsProjection,
    CheckoutTotalsView,
    Dimension,
    Selection,
)
from projections.runner import ProjectionRunner
from tests.support.lunch import WITH_OFFERS, Group, Lunch, portions
from tests.support.memory_log import MemoryLog


def shown(engine: Engine, lunch: Lunch) -> CheckoutTotalsView:
    """Bring the model up to date with a lunch."""
    ProjectionRunner(MemoryLog(lunch.groups), engine, [CheckoutTotalsProjection()]).catch_up()
    return CheckoutTotalsView(engine)


def altered(group: Group, kind: type[Any], **changes: Any) -> Group:
    """Change the one event of a kind in a group."""
    return tuple(
        StreamAppend(
            stream_type=append.stream_type,
            stream=append.stream,
            events=tuple(replace(event, **changes) if isinstance(event, kind) else event for event in append.events),
        )
        for append in group
    )


def an_elder_pays(lunch: Lunch, checkout_id: str = "a", tender: Tender = Tender.CASH) -> Group:
    """hongshaorou 12.50 + yu 18.33 = 30.83; 85 % leaves 26.21 (4.62 off); 3.00 subsidy; 23.21 own."""
    lunch.scan(checkout_id, portions("hongshaorou", "yu"))
    lunch.identify(checkout_id, "resident-1")
    return lunch.pay(checkout_id, tender)


def test_a_bill_with_benefits_is_counted_with_each_part(read_models: Engine) -> None:
    lunch = Lunch()
    an_elder_pays(lunch)
    (row,) = shown(read_models, lunch).totals()
    assert (row.bills, row.items) == (1, 2)
    assert (row.gross_fen, row.discount_fen, row.subsidy_fen, row.own_fen) == (3083, 462, 300, 2321)
    assert {funder.funder_id: funder.subsidy_fen for funder in row.funders} == {"city": 99, "street": 201}


def test_an_anonymous_diner_pays_the_gross(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan", "tang"))
    lunch.pay("a", Tender.QR)
    (row,) = shown(read_models, lunch).totals()
    assert (row.gross_fen, row.own_fen, row.discount_fen, row.subsidy_fen, row.funders) == (300, 300, 0, 0, ())


def test_totals_are_split_by_lane_and_tender_in_order(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"), lane_id="lane-2")
    lunch.pay("a", Tender.QR)
    lunch.scan("b", portions("tang"), lane_id="lane-1")
    lunch.pay("b", Tender.CASH)
    rows = shown(read_models, lunch).totals([Dimension.LANE, Dimension.TENDER])
    assert [(row.values, row.own_fen) for row in rows] == [(("lane-1", "cash"), 200), (("lane-2", "qr"), 100)]


def test_dishes_carry_their_share_of_the_benefits_and_sum_to_the_bills(read_models: Engine) -> None:
    lunch = Lunch()
    an_elder_pays(lunch)
    lunch.scan("b", portions("yu", "yu"))
    lunch.pay("b")
    view = shown(read_models, lunch)
    dishes = {row.values[0]: row for row in view.totals([Dimension.DISH])}
    assert dishes["yu"].items == 3
    assert dishes["yu"].bills == 2
    (whole,) = view.totals()
    assert sum(row.gross_fen for row in dishes.values()) == whole.gross_fen
    assert sum(row.subsidy_fen for row in dishes.values()) == whole.subsidy_fen
    assert all(row.gross_fen == row.own_fen + row.subsidy_fen + row.discount_fen for row in dishes.values())


def test_a_partial_refund_stands_beside_the_sale(read_models: Engine) -> None:
    lunch = Lunch()
    an_elder_pays(lunch)
    lunch.refund("a", 2)
    view = shown(read_models, lunch)
    (row,) = view.totals()
    assert (row.gross_fen, row.own_fen) == (3083, 2321)
    assert (row.refunds, row.refunded_items, row.refunded_gross_fen) == (1, 1, 1833)
    # What stays is 12.50 at 85 %: 10.62 own (1.88 off), below the threshold of 15.00.
    assert row.own_fen - row.refunded_own_fen == 1062
    assert row.subsidy_fen - row.refunded_subsidy_fen == 0
    assert [(funder.subsidy_fen, funder.refunded_subsidy_fen) for funder in row.funders] == [(99, 99), (201, 201)]
    bill = view.bill("a")
    assert bill is not None
    assert bill.status is BillStatus.PARTLY_REFUNDED


def test_a_whole_refund_leaves_nothing(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.top_up("resident-1", 10_000)
    an_elder_pays(lunch, tender=Tender.WALLET)
    lunch.refund("a", 1)
    lunch.refund("a")
    bill = shown(read_models, lunch).bill("a")
    assert bill is not None
    assert bill.status is BillStatus.REFUNDED
    assert (bill.refunded_gross_fen, bill.refunded_own_fen) == (bill.gross_fen, bill.own_fen)
    assert bill.refunded_items == bill.items == 2


def test_included_dishes_are_sold_and_given_back_like_any_other_at_no_price(read_models: Engine) -> None:
    lunch = Lunch(menu=WITH_OFFERS)
    lunch.scan("a", portions("hongshaorou", "mifan", "mifan"))
    lunch.pay("a")
    lunch.scan("b", portions("yu", "qingcai", "mifan"))
    lunch.identify("b", "resident-1")
    lunch.pay("b")
    lunch.refund("b", 3)
    view = shown(read_models, lunch)
    (row,) = view.totals()
    assert (row.items, row.gross_fen) == (6, 1250 + 100 + 1999)
    assert (row.refunds, row.refunded_items, row.refunded_own_fen) == (1, 1, 0)
    dishes = {row.values[0]: row for row in view.totals([Dimension.DISH])}
    assert {dish: (row.items, row.refunded_items, row.gross_fen) for dish, row in dishes.items()} == {
        "hongshaorou": (1, 0, 1250),
        "mifan": (3, 1, 100),
        "yu": (1, 0, 1640),
        "qingcai": (1, 0, 359),
    }
    bill = view.bill("b")
    assert bill is not None
    assert (bill.items, bill.refunded_items, bill.status) == (3, 1, BillStatus.PARTLY_REFUNDED)


def test_voids_are_counted_without_a_tender(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    lunch.void("a")
    (row,) = shown(read_models, lunch).totals([Dimension.TENDER])
    assert (row.values, row.voids, row.bills) == (("",), 1, 0)


def test_bills_are_listed_page_by_page_in_the_order_of_payment(read_models: Engine) -> None:
    lunch = Lunch()
    for checkout_id in ("c", "a", "b"):
        lunch.scan(checkout_id, portions("mifan"))
        lunch.pay(checkout_id)
    view = shown(read_models, lunch)
    first = view.bills(limit=2)
    rest = view.bills(after_position=first[-1].position, limit=2)
    assert [bill.checkout_id for bill in (*first, *rest)] == ["c", "a", "b"]


def test_a_selection_keeps_other_days_out(read_models: Engine) -> None:
    lunch = Lunch()
    lunch.scan("a", portions("mifan"))
    lunch.pay("a")
    lunch.business_day = "2026-11-25"
    lunch.scan("b", portions("tang"))
    lunch.pay("b")
    view = shown(read_models, lunch)
    (row,) = view.totals(selection=Selection(from_day="2026-11-25", until_day="2026-11-25"))
    assert row.own_fen == 200
    assert [bill.checkout_id for bill in view.bills(Selection(until_day="2026-11-24"))] == ["a"]


def test_nothing_sold_is_one_row_of_zeros(read_models: Engine) -> None:
    (row,) = shown(read_models, Lunch()).totals()
    assert (row.bills, row.gross_fen, row.funders) == (0, 0, ())


def test_a_bill_that_does_not_add_up_is_not_counted(read_models: Engine) -> None:
    lunch = Lunch()
    group = an_elder_pays(lunch)
    (payment,) = (event for append in group for event in append.events if isinstance(event, BillPaid))
    wrong = replace(payment.bill, own_fen=payment.bill.own_fen - 1)
    lunch.groups[-1] = altered(group, BillPaid, bill=wrong)
    with pytest.raises(ProjectionError, match="Gross is not own"):
        shown(read_models, lunch)
    (row,) = CheckoutTotalsView(read_models).totals()
    assert row.bills == 0


def test_a_refund_of_more_than_was_paid_is_not_counted(read_models: Engine) -> None:
    lunch = Lunch()
    an_elder_pays(lunch)
    group = lunch.refund("a")
    (refund,) = (event for append in group for event in append.events if isinstance(event, PaymentRefunded))
    lunch.groups.append(altered(group, PaymentRefunded, refund_number=refund.refund_number + 1))
    with pytest.raises(ProjectionError, match="More is refunded than was paid"):
        shown(read_models, lunch)
