from hypothesis import given
from hypothesis import strategies as st

from engine.domain.benefit_rule import BenefitRule, CapMeasure
from engine.domain.bill import BenefitKind, Bill
from engine.policies.benefits import BenefitUse, PricedLine, compute_bill
from tests.property.engine.strategies import price_lists, rule_lists
from tests.unit.engine.examples import DAY, facts, lines, occasion


def bill_of(prices_fen: list[int], rules: list[BenefitRule], uses: tuple[BenefitUse, ...] = ()) -> Bill:
    return compute_bill(lines(*prices_fen), rules, occasion(), facts(), uses)


def check(bill: Bill) -> None:
    """Gross = own + subsidies + discount, per bill, per line and per funder, and nothing is below zero."""
    assert bill.gross_fen == bill.own_fen + bill.subsidy_fen + bill.discount_fen
    for line in bill.lines:
        assert line.gross_fen == line.own_fen + line.subsidy_fen + line.discount_fen
        assert all(0 <= part <= line.gross_fen for part in (line.own_fen, line.subsidy_fen, line.discount_fen))
    for whole, part in (("gross_fen", "gross_fen"), ("own_fen", "own_fen"), ("discount_fen", "discount_fen")):
        assert getattr(bill, whole) == sum(getattr(line, part) for line in bill.lines)
    assert bill.subsidy_fen == sum(line.subsidy_fen for line in bill.lines)
    for kind, total_fen in ((BenefitKind.DISCOUNT, bill.discount_fen), (BenefitKind.SUBSIDY, bill.subsidy_fen)):
        assert total_fen == sum(benefit.amount_fen for benefit in bill.benefits if benefit.kind is kind)
    for benefit in bill.benefits:
        assert benefit.amount_fen > 0
        shared_fen = sum(share.amount_fen for share in benefit.shares)
        assert shared_fen == (benefit.amount_fen if benefit.kind is BenefitKind.SUBSIDY else 0)


@given(price_lists, rule_lists())
def test_every_bill_and_every_line_of_it_adds_up_to_the_fen(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    check(bill_of(prices_fen, rules))


@given(price_lists, rule_lists())
def test_each_benefit_is_taken_of_what_the_ones_before_it_left(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    bill = bill_of(prices_fen, rules)

    left_fen = bill.gross_fen
    for benefit in bill.benefits:
        assert benefit.base_fen == left_fen
        left_fen -= benefit.amount_fen
    assert left_fen == bill.own_fen


@given(st.data(), price_lists, rule_lists())
def test_the_order_of_the_dishes_changes_no_total_and_no_benefit(
    data: st.DataObject, prices_fen: list[int], rules: list[BenefitRule]
) -> None:
    one = bill_of(prices_fen, rules)
    other = bill_of(list(data.draw(st.permutations(prices_fen))), rules)

    assert (one.own_fen, one.benefits) == (other.own_fen, other.benefits)


@given(st.data(), price_lists, rule_lists())
def test_the_order_of_publication_changes_nothing(
    data: st.DataObject, prices_fen: list[int], rules: list[BenefitRule]
) -> None:
    assert bill_of(prices_fen, rules) == bill_of(prices_fen, list(data.draw(st.permutations(rules))))


@given(price_lists, rule_lists())
def test_an_anonymous_diner_pays_the_gross(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    bill = compute_bill(lines(*prices_fen), rules, occasion(), None, ())

    assert (bill.own_fen, bill.benefits) == (sum(prices_fen), ())


@given(price_lists, rule_lists())
def test_of_a_best_of_group_at_most_one_rule_applies(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    grouped = {rule.rule_id for rule in rules if rule.best_of}

    assert sum(benefit.rule_id in grouped for benefit in bill_of(prices_fen, rules).benefits) <= 1


@given(st.lists(price_lists, min_size=1, max_size=6), rule_lists(max_size=2))
def test_meals_in_a_row_never_use_more_than_a_cap_allows(meals: list[list[int]], rules: list[BenefitRule]) -> None:
    uses: tuple[BenefitUse, ...] = ()
    for prices_fen in meals:
        bill = bill_of(prices_fen, rules, uses)
        check(bill)
        uses += tuple(
            BenefitUse(rule_id=benefit.rule_id, business_day=DAY, meal_period="lunch", amount_fen=benefit.amount_fen)
            for benefit in bill.benefits
        )

    # All meals fall into the same meal period, day, week and month: every cap counts all of them.
    for rule in rules:
        used = [use.amount_fen for use in uses if use.rule_id == rule.rule_id]
        for cap in rule.caps:
            assert (len(used) if cap.measure is CapMeasure.TIMES else sum(used)) <= cap.limit


@given(price_lists, rule_lists())
def test_lines_of_the_same_price_differ_by_a_fen_at_most(prices_fen: list[int], rules: list[BenefitRule]) -> None:
    twins = [
        PricedLine(item_id=number, dish_id="same", price_fen=price_fen)
        for number, price_fen in enumerate([price_fen for price_fen in prices_fen for _ in range(2)], start=1)
    ]
    bill = compute_bill(twins, rules, occasion(), facts(), ())

    for first, second in zip(bill.lines[::2], bill.lines[1::2], strict=True):
        assert abs(first.own_fen - second.own_fen) <= 1
