from collections import Counter
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.benefit_rule import BenefitRule
from engine.domain.bill import Bill, BillLine
from engine.policies.benefits import compute_bill, remaining_bill, subtract
from tests.property.engine.strategies import price_lists, rule_lists
from tests.property.engine.test_bills import check
from tests.unit.engine.examples import facts, lines, occasion


def keep(bill: Bill, kept_item_ids: frozenset[int], rules: list[BenefitRule]) -> Bill:
    by_id = {rule.rule_id: rule for rule in rules}
    return remaining_bill(bill, kept_item_ids, [by_id[benefit.rule_id] for benefit in bill.benefits])


def refund_in_steps(
    bill: Bill, order: list[int], sizes: list[int], rules: list[BenefitRule]
) -> list[tuple[Bill, Bill]]:
    """Refund items in an order, some at a time; return each reversal with what it left, as the events would."""
    steps = []
    left = bill
    waiting = list(order)
    for size in [*sizes, len(order)]:
        gone, waiting = waiting[:size], waiting[size:]
        if not gone:
            continue
        kept_item_ids = frozenset(line.item_id for line in left.lines) - frozenset(gone)
        reversal = subtract(left, keep(left, kept_item_ids, rules))
        left = subtract(left, reversal)
        steps.append((reversal, left))
    return steps


def funders(bills: list[Bill]) -> Counter[tuple[str, str]]:
    owed: Counter[tuple[str, str]] = Counter()
    for bill in bills:
        for benefit in bill.benefits:
            owed[benefit.rule_id, ""] += benefit.amount_fen
            for share in benefit.shares:
                owed[benefit.rule_id, share.funder_id] += share.amount_fen
    return owed


def add_lines(one: BillLine, other: BillLine) -> BillLine:
    assert (one.item_id, one.dish_id) == (other.item_id, other.dish_id)
    return BillLine(
        item_id=one.item_id,
        dish_id=one.dish_id,
        gross_fen=one.gross_fen + other.gross_fen,
        discount_fen=one.discount_fen + other.discount_fen,
        subsidy_fen=one.subsidy_fen + other.subsidy_fen,
        own_fen=one.own_fen + other.own_fen,
    )


@given(st.data(), price_lists, rule_lists())
def test_any_sequence_of_partial_refunds_ends_with_exactly_the_original_postings_reversed(
    data: st.DataObject, prices_fen: list[int], rules: list[BenefitRule]
) -> None:
    bill = compute_bill(lines(*prices_fen), rules, occasion(), facts(), ())
    order = data.draw(st.permutations([line.item_id for line in bill.lines]))
    sizes = data.draw(st.lists(st.integers(1, 3), max_size=8))

    steps = refund_in_steps(bill, list(order), sizes, rules)
    reversals = [reversal for reversal, _ in steps]

    assert sum(reversal.own_fen for reversal in reversals) == bill.own_fen
    assert sum(reversal.gross_fen for reversal in reversals) == bill.gross_fen
    assert funders(reversals) == funders([bill])
    for line in bill.lines:
        parts = [part for reversal in reversals for part in reversal.lines if part.item_id == line.item_id]
        assert reduce(add_lines, parts) == line
    _, end = steps[-1]
    assert (end.lines, end.benefits, end.own_fen) == ((), (), 0)


@given(st.data(), price_lists, rule_lists())
def test_after_every_partial_refund_the_books_add_up_and_nobody_owes_more_than_before(
    data: st.DataObject, prices_fen: list[int], rules: list[BenefitRule]
) -> None:
    bill = compute_bill(lines(*prices_fen), rules, occasion(), facts(), ())
    order = data.draw(st.permutations([line.item_id for line in bill.lines]))
    sizes = data.draw(st.lists(st.integers(1, 3), max_size=8))

    before = bill
    for reversal, left in refund_in_steps(bill, list(order), sizes, rules):
        check(left)
        assert 0 <= reversal.own_fen <= before.own_fen
        assert reversal.gross_fen == reversal.own_fen + reversal.subsidy_fen + reversal.discount_fen
        for benefit in reversal.benefits:
            assert benefit.amount_fen > 0
            assert all(share.amount_fen > 0 for share in benefit.shares)
        known = funders([before])
        assert all(owed <= known[key] for key, owed in funders([left]).items())
        before = left


@given(price_lists, rule_lists())
def test_a_refund_of_everything_at_once_is_the_bill_itself(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    bill = compute_bill(lines(*prices_fen), rules, occasion(), facts(), ())

    assert subtract(bill, keep(bill, frozenset(), rules)) == bill


@given(price_lists, rule_lists())
def test_a_refund_of_nothing_reverses_nothing(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    bill = compute_bill(lines(*prices_fen), rules, occasion(), facts(), ())
    everything = frozenset(line.item_id for line in bill.lines)

    nothing = subtract(bill, keep(bill, everything, rules))

    assert (nothing.lines, nothing.benefits, nothing.gross_fen, nothing.own_fen) == ((), (), 0, 0)
