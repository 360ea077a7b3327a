"""Canteens, menus, rules and residents come in from files by the console command; what is wrong is refused clearly."""

import re
import shutil
from pathlib import Path

from api.installation import open_existing_store
from engine.deciders.menu import MENU
from engine.domain.ids import menu_stream
from tests.contract.end_to_end.conftest import man_counters
from tests.support.command_line import CANTEEN, DAY, FIXTURES, NOON, Installation, new_id


def head(installation: Installation) -> int:
    store = open_existing_store(installation.settings)
    try:
        return store.log.head_position()
    finally:
        store.close()


def price_fen(installation: Installation, dish_id: str, meal_period: str) -> int:
    store = open_existing_store(installation.settings)
    try:
        menu = store.state(MENU, menu_stream(CANTEEN, NOON.date(), meal_period))
        return menu.by_dish[dish_id].price_fen
    finally:
        store.close()


def test_everything_imported_a_second_time_changes_nothing(installation: Installation, street: Path) -> None:
    before = head(installation)
    assert "1 canteens" in installation.run("import", "canteens", street / "street" / "street.toml").expect(0).out
    menus = installation.run("import", "menus", street / "street" / "menus.toml", "--day", DAY).expect(0)
    assert "3 menus" in menus.out
    assert "2 rules" in installation.run("import", "rules", *sorted((FIXTURES / "rules").glob("*.toml"))).expect(0).out
    told = installation.run("import", "residents", street / "elders.csv").expect(0).out
    assert '"registered": 0' in told
    assert '"unchanged": 12' in told
    assert '"wallets_opened": 0' in told
    assert head(installation) == before


def test_residents_with_wrong_lines_are_refused_by_line_and_without_their_values(
    installation: Installation, street: Path, tmp_path: Path
) -> None:
    lines = (street / "elders.csv").read_text(encoding="utf-8").splitlines()
    lines[1] = lines[1].replace("E2E-0001", "E2E-0099").replace("1950-03-08", "08.03.1950")
    lines[3] = lines[3].replace("DEMO-CONSENT-0003", "")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("\n".join(lines), encoding="utf-8")
    before = head(installation)
    ran = installation.run("import", "residents", wrong).expect(1)
    assert "nothing was written" in ran.err
    assert "line 2, birth_date" in ran.err
    assert "line 2, elder_card: names another resident already" in ran.err
    assert "line 4, face_consent_id" in ran.err
    assert not re.search(r"试吃员|DEMO-|E2E-|08\.03", ran.said)
    assert head(installation) == before


def test_a_menu_with_a_dish_without_price_is_refused_whole_and_the_others_come_into_force(
    installation: Installation, street: Path, tmp_path: Path
) -> None:
    files = shutil.copytree(street / "street", tmp_path / "street")
    text = (files / "menus.toml").read_text(encoding="utf-8")
    breakfast, lunch, dinner = text.split("[[menus]]")[1:]
    lunch = lunch.replace('"mifan", price_fen = 100', '"mifan", price_fen = 150')
    lunch = lunch.replace('"hongshaorou", price_fen = 1000', '"hongshaorou"')
    dinner = dinner.replace('"mifan", price_fen = 100', '"mifan", price_fen = 120')
    (files / "menus.toml").write_text("[[menus]]".join(["", breakfast, lunch, dinner]), encoding="utf-8")
    ran = installation.run("import", "menus", files / "menus.toml", "--day", DAY).expect(1)
    assert "2 menus" in ran.out
    assert "lunch" in ran.err
    assert "红烧肉" in ran.err or "hongshaorou" in ran.err
    assert price_fen(installation, "mifan", "lunch") == 100
    assert price_fen(installation, "mifan", "dinner") == 120


def test_what_a_server_on_the_same_store_does_not_know_yet_it_knows_after_an_import(
    installation: Installation, street: Path, tmp_path: Path
) -> None:
    """Two processes write to one store: the server goes on, and what the command brought in counts at once."""
    menus = tmp_path / "menus.toml"
    text = (street / "street" / "menus.toml").read_text(encoding="utf-8")
    menus.write_text(text.replace('"hongshaorou", price_fen = 1000', '"hongshaorou", price_fen = 1100'))
    shutil.copy(street / "street" / "dishes.toml", tmp_path)
    newcomer = tmp_path / "newcomer.csv"
    newcomer.write_text("external_id,name,birth_date,wallet_qr,balance_fen\nE2E-N,新来者,1950-01-01,DEMO-QR-N,9900\n")
    with installation.serving() as served:
        man_counters(served)
        first = new_id()
        assert served.scan(first, key="terminal").json()["gross_fen"] == 1500
        assert served.show(first, "qr", "DEMO-QR-N", key="terminal").json()["code"] == "credential_unknown"
        installation.run("import", "menus", menus, "--day", DAY).expect(0)
        installation.run("import", "residents", newcomer).expect(0)
        stale = served.scan(new_id(), key="terminal")
        assert (stale.status_code, stale.json()["code"]) == (409, "stale_menu")
        answer = served.request("GET", f"/v1/canteens/{CANTEEN}/menus/{DAY}/lunch")
        assert {item["dish_id"]: item["price_fen"] for item in answer.json()["items"]}["hongshaorou"] == 1100
        shown = served.show(first, "qr", "DEMO-QR-N", key="terminal")
        assert (shown.status_code, shown.json()["balance_fen"]) == (200, 9900)
        paid = served.post(f"/v1/checkouts/{first}/payment", served.payment("wallet", 1500), key="terminal")
        assert (paid.status_code, paid.json()["balance_fen"]) == (200, 8400)
    installation.run("verify").expect(0)


def test_a_menu_for_a_canteen_that_was_not_imported_is_named(installation: Installation, tmp_path: Path) -> None:
    installation = Installation(data_dir=tmp_path / "empty")
    ran = installation.run("import", "menus", FIXTURES / "street" / "menus.toml", "--day", DAY).expect(1)
    assert "0 menus" in ran.out
    assert "lanxi" in ran.err
