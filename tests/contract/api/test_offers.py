"""Set meals, included dishes and pieces over HTTP, on a server whose menu has them."""

from collections.abc import Iterator

import httpx
import msgspec
import pytest

from api import schemas
from api.routes import examples
from tests.support.served_canteen import MENU_PATH, ServedCanteen, code_of, furnish, menu_items, new_id, serving


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCanteen]:
    """Braised pork with rice is a set meal, greens come with fish, eggs are sold by the piece."""
    with serving(tmp_path_factory.mktemp("offering")) as served:
        furnish(served)
        items = [{**item, "sold_by_piece": item["dish_id"] == "ludan"} for item in menu_items()]
        soup = {
            **examples.INCLUSIONS[0],
            "offer_id": "yu-han-tang",
            "title_zh": "鱼含汤",
            "title_en": "Soup comes with fish",
            "mains": {"dish_ids": ["qingzheng-yu"]},
            "included": {"categories": ["soup"]},
        }
        menu = {"items": items, "set_meals": examples.SET_MEALS, "inclusions": [soup]}
        assert served.request("PUT", MENU_PATH, role="manager", json=menu).json()["version"] == 2
        yield served


def bill_of(answer: httpx.Response) -> schemas.Bill:
    assert answer.status_code == 200, answer.text
    bill = msgspec.json.decode(answer.content, type=schemas.Bill)
    assert msgspec.json.decode(msgspec.json.encode(bill)) == answer.json()
    return bill


def test_a_set_meal_is_told_in_both_languages_and_given_back_dish_by_dish(offering: ServedCanteen) -> None:
    checkout_id = new_id()
    bill = bill_of(offering.scan(checkout_id, "hongshaorou", "mifan", menu_version=2))
    (offer,) = bill.offers
    assert (offer.title_zh, offer.title_en, offer.off_fen) == ("红烧肉套餐", "Braised pork with rice", 50)
    assert [(item.price_fen, item.list_price_fen, item.offer_id) for item in bill.items] == [
        (955, 1000, "taocan"),
        (95, 100, "taocan"),
    ]
    assert bill_of(offering.pay(checkout_id, "card", 1050)).offers == bill.offers
    refund = {"item_ids": [2], "reason": "cold"}
    refunded = bill_of(offering.post(f"/v1/checkouts/{checkout_id}/refunds", refund, role="cashier"))
    assert (refunded.refunded_fen, refunded.offers) == (95, bill.offers)


def test_an_included_dish_stands_on_the_bill_at_no_price_with_the_reason(offering: ServedCanteen) -> None:
    checkout_id = new_id()
    bill = bill_of(offering.scan(checkout_id, "qingzheng-yu", "zicai-danhua-tang", menu_version=2))
    assert [(item.price_fen, item.list_price_fen, item.offer_id) for item in bill.items] == [
        (1200, 1200, ""),
        (0, 200, "yu-han-tang"),
    ]
    assert (bill.due_fen, bill.offers[0].title_zh, bill.offers[0].item_ids) == (1200, "鱼含汤", (2,))
    assert bill_of(offering.get(f"/v1/checkouts/{checkout_id}")) == bill


def test_a_person_counts_the_pieces_in_one_well(offering: ServedCanteen) -> None:
    checkout_id = new_id()
    seen = bill_of(offering.scan(checkout_id, "ludan", "mifan", menu_version=2))
    assert [item.sold_by_piece for item in seen.items] == [True, False]
    three = {"item_id": 1, "dish_id": "ludan", "pieces": 3}
    counted = bill_of(offering.post(f"/v1/checkouts/{checkout_id}/corrections", three, role="cashier"))
    assert (counted.due_fen, [item.dish_id for item in counted.items]) == (700, ["ludan", "mifan", "ludan", "ludan"])
    rice = {"dish_id": "mifan", "pieces": 2}
    assert code_of(offering.post(f"/v1/checkouts/{checkout_id}/items", rice)) == "invalid_value"
