"""Whole visits through the real handlers: what is appended to which streams, and what the terminal is told."""

import json
from typing import Any

import msgspec
import pytest

from engine.application.description import describe_checkout
from engine.application.handlers.tray_session import quote
from engine.domain import commands, ids
from engine.domain.benefit_rule import Cap, CapMeasure, CapPeriod, Eligibility
from engine.domain.errors import (
    AlreadyPaidError,
    CommandRejectedError,
    CredentialBlockedError,
    CredentialExpiredError,
    CredentialUnknownError,
    InsufficientFundsError,
    NoMenuError,
    NotPermittedError,
    OutsideMealPeriodError,
    PayerMismatchError,
    StaleMenuError,
    UnknownCanteenError,
    UnknownCheckoutError,
    UnknownLaneError,
    WrongAmountError,
)
from engine.domain.events import (
    CardPaid,
    CashPaid,
    DinerIdentified,
    DiscountApplied,
    DishCorrected,
    EntitlementRestored,
    EntitlementUsed,
    Event,
    FacePaid,
    OfferApplied,
    PaymentRefunded,
    QrPaid,
    SubsidyApplied,
    TrayRemoved,
    TrayScanned,
    WalletCharged,
    WalletOpened,
    WalletPaid,
    WalletRefunded,
    WalletToppedUp,
)
from engine.domain.menu import DishChoice, Inclusion, SetMeal, SetSlot
from engine.domain.resident import CredentialKind
from tests.unit.engine.examples import (
    ADMIN,
    CASHIER,
    DAY,
    HOUR_MS,
    MENU,
    NOON_MS,
    facts,
    fixed,
    percent_off,
    sighting,
    spend_15_save_3,
    unsure,
)
from tests.unit.engine.sessions import scan
from tests.unit.engine.street import Street, next_day

ONCE_A_DAY = Cap(period=CapPeriod.DAY, measure=CapMeasure.TIMES, limit=1)
TRAY = (sighting("paigu"), sighting("bocai"), sighting("tang"))
"""Spare ribs 10.00, spinach 4.00, soup 2.00: 16.00, or 13.00 with 满15减3."""

PAYMENTS: list[tuple[type[commands.PayCheckout], type[Event]]] = [
    (commands.PayByFace, FacePaid),
    (commands.PayByCard, CardPaid),
    (commands.PayByWallet, WalletPaid),
    (commands.PayByQr, QrPaid),
    (commands.PayByCash, CashPaid),
]


# --- one lunch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "paid"), PAYMENTS)
def test_a_whole_lunch_with_every_tender(street: Street, kind: type[commands.PayCheckout], paid: type[Event]) -> None:
    street.publish(spend_15_save_3())
    resident_id = street.register(facts(), balance_fen=5000)

    held = street.scan("c-1", sighting("paigu"), unsure("doufu", "bocai"), sighting("tang"))
    assert (held["status"], held["gross_fen"], held["due_fen"]) == ("held", 1550, 1550)
    ready = street.do(commands.CorrectDish(**street.said(), checkout_id="c-1", item_id=2, dish_id="bocai"))
    assert (ready["status"], ready["due_fen"], ready["balance_fen"]) == ("ready", 1600, None)
    known = street.identify("c-1", street.card())
    assert (known["due_fen"], known["subsidy_fen"], known["balance_fen"]) == (1300, 300, 5000)
    settled = street.pay(kind, "c-1", known["due_fen"])
    from_wallet = kind in {commands.PayByFace, commands.PayByWallet}
    assert (settled["status"], settled["due_fen"], settled["refunded_fen"]) == ("paid", 1300, 0)
    assert settled["balance_fen"] == (3700 if from_wallet else 5000)
    assert street.remove_tray("c-1")["status"] == "closed"

    assert street.events(ids.checkout_stream("c-1")) == [
        TrayScanned,
        DishCorrected,
        DinerIdentified,
        SubsidyApplied,
        paid,
        TrayRemoved,
    ]
    charged = [WalletCharged] if from_wallet else []
    assert street.events(ids.wallet_stream(resident_id)) == [WalletOpened, WalletToppedUp, *charged]
    assert street.events(ids.entitlement_stream(resident_id)) == [EntitlementUsed]


def test_the_benefits_do_not_depend_on_the_tender(street: Street) -> None:
    street.publish(spend_15_save_3(), percent_off(1500))
    street.register(facts(), balance_fen=50_000)

    bills = []
    for number, (kind, _) in enumerate(PAYMENTS):
        street.scan(f"c-{number}", *TRAY)
        due_fen = street.identify(f"c-{number}", street.card())["due_fen"]
        answer = street.pay(kind, f"c-{number}", due_fen)
        bills.append({key: answer[key] for key in ("benefits", "gross_fen", "discount_fen", "subsidy_fen", "due_fen")})

    assert bills == [bills[0]] * len(PAYMENTS)
    assert (bills[0]["discount_fen"], bills[0]["subsidy_fen"], bills[0]["due_fen"]) == (240, 300, 1060)


def test_an_anonymous_diner_pays_the_whole_by_cash_and_touches_one_stream(street: Street) -> None:
    street.publish(spend_15_save_3())
    street.scan("c-1", *TRAY)

    decision = street.decide(street.payment(commands.PayByCash, "c-1", 1600))

    assert [append.stream for append in decision.appends] == ["checkout-c-1"]
    assert decision.answer["diner"] == {"identified": False, "credential_kind": None, "resident_id": None}


def test_a_face_payment_is_one_decision_over_three_streams(street: Street) -> None:
    street.publish(spend_15_save_3())
    resident_id = street.register(facts(), balance_fen=1300)
    street.scan("c-1", *TRAY)

    decision = street.decide(street.payment(commands.PayByFace, "c-1", 1300))

    assert [(append.stream, [type(event) for event in append.events]) for append in decision.appends] == [
        (ids.checkout_stream("c-1"), [DinerIdentified, SubsidyApplied, FacePaid]),
        (ids.wallet_stream(resident_id), [WalletCharged]),
        (ids.entitlement_stream(resident_id), [EntitlementUsed]),
    ]
    assert (decision.answer["status"], decision.answer["balance_fen"]) == ("paid", 0)
    assert decision.answer["diner"]["credential_kind"] == "face"


def test_a_face_payment_after_a_card_was_shown_keeps_the_card_as_identification(street: Street) -> None:
    street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)
    street.identify("c-1", street.card())

    answer = street.pay(commands.PayByFace, "c-1", 1600)

    assert street.events("checkout-c-1") == [TrayScanned, DinerIdentified, FacePaid]
    assert answer["diner"]["credential_kind"] == "elder_card"
    paid = street.states.streams["checkout-c-1"][-1]
    assert isinstance(paid, FacePaid)
    assert (paid.face_token, paid.consent_id) == (street.face(), "consent-7")


def test_an_answer_shows_the_bill_as_the_decision_leaves_it(street: Street) -> None:
    street.publish(spend_15_save_3())
    street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)
    street.identify("c-1", street.card())

    for command in (
        street.payment(commands.PayByWallet, "c-1", 1300),
        commands.RemoveTray(**street.said(), checkout_id="c-1"),
        commands.RefundCheckout(**street.said(CASHIER), checkout_id="c-1", item_ids=(2,), reason="cold"),
        commands.RefundCheckout(**street.said(CASHIER), checkout_id="c-1", item_ids=(), reason="cold"),
    ):
        answer = street.do(command)
        read_again = describe_checkout(
            "c-1", street.states, lambda states, session: quote(states, street.vault, session)
        )
        assert answer == read_again
        assert json.loads(json.dumps(answer)) == answer


# --- refusals ---------------------------------------------------------------------------------------------------


def refused(street: Street, command: commands.Command, error: type[CommandRejectedError]) -> CommandRejectedError:
    """Check that a command is refused by exactly this error and leaves no trace."""
    before = dict(street.states.streams)
    with pytest.raises(error) as caught:
        street.do(command)
    assert type(caught.value) is error
    assert street.states.streams == before
    return caught.value


def test_an_unknown_a_lost_and_an_expired_card_are_refused_by_name(street: Street) -> None:
    resident_id = street.register(facts())
    expired = street.vault.credential_id(CredentialKind.SOCIAL_CARD, "old")
    street.issue(resident_id, CredentialKind.SOCIAL_CARD, "old", valid_until=DAY.replace(day=23))
    street.do(commands.BlockCredential(**street.said(ADMIN), credential_id=street.card(), reason="lost"))
    street.scan("c-1", *TRAY)

    for credential_id, error in (
        (street.card(), CredentialBlockedError),
        (expired, CredentialExpiredError),
        (street.card("nobody"), CredentialUnknownError),
    ):
        command = commands.IdentifyDiner(**street.said(), checkout_id="c-1", credential_id=credential_id)
        refused(street, command, error)


def test_an_unknown_face_and_one_whose_consent_was_withdrawn_cannot_pay(street: Street) -> None:
    street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)

    unknown = street.payment(commands.PayByFace, "c-1", 1600, credential_id=street.face("nobody"))
    refused(street, unknown, CredentialUnknownError)
    street.do(commands.BlockCredential(**street.said(ADMIN), credential_id=street.face(), reason="consent withdrawn"))
    refused(street, street.payment(commands.PayByFace, "c-1", 1600), CredentialBlockedError)


@pytest.mark.parametrize("shown_before", [False, True])
def test_a_card_is_no_face_even_if_it_names_the_same_person(street: Street, shown_before: bool) -> None:
    street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)
    if shown_before:
        street.identify("c-1", street.card())

    with_a_card = street.payment(commands.PayByFace, "c-1", 1600, credential_id=street.card())

    refused(street, with_a_card, NotPermittedError)


def test_another_persons_face_does_not_pay_for_the_identified_diner(street: Street) -> None:
    street.register(facts(), balance_fen=5000)
    street.register(facts(), number="CY-2", balance_fen=5000)
    street.scan("c-1", *TRAY)
    street.identify("c-1", street.card("CY-1"))

    command = street.payment(commands.PayByFace, "c-1", 1600, credential_id=street.face("CY-2"))

    refused(street, command, PayerMismatchError)


def test_an_insufficient_wallet_leaves_bill_wallet_and_caps_as_they_were(street: Street) -> None:
    street.publish(spend_15_save_3(caps=(ONCE_A_DAY,)))
    street.register(facts(), balance_fen=1299)
    street.scan("c-1", *TRAY)
    street.identify("c-1", street.card())

    error = refused(street, street.payment(commands.PayByWallet, "c-1", 1300), InsufficientFundsError)
    assert error.details == {"balance_fen": 1299, "missing_fen": 1}
    refused(street, street.payment(commands.PayByFace, "c-1", 1300), InsufficientFundsError)
    assert street.pay(commands.PayByCash, "c-1", 1300)["subsidy_fen"] == 300


def test_paying_twice_charges_once(street: Street) -> None:
    resident_id = street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)
    street.pay(commands.PayByFace, "c-1", 1600)

    refused(street, street.payment(commands.PayByFace, "c-1", 1600), AlreadyPaidError)
    refused(street, street.payment(commands.PayByCard, "c-1", 1600), AlreadyPaidError)
    assert street.balance_fen(resident_id) == 3400


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"canteen_id": "tieshan"}, UnknownCanteenError),
        ({"lane_id": "lanxi-9"}, UnknownLaneError),
        ({"at_ms": NOON_MS + 2 * HOUR_MS}, OutsideMealPeriodError),
        ({"at_ms": NOON_MS + 48 * HOUR_MS}, NoMenuError),
        ({"menu_version": 2}, StaleMenuError),
    ],
)
def test_a_scan_that_no_menu_can_price_is_refused(
    street: Street, changes: dict[str, Any], error: type[CommandRejectedError]
) -> None:
    refused(street, scan(*TRAY, **changes), error)
    assert street.do(scan(*TRAY, menu_version=1))["status"] == "ready"


def test_no_command_on_a_session_that_was_never_scanned_does_anything(street: Street) -> None:
    street.register(facts(), balance_fen=5000)
    on: dict[str, Any] = {"checkout_id": "never"}
    for command in (
        commands.CorrectDish(**street.said(CASHIER), **on, item_id=1, dish_id="mifan"),
        commands.AddDish(**street.said(CASHIER), **on, dish_id="mifan"),
        commands.RemoveDish(**street.said(CASHIER), **on, item_id=1),
        commands.IdentifyDiner(**street.said(), **on, credential_id=street.card()),
        *(street.payment(kind, "never", 0) for kind, _ in PAYMENTS),
        commands.RemoveTray(**street.said(), **on),
        commands.RefundCheckout(**street.said(CASHIER), **on, item_ids=(), reason="x"),
    ):
        refused(street, command, UnknownCheckoutError)


# --- caps -------------------------------------------------------------------------------------------------------


def test_a_cap_of_once_a_day_counts_over_two_canteens_and_begins_anew_the_next_day(street: Street) -> None:
    street.publish(spend_15_save_3(caps=(ONCE_A_DAY,)))
    street.register(facts(), balance_fen=50_000)

    street.scan("c-1", *TRAY)
    assert street.pay(commands.PayByFace, "c-1", 1300)["subsidy_fen"] == 300
    street.scan("c-2", *TRAY, canteen_id="zaoyang")
    assert street.identify("c-2", street.card())["due_fen"] == 1600
    assert street.pay(commands.PayByFace, "c-2", 1600)["subsidy_fen"] == 0
    street.scan("c-3", *TRAY, canteen_id="zaoyang", at_ms=next_day(NOON_MS))
    assert street.identify("c-3", street.card())["due_fen"] == 1300


def test_two_open_trays_share_one_cap_and_the_second_has_to_show_the_new_amount(street: Street) -> None:
    street.publish(spend_15_save_3(caps=(ONCE_A_DAY,)))
    street.register(facts(), balance_fen=50_000)
    for checkout_id, canteen_id in (("c-1", "lanxi"), ("c-2", "zaoyang")):
        street.scan(checkout_id, *TRAY, canteen_id=canteen_id)
        assert street.identify(checkout_id, street.card())["due_fen"] == 1300

    street.pay(commands.PayByCash, "c-1", 1300)

    error = refused(street, street.payment(commands.PayByCash, "c-2", 1300), WrongAmountError)
    assert error.details == {"due_fen": 1600}
    assert street.pay(commands.PayByCash, "c-2", 1600)["benefits"] == []


def test_a_rule_that_ends_overnight_is_gone_although_the_menu_and_the_card_are_the_same(street: Street) -> None:
    street.publish(spend_15_save_3(), spend_15_save_3(version=2, effective_until=DAY))
    street.register(facts())

    street.scan("c-1", *TRAY)
    assert street.identify("c-1", street.card())["benefits"][0]["rule_version"] == 2
    street.scan("c-2", *TRAY, at_ms=next_day(NOON_MS))
    assert street.identify("c-2", street.card())["due_fen"] == 1600


# --- refunds ----------------------------------------------------------------------------------------------------


def test_a_whole_refund_gives_back_wallet_and_caps(street: Street) -> None:
    street.publish(spend_15_save_3(caps=(ONCE_A_DAY,)))
    resident_id = street.register(facts(), balance_fen=1300)
    street.scan("c-1", *TRAY)
    street.pay(commands.PayByFace, "c-1", 1300)
    assert street.balance_fen(resident_id) == 0

    answer = street.refund("c-1")

    assert (answer["status"], answer["refunded_fen"], answer["balance_fen"]) == ("refunded", 1300, 1300)
    assert street.events(ids.wallet_stream(resident_id))[-1] is WalletRefunded
    assert street.events(ids.entitlement_stream(resident_id)) == [EntitlementUsed, EntitlementRestored]
    street.scan("c-2", *TRAY, canteen_id="zaoyang")
    assert street.pay(commands.PayByFace, "c-2", 1300)["subsidy_fen"] == 300


def test_a_partial_refund_below_the_threshold_takes_the_benefit_back_and_frees_the_cap(street: Street) -> None:
    street.publish(spend_15_save_3(caps=(ONCE_A_DAY,)))
    resident_id = street.register(facts(), balance_fen=1300)
    street.scan("c-1", *TRAY)
    street.pay(commands.PayByFace, "c-1", 1300)

    answer = street.refund("c-1", 2)

    # 16.00 - 4.00 = 12.00 without a benefit: 1.00 comes back.
    assert (answer["status"], answer["refunded_fen"], answer["balance_fen"]) == ("paid", 100, 100)
    assert street.events(ids.entitlement_stream(resident_id))[-1] is EntitlementRestored
    street.scan("c-2", *TRAY)
    assert street.identify("c-2", street.card())["due_fen"] == 1300


def test_a_partial_refund_above_the_threshold_keeps_the_benefit_and_the_cap(street: Street) -> None:
    street.publish(spend_15_save_3(caps=(ONCE_A_DAY,)))
    resident_id = street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY, sighting("yu"))
    street.pay(commands.PayByFace, "c-1", 2500)

    answer = street.refund("c-1", 1)

    assert (answer["refunded_fen"], answer["balance_fen"]) == (1000, 3500)
    assert [item["item_id"] for item in answer["items"] if item["refunded"]] == [1]
    assert street.events(ids.entitlement_stream(resident_id)) == [EntitlementUsed]
    street.scan("c-2", *TRAY)
    assert street.identify("c-2", street.card())["due_fen"] == 1600


def test_a_refund_of_cash_leaves_the_wallet_alone(street: Street) -> None:
    street.publish(spend_15_save_3())
    resident_id = street.register(facts(), balance_fen=700)
    street.scan("c-1", *TRAY)
    street.identify("c-1", street.card())
    street.pay(commands.PayByCash, "c-1", 1300)

    answer = street.refund("c-1")

    assert (answer["refunded_fen"], answer["balance_fen"]) == (1300, 700)
    assert street.events(ids.wallet_stream(resident_id)) == [WalletOpened, WalletToppedUp]


def test_a_refund_uses_the_rule_in_the_version_that_was_applied_even_if_it_has_changed_since(street: Street) -> None:
    street.publish(spend_15_save_3())
    street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY, sighting("yu"))
    street.pay(commands.PayByFace, "c-1", 2500)
    street.publish(fixed(100, rule_id="spend-15-save-3", version=2))

    street.refund("c-1", 4)

    refunded = street.states.streams["checkout-c-1"][-1]
    assert isinstance(refunded, PaymentRefunded)
    assert (refunded.reversal.own_fen, refunded.reversal.benefits) == (1200, ())


def test_a_benefit_that_covers_the_whole_bill_is_paid_with_nothing_and_refunded_with_nothing(street: Street) -> None:
    street.publish(fixed(5000))
    resident_id = street.register(facts())
    street.scan("c-1", *TRAY)

    answer = street.pay(commands.PayByFace, "c-1", 0)
    assert (answer["status"], answer["due_fen"], answer["subsidy_fen"]) == ("paid", 0, 1600)
    assert street.refund("c-1")["refunded_fen"] == 0
    assert street.events(ids.wallet_stream(resident_id)) == []
    assert street.events(ids.entitlement_stream(resident_id)) == [EntitlementUsed, EntitlementRestored]


# --- what nobody may see ----------------------------------------------------------------------------------------


def test_neither_answers_nor_events_hold_a_name_a_number_or_a_welfare_class(street: Street) -> None:
    secret = facts(welfare_class="低保一类", household_district="静安区", source="民政登记")
    street.publish(spend_15_save_3(eligibility=Eligibility(min_age=60)), percent_off(1500))
    street.register(secret, name="沈青团", number="DEMO-EC-0042", balance_fen=5000)
    answers = [
        street.scan("c-1", *TRAY),
        street.identify("c-1", street.card("DEMO-EC-0042")),
        street.pay(commands.PayByWallet, "c-1", 1060),
        street.remove_tray("c-1"),
        street.refund("c-1"),
    ]

    told = json.dumps(answers, ensure_ascii=False)
    stored = b"".join(
        msgspec.json.encode(event) for name, events in street.states.streams.items()
        if not name.startswith(("canteen", "menu", "rulebook"))
        for event in events
    ).decode()  # fmt: skip
    for word in ("沈青团", "低保一类", "静安区", "民政登记", "DEMO-EC-0042", "1956-03-01"):
        assert word not in told
        assert word not in stored
    for key in ("birth_date", "age", "welfare_class", "care_level", "facts", "name"):
        assert f'"{key}"' not in told


def test_an_erased_person_keeps_the_money_and_loses_the_benefits(street: Street) -> None:
    street.publish(spend_15_save_3())
    resident_id = street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)
    street.pay(commands.PayByFace, "c-1", 1300)

    street.vault.forget(resident_id)

    assert street.refund("c-1", 2)["refunded_fen"] == 100
    street.scan("c-2", *TRAY)
    assert street.identify("c-2", street.card())["due_fen"] == 1600


def test_a_benefit_is_shown_by_its_titles_and_never_by_what_it_was_given_for(street: Street) -> None:
    street.publish(percent_off(1500, eligibility=Eligibility(welfare_classes=("A",)), title_zh="优惠", title_en="Off"))
    street.register(facts(welfare_class="A"))
    street.scan("c-1", *TRAY)

    (benefit,) = street.identify("c-1", street.card())["benefits"]

    assert benefit == {
        "rule_id": "percent",
        "rule_version": 1,
        "kind": "discount",
        "title_zh": "优惠",
        "title_en": "Off",
        "amount_fen": 240,
    }


def test_a_discount_is_recorded_before_the_subsidy_of_a_later_stage(street: Street) -> None:
    street.publish(spend_15_save_3(), percent_off(1500))
    street.register(facts(), balance_fen=5000)
    street.scan("c-1", *TRAY)
    street.pay(commands.PayByFace, "c-1", 1060)

    assert street.events("checkout-c-1") == [TrayScanned, DinerIdentified, DiscountApplied, SubsidyApplied, FacePaid]


def test_the_items_of_an_answer_show_look_alikes_with_names_and_prices(street: Street) -> None:
    answer = street.scan("c-1", unsure("doufu", "bocai"))

    (item,) = answer["items"]
    assert (item["status"], item["dish_id"], item["name_zh"], item["price_fen"]) == (
        "uncertain",
        "doufu",
        "菜doufu",
        350,
    )
    assert [(c["dish_id"], c["name_en"], c["price_fen"]) for c in item["candidates"]] == [
        ("doufu", "dish doufu", 350),
        ("bocai", "dish bocai", 400),
    ]
    assert item["box"] == {"left_px": 0, "top_px": 0, "right_px": 100, "bottom_px": 100}


SET_MEAL = SetMeal(
    offer_id="yi-hun-yi-su",
    title_zh="一荤一素套餐",
    title_en="One meat, one vegetable",
    price_fen=1300,
    slots=(
        SetSlot(dishes=DishChoice(dish_ids=("paigu", "yu"))),
        SetSlot(dishes=DishChoice(dish_ids=("bocai", "doufu"))),
    ),
)
RICE_INCLUDED = Inclusion(
    offer_id="han-fan",
    title_zh="荤菜含米饭",
    title_en="Rice comes with meat",
    mains=DishChoice(dish_ids=("paigu", "yu")),
    included=DishChoice(dish_ids=("mifan",)),
)
RIBS_RICE_SPINACH = (sighting("paigu"), sighting("mifan"), sighting("bocai"))
"""On their own 15.00; with the offers 13.00."""


def with_offers(street: Street) -> Street:
    """Publish the lunch of one canteen again, with a set meal and rice included."""
    street.do(
        commands.PublishMenu(
            **street.said(ADMIN),
            canteen_id="lanxi",
            business_day=DAY,
            meal_period="lunch",
            items=tuple(MENU.values()),
            set_meals=(SET_MEAL,),
            inclusions=(RICE_INCLUDED,),
        )
    )
    return street


def test_a_bill_says_which_dishes_make_a_set_meal_and_which_are_included(street: Street) -> None:
    answer = with_offers(street).scan("c-1", *RIBS_RICE_SPINACH, menu_version=2)

    assert [(item["price_fen"], item["list_price_fen"], item["offer_id"]) for item in answer["items"]] == [
        (929, 1000, "yi-hun-yi-su"),
        (0, 100, "han-fan"),
        (371, 400, "yi-hun-yi-su"),
    ]
    assert (answer["gross_fen"], answer["due_fen"]) == (1300, 1300)
    assert answer["offers"] == [
        {
            "offer_id": "yi-hun-yi-su",
            "kind": "set_meal",
            "title_zh": "一荤一素套餐",
            "title_en": "One meat, one vegetable",
            "item_ids": [1, 3],
            "list_fen": 1400,
            "price_fen": 1300,
            "off_fen": 100,
        },
        {
            "offer_id": "han-fan",
            "kind": "inclusion",
            "title_zh": "荤菜含米饭",
            "title_en": "Rice comes with meat",
            "item_ids": [2],
            "list_fen": 100,
            "price_fen": 0,
            "off_fen": 100,
        },
    ]


def test_a_correction_evaluates_the_offers_again(street: Street) -> None:
    with_offers(street).scan("c-1", unsure("bocai", "tang"), sighting("mifan"), sighting("paigu"), menu_version=2)

    corrected = street.do(commands.CorrectDish(**street.said(CASHIER), checkout_id="c-1", item_id=1, dish_id="tang"))
    assert ([offer["offer_id"] for offer in corrected["offers"]], corrected["gross_fen"]) == (["han-fan"], 1200)
    added = street.do(commands.AddDish(**street.said(), checkout_id="c-1", dish_id="doufu"))
    assert [offer["offer_id"] for offer in added["offers"]] == ["yi-hun-yi-su", "han-fan"]
    assert added["gross_fen"] == 200 + 1300
    removed = street.do(commands.RemoveDish(**street.said(CASHIER), checkout_id="c-1", item_id=3, reason="not taken"))
    assert (removed["offers"], removed["gross_fen"]) == ([], 200 + 100 + 350)


def test_a_threshold_is_tested_on_the_price_under_the_offers(street: Street) -> None:
    """15.00 dish by dish would reach 满15减3; the 13.00 of the offers do not."""
    street.publish(spend_15_save_3())
    street.register(facts())
    street.scan("c-dinner", *RIBS_RICE_SPINACH)
    assert street.identify("c-dinner", street.card())["due_fen"] == 1200
    street.void("c-dinner")

    with_offers(street).scan("c-1", *RIBS_RICE_SPINACH, menu_version=2)

    assert street.identify("c-1", street.card())["due_fen"] == 1300


def test_a_paid_bill_keeps_the_offers_it_was_paid_with_when_the_menu_changes(street: Street) -> None:
    with_offers(street).scan("c-1", *RIBS_RICE_SPINACH, menu_version=2)
    paid = street.pay(commands.PayByCard, "c-1", 1300)
    assert street.events("checkout-c-1") == [TrayScanned, OfferApplied, OfferApplied, CardPaid]

    street.do(
        commands.PublishMenu(
            **street.said(ADMIN),
            canteen_id="lanxi",
            business_day=DAY,
            meal_period="lunch",
            items=tuple(MENU.values()),
        )
    )
    later = describe_checkout("c-1", street.states, lambda states, session: quote(states, street.vault, session))

    assert (later["offers"], later["items"], later["gross_fen"]) == (paid["offers"], paid["items"], 1300)


def test_a_payment_of_the_amount_before_the_offers_changed_is_refused(street: Street) -> None:
    street.scan("c-1", *RIBS_RICE_SPINACH)
    with_offers(street)

    with pytest.raises(WrongAmountError) as caught:
        street.pay(commands.PayByCard, "c-1", 1500)
    assert caught.value.details == {"due_fen": 1300}


def test_items_of_a_set_meal_and_included_ones_are_given_back_one_by_one(street: Street) -> None:
    with_offers(street).scan("c-1", *RIBS_RICE_SPINACH, menu_version=2)
    street.pay(commands.PayByCard, "c-1", 1300)

    rice = street.refund("c-1", 2)
    assert (rice["status"], rice["refunded_fen"]) == ("paid", 0)
    spinach = street.refund("c-1", 3)
    assert (spinach["status"], spinach["refunded_fen"]) == ("paid", 371)
    ribs = street.refund("c-1", 1)
    assert (ribs["status"], ribs["refunded_fen"]) == ("refunded", 1300)


def test_a_voided_session_owes_nothing_and_takes_no_payment(street: Street) -> None:
    street.scan("c-1", *TRAY)

    answer = street.void("c-1")

    assert (answer["status"], answer["due_fen"], answer["gross_fen"]) == ("voided", 0, 0)
