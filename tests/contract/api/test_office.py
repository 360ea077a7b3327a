"""What the office does: canteens, menus, rules, residents, wallets."""

from typing import Any

import pytest

from api.routes import examples
from tests.support.served_canteen import (
    CANTEEN,
    FIXTURES,
    MENU_PATH,
    RESIDENTS,
    RULE,
    ServedCanteen,
    canteen_profile,
    code_of,
    menu_items,
)


def head(served: ServedCanteen) -> int:
    return served.container.store.log.head_position()


def import_list(served: ServedCanteen, content: bytes, query: str = "") -> Any:
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    return served.post(f"/v1/residents/import{query}", role="manager", content=content, headers=headers)


def test_the_same_canteen_and_the_same_menu_again_change_nothing(served: ServedCanteen) -> None:
    before = head(served)
    assert served.post("/v1/canteens", canteen_profile(), role="admin").json()["changed"] is False
    again = served.request("PUT", MENU_PATH, role="manager", json={"items": menu_items()})
    assert (again.json()["version"], again.json()["changed"]) == (1, False)
    assert head(served) == before


def test_a_menu_is_published_in_versions_and_read_back(served: ServedCanteen) -> None:
    path = f"/v1/canteens/{CANTEEN}/menus/2026-11-25/lunch"
    assert code_of(served.get(path)) == "not_found"
    first = served.request("PUT", path, role="manager", json={"items": menu_items()})
    fewer = served.request("PUT", path, role="manager", json={"items": menu_items()[:5]})
    assert (first.json()["version"], fewer.json()["version"]) == (1, 2)
    menu = served.get(path, role="terminal").json()
    told = [{**item, "size_of": "", "from_area_bps": 0, "sold_by_piece": False} for item in menu_items()[:5]]
    assert (menu["version"], menu["items"], menu["set_meals"], menu["inclusions"]) == (2, told, [], [])


def test_a_menu_with_sizes_and_offers_is_read_back_as_it_was_sent(served: ServedCanteen) -> None:
    path = f"/v1/canteens/{CANTEEN}/menus/2026-11-26/lunch"
    large = {
        "dish_id": "mifan-da",
        "name_zh": "白米饭（大碗）",
        "name_en": "Steamed rice, large bowl",
        "price_fen": 200,
        "category": "staple",
        "size_of": "mifan",
        "from_area_bps": 800,
        "sold_by_piece": False,
    }
    sent = {**examples.MENU, "items": [*menu_items(), large]}
    assert served.request("PUT", path, role="manager", json=sent).json()["version"] == 1
    menu = served.get(path, role="terminal").json()
    assert (menu["items"][-1], menu["set_meals"], menu["inclusions"]) == (
        large,
        examples.SET_MEALS,
        examples.INCLUSIONS,
    )
    assert served.request("PUT", path, role="manager", json=sent).json()["changed"] is False


def test_an_offer_that_does_not_fit_its_menu_is_refused_by_its_id(served: ServedCanteen) -> None:
    path = f"/v1/canteens/{CANTEEN}/menus/2026-11-27/lunch"
    (set_meal,) = examples.SET_MEALS
    dear = {"items": menu_items(), "set_meals": [{**set_meal, "price_fen": 9900}]}
    refused = served.request("PUT", path, role="manager", json=dear)
    assert (code_of(refused), refused.json()["details"]) == ("invalid_value", {"offer_id": "taocan"})
    unknown = {"items": menu_items(), "set_meals": [{**set_meal, "prise_fen": 1}]}
    assert code_of(served.request("PUT", path, role="manager", json=unknown)) == "body_invalid"
    assert code_of(served.get(path)) == "not_found"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/canteens/nowhere/menus/2026-11-24/lunch", {"items": menu_items()}, "unknown_canteen"),
        (f"/v1/canteens/{CANTEEN}/menus/2026-11-24/supper", {"items": menu_items()}, "invalid_value"),
        (MENU_PATH, {"items": []}, "body_invalid"),
        (MENU_PATH, {"items": [*menu_items(), menu_items()[0]]}, "invalid_value"),
    ],
)
def test_a_menu_that_cannot_be_is_refused(served: ServedCanteen, path: str, body: Any, code: str) -> None:
    assert code_of(served.request("PUT", path, role="manager", json=body)) == code


def test_a_canteen_whose_meal_periods_overlap_is_refused(served: ServedCanteen) -> None:
    profile = canteen_profile()
    profile["meal_periods"][1]["from_minute"] = 400
    assert code_of(served.post("/v1/canteens", profile, role="admin")) == "invalid_value"


def test_a_rule_is_published_once_and_never_changed(served: ServedCanteen) -> None:
    again = served.request("PUT", "/v1/rules", role="manager", json=RULE)
    assert again.json() == {"rule_id": RULE["rule_id"], "version": 1, "changed": False}
    changed = served.request("PUT", "/v1/rules", role="manager", json={**RULE, "stage": 2})
    assert code_of(changed) == "invalid_rule"
    misspelt = served.request("PUT", "/v1/rules", role="manager", json={**RULE, "version": 2, "thresold": None})
    assert code_of(misspelt) == "body_invalid"
    rules = served.get("/v1/rules", role="cashier").json()["rules"]
    assert [(rule["rule_id"], rule["version"], rule["effective_from"]) for rule in rules] == [
        (RULE["rule_id"], 1, "2020-09-01")
    ]


def test_a_list_that_is_imported_again_changes_nothing(served: ServedCanteen) -> None:
    before = head(served)
    answer = import_list(served, RESIDENTS.encode())
    assert answer.json() == {
        "dry_run": False,
        "lines": 4,
        "registered": 0,
        "unchanged": 4,
        "credentials": 0,
        "blocked": 0,
        "kept_blocked": 1,
        "wallets_opened": 0,
        "findings": [],
    }
    assert head(served) == before


def test_the_fixture_street_is_imported_as_a_whole(served: ServedCanteen) -> None:
    content = (FIXTURES / "street" / "residents.csv").read_bytes()
    answer = import_list(served, content)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["lines"], told["registered"], told["blocked"]) == (200, 200, 8)
    before = head(served)
    again = import_list(served, content).json()
    assert (again["registered"], again["unchanged"], again["credentials"], again["wallets_opened"]) == (0, 200, 0, 0)
    assert head(served) == before


def test_a_wrong_line_keeps_the_whole_list_out(served: ServedCanteen) -> None:
    before = head(served)
    content = "external_id,name,birth_date,elder_card\nT-30,甲,1950-01-01,EC-30\nT-31,乙,1950-02-30,EC-1\n".encode()
    answer = import_list(served, content)
    assert code_of(answer) == "import_invalid"
    assert answer.json()["details"] == {
        "faults": 2,
        "findings": [
            "line 3, birth_date: is not a day such as 1950-03-08",
            "line 3, elder_card: names another resident already",
        ],
    }
    assert "EC-1" not in answer.text
    assert "乙" not in answer.text
    assert head(served) == before


def test_a_dry_run_lists_the_findings_and_writes_nothing(served: ServedCanteen) -> None:
    before = head(served)
    good = import_list(served, "external_id,name,birth_date\nT-40,甲,1950-01-01\n".encode(), "?dry_run=true")
    assert (good.json()["dry_run"], good.json()["lines"], good.json()["findings"]) == (True, 1, [])
    bad = import_list(served, b"external_id,name,birth_date\nT-40,,1950-01-01\n", "?dry_run=true")
    assert bad.json()["findings"] == [{"line": 2, "column": "name", "message": "is missing"}]
    assert head(served) == before
    assert code_of(import_list(served, b"x", "?dry_run=perhaps")) == "parameter_invalid"


def test_the_same_key_with_another_list_is_refused_before_anything_is_written(served: ServedCanteen) -> None:
    def send(content: str) -> Any:
        return served.post(
            "/v1/residents/import",
            role="manager",
            command_id="import-of-today",
            content=content.encode(),
            headers={"Content-Type": "text/csv"},
        )

    assert send("external_id,name,birth_date\nT-50,甲,1950-01-01\n").status_code == 200
    before = head(served)
    other = send("external_id,name,birth_date\nT-51,乙,1950-01-01\nT-52,丙,1950-01-01\n")
    assert code_of(other) == "command_id_reused"
    assert head(served) == before


def test_a_changed_record_is_stored_and_an_opening_balance_is_paid_in_once(served: ServedCanteen) -> None:
    header = "external_id,name,birth_date,balance_fen\n"
    first = import_list(served, f"{header}T-60,甲,1950-01-01,700\n".encode()).json()
    second = import_list(served, f"{header}T-60,甲,1950-01-02,900\n".encode()).json()
    assert (first["registered"], first["wallets_opened"]) == (1, 1)
    assert (second["registered"], second["wallets_opened"]) == (1, 0)
    resident_id = served.container.vault.resident_id("T-60")
    path = f"/v1/residents/{resident_id}/wallet/top-ups"
    topped_up = served.post(path, {"amount_fen": 300, "source": "cash", "reference": "R-1"}, role="cashier")
    assert topped_up.json() == {"resident_id": resident_id, "balance_fen": 1000}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount_fen": 0}, "body_invalid"),
        ({"amount_fen": 600_000}, "invalid_value"),
        ({"source": "opening"}, "body_invalid"),
    ],
)
def test_a_top_up_that_cannot_be_is_refused(served: ServedCanteen, change: dict[str, Any], code: str) -> None:
    path = f"/v1/residents/{served.container.vault.resident_id('T-1')}/wallet/top-ups"
    answer = served.post(path, {"amount_fen": 100, "source": "cash", **change}, role="cashier")
    assert code_of(answer) == code


def test_a_wallet_of_nobody_is_not_topped_up(served: ServedCanteen) -> None:
    answer = served.post("/v1/residents/nobody/wallet/top-ups", {"amount_fen": 100, "source": "cash"}, role="cashier")
    assert code_of(answer) == "unknown_resident"


def test_nothing_personal_lies_in_the_store_in_the_clear(served: ServedCanteen) -> None:
    import_list(served, "external_id,name,birth_date,elder_card\nT-70,欧阳某某,1951-02-03,EC-70707070\n".encode())
    files = served.container.settings.data_dir.glob("canteen.sqlite3*")
    stored = b"".join(path.read_bytes() for path in files)
    assert b"ResidentRegistered" in stored
    for value in ("欧阳某某", "1951-02-03", "EC-70707070", 'T-70"'):
        assert value.encode() not in stored
