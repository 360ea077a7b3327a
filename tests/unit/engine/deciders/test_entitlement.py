from datetime import date, timedelta
from typing import Any

from engine.deciders.entitlement import ENTITLEMENT, REMEMBERED_DAYS, decide_restoration, decide_use
from engine.domain.bill import AppliedBenefit, BenefitKind, FunderShare
from engine.domain.events import EntitlementRestored, EntitlementUsed
from engine.policies.benefits import BenefitUse
from tests.unit.engine.examples import CASHIER, DAY, NOON_MS, SITE
from tests.unit.engine.given import given

SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": CASHIER, "resident_id": "r-1"}


def benefit(amount_fen: int, rule_id: str = "rule") -> AppliedBenefit:
    return AppliedBenefit(
        rule_id=rule_id,
        rule_version=1,
        kind=BenefitKind.SUBSIDY,
        stage=1,
        base_fen=1500,
        amount_fen=amount_fen,
        shares=(FunderShare(funder_id="street", amount_fen=amount_fen),),
    )


def used(*benefits: AppliedBenefit, checkout_id: str = "c-1", day: date = DAY) -> EntitlementUsed:
    return EntitlementUsed(
        **SAID,
        checkout_id=checkout_id,
        canteen_id="lanxi",
        business_day=day,
        meal_period="lunch",
        benefits=benefits,
    )


def restored(*benefits: AppliedBenefit, checkout_id: str = "c-1") -> EntitlementRestored:
    return EntitlementRestored(
        **SAID,
        checkout_id=checkout_id,
        canteen_id="lanxi",
        business_day=DAY,
        meal_period="lunch",
        benefits=benefits,
    )


def use(amount_fen: int, rule_id: str = "rule", day: date = DAY) -> BenefitUse:
    return BenefitUse(rule_id=rule_id, business_day=day, meal_period="lunch", amount_fen=amount_fen)


def test_a_paid_bill_uses_its_benefits_and_one_without_benefits_uses_nothing() -> None:
    given(ENTITLEMENT).when(lambda _: decide_use(**SAID, checkout_id="c-1", site=SITE, benefits=(benefit(300),))).then(
        used(benefit(300))
    )
    given(ENTITLEMENT).when(lambda _: decide_use(**SAID, checkout_id="c-1", site=SITE, benefits=())).then()
    given(ENTITLEMENT).when(lambda _: decide_restoration(**SAID, checkout_id="c-1", site=SITE, benefits=())).then()


def test_uses_of_several_bills_are_counted_by_rule() -> None:
    state = given(ENTITLEMENT, used(benefit(300), benefit(50, "other")), used(benefit(200), checkout_id="c-2")).state

    assert state.counted() == (use(300), use(50, "other"), use(200))


def test_a_benefit_that_was_reversed_wholly_counts_no_more_not_even_as_a_time() -> None:
    state = (
        given(ENTITLEMENT, used(benefit(300), benefit(50, "other")))
        .when(lambda _: decide_restoration(**SAID, checkout_id="c-1", site=SITE, benefits=(benefit(300),)))
        .then(restored(benefit(300)))
    )

    assert state.counted() == (use(50, "other"),)


def test_a_benefit_that_was_reversed_in_part_still_counts_with_what_is_left() -> None:
    assert given(ENTITLEMENT, used(benefit(300)), restored(benefit(100))).state.counted() == (use(200),)
    assert given(ENTITLEMENT, used(benefit(300)), restored(benefit(100)), restored(benefit(200))).state.counted() == ()


def test_a_refund_restores_its_own_bill_only() -> None:
    state = given(
        ENTITLEMENT,
        used(benefit(300)),
        used(benefit(300), checkout_id="c-2"),
        restored(benefit(300), checkout_id="c-2"),
    ).state

    assert [entry.checkout_id for entry in state.uses] == ["c-1"]


def test_uses_are_remembered_for_the_longest_cap_period_and_no_longer() -> None:
    long_ago = DAY - timedelta(days=REMEMBERED_DAYS + 1)
    just_within = DAY - timedelta(days=REMEMBERED_DAYS)

    state = given(
        ENTITLEMENT,
        used(benefit(300), checkout_id="old", day=long_ago),
        used(benefit(300), checkout_id="within", day=just_within),
        used(benefit(300), checkout_id="new"),
    ).state

    assert [entry.checkout_id for entry in state.uses] == ["within", "new"]


def test_a_refund_of_a_forgotten_bill_changes_nothing() -> None:
    assert given(ENTITLEMENT, used(benefit(300)), restored(benefit(300), checkout_id="long ago")).state.counted() == (
        use(300),
    )
