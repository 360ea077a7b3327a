"""The same engine on PostgreSQL, by one setting: import, serve, a whole visit per tender, verify."""

from pathlib import Path

import pytest

from tests.contract.end_to_end.conftest import OPENING_FEN, load_street, man_counters
from tests.support.command_line import Installation, Served, new_id
from tests.support.postgres import PostgresServer

TENDERS = {
    "face": ("face", "FACE"),
    "card": ("elder_card", "EC"),
    "wallet": ("qr", "QR"),
    "qr": ("qr", "QR"),
    "cash": None,
}


def visit(served: Served, tender: str) -> dict[str, object]:
    """Scan, show what there is to show, pay, take the tray; the first resident comes for everything."""
    checkout_id = new_id()
    bill = served.scan(checkout_id, key="terminal").json()
    assert (bill["status"], bill["gross_fen"]) == ("ready", 1500)
    shown = TENDERS[tender]
    if shown is not None:
        kind, letters = shown
        bill = served.show(checkout_id, kind, f"DEMO-{letters}-0001", key="terminal").json()
        assert bill["diner"]["identified"]
    body = served.payment(tender, bill["due_fen"], face_token="DEMO-FACE-0001")
    command_id = new_id()
    paid = served.post(f"/v1/checkouts/{checkout_id}/payment", body, key="terminal", command_id=command_id)
    assert paid.status_code == 200, paid.text
    again = served.post(f"/v1/checkouts/{checkout_id}/payment", body, key="terminal", command_id=command_id)
    assert again.json() == paid.json()
    assert served.post(f"/v1/checkouts/{checkout_id}/removal", {}, key="terminal").status_code == 200
    answer: dict[str, object] = served.request("GET", f"/v1/checkouts/{checkout_id}").json()
    assert answer["status"] == "closed"
    return answer


@pytest.mark.timeout(180)
def test_a_street_on_postgresql_serves_every_tender_and_agrees(
    postgres_server: PostgresServer, street: Path, tmp_path: Path
) -> None:
    with postgres_server.database() as log_url, postgres_server.database() as models_url:
        installation = Installation(
            data_dir=tmp_path / "keys",
            environment={"CANTEEN_DATABASE_URL": log_url, "CANTEEN_READ_MODEL_URL": models_url},
        )
        load_street(installation, street)
        with installation.serving() as served:
            man_counters(served)
            bills = {tender: visit(served, tender) for tender in TENDERS}
            health = served.request("GET", "/health").json()
            (row,) = served.request("GET", "/v1/totals").json()["rows"]
            checked = installation.run("verify")
        assert (health["status"], health["store"]["database"]) == ("ok", "postgresql")
        # The benefit is the same whatever is paid with; who shows nothing has none.
        assert {tender: bill["due_fen"] for tender, bill in bills.items()} == {
            "face": 1200,
            "card": 1200,
            "wallet": 1200,
            "qr": 1200,
            "cash": 1500,
        }
        assert bills["wallet"]["balance_fen"] == OPENING_FEN - 2 * 1200
        assert (row["bills"], row["gross_fen"], row["subsidy_fen"], row["own_fen"]) == (5, 7500, 1200, 6300)
        assert checked.expect(0).out.count("✓") == 5
        assert not list((tmp_path / "keys").glob("canteen.sqlite3*"))
        assert not list((tmp_path / "keys").glob("read-models*"))
        assert "✓ checkout_totals" in installation.run("rebuild", "checkout_totals").expect(0).out
        installation.run("verify").expect(0)
