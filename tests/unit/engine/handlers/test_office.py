"""What the office prepares before anyone eats, through the real handlers."""

import pytest

from engine.domain import commands, ids
from engine.domain.errors import InvalidValueError, UnknownCanteenError, UnknownResidentError
from engine.domain.events import DishEnrolled, ExemplarRef, ResidentChanged, ResidentRegistered, TopUpSource
from engine.domain.resident import CredentialKind, PersonRecord
from tests.unit.engine.examples import ADMIN, CASHIER, DAY, MENU, facts, profile
from tests.unit.engine.street import Street


def test_the_same_again_changes_nothing_and_says_so(street: Street) -> None:
    again = commands.OpenCanteen(**street.said(ADMIN), profile=profile("lanxi"))
    assert street.do(again) == {"canteen_id": "lanxi", "changed": False}
    menu = commands.PublishMenu(
        **street.said(ADMIN), canteen_id="lanxi", business_day=DAY, meal_period="lunch", items=tuple(MENU.values())
    )
    assert street.do(menu) == {
        "canteen_id": "lanxi",
        "business_day": "2026-11-24",
        "meal_period": "lunch",
        "version": 1,
        "changed": False,
    }


def test_a_menu_for_an_unknown_canteen_is_refused(street: Street) -> None:
    command = commands.PublishMenu(
        **street.said(ADMIN), canteen_id="tieshan", business_day=DAY, meal_period="lunch", items=tuple(MENU.values())
    )
    with pytest.raises(UnknownCanteenError):
        street.do(command)


def test_a_persons_record_is_sealed_once_and_the_same_record_again_changes_nothing(street: Street) -> None:
    resident_id = street.register(facts())
    stream = ids.resident_stream(resident_id)
    record = PersonRecord(external_id="CY-1", name="沈青团", facts=facts())

    same = commands.RegisterResident(**street.said(ADMIN), resident_id=resident_id, record=record)
    assert street.do(same) == {"resident_id": resident_id, "changed": False}
    moved = PersonRecord(external_id="CY-1", name="沈青团", facts=facts(residence_district="静安区"))
    changed = commands.RegisterResident(**street.said(ADMIN), resident_id=resident_id, record=moved)
    assert street.do(changed)["changed"] is True

    assert street.events(stream) == [ResidentRegistered, ResidentChanged]
    assert street.vault.open_record(resident_id, street.states.streams[stream][-1].sealed) == moved  # type: ignore[attr-defined]


def test_a_person_who_was_erased_may_register_again(street: Street) -> None:
    resident_id = street.register(facts())
    street.vault.forget(resident_id)
    record = PersonRecord(external_id="CY-1", name="沈青团", facts=facts())

    answer = street.do(commands.RegisterResident(**street.said(ADMIN), resident_id=resident_id, record=record))

    assert answer["changed"] is True
    stored = street.states.streams[ids.resident_stream(resident_id)]
    assert street.vault.open_record(resident_id, stored[0].sealed) is None  # type: ignore[attr-defined]
    assert street.vault.open_record(resident_id, stored[-1].sealed) == record  # type: ignore[attr-defined]


def test_nobody_gets_a_card_or_money_before_being_registered(street: Street) -> None:
    card = commands.IssueCredential(
        **street.said(ADMIN), credential_id="k", kind=CredentialKind.ELDER_CARD, resident_id="nobody"
    )
    money = commands.TopUpWallet(**street.said(CASHIER), resident_id="nobody", amount_fen=100, source=TopUpSource.CASH)
    for command in (card, money):
        with pytest.raises(UnknownResidentError):
            street.do(command)


def test_a_top_up_answers_the_new_balance(street: Street) -> None:
    resident_id = street.register(facts(), balance_fen=100)

    answer = street.do(
        commands.TopUpWallet(**street.said(CASHIER), resident_id=resident_id, amount_fen=50, source=TopUpSource.CASH)
    )

    assert answer == {"resident_id": resident_id, "balance_fen": 150}


VIEW = ExemplarRef(exemplar_id="v-1", photo_sha256="p", vectors_sha256="vectors", crop_sha256="crop")


def enrol(street: Street, attachments: dict[str, bytes]) -> commands.EnrolDish:
    return commands.EnrolDish(
        **street.said(ADMIN),
        canteen_id="lanxi",
        dish_id="mifan",
        name_zh="米饭",
        name_en="rice",
        embedder_sha256="e",
        exemplars=(VIEW,),
        attachments=attachments,
    )


def test_an_enrolment_stores_exactly_the_vectors_and_crops_that_its_event_names(street: Street) -> None:
    command = enrol(street, {"vectors": b"v", "crop": b"c", "stray": b"s"})

    decision = street.decide(command)

    assert decision.attachments == {"vectors": b"v", "crop": b"c"}
    assert decision.answer == {
        "canteen_id": "lanxi",
        "dish_id": "mifan",
        "enrolled": 1,
        "version": 1,
        "changed": True,
    }
    street.do(command)
    again = street.decide(enrol(street, {"vectors": b"v", "crop": b"c"}))
    assert (again.attachments, again.appends, again.answer["enrolled"]) == ({}, (), 0)


def test_an_enrolment_without_its_vectors_would_leave_a_hole_in_the_gallery_and_is_refused(street: Street) -> None:
    with pytest.raises(InvalidValueError, match="crop"):
        street.do(enrol(street, {"vectors": b"v"}))
    assert street.events(ids.gallery_stream("lanxi")) == []
    street.do(enrol(street, {"vectors": b"v", "crop": b"c"}))
    assert street.events(ids.gallery_stream("lanxi")) == [DishEnrolled]
