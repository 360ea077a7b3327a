"""One Idempotency-Key is one wish: done once, answered again, and never something else."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.served_canteen import CANTEEN, FIXTURES, ServedCanteen, code_of, new_id, picture

REPLAYED = "idempotent-replayed"


def head(served: ServedCanteen) -> int:
    return served.container.store.log.head_position()


def test_a_repeated_request_is_done_once_and_answered_again(served: ServedCanteen) -> None:
    checkout_id, command_id, at_ms = served.ready(), new_id(), served.now_ms()
    payment: dict[str, Any] = {"reference": "R-77", "pay_started_at_ms": at_ms, "command_id": command_id}
    first = served.pay(checkout_id, "card", 1000, **payment)
    before = head(served)
    again = served.pay(checkout_id, "card", 1000, **payment)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
    assert head(served) == before


def test_the_same_key_with_another_body_is_refused(served: ServedCanteen) -> None:
    checkout_id, command_id, at_ms = served.ready(), new_id(), served.now_ms()
    payment: dict[str, Any] = {"pay_started_at_ms": at_ms, "command_id": command_id}
    assert served.pay(checkout_id, "card", 1000, reference="R-1", **payment).status_code == 200
    answer = served.pay(checkout_id, "card", 1000, reference="R-2", **payment)
    assert (answer.status_code, code_of(answer)) == (409, "command_id_reused")


def test_the_same_key_and_body_for_another_checkout_or_by_another_key_is_refused(served: ServedCanteen) -> None:
    first, second, command_id = served.ready(), served.ready(), new_id()
    body = {"reason": "changed mind"}
    assert served.post(f"/v1/checkouts/{first}/void", body, command_id=command_id).status_code == 200
    assert code_of(served.post(f"/v1/checkouts/{second}/void", body, command_id=command_id)) == "command_id_reused"
    by_other = served.post(f"/v1/checkouts/{first}/void", body, command_id=command_id, role="cashier")
    assert code_of(by_other) == "command_id_reused"


def test_a_refused_request_stays_refused_under_its_key(served: ServedCanteen) -> None:
    checkout_id, command_id, at_ms = served.ready(), new_id(), served.now_ms()
    payment: dict[str, Any] = {"pay_started_at_ms": at_ms, "reference": "R-1", "command_id": command_id}
    first = served.pay(checkout_id, "card", 1, **payment)
    again = served.pay(checkout_id, "card", 1, **payment)
    assert code_of(first) == code_of(again) == "wrong_amount"
    assert first.json() == again.json()
    assert served.pay(checkout_id, "card", 1000).status_code == 200


@pytest.mark.parametrize("command_id", [None, "short", "x" * 101, "with space and more", "no/slashes-here"])
def test_a_write_without_a_usable_key_is_refused(served: ServedCanteen, command_id: str | None) -> None:
    answer = served.scan(new_id(), command_id=command_id)
    assert (answer.status_code, code_of(answer)) == (400, "idempotency_key_missing")


def test_many_copies_at_once_pay_once(served: ServedCanteen) -> None:
    checkout_id, command_id, at_ms = served.ready(), new_id(), served.now_ms()
    payment: dict[str, Any] = {"reference": "R-8", "pay_started_at_ms": at_ms, "command_id": command_id}
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: served.pay(checkout_id, "card", 1000, **payment), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1


def test_two_terminals_with_different_keys_pay_one_tray_once(served: ServedCanteen) -> None:
    checkout_id = served.ready()
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: served.pay(checkout_id, "card", 1000), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 7]
    assert {code_of(answer) for answer in answers if answer.status_code != 200} == {"already_paid"}


def photographs_read(served: ServedCanteen) -> str:
    lines = served.get("/metrics").text.splitlines()
    return next((line for line in lines if line.startswith('canteen_recognition_seconds_count{stage="detect"}')), "0")


def test_a_repeated_photograph_is_answered_without_being_read_again(enrolled: ServedCanteen) -> None:
    photo = (FIXTURES / "trays" / CANTEEN / "ordinary-4.jpg").read_bytes()
    checkout_id, command_id, placed_at_ms = new_id(), new_id(), str(enrolled.now_ms())
    sent: dict[str, Any] = {"command_id": command_id, "placed_at_ms": placed_at_ms}
    first = enrolled.scan_photo(checkout_id, photo, **sent)
    assert first.status_code == 200, first.text
    read_before = photographs_read(enrolled)
    again = enrolled.scan_photo(checkout_id, photo, **sent)
    assert (again.content, again.headers.get(REPLAYED)) == (first.content, "true")
    assert photographs_read(enrolled) == read_before
    other_photo = enrolled.scan_photo(checkout_id, photo + b"\\0", **sent)
    assert code_of(other_photo) == "command_id_reused"


def test_a_photograph_without_a_dish_stays_refused_under_its_key(served: ServedCanteen) -> None:
    sent: dict[str, Any] = {"command_id": new_id(), "placed_at_ms": str(served.now_ms())}
    checkout_id = new_id()
    assert code_of(served.scan_photo(checkout_id, picture(), **sent)) == "empty_tray"
    read_before = photographs_read(served)
    assert code_of(served.scan_photo(checkout_id, picture(), **sent)) == "empty_tray"
    assert photographs_read(served) == read_before


def writes(served: ServedCanteen) -> dict[str, Callable[[str], httpx.Response]]:
    """Every other kind of write, each to be sent twice under one key."""
    credential = {"kind": "elder_card", "number": "EC-3"}
    resident_id = served.container.vault.resident_id("T-1")
    csv = {"content": b"external_id,name,birth_date\nT-20,x,1950-01-01\n", "headers": {"Content-Type": "text/csv"}}

    def post(path: str, json: Any = None, **content: Any) -> Callable[[str], httpx.Response]:
        return lambda command_id: served.post(path, json, role="admin", command_id=command_id, **content)

    return {
        "top-up": post(f"/v1/residents/{resident_id}/wallet/top-ups", {"amount_fen": 100, "source": "cash"}),
        "block": post("/v1/credentials/block", {"credential": credential, "reason": "lost"}),
        "import": post("/v1/residents/import", **csv),
        "key": post("/v1/access-keys", {"role": "cashier", "label": "second cashier"}),
    }


@pytest.mark.parametrize("name", ["top-up", "block", "import", "key"])
def test_every_kind_of_write_is_done_once(served: ServedCanteen, name: str) -> None:
    send, command_id = writes(served)[name], new_id()
    first = send(command_id)
    assert first.status_code == 200, first.text
    before = head(served)
    again = send(command_id)
    assert (again.content, again.headers.get(REPLAYED)) == (first.content, "true")
    assert head(served) == before


def test_a_dish_is_enrolled_once_under_its_key(enrolled: ServedCanteen) -> None:
    photo = (FIXTURES / "trays" / CANTEEN / "ordinary-1.jpg").read_bytes()
    fields = {"dish_id": "mifan", "name_zh": "白米饭", "name_en": "Rice", "portion": "whole"}
    files = [("photos", ("1.jpg", photo))]
    path, command_id = f"/v1/canteens/{CANTEEN}/dishes", new_id()
    first = enrolled.request("POST", path, role="manager", command_id=command_id, data=fields, files=files)
    again = enrolled.request("POST", path, role="manager", command_id=command_id, data=fields, files=files)
    assert first.json() == again.json()
    assert {name: first.json()[name] for name in ("dish_id", "enrolled", "changed")} == {
        "dish_id": "mifan",
        "enrolled": 1,
        "changed": True,
    }
    assert again.headers.get(REPLAYED) == "true"
    under_another = enrolled.request("POST", path, role="manager", data=fields, files=files)
    assert (under_another.json()["enrolled"], under_another.json()["changed"]) == (0, False)


def test_a_repeated_issue_tells_the_same_key_and_the_store_holds_its_hash_only(served: ServedCanteen) -> None:
    body, command_id = {"role": "finance", "label": "books"}, new_id()
    first = served.post("/v1/access-keys", body, role="admin", command_id=command_id).json()
    again = served.post("/v1/access-keys", body, role="admin", command_id=command_id).json()
    assert first == again
    secret = first["key"].split("_", 2)[2]
    stored = served.container.store.log.read_stream(f"access-{first['key_id']}")
    assert hashlib.sha256(secret.encode()).hexdigest() in str(stored)
    assert secret not in str(stored)
