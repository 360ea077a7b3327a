"""What is wrong is refused by name, with nothing charged and nothing lost."""

import io
import socket
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.served_canteen import (
    CANTEEN,
    FIXTURES,
    MENU_PATH,
    ServedCanteen,
    code_of,
    furnish,
    menu_items,
    new_id,
    picture,
    serving,
)


def head(served: ServedCanteen) -> int:
    return served.container.store.log.head_position()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says how large it is and holds hardly a pixel."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bomb() -> bytes:
    """A PNG of a few kilobytes that would take 300 megabytes of memory."""
    buffer = io.BytesIO()
    Image.new("L", (17_000, 17_000)).save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "no image": (b"this is not an image", "photo_unreadable"),
    "nothing": (b"", "photo_unreadable"),
    "a truncated JPEG": (picture()[:2000], "photo_unreadable"),
    "a GIF": (picture(file_format="GIF"), "photo_unreadable"),
    "one pixel": (picture(1, 1), "photo_unusable"),
    "a header of 20,000 x 20,000": (png_header(20_000, 20_000), "photo_too_large"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_usable_photograph_is_refused_by_name(served: ServedCanteen, name: str) -> None:
    photo, code = UNREADABLE[name]
    before = head(served)
    answer = served.scan_photo(new_id(), photo)
    assert code_of(answer) == code
    assert head(served) == before


def test_a_decompression_bomb_is_refused_by_its_header(served: ServedCanteen) -> None:
    answer = served.scan_photo(new_id(), bomb())
    assert (answer.status_code, code_of(answer)) == (413, "photo_too_large")


@pytest.mark.parametrize("grey", [0, 255, 120])
def test_a_frame_that_shows_nothing_is_refused(served: ServedCanteen, grey: int) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (640, 480), (grey,) * 3).save(buffer, "JPEG")
    assert code_of(served.scan_photo(new_id(), buffer.getvalue())) == "photo_unusable"


@pytest.mark.parametrize(
    ("mode", "file_format"), [("L", "JPEG"), ("CMYK", "JPEG"), ("RGBA", "PNG"), ("LA", "PNG"), ("RGB", "WEBP")]
)
def test_every_kind_of_picture_is_read_and_one_without_a_dish_is_an_empty_tray(
    served: ServedCanteen, mode: str, file_format: str
) -> None:
    before = head(served)
    answer = served.scan_photo(new_id(), picture(mode=mode, file_format=file_format))
    assert code_of(answer) == "empty_tray"
    assert head(served) == before


def test_an_empty_tray_is_refused_and_no_bill_comes_of_it(served: ServedCanteen) -> None:
    checkout_id = new_id()
    photo = (FIXTURES / "trays" / CANTEEN / "empty.jpg").read_bytes()
    assert code_of(served.scan_photo(checkout_id, photo)) == "empty_tray"
    assert code_of(served.get(f"/v1/checkouts/{checkout_id}")) == "unknown_checkout"


def test_a_terminals_own_empty_reading_is_refused_too(served: ServedCanteen) -> None:
    assert code_of(served.scan(new_id(), reading={**served.reading(), "sightings": []})) == "empty_tray"


def test_an_unknown_canteen_and_lane_are_refused_before_a_photograph_is_read(served: ServedCanteen) -> None:
    unread = b"never looked at"
    answer = served.scan_photo(new_id(), unread, canteen_id="nowhere", role="cashier")
    assert code_of(answer) == "unknown_canteen"
    assert code_of(served.scan_photo(new_id(), unread, lane_id="lane-9", role="cashier")) == "unknown_lane"
    assert code_of(served.scan(new_id(), canteen_id="nowhere", role="cashier")) == "unknown_canteen"


def test_a_scan_outside_the_meal_periods_is_refused(served: ServedCanteen) -> None:
    between_breakfast_and_lunch = served.now_ms() - 2 * 3_600_000
    times = {"placed_at_ms": between_breakfast_and_lunch, "occurred_at_ms": between_breakfast_and_lunch}
    assert code_of(served.scan(new_id(), **times)) == "outside_meal_period"
    photo = served.scan_photo(new_id(), b"never looked at", **{name: str(at_ms) for name, at_ms in times.items()})
    assert code_of(photo) == "outside_meal_period"


def test_a_meal_period_without_a_menu_is_refused(served: ServedCanteen) -> None:
    yesterday = served.now_ms() - 86_400_000
    times = {"placed_at_ms": yesterday, "occurred_at_ms": yesterday}
    assert code_of(served.scan(new_id(), **times)) == "no_menu"
    photo = served.scan_photo(new_id(), b"never looked at", **{name: str(at_ms) for name, at_ms in times.items()})
    assert code_of(photo) == "no_menu"


def test_a_reading_made_against_another_menu_is_refused_with_the_version_in_force(served: ServedCanteen) -> None:
    answer = served.scan(new_id(), menu_version=7)
    assert code_of(answer) == "stale_menu"
    assert answer.json()["details"]["menu_version"] == 1


def test_a_dish_that_is_not_on_the_menu_is_refused(served: ServedCanteen) -> None:
    assert code_of(served.scan(new_id(), "caviar")) == "dish_not_on_menu"
    assert code_of(served.post(f"/v1/checkouts/{served.ready()}/items", {"dish_id": "caviar"})) == "dish_not_on_menu"


def test_a_menu_with_a_dish_without_a_price_is_refused_as_a_whole(served: ServedCanteen) -> None:
    items = menu_items()
    items[0]["price_fen"] = items[3]["price_fen"] = 0
    answer = served.request("PUT", MENU_PATH, role="manager", json={"items": items})
    assert code_of(answer) == "dish_without_price"
    assert answer.json()["details"]["dishes"] == sorted([items[0]["dish_id"], items[3]["dish_id"]])
    assert served.get(MENU_PATH).json()["version"] == 1


def test_paying_twice_charges_once(served: ServedCanteen) -> None:
    checkout_id = served.ready()
    assert served.pay(checkout_id, "card", 1000).status_code == 200
    before = head(served)
    assert code_of(served.pay(checkout_id, "card", 1000)) == "already_paid"
    assert head(served) == before


def test_a_wrong_amount_is_refused_with_what_is_due(served: ServedCanteen) -> None:
    answer = served.pay(served.ready(), "card", 999)
    assert code_of(answer) == "wrong_amount"
    assert answer.json()["details"]["due_fen"] == 1000


def test_an_account_that_does_not_cover_the_bill_is_left_alone(served: ServedCanteen) -> None:
    checkout_id = served.ready("hongshaorou")
    answer = served.pay(checkout_id, "face", 1000, token="FACE-2")
    assert (answer.status_code, code_of(answer)) == (402, "insufficient_funds")
    assert served.get(f"/v1/checkouts/{checkout_id}").json()["status"] == "ready"


@pytest.mark.parametrize(
    ("kind", "number", "code"),
    [
        ("elder_card", "EC-3", "credential_blocked"),
        ("elder_card", "EC-4", "credential_expired"),
        ("elder_card", "EC-999", "credential_unknown"),
        ("social_card", "EC-1", "credential_unknown"),
    ],
)
def test_a_card_that_is_lost_expired_or_unknown_identifies_nobody(
    served: ServedCanteen, kind: str, number: str, code: str
) -> None:
    assert code_of(served.identify(served.ready(), kind, number)) == code


def test_an_unknown_face_pays_for_nobody(served: ServedCanteen) -> None:
    assert code_of(served.pay(served.ready(), "face", 1000, token="FACE-999")) == "credential_unknown"


def test_another_person_than_the_diner_cannot_pay_from_an_account(served: ServedCanteen) -> None:
    checkout_id = served.ready("mifan")
    assert served.identify(checkout_id, "qr", "QR-3").status_code == 200
    assert code_of(served.pay(checkout_id, "face", 100, token="FACE-1")) == "payer_mismatch"


def test_a_card_that_was_reported_lost_is_refused_from_then_on(served: ServedCanteen) -> None:
    served.post(
        "/v1/residents/import",
        role="manager",
        content=b"external_id,name,birth_date,elder_card\nT-9,\xe6\xb5\x8b,1950-01-01,EC-9\n",
        headers={"Content-Type": "text/csv"},
    )
    credential = {"kind": "elder_card", "number": "EC-9"}
    assert served.identify(served.ready(), **credential).status_code == 200
    blocking = {"credential": credential, "reason": "reported lost"}
    assert served.post("/v1/credentials/block", blocking, role="cashier").json()["changed"] is True
    assert code_of(served.identify(served.ready(), **credential)) == "credential_blocked"
    assert served.post("/v1/credentials/block", blocking, role="cashier").json()["changed"] is False
    unknown = {"credential": {"kind": "elder_card", "number": "EC-998"}, "reason": "reported lost"}
    assert code_of(served.post("/v1/credentials/block", unknown, role="cashier")) == "credential_unknown"


@pytest.mark.parametrize("field", ["placed_at_ms", "occurred_at_ms"])
def test_a_clock_that_is_ahead_is_refused_and_a_little_ahead_is_tolerated(served: ServedCanteen, field: str) -> None:
    answer = served.scan(new_id(), **{field: served.now_ms() + 180_000})
    assert code_of(answer) == "clock_in_future"
    assert answer.json()["details"]["tolerance_ms"] == 120_000
    at_ms = served.now_ms() + 60_000
    assert served.scan(new_id(), occurred_at_ms=at_ms, placed_at_ms=at_ms).status_code == 200


def test_a_payment_that_began_in_the_future_is_refused(served: ServedCanteen) -> None:
    answer = served.pay(served.ready(), "card", 1000, pay_started_at_ms=served.now_ms() + 180_000)
    assert code_of(answer) == "clock_in_future"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_fen": "1000"},
        {"amount_fen": -1},
        {"amount_fen": 10.5},
        {"amount_fen": 10**12},
        {"tender": "cheque"},
        {"tip_fen": 1},
        {"acquirer": "../etc"},
        {"reference": None},
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_field(served: ServedCanteen, change: dict[str, Any]) -> None:
    body: dict[str, Any] = {
        "tender": "card",
        "amount_fen": 1000,
        "pay_started_at_ms": served.now_ms(),
        "acquirer": "unionpay",
        "reference": "R-1",
    }
    checkout_id = served.ready()
    answer = served.post(f"/v1/checkouts/{checkout_id}/payment", {**body, **change})
    assert code_of(answer) == "body_invalid"
    assert next(iter(change)) in answer.json()["detail"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_is_refused(served: ServedCanteen, content: bytes) -> None:
    answer = served.post(
        f"/v1/checkouts/{new_id()}/scans", content=content, headers={"Content-Type": "application/json"}
    )
    assert code_of(answer) == "body_invalid"


def test_another_media_type_is_refused(served: ServedCanteen) -> None:
    answer = served.post(f"/v1/checkouts/{new_id()}/scans", content=b"x", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, code_of(answer)) == (415, "media_type_unsupported")


def test_a_form_has_one_photograph_and_known_fields(served: ServedCanteen) -> None:
    path = f"/v1/checkouts/{new_id()}/scans"
    fields = {"placed_at_ms": str(served.now_ms())}
    two = [("photo", ("a.jpg", picture())), ("photo", ("b.jpg", picture()))]
    assert code_of(served.request("POST", path, data=fields, files=two)) == "body_invalid"
    misnamed = [("picture", ("a.jpg", picture()))]
    assert code_of(served.request("POST", path, data=fields, files=misnamed)) == "body_invalid"
    one = [("photo", ("a.jpg", picture()))]
    assert code_of(served.request("POST", path, data={**fields, "lane": "1"}, files=one)) == "body_invalid"
    assert code_of(served.request("POST", path, data={}, files=one)) == "body_invalid"
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert code_of(served.request("POST", path, content=b"--y\r\n", headers=broken)) == "body_invalid"


def test_a_path_that_is_no_id_is_refused(served: ServedCanteen) -> None:
    assert code_of(served.get("/v1/checkouts/-x")) == "parameter_invalid"
    assert code_of(served.get(f"/v1/checkouts/{'x' * 65}")) == "parameter_invalid"
    assert code_of(served.get(f"/v1/canteens/{CANTEEN}/menus/tomorrow/lunch")) == "parameter_invalid"


def test_unknown_paths_and_methods_are_problems_too(served: ServedCanteen) -> None:
    assert code_of(served.get("/v1/nothing")) == "route_unknown"
    assert code_of(served.get("/v1/checkouts/")) == "route_unknown"
    answer = served.request("DELETE", "/v1/canteens", role="admin")
    assert (code_of(answer), answer.headers["allow"]) == ("method_not_allowed", "GET, POST")
    assert code_of(served.get(f"/v1/checkouts/{new_id()}/payment")) == "method_not_allowed"


def test_a_body_that_says_it_is_too_large_is_refused_unread(served: ServedCanteen) -> None:
    limit = served.container.settings.body_limit_bytes
    answer = served.post(
        f"/v1/checkouts/{new_id()}/scans",
        content=b" " * (limit + 1),
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status_code, code_of(answer)) == (413, "body_too_large")
    assert answer.json()["details"]["limit_bytes"] == limit


def test_a_body_that_does_not_say_its_size_is_read_up_to_the_limit_only(served: ServedCanteen) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"lane_id": "'
        while True:
            yield b"x" * 65_536

    answer = served.post(
        f"/v1/checkouts/{new_id()}/scans", content=chunks(), headers={"Content-Type": "application/json"}
    )
    assert code_of(answer) == "body_too_large"


def test_a_photograph_of_too_many_bytes_is_refused(served: ServedCanteen) -> None:
    photo = picture() + b"\0" * served.container.settings.photo_limit_bytes
    assert served.scan_photo(new_id(), photo).status_code == 413
    much_more = picture() + b"\0" * (served.container.settings.photo_limit_bytes + 1_000_000)
    assert code_of(served.scan_photo(new_id(), much_more)) == "body_too_large"


def test_a_full_recognition_queue_turns_photographs_away_and_takes_them_again(served: ServedCanteen) -> None:
    recogniser = served.container.recogniser
    limit = served.container.settings.recognition_queue_limit
    recogniser.in_hand += limit
    try:
        answer = served.scan_photo(new_id(), picture())
        assert (answer.status_code, code_of(answer)) == (503, "recognition_busy")
        assert int(answer.headers["retry-after"]) >= 1
        assert served.scan(new_id()).status_code == 200
    finally:
        recogniser.in_hand -= limit
    assert code_of(served.scan_photo(new_id(), picture())) == "empty_tray"


def test_a_photograph_that_does_not_arrive_gives_its_place_back(tmp_path: Path) -> None:
    with serving(tmp_path, upload_timeout_s=1) as served:
        furnish(served)
        host, port = served.http.base_url.host, served.http.base_url.port
        assert port is not None
        with socket.create_connection((host, port)) as line:
            head = [
                f"POST /v1/checkouts/{new_id()}/scans HTTP/1.1",
                "Host: canteen",
                f"Authorization: Bearer {served.keys['terminal']}",
                f"Idempotency-Key: {new_id()}",
                "Content-Type: multipart/form-data; boundary=x",
                "Content-Length: 1000",
            ]
            line.sendall("\r\n".join([*head, "", "--x"]).encode())
            answer = line.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"body_too_slow" in answer
        assert served.container.recogniser.in_hand == 0


def test_the_place_in_the_recognition_queue_is_given_back_after_every_kind_of_end(served: ServedCanteen) -> None:
    for photo in (picture(), b"no image"):
        served.scan_photo(new_id(), photo)
    served.request("POST", f"/v1/checkouts/{new_id()}/scans", data={}, files=[("photo", ("a.jpg", picture()))])
    assert served.container.recogniser.in_hand == 0


def test_a_locked_database_is_told_as_unavailable_and_the_same_request_succeeds_later(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data_dir = tmp_path_factory.mktemp("locked")
    with serving(data_dir, lock_timeout_s=1) as served:
        furnish(served)
        checkout_id, command_id = new_id(), new_id()
        body = {
            "lane_id": "lanxi-1",
            "placed_at_ms": served.now_ms(),
            "menu_version": 1,
            "reading": served.reading("mifan"),
        }
        path = f"/v1/checkouts/{checkout_id}/scans"
        lock = sqlite3.connect(data_dir / "canteen.sqlite3", isolation_level=None)
        try:
            lock.execute("BEGIN IMMEDIATE")
            answer = served.post(path, body, command_id=command_id)
            assert (answer.status_code, code_of(answer)) == (503, "store_unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            lock.execute("ROLLBACK")
        finally:
            lock.close()
        retried = served.post(path, body, command_id=command_id)
        assert (retried.status_code, "idempotent-replayed" in retried.headers) == (200, False)


def test_a_full_command_queue_turns_requests_away_with_a_time_to_come_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data_dir = tmp_path_factory.mktemp("full")
    with serving(data_dir, command_queue_limit=2, lock_timeout_s=2) as served:
        furnish(served)
        lock = sqlite3.connect(data_dir / "canteen.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        try:
            # While the writer waits for the lock, two commands fit in the queue behind it and no more.
            with ThreadPoolExecutor(12) as clients:
                answers = list(clients.map(lambda _: served.scan(new_id(), "mifan"), range(12)))
        finally:
            lock.execute("ROLLBACK")
            lock.close()
        codes = {code_of(answer) for answer in answers}
        assert "queue_full" in codes
        assert codes <= {"queue_full", "store_unavailable"}
        full = next(answer for answer in answers if code_of(answer) == "queue_full")
        assert full.status_code == 503
        assert int(full.headers["retry-after"]) >= 1
        assert served.scan(new_id(), "mifan").status_code == 200
