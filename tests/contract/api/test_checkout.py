"""A tray session over HTTP, from the reading to the refund, on a real server."""

import httpx
import msgspec
import pytest

from api import schemas
from tests.support.served_canteen import CANTEEN, LANE, RESIDENTS, ServedCanteen, code_of, new_id


def bill_of(answer: httpx.Response) -> schemas.Bill:
    """The bill, once it is sure that it has exactly the documented fields."""
    assert answer.status_code == 200, answer.text
    bill = msgspec.json.decode(answer.content, type=schemas.Bill)
    assert msgspec.json.decode(msgspec.json.encode(bill)) == answer.json()
    return bill


def test_a_reading_becomes_a_bill_at_menu_prices(served: ServedCanteen) -> None:
    bill = bill_of(served.scan(new_id(), "hongshaorou", "mifan"))
    assert (bill.status, bill.gross_fen, bill.due_fen) == ("ready", 1100, 1100)
    assert [(item.dish_id, item.price_fen) for item in bill.items] == [("hongshaorou", 1000), ("mifan", 100)]
    assert (bill.canteen_id, bill.lane_id) == (CANTEEN, LANE)
    assert (bill.business_day, bill.meal_period) == ("2026-11-24", "lunch")


def test_a_terminal_need_not_name_the_lane_that_its_key_is_bound_to(served: ServedCanteen) -> None:
    assert bill_of(served.scan(new_id(), lane_id="", canteen_id="")).lane_id == LANE


def test_a_key_that_is_bound_to_no_lane_has_to_name_one(served: ServedCanteen) -> None:
    assert code_of(served.scan(new_id(), lane_id="", role="cashier")) == "body_invalid"


def test_a_second_scan_replaces_the_first_before_payment(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou")
    bill = bill_of(served.scan(checkout_id, "mifan"))
    assert (bill.scan_number, bill.due_fen) == (2, 100)


def test_a_doubtful_dish_holds_the_bill_until_the_diner_chooses(served: ServedCanteen) -> None:
    checkout_id = new_id()
    held = bill_of(served.scan(checkout_id, reading=served.reading("hongshaorou", similarity_bps=5000)))
    assert (held.status, held.items[0].status.value) == ("held", "uncertain")
    assert code_of(served.pay(checkout_id, "card", held.due_fen)) == "checkout_held"
    corrected = served.post(f"/v1/checkouts/{checkout_id}/corrections", {"item_id": 1, "dish_id": "ludan"})
    assert (bill_of(corrected).status, bill_of(corrected).due_fen) == ("ready", 200)
    assert bill_of(served.pay(checkout_id, "card", 200)).status == "paid"


def test_a_diner_cannot_turn_a_sure_dish_into_a_cheaper_one(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou")
    change = {"item_id": 1, "dish_id": "mifan"}
    assert code_of(served.post(f"/v1/checkouts/{checkout_id}/corrections", change)) == "not_permitted"
    by_staff = served.post(f"/v1/checkouts/{checkout_id}/corrections", change, role="cashier")
    assert bill_of(by_staff).due_fen == 100


def test_a_missed_dish_is_added_and_a_false_one_is_taken_off_by_staff(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou")
    added = bill_of(served.post(f"/v1/checkouts/{checkout_id}/items", {"dish_id": "mifan"}))
    assert added.due_fen == 1100
    off = f"/v1/checkouts/{checkout_id}/items/{added.items[1].item_id}/removal"
    assert code_of(served.post(off, {"reason": "a cup"})) == "not_permitted"
    assert bill_of(served.post(off, {"reason": "a cup"}, role="cashier")).due_fen == 1000


def test_an_elder_with_a_registered_card_gets_the_discount(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou", "xilanhua")
    bill = bill_of(served.identify(checkout_id, "elder_card", "EC-1"))
    assert (bill.gross_fen, bill.discount_fen, bill.due_fen) == (1500, 300, 1200)
    assert [(benefit.rule_id, benefit.amount_fen) for benefit in bill.benefits] == [("caoyang-15-3", 300)]
    assert bill.diner.credential_kind == "elder_card"
    assert bill_of(served.pay(checkout_id, "card", 1200)).status == "paid"


@pytest.mark.parametrize("tender", ["card", "qr"])
def test_an_anonymous_diner_pays_through_an_acquirer(served: ServedCanteen, tender: str) -> None:
    bill = bill_of(served.pay(served.ready(), tender, 1000))
    assert (bill.status, bill.tender) == ("paid", tender)


def test_cash_needs_at_least_what_is_due(served: ServedCanteen) -> None:
    checkout_id = served.ready()
    assert code_of(served.pay(checkout_id, "cash", 1000, received_fen=900)) == "wrong_amount"
    assert bill_of(served.pay(checkout_id, "cash", 1000, received_fen=2000)).tender == "cash"


def test_a_face_pays_from_its_owners_wallet_and_the_answer_shows_what_is_left(served: ServedCanteen) -> None:
    bill = bill_of(served.pay(served.ready("mifan"), "face", 100, token="FACE-2"))
    assert (bill.tender, bill.diner.credential_kind, bill.balance_fen) == ("face", "face", 50)


def test_a_wallet_pays_once_its_owner_is_known(served: ServedCanteen) -> None:
    checkout_id = served.ready("mifan")
    assert code_of(served.pay(checkout_id, "wallet", 100)) == "identification_required"
    assert bill_of(served.identify(checkout_id, "qr", "QR-3")).balance_fen == 5000
    assert bill_of(served.pay(checkout_id, "wallet", 100)).balance_fen == 4900


def test_a_paid_tray_is_taken_away_and_refunded_by_item(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou", "mifan")
    bill_of(served.pay(checkout_id, "card", 1100))
    assert bill_of(served.post(f"/v1/checkouts/{checkout_id}/removal", {})).status == "closed"
    refund = {"item_ids": [2], "reason": "cold"}
    assert code_of(served.post(f"/v1/checkouts/{checkout_id}/refunds", refund)) == "access_denied"
    refunded = served.post(f"/v1/checkouts/{checkout_id}/refunds", refund, role="cashier")
    assert bill_of(refunded).refunded_fen == 100
    again = served.post(f"/v1/checkouts/{checkout_id}/refunds", refund, role="cashier")
    assert code_of(again) == "refund_exceeds_payment"
    rest = served.post(f"/v1/checkouts/{checkout_id}/refunds", {"reason": "cold"}, role="finance")
    assert (bill_of(rest).status, bill_of(rest).refunded_fen) == ("refunded", 1100)


def test_an_unpaid_tray_is_voided_and_then_closed_to_everything(served: ServedCanteen) -> None:
    checkout_id = served.ready()
    assert bill_of(served.post(f"/v1/checkouts/{checkout_id}/void", {"reason": "changed mind"})).status == "voided"
    assert code_of(served.pay(checkout_id, "card", 1000)) == "checkout_voided"
    assert code_of(served.scan(checkout_id)) == "checkout_voided"


def test_a_bill_is_read_again_as_it_was_answered(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou", "mifan")
    paid = bill_of(served.pay(checkout_id, "card", 1100))
    assert bill_of(served.get(f"/v1/checkouts/{checkout_id}", role="terminal")) == paid


def test_no_answer_to_a_terminal_holds_a_name_a_number_or_a_welfare_class(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou", "xilanhua")
    answers = [
        served.identify(checkout_id, "elder_card", "EC-1"),
        served.pay(checkout_id, "face", 1200, token="FACE-1"),
        served.get(f"/v1/checkouts/{checkout_id}", role="terminal"),
    ]
    header, line, *_ = RESIDENTS.splitlines()
    person = dict(zip(header.split(","), line.split(","), strict=True))
    secrets = {person[name] for name in ("external_id", "name", "birth_date", "elder_card", "face_token", "wallet_qr")}
    for answer in answers:
        bill_of(answer)
        assert not [secret for secret in secrets if secret in answer.text]
        assert "welfare" not in answer.text
