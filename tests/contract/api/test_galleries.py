"""What a canteen's dishes look like, over HTTP, with the real models on pictures of the fixture street."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.other_models import models_with_another_embedder
from tests.support.served_canteen import (
    CANTEEN,
    FIXTURES,
    ServedCanteen,
    code_of,
    enrol_fixture_photos,
    furnish,
    menu_items,
    new_id,
    serving,
)

GALLERY = f"/v1/canteens/{CANTEEN}/gallery"
DISHES = f"/v1/canteens/{CANTEEN}/dishes"
PHOTOS = FIXTURES / "photos" / CANTEEN
TRAYS = FIXTURES / "trays"
NAMES = {item["dish_id"]: item for item in menu_items()}
LABELS = {tray["file"]: tray["dishes"] for tray in json.loads((TRAYS / "labels.json").read_text())}


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[ServedCanteen]:
    """A canteen that has shown rice and braised pork, two photographs each."""
    with serving(tmp_path / "kitchen") as served:
        furnish(served)
        for dish_id in ("mifan", "hongshaorou"):
            done(enrol(served, dish_id, 1, 2))
        yield served


def enrol(served: ServedCanteen, dish_id: str, *numbers: int, **fields: str) -> httpx.Response:
    return send_photos(served, dish_id, *((PHOTOS / dish_id / f"{n}.jpg").read_bytes() for n in numbers), **fields)


def send_photos(served: ServedCanteen, dish_id: str, *photos: bytes, **fields: str) -> httpx.Response:
    names = {"dish_id": dish_id, **{name: NAMES[dish_id][name] for name in ("name_zh", "name_en")}, **fields}
    files = [("photos", ("dish.jpg", photo)) for photo in photos]
    return served.request("POST", DISHES, role="manager", data=names, files=files)


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def exemplars(served: ServedCanteen, dish_id: str) -> list[dict[str, Any]]:
    dishes = {dish["dish_id"]: dish for dish in done(served.get(GALLERY))["dishes"]}
    found: list[dict[str, Any]] = dishes[dish_id]["exemplars"]
    return found


def states(served: ServedCanteen, dish_id: str) -> list[str]:
    return [exemplar["state"] for exemplar in exemplars(served, dish_id)]


def change(served: ServedCanteen, what: str, role: str = "manager", **said: Any) -> httpx.Response:
    return served.post(f"{GALLERY}/{what}", said, role=role)


def candidates(served: ServedCanteen, tray: str = "ordinary-1.jpg") -> set[str]:
    """The dishes that any portion of a fixture tray may be."""
    bill = done(served.scan_photo(new_id(), (TRAYS / CANTEEN / tray).read_bytes()))
    return {candidate["dish_id"] for item in bill["items"] for candidate in item["candidates"]}


def test_the_gallery_lists_who_showed_what_when_and_its_picture_can_be_seen(kitchen: ServedCanteen) -> None:
    done(enrol(kitchen, "mifan", 3, variant="大份"))
    rice = exemplars(kitchen, "mifan")

    assert [(each["state"], each["origin"], each["variant"]) for each in rice] == [
        ("used", "enrolled", ""),
        ("used", "enrolled", ""),
        ("used", "enrolled", "大份"),
    ]
    assert {each["by_role"] for each in rice} == {"manager"}
    assert [each["version"] for each in rice] == [1, 1, 3]
    picture = kitchen.get(f"{GALLERY}/crops/{rice[0]['crop_sha256']}", role="cashier")
    assert picture.headers["content-type"] == "image/jpeg"
    assert min(Image.open(io.BytesIO(picture.content)).size) >= 48
    assert code_of(kitchen.get(f"{GALLERY}/crops/{'0' * 64}")) == "not_found"


def test_the_same_photograph_again_changes_nothing(kitchen: ServedCanteen) -> None:
    again = done(enrol(kitchen, "mifan", 1, 2))
    assert (again["enrolled"], again["changed"], again["version"]) == (0, False, 2)


def test_several_dishes_are_enrolled_from_one_tray_by_number_and_by_box(kitchen: ServedCanteen) -> None:
    tray = (TRAYS / CANTEEN / "ordinary-2.jpg").read_bytes()
    box = next(label["box"] for label in LABELS[f"{CANTEEN}/ordinary-2.jpg"] if label["dish"] == "fanqie-chaodan")

    assert done(send_photos(kitchen, "fanqie-chaodan", tray, portion=",".join(map(str, box))))["enrolled"] == 1
    assert done(send_photos(kitchen, "ludan", tray, portion="1"))["enrolled"] == 1
    assert done(send_photos(kitchen, "ludan", tray, portion="2"))["enrolled"] == 1
    assert "no portion 99" in send_photos(kitchen, "ludan", tray, portion="99").json()["detail"]
    assert code_of(send_photos(kitchen, "ludan", tray, portion="the left one")) == "body_invalid"


def test_an_enrolment_is_undone_and_put_back_and_trays_are_read_accordingly(kitchen: ServedCanteen) -> None:
    assert candidates(kitchen) == {"mifan", "hongshaorou"}
    undone = done(change(kitchen, "undo", version=2, reason="wrong dish"))
    assert (undone["undone"], undone["version"]) == (2, 3)
    assert states(kitchen, "hongshaorou") == ["withdrawn", "withdrawn"]
    assert candidates(kitchen) == {"mifan"}

    done(change(kitchen, "undo", version=3, reason="it was right"))
    assert candidates(kitchen) == {"mifan", "hongshaorou"}
    history = done(kitchen.get(f"{GALLERY}/history"))["changes"]
    assert [(each["version"], each["kind"], each["undoes_version"]) for each in history] == [
        (1, "enrolled", 0),
        (2, "enrolled", 0),
        (3, "withdrawn", 2),
        (4, "restored", 3),
    ]
    assert history[2]["because"] == "wrong dish"
    assert [each["version"] for each in done(kitchen.get(f"{GALLERY}/history?after=3"))["changes"]] == [4]
    assert code_of(change(kitchen, "undo", version=2, reason="again")) == "illegal_transition"
    assert code_of(change(kitchen, "undo", version=9, reason="again")) == "not_found"


def test_photographs_are_removed_one_by_one(kitchen: ServedCanteen) -> None:
    first, _ = exemplars(kitchen, "mifan")
    said = {"dish_id": "mifan", "exemplar_ids": [first["exemplar_id"]], "reason": "blurred"}
    assert done(change(kitchen, "removals", **said))["changed"]
    assert states(kitchen, "mifan") == ["withdrawn", "used"]
    assert not done(change(kitchen, "removals", **said))["changed"]
    assert code_of(change(kitchen, "removals", dish_id="mifan", exemplar_ids=["x"], reason="r")) == "not_found"


def test_enrolling_one_dish_under_two_names_is_reported_at_once(kitchen: ServedCanteen) -> None:
    photos = [(PHOTOS / "mifan" / f"{number}.jpg").read_bytes() for number in (1, 2)]
    (pair,) = [
        pair
        for pair in done(send_photos(kitchen, "ludan", *photos))["look_alikes"]
        if {pair["dish_id"], pair["other_dish_id"]} == {"ludan", "mifan"}
    ]
    assert pair["told_apart_bps"] < 8_000
    assert pair["trials"] == 4
    share = f"{pair['told_apart_bps'] / 100:.0f}"
    weaker = NAMES[pair["weaker_dish_id"]]
    assert f"{share}%" in pair["message_zh"]
    assert f"请为{weaker['name_zh']}补拍" in pair["message_zh"]
    assert f"told apart in {share} % of cases" in pair["message_en"]
    assert done(kitchen.get(f"{GALLERY}/look-alikes"))["look_alikes"][0] == pair


# --- learning ---------------------------------------------------------------------------------------------------


def scan_item(served: ServedCanteen, dish_id: str, tray: str) -> tuple[str, int]:
    """Read a fixture tray; return its checkout and the item that lies where a dish is labelled."""
    checkout_id = new_id()
    bill = done(served.scan_photo(checkout_id, (TRAYS / CANTEEN / tray).read_bytes()))
    left, top, right, bottom = next(each["box"] for each in LABELS[f"{CANTEEN}/{tray}"] if each["dish"] == dish_id)
    for item in bill["items"]:
        x = (item["box"]["left_px"] + item["box"]["right_px"]) / 2
        y = (item["box"]["top_px"] + item["box"]["bottom_px"]) / 2
        if left < x < right and top < y < bottom:
            return checkout_id, item["item_id"]
    raise AssertionError(f"no item of {tray} lies where {dish_id} is")


def correct(served: ServedCanteen, checkout_id: str, item_id: int, dish_id: str, role: str) -> dict[str, Any]:
    body = {"item_id": item_id, "dish_id": dish_id}
    return done(served.post(f"/v1/checkouts/{checkout_id}/corrections", body, role=role))


def test_a_correction_by_staff_teaches_the_gallery_and_can_be_undone(kitchen: ServedCanteen) -> None:
    checkout_id, item_id = scan_item(kitchen, "mifan", "ordinary-1.jpg")
    correct(kitchen, checkout_id, item_id, "mifan", "cashier")

    assert states(kitchen, "mifan") == ["used", "used", "used"]
    learnt = exemplars(kitchen, "mifan")[-1]
    assert (learnt["origin"], learnt["by_role"]) == ("learnt", "cashier")
    done(change(kitchen, "undo", version=learnt["version"], reason="it was porridge"))
    assert states(kitchen, "mifan") == ["used", "used", "withdrawn"]


def test_a_correction_against_the_gallery_waits_for_a_manager(kitchen: ServedCanteen) -> None:
    checkout_id, item_id = scan_item(kitchen, "mifan", "ordinary-1.jpg")
    correct(kitchen, checkout_id, item_id, "hongshaorou", "cashier")

    waiting = exemplars(kitchen, "hongshaorou")[-1]
    assert waiting["state"] == "to_confirm"
    said = {"dish_id": "hongshaorou", "exemplar_ids": [waiting["exemplar_id"]]}
    assert code_of(change(kitchen, "confirmations", role="cashier", **said)) == "access_denied"
    assert done(change(kitchen, "confirmations", **said))["changed"]
    assert exemplars(kitchen, "hongshaorou")[-1]["state"] == "used"


def test_a_tray_that_is_corrected_twice_teaches_the_last_word_only(kitchen: ServedCanteen) -> None:
    checkout_id, item_id = scan_item(kitchen, "mifan", "ordinary-1.jpg")
    correct(kitchen, checkout_id, item_id, "hongshaorou", "cashier")
    correct(kitchen, checkout_id, item_id, "mifan", "cashier")

    assert states(kitchen, "hongshaorou") == ["used", "used", "withdrawn"]
    assert states(kitchen, "mifan") == ["used", "used", "used"]


def test_a_reading_of_a_terminal_and_a_paid_tray_teach_nothing(kitchen: ServedCanteen) -> None:
    terminal = new_id()
    done(kitchen.scan(terminal, "hongshaorou"))
    correct(kitchen, terminal, 1, "hongshaorou", "cashier")
    assert states(kitchen, "hongshaorou") == ["used", "used"]

    checkout_id, _ = scan_item(kitchen, "mifan", "ordinary-1.jpg")
    assert kitchen.container.recent_trays.find(checkout_id) is not None
    done(kitchen.post(f"/v1/checkouts/{checkout_id}/void", {"reason": "left"}, role="cashier"))
    assert kitchen.container.recent_trays.find(checkout_id) is None


# --- another embedder -------------------------------------------------------------------------------------------


def test_a_gallery_of_another_embedder_is_refused_until_it_is_re_embedded(tmp_path: Path) -> None:
    data_dir = tmp_path / "store"
    with serving(data_dir) as served:
        furnish(served)
        enrol_fixture_photos(served)
        before = done(served.scan_photo(new_id(), (TRAYS / CANTEEN / "ordinary-1.jpg").read_bytes()))
        keys = dict(served.keys)

    with serving(data_dir, models_dir=models_with_another_embedder(tmp_path / "models")) as served:
        served.keys.update(keys)
        health = served.get("/health", role=None)
        assert health.status_code == 200
        assert health.json()["recognition"]["galleries_to_re_embed"] == [CANTEEN]
        assert done(served.get(GALLERY))["current"] is False

        refused = served.scan_photo(new_id(), (TRAYS / CANTEEN / "ordinary-1.jpg").read_bytes())
        assert code_of(refused) == "gallery_mismatch"
        assert f"canteen gallery re-embed --canteen {CANTEEN}" in refused.json()["detail"]
        assert code_of(enrol(served, "mifan", 1)) == "invalid_value"
        assert done(served.scan(new_id(), "hongshaorou"))["status"] == "ready"

        told = done(change(served, "re-embedding"))
        assert (told["changed"], told["exemplars"]) == (True, before_count(served))
        assert done(change(served, "re-embedding"))["changed"] is False
        assert served.get("/health", role=None).json()["recognition"]["galleries_to_re_embed"] == []
        after = done(served.scan_photo(new_id(), (TRAYS / CANTEEN / "ordinary-1.jpg").read_bytes()))
        assert [item["dish_id"] for item in after["items"]] == [item["dish_id"] for item in before["items"]]
        history = done(served.get(f"{GALLERY}/history"))["changes"]
        assert history[-1]["kind"] == "re_embedded"


def before_count(served: ServedCanteen) -> int:
    return sum(len(dish["exemplars"]) for dish in done(served.get(GALLERY))["dishes"])
