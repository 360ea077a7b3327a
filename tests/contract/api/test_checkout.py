"""A tray session over HTTP, from the reading to the refund, on a real server."""

import httpx
import msgspec
import pytest

from api import schemas
from tests.support.served_canteen import CANTEEN, LANE, ServedCanteen, code_of, new_id


def bill_of(answer: httpx.Response) -> schemas.Bill:
    """The bill, once it is sure that it has exactly the documented fields."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    bill = msgspec.convert(body, schemas.Bill)
    assert msgspec.to_builtins(bill) == body
    return bill


def test_a_reading_becomes_a_bill_at_menu_prices(served: ServedCanteen) -> None:
    bill = bill_of(served.scan(new_id(), "hongshaorou", "mifan"))
    assert (bill.status, bill.gross_fen, bill.due_fen) == ("ready", 1100, 1100)
    assert [(item.dish_id, item.price_fen) for item in bill.items] == [("hongshaorou", 1000), ("mifan", 100)]
    assert (bill.canteen_id, bill.lane_id, bill.business_day, bill.meal_period) == (
        CANTEEN,
        LANE,
        "2026-11-24",
        "lunch",
    )


def test_a_terminal_need_not_name_the_lane_that_its_key_is_bound_to(served: ServedCanteen) -> None:
    assert bill_of(served.scan(new_id(), lane_id="", canteen_id="")).lane_id == LANE
