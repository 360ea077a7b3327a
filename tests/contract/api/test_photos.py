"""Photographs of trays become bills: the real models on the fixture street's pictures."""

import io
import json
from collections import Counter
from typing import Any

import pytest
from PIL import Image

from tests.support.served_canteen import (
    CANTEEN,
    FIXTURES,
    ServedCanteen,
    canteen_profile,
    code_of,
    menu_items,
    new_id,
)

TRAYS = [
    tray
    for tray in json.loads((FIXTURES / "trays" / "labels.json").read_text(encoding="utf-8"))
    if tray["canteen"] == CANTEEN and tray["kind"] == "ordinary"
]


def photo_of(tray: dict[str, Any]) -> bytes:
    return (FIXTURES / "trays" / tray["file"]).read_bytes()


def test_most_ordinary_trays_become_right_bills_and_doubtful_ones_are_held(enrolled: ServedCanteen) -> None:
    right = silent_errors = 0
    for tray in TRAYS:
        bill = enrolled.scan_photo(new_id(), photo_of(tray)).json()
        dishes = Counter(item["dish_id"] for item in bill["items"])
        wanted = Counter(seen["dish"] for seen in tray["dishes"])
        right += dishes == wanted
        silent_errors += bill["status"] == "ready" and dishes != wanted
    assert right >= len(TRAYS) / 2
    assert silent_errors <= len(TRAYS) / 10


def test_a_photographed_tray_is_paid(enrolled: ServedCanteen) -> None:
    checkout_id = new_id()
    bill = enrolled.scan_photo(checkout_id, photo_of(TRAYS[0])).json()
    for item in bill["items"]:
        if item["status"] != "accepted":
            dish_id = item["candidates"][0]["dish_id"] if item["candidates"] else "mifan"
            change = {"item_id": item["item_id"], "dish_id": dish_id}
            answer = enrolled.post(f"/v1/checkouts/{checkout_id}/corrections", change, role="cashier")
            assert answer.status_code == 200, answer.text
            bill = answer.json()
    assert bill["status"] == "ready"
    assert enrolled.pay(checkout_id, "card", bill["due_fen"]).json()["status"] == "paid"


def test_a_photograph_that_lies_on_its_side_is_turned_upright(enrolled: ServedCanteen) -> None:
    upright = Image.open(io.BytesIO(photo_of(TRAYS[0])))
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", quality=95, exif=exif)
    answers = [enrolled.scan_photo(new_id(), photo).json() for photo in (photo_of(TRAYS[0]), buffer.getvalue())]
    first, second = (Counter(item["dish_id"] for item in answer["items"]) for answer in answers)
    assert first == second


def test_boxes_and_look_alikes_are_told_with_names_and_prices(enrolled: ServedCanteen) -> None:
    bill = enrolled.scan_photo(new_id(), photo_of(TRAYS[0])).json()
    for item in bill["items"]:
        assert item["box"]["left_px"] < item["box"]["right_px"]
        assert 1 <= len(item["candidates"]) <= 5
        for candidate in item["candidates"]:
            assert candidate["name_zh"] != candidate["dish_id"]
            assert candidate["price_fen"] > 0


def test_every_portion_of_a_canteen_without_enrolled_dishes_is_unknown(served: ServedCanteen) -> None:
    bill = served.scan_photo(new_id(), photo_of(TRAYS[0])).json()
    assert bill["status"] == "held"
    assert {item["status"] for item in bill["items"]} == {"unknown"}


def test_an_enrolled_dish_is_a_candidate_at_once(served: ServedCanteen) -> None:
    served.post("/v1/canteens", canteen_profile("meiling"), role="admin")
    items = menu_items("meiling")
    served.request("PUT", "/v1/canteens/meiling/menus/2026-11-24/lunch", role="admin", json={"items": items})
    dish = items[0]
    photos = [
        ("photos", (path.name, path.read_bytes()))
        for path in sorted((FIXTURES / "photos" / "meiling" / dish["dish_id"]).glob("*.jpg"))
    ]
    fields = {"dish_id": dish["dish_id"], "name_zh": dish["name_zh"], "name_en": dish["name_en"]}

    def candidates() -> set[str]:
        place = {"canteen_id": "meiling", "lane_id": "meiling-1", "role": "cashier"}
        tray = (FIXTURES / "trays" / "meiling" / "ordinary-1.jpg").read_bytes()
        bill = served.scan_photo(new_id(), tray, **place).json()
        return {candidate["dish_id"] for item in bill["items"] for candidate in item["candidates"]}

    assert candidates() == set()
    enrolled = served.request("POST", "/v1/canteens/meiling/dishes", role="manager", data=fields, files=photos)
    assert enrolled.json()["enrolled"] == len(photos)
    assert candidates() == {dish["dish_id"]}


@pytest.mark.parametrize(
    ("photos", "fields", "code"),
    [
        ([], {}, "body_invalid"),
        ([b"no image"], {}, "enrolment_failed"),
        ([b"no image"] * 6, {}, "body_invalid"),
        ([b"no image"], {"dish_id": "no such/id"}, "body_invalid"),
        ([b"no image"], {"name_zh": ""}, "body_invalid"),
    ],
)
def test_an_enrolment_that_cannot_be_used_is_refused(
    served: ServedCanteen, photos: list[bytes], fields: dict[str, str], code: str
) -> None:
    sent = {"dish_id": "mifan", "name_zh": "白米饭", "name_en": "Rice", **fields}
    files = [("photos", (f"{number}.jpg", photo)) for number, photo in enumerate(photos)] or [("other", ("x", b""))]
    answer = served.request("POST", f"/v1/canteens/{CANTEEN}/dishes", role="manager", data=sent, files=files)
    assert code_of(answer) == code
    assert served.container.recogniser.in_hand == 0


def test_a_dish_cannot_be_enrolled_in_a_canteen_that_is_not_there(served: ServedCanteen) -> None:
    sent = {"dish_id": "mifan", "name_zh": "白米饭", "name_en": "Rice"}
    files = [("photos", ("1.jpg", photo_of(TRAYS[0])))]
    answer = served.request("POST", "/v1/canteens/nowhere/dishes", role="manager", data=sent, files=files)
    assert code_of(answer) == "unknown_canteen"
