"""Worked examples of the rules: what a bill comes to, who pays it, and where each limit lies to the fen and the day."""

from datetime import date
from typing import Any

import pytest

from engine.domain.benefit_rule import (
    BenefitRule,
    Cap,
    CapMeasure,
    CapPeriod,
    Channel,
    Comparison,
    Eligibility,
    FunderPart,
    Reduction,
    ReductionKind,
    Scope,
    Threshold,
    ThresholdBasis,
)
from engine.domain.bill import AppliedBenefit, BenefitKind, Bill, FunderShare
from engine.domain.money import RoundingMode
from engine.domain.resident import CredentialKind, EntitlementFacts, Suspension
from engine.policies.benefits import (
    BenefitUse,
    assemble_bill,
    compute_bill,
    in_scope,
    is_attested,
    is_eligible,
    remaining_bill,
    rules_in_force,
    split_over_funders,
    subtract,
)
from tests.unit.engine.examples import (
    DAY,
    facts,
    fixed,
    lines,
    occasion,
    percent_off,
    spend_15_save_3,
)


def bill_of(
    gross_fen: int,
    *rules: BenefitRule,
    uses: tuple[BenefitUse, ...] = (),
    diner: EntitlementFacts | None = facts(),  # noqa: B008  (frozen)
    **where: Any,
) -> Bill:
    return compute_bill(lines(gross_fen), rules, occasion(**where), diner, uses)


def own_fen(gross_fen: int, *rules: BenefitRule, **others: Any) -> int:
    return bill_of(gross_fen, *rules, **others).own_fen


# --- 满15减3 and 85折 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gross_fen", "expected_fen"), [(1499, 1499), (1500, 1200), (1501, 1201), (100, 100)])
def test_spend_15_save_3_begins_at_exactly_15_yuan(gross_fen: int, expected_fen: int) -> None:
    assert own_fen(gross_fen, spend_15_save_3()) == expected_fen


@pytest.mark.parametrize(("gross_fen", "expected_fen"), [(1499, 1499), (1500, 1500), (1501, 1201)])
def test_a_threshold_of_more_than_15_does_not_begin_at_15_itself(gross_fen: int, expected_fen: int) -> None:
    strictly_more = Threshold(amount_fen=1500, comparison=Comparison.MORE_THAN)

    assert own_fen(gross_fen, spend_15_save_3(threshold=strictly_more)) == expected_fen


@pytest.mark.parametrize(
    ("cards", "expected_fen"),
    [
        ((CredentialKind.ELDER_CARD,), 1200),
        ((CredentialKind.SOCIAL_CARD,), 1200),
        ((CredentialKind.ELDER_CARD, CredentialKind.SOCIAL_CARD), 1200),
        ((CredentialKind.BANK_CARD, CredentialKind.QR, CredentialKind.FACE), 1500),
        ((), 1500),
    ],
)
def test_the_rule_of_caoyang_asks_for_a_registered_elder_card_or_social_card(
    cards: tuple[CredentialKind, ...], expected_fen: int
) -> None:
    rule = spend_15_save_3(
        eligibility=Eligibility(registered_cards=(CredentialKind.ELDER_CARD, CredentialKind.SOCIAL_CARD))
    )

    assert own_fen(1500, rule, diner=facts(registered_cards=cards)) == expected_fen


@pytest.mark.parametrize("canteen_id", ["lanxi", "meiling", "huaxi", "zaoyang"])
def test_the_rule_of_caoyang_holds_in_its_four_canteens(canteen_id: str) -> None:
    rule = spend_15_save_3(scope=Scope(canteen_ids=("lanxi", "meiling", "huaxi", "zaoyang")))

    assert own_fen(1500, rule, canteen_id=canteen_id) == 1200


def test_a_fifth_canteen_of_the_street_gives_nothing() -> None:
    rule = spend_15_save_3(scope=Scope(canteen_ids=("lanxi", "meiling", "huaxi", "zaoyang")))

    assert own_fen(1500, rule, canteen_id="tieshan") == 1500


@pytest.mark.parametrize(
    ("gross_fen", "discount_fen"), [(1600, 240), (1000, 150), (1, 0), (3, 0), (4, 1), (10, 2), (1390, 209)]
)
def test_85_percent_takes_15_percent_off_rounded_half_up_to_the_fen(gross_fen: int, discount_fen: int) -> None:
    bill = bill_of(gross_fen, percent_off(1500))

    assert (bill.discount_fen, bill.subsidy_fen, bill.own_fen) == (discount_fen, 0, gross_fen - discount_fen)


@pytest.mark.parametrize(
    ("mode", "discount_fen"), [(RoundingMode.DOWN, 200), (RoundingMode.HALF_UP, 210), (RoundingMode.UP, 210)]
)
def test_a_percentage_may_be_rounded_to_the_jiao(mode: RoundingMode, discount_fen: int) -> None:
    to_the_jiao = Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=1500, rounding_unit_fen=10, rounding=mode)

    assert bill_of(1390, percent_off(1500, reduction=to_the_jiao)).discount_fen == discount_fen


# --- the worked trap of 16.00 ------------------------------------------------------------------------------------

NINETY_PERCENT = percent_off(1000, eligibility=Eligibility(min_age=60, max_age=79))


@pytest.mark.parametrize(("basis", "expected_fen"), [(ThresholdBasis.NET, 1440), (ThresholdBasis.GROSS, 1240)])
def test_16_yuan_at_65_costs_two_yuan_more_when_the_threshold_is_tested_on_net(
    basis: ThresholdBasis, expected_fen: int
) -> None:
    two_off = fixed(200, threshold=Threshold(amount_fen=1500, basis=basis))

    assert own_fen(1600, two_off, NINETY_PERCENT, diner=facts(birth_date=date(1961, 6, 1))) == expected_fen


@pytest.mark.parametrize(("gross_fen", "expected_fen"), [(1666, 1499), (1667, 1300)])
def test_a_threshold_on_net_begins_where_what_is_left_reaches_it(gross_fen: int, expected_fen: int) -> None:
    two_off = fixed(200, threshold=Threshold(amount_fen=1500, basis=ThresholdBasis.NET))

    assert own_fen(gross_fen, NINETY_PERCENT, two_off) == expected_fen


def test_stages_decide_the_order_not_the_order_of_publication() -> None:
    first_fixed = fixed(200, stage=1)
    then_half = percent_off(5000, stage=2)
    first_half = percent_off(5000, stage=1)
    then_fixed = fixed(200, stage=2)

    assert own_fen(1000, then_half, first_fixed) == 400
    assert own_fen(1000, then_fixed, first_half) == 300


def test_each_benefit_says_the_base_it_was_taken_of() -> None:
    bill = bill_of(2000, percent_off(1500), spend_15_save_3())

    assert [(b.rule_id, b.rule_version, b.base_fen, b.amount_fen) for b in bill.benefits] == [
        ("percent", 1, 2000, 300),
        ("spend-15-save-3", 1, 1700, 300),
    ]


def test_rules_of_one_stage_apply_by_id() -> None:
    bill = bill_of(1000, percent_off(1000, rule_id="b", stage=5), percent_off(1000, rule_id="a", stage=5))

    assert [(benefit.rule_id, benefit.amount_fen) for benefit in bill.benefits] == [("a", 100), ("b", 90)]


# --- who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("birth", "min_age", "max_age", "expected"),
    [
        (date(1966, 11, 25), 60, None, False),
        (date(1966, 11, 24), 60, None, True),
        (date(1966, 11, 23), 60, None, True),
        (date(1946, 11, 25), 60, 79, True),
        (date(1946, 11, 24), 60, 79, False),
        (date(1946, 11, 25), 80, None, False),
        (date(1946, 11, 24), 80, None, True),
    ],
)
def test_age_counts_on_the_day_of_the_meal_birthday_included(
    birth: date, min_age: int, max_age: int | None, expected: bool
) -> None:
    assert is_eligible(Eligibility(min_age=min_age, max_age=max_age), facts(birth_date=birth), DAY) is expected


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 2, 28), False), (date(2026, 3, 1), True), (date(2028, 2, 29), True)]
)
def test_one_born_on_29_february_has_the_birthday_on_1_march_in_other_years(day: date, expected: bool) -> None:
    one_year_older = Eligibility(min_age=day.year - 1964)

    assert is_eligible(one_year_older, facts(birth_date=date(1964, 2, 29)), day) is expected


@pytest.mark.parametrize(
    ("eligibility", "fact"),
    [
        (Eligibility(household_cities=("上海市",)), {"household_city": "上海市"}),
        (Eligibility(household_districts=("普陀区", "静安区")), {"household_district": "静安区"}),
        (Eligibility(residence_districts=("普陀区",)), {"residence_district": "普陀区"}),
        (Eligibility(residence_streets=("caoyang",)), {"residence_street": "caoyang"}),
        (Eligibility(welfare_classes=("A", "B")), {"welfare_class": "A"}),
        (Eligibility(min_care_level=2), {"care_level": 2}),
    ],
)
def test_each_fact_that_a_rule_asks_for_is_needed(eligibility: Eligibility, fact: dict[str, Any]) -> None:
    assert is_eligible(eligibility, facts(**fact), DAY)
    assert not is_eligible(eligibility, facts(), DAY)


def test_an_anonymous_diner_gets_no_benefit() -> None:
    bill = bill_of(2000, spend_15_save_3(), percent_off(1500), diner=None)

    assert (bill.own_fen, bill.benefits) == (2000, ())


@pytest.mark.parametrize(
    ("valid_until", "expected"), [(None, True), (DAY, True), (date(2026, 11, 23), False), (date(2026, 11, 25), True)]
)
def test_facts_hold_through_their_last_day(valid_until: date | None, expected: bool) -> None:
    assert is_attested(facts(valid_until=valid_until), DAY) is expected
    assert own_fen(1500, spend_15_save_3(), diner=facts(valid_until=valid_until)) == (1200 if expected else 1500)


@pytest.mark.parametrize(
    ("from_day", "until_day", "expected_fen"),
    [
        (DAY, DAY, 1500),
        (date(2026, 11, 1), None, 1500),
        (date(2026, 11, 1), date(2026, 11, 23), 1200),
        (date(2026, 11, 25), None, 1200),
        (date(2026, 11, 1), DAY, 1500),
    ],
)
def test_a_suspension_stops_every_benefit_on_its_days_both_ends_included(
    from_day: date, until_day: date | None, expected_fen: int
) -> None:
    pause = Suspension(from_day=from_day, until_day=until_day, reason="admitted")

    assert own_fen(1500, spend_15_save_3(), diner=facts(suspensions=(pause,))) == expected_fen


# --- where and when ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "elsewhere"),
    [
        (Scope(canteen_ids=("lanxi",)), {"canteen_id": "meiling"}),
        (Scope(streets=("caoyang",)), {"street": "changfeng"}),
        (Scope(districts=("普陀区",)), {"district": "静安区"}),
        (Scope(meal_periods=("lunch", "dinner")), {"meal_period": "breakfast"}),
        (Scope(), {"channel": Channel.DELIVERY}),
    ],
)
def test_a_rule_holds_inside_its_scope_only(scope: Scope, elsewhere: dict[str, Any]) -> None:
    assert in_scope(scope, occasion())
    assert not in_scope(scope, occasion(**elsewhere))


def test_a_rule_may_hold_for_delivery_alone() -> None:
    delivered = Scope(channels=(Channel.DELIVERY,))

    assert in_scope(delivered, occasion(channel=Channel.DELIVERY))
    assert not in_scope(delivered, occasion())


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2020, 8, 31), ()), (date(2020, 9, 1), (1,)), (date(2023, 12, 31), (1,))]
)
def test_a_rule_holds_from_its_first_day_on(day: date, expected: tuple[int, ...]) -> None:
    rule = spend_15_save_3(effective_from=date(2020, 9, 1))

    assert tuple(rule.version for rule in rules_in_force([rule], day)) == expected


@pytest.mark.parametrize(
    ("day", "versions"),
    [(date(2023, 12, 31), [1]), (date(2024, 1, 1), [2]), (date(2025, 11, 30), [2]), (date(2025, 12, 1), [3])],
)
def test_the_district_changed_its_rule_and_each_day_has_its_own_version(day: date, versions: list[int]) -> None:
    published = [
        spend_15_save_3(version=1, effective_from=date(2020, 9, 1)),
        spend_15_save_3(version=2, effective_from=date(2024, 1, 1)),
        spend_15_save_3(version=3, effective_from=date(2025, 12, 1)),
    ]

    assert [rule.version for rule in rules_in_force(published, day)] == versions


def test_a_rule_that_was_ended_by_a_new_version_does_not_come_back_in_its_old_one() -> None:
    open_ended = spend_15_save_3(version=1)
    ended = spend_15_save_3(version=2, effective_until=date(2026, 10, 31))

    assert rules_in_force([open_ended, ended], date(2026, 10, 31)) == (ended,)
    assert rules_in_force([open_ended, ended], date(2026, 11, 1)) == ()
    assert own_fen(1500, open_ended, ended) == 1500


# --- caps -------------------------------------------------------------------------------------------------------


def used(day: date, amount_fen: int = 300, meal: str = "lunch", rule_id: str = "spend-15-save-3") -> BenefitUse:
    return BenefitUse(rule_id=rule_id, business_day=day, meal_period=meal, amount_fen=amount_fen)


@pytest.mark.parametrize(
    ("period", "counting", "not_counting"),
    [
        (CapPeriod.MEAL, [used(DAY)], [used(DAY, meal="breakfast"), used(date(2026, 11, 23))]),
        (CapPeriod.DAY, [used(DAY, meal="breakfast")], [used(date(2026, 11, 23)), used(date(2026, 11, 25))]),
        (
            CapPeriod.WEEK,
            [used(date(2026, 11, 23)), used(date(2026, 11, 29))],
            [used(date(2026, 11, 22)), used(date(2026, 11, 30)), used(date(2025, 11, 24))],
        ),
        (
            CapPeriod.MONTH,
            [used(date(2026, 11, 1)), used(date(2026, 11, 30))],
            [used(date(2026, 10, 31)), used(date(2026, 12, 1)), used(date(2025, 11, 24))],
        ),
    ],
)
def test_a_cap_counts_exactly_the_uses_of_its_own_period(
    period: CapPeriod, counting: list[BenefitUse], not_counting: list[BenefitUse]
) -> None:
    once = spend_15_save_3(caps=(Cap(period=period, measure=CapMeasure.TIMES, limit=1),))

    for use in counting:
        assert own_fen(1500, once, uses=(use,)) == 1500, use
    assert own_fen(1500, once, uses=tuple(not_counting)) == 1200


@pytest.mark.parametrize(("times", "expected_fen"), [(4, 1200), (5, 1500), (6, 1500)])
def test_a_sixth_time_in_a_monday_to_sunday_week_gives_nothing(times: int, expected_fen: int) -> None:
    five_a_week = spend_15_save_3(caps=(Cap(period=CapPeriod.WEEK, measure=CapMeasure.TIMES, limit=5),))
    uses = tuple(used(date(2026, 11, 23), meal=f"meal-{number}") for number in range(times))

    assert own_fen(1500, five_a_week, uses=uses) == expected_fen


@pytest.mark.parametrize(("used_fen", "expected_fen"), [(0, 1200), (200, 1200), (350, 1350), (500, 1500), (900, 1500)])
def test_a_cap_on_the_amount_leaves_what_is_not_used_yet(used_fen: int, expected_fen: int) -> None:
    five_yuan_a_day = spend_15_save_3(caps=(Cap(period=CapPeriod.DAY, measure=CapMeasure.AMOUNT_FEN, limit=500),))

    assert own_fen(1500, five_yuan_a_day, uses=(used(DAY, used_fen, "breakfast"),)) == expected_fen


def test_the_tightest_of_several_caps_decides() -> None:
    capped = spend_15_save_3(
        caps=(
            Cap(period=CapPeriod.DAY, measure=CapMeasure.AMOUNT_FEN, limit=250),
            Cap(period=CapPeriod.MONTH, measure=CapMeasure.AMOUNT_FEN, limit=1000),
        )
    )

    assert own_fen(1500, capped) == 1250
    assert own_fen(1500, capped, uses=(used(date(2026, 11, 2), 900),)) == 1400


def test_uses_of_another_rule_are_not_counted() -> None:
    once = spend_15_save_3(caps=(Cap(period=CapPeriod.DAY, measure=CapMeasure.TIMES, limit=1),))

    assert own_fen(1500, once, uses=(used(DAY, rule_id="another"),)) == 1200


def test_a_quarter_of_the_meal_at_most_3_yuan() -> None:
    quarter = percent_off(2500, reduction=Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=2500, at_most_fen=300))

    assert [bill_of(gross, quarter).discount_fen for gross in (1000, 1199, 1200, 1204, 5000)] == [
        250,
        300,
        300,
        300,
        300,
    ]


# --- stacking, best-of, never below zero ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gross_fen", "rule_id", "expected_fen"),
    [(1400, "percent", 1190), (1500, "spend-15-save-3", 1200), (2000, "percent", 1700), (2100, "percent", 1785)],
)
def test_of_a_best_of_group_only_the_rule_that_takes_off_most_applies(
    gross_fen: int, rule_id: str, expected_fen: int
) -> None:
    rivals = (percent_off(1500, best_of="elder"), spend_15_save_3(best_of="elder"))

    bill = bill_of(gross_fen, *rivals)

    assert [benefit.rule_id for benefit in bill.benefits] == [rule_id]
    assert bill.own_fen == expected_fen


def test_best_of_groups_stand_apart_and_stack() -> None:
    bill = bill_of(
        1000,
        fixed(100, rule_id="a-small", best_of="a", stage=1),
        fixed(200, rule_id="a-large", best_of="a", stage=1),
        fixed(50, rule_id="b-large", best_of="b", stage=2),
        fixed(40, rule_id="b-small", best_of="b", stage=2),
    )

    assert [benefit.rule_id for benefit in bill.benefits] == ["a-large", "b-large"]


def test_a_rival_whose_cap_is_used_up_loses() -> None:
    once = Cap(period=CapPeriod.DAY, measure=CapMeasure.TIMES, limit=1)
    rivals = (percent_off(1000, best_of="elder"), spend_15_save_3(best_of="elder", caps=(once,)))

    bill = bill_of(2000, *rivals, uses=(used(DAY, meal="breakfast"),))

    assert [(benefit.rule_id, benefit.amount_fen) for benefit in bill.benefits] == [("percent", 200)]


@pytest.mark.parametrize(("gross_fen", "benefits_fen"), [(500, [500]), (1700, [1600, 100]), (1600, [1600])])
def test_benefits_never_exceed_what_is_left_and_nothing_is_paid_out(gross_fen: int, benefits_fen: list[int]) -> None:
    bill = bill_of(gross_fen, fixed(1600, rule_id="a"), fixed(300, rule_id="b"))

    assert [benefit.amount_fen for benefit in bill.benefits] == benefits_fen
    assert bill.own_fen == 0


# --- funders ----------------------------------------------------------------------------------------------------

CITY_DISTRICT_TOWN = (
    FunderPart(funder_id="city", fixed_fen=300),
    FunderPart(funder_id="district", fixed_fen=300),
    FunderPart(funder_id="town", residual=True),
)


@pytest.mark.parametrize(
    ("amount_fen", "shares"),
    [
        (1000, {"city": 300, "district": 300, "town": 400}),
        (600, {"city": 300, "district": 300}),
        (599, {"city": 300, "district": 299}),
        (250, {"city": 250}),
        (0, {}),
    ],
)
def test_fixed_parts_are_served_in_order_and_the_town_takes_the_rest(amount_fen: int, shares: dict[str, int]) -> None:
    split = split_over_funders(amount_fen, CITY_DISTRICT_TOWN)

    assert {share.funder_id: share.amount_fen for share in split} == shares


def test_rates_are_rounded_down_and_the_residual_funder_takes_the_odd_fen() -> None:
    thirds = (
        FunderPart(funder_id="city", rate_bps=3333),
        FunderPart(funder_id="street", residual=True),
        FunderPart(funder_id="district", rate_bps=3333),
    )

    assert split_over_funders(100, thirds) == (
        FunderShare(funder_id="city", amount_fen=33),
        FunderShare(funder_id="district", amount_fen=33),
        FunderShare(funder_id="street", amount_fen=34),
    )


def test_one_funder_with_the_whole_rate_pays_all() -> None:
    assert split_over_funders(777, (FunderPart(funder_id="charity", rate_bps=10_000),)) == (
        FunderShare(funder_id="charity", amount_fen=777),
    )


def test_a_discount_names_no_funder_and_a_subsidy_does() -> None:
    bill = bill_of(2000, percent_off(1500), spend_15_save_3())

    assert [(benefit.kind, benefit.shares) for benefit in bill.benefits] == [
        (BenefitKind.DISCOUNT, ()),
        (BenefitKind.SUBSIDY, (FunderShare(funder_id="street", amount_fen=300),)),
    ]
    assert (bill.gross_fen, bill.discount_fen, bill.subsidy_fen, bill.own_fen) == (2000, 300, 300, 1400)


# --- lines ------------------------------------------------------------------------------------------------------


def test_lines_share_the_benefit_by_price_to_the_fen() -> None:
    bill = compute_bill(lines(700, 800, 100), [spend_15_save_3()], occasion(), facts(), ())

    assert [(line.subsidy_fen, line.own_fen) for line in bill.lines] == [(131, 569), (150, 650), (19, 81)]


def test_a_bill_without_lines_is_a_bill_of_nothing() -> None:
    bill = compute_bill((), [spend_15_save_3(), fixed(100)], occasion(), facts(), ())

    assert (bill.gross_fen, bill.own_fen, bill.benefits, bill.lines) == (0, 0, (), ())


# --- refunds ----------------------------------------------------------------------------------------------------


def paid(prices_fen: tuple[int, ...], *rules: BenefitRule) -> Bill:
    return compute_bill(lines(*prices_fen), rules, occasion(), facts(), ())


def test_a_refund_that_stays_above_the_threshold_leaves_the_benefit() -> None:
    bill = paid((1000, 600, 400), spend_15_save_3())

    kept = remaining_bill(bill, frozenset({1, 2}), [spend_15_save_3()])

    assert (kept.own_fen, kept.subsidy_fen) == (1300, 300)
    assert subtract(bill, kept).own_fen == 400


def test_a_refund_that_falls_below_the_threshold_takes_the_benefit_back() -> None:
    bill = paid((1000, 600, 400), spend_15_save_3())

    kept = remaining_bill(bill, frozenset({1, 3}), [spend_15_save_3()])
    reversal = subtract(bill, kept)

    assert (kept.own_fen, kept.benefits) == (1400, ())
    assert (reversal.own_fen, reversal.subsidy_fen, reversal.gross_fen) == (300, 300, 600)
    assert reversal.benefits == bill.benefits


def test_a_refund_never_asks_the_diner_for_money() -> None:
    bill = paid((1400, 100), spend_15_save_3())

    kept = remaining_bill(bill, frozenset({1}), [spend_15_save_3()])
    reversal = subtract(bill, kept)

    assert (kept.own_fen, kept.subsidy_fen) == (1200, 200)
    assert (reversal.own_fen, reversal.subsidy_fen) == (0, 100)
    assert reversal.benefits[0].shares == (FunderShare(funder_id="street", amount_fen=100),)


def test_where_the_diner_would_owe_the_last_stage_keeps_its_benefit_first() -> None:
    rules = [percent_off(1000, threshold=Threshold(amount_fen=1500)), spend_15_save_3()]
    bill = paid((1400, 100), *rules)
    assert bill.own_fen == 1050

    kept = remaining_bill(bill, frozenset({1}), rules)

    assert [(benefit.rule_id, benefit.amount_fen) for benefit in kept.benefits] == [
        ("percent", 50),
        ("spend-15-save-3", 300),
    ]
    assert kept.own_fen == 1050


def test_a_partial_refund_shrinks_each_funders_share_in_proportion() -> None:
    shared = fixed(
        0,
        reduction=Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=2000),
        funders=(FunderPart(funder_id="city", rate_bps=7500), FunderPart(funder_id="street", residual=True)),
    )
    bill = paid((1000, 602), shared)
    assert bill.benefits[0].shares == (
        FunderShare(funder_id="city", amount_fen=240),
        FunderShare(funder_id="street", amount_fen=80),
    )

    kept = remaining_bill(bill, frozenset({1}), [shared])

    assert kept.benefits[0].shares == (
        FunderShare(funder_id="city", amount_fen=150),
        FunderShare(funder_id="street", amount_fen=50),
    )
    assert subtract(bill, kept).benefits[0].shares == (
        FunderShare(funder_id="city", amount_fen=90),
        FunderShare(funder_id="street", amount_fen=30),
    )


def test_a_refund_of_everything_reverses_every_posting() -> None:
    rules = [percent_off(1500), spend_15_save_3()]
    bill = paid((1000, 600, 401), *rules)

    nothing = remaining_bill(bill, frozenset(), rules)

    assert subtract(bill, nothing) == bill


def test_a_bill_is_put_together_from_benefits_without_looking_at_rules() -> None:
    benefit = AppliedBenefit(
        rule_id="x", rule_version=1, kind=BenefitKind.DISCOUNT, stage=1, base_fen=1000, amount_fen=333
    )

    bill = assemble_bill(lines(500, 500), (benefit,))

    assert [(line.discount_fen, line.own_fen) for line in bill.lines] == [(167, 333), (166, 334)]
