"""What a server and the commands print, and what the store keeps, names nobody: no name, number, token or key."""

import re
from pathlib import Path

from tests.contract.end_to_end.conftest import PlayedDemo, man_counters
from tests.support.command_line import Installation, Served, new_id

PERSONAL = re.compile(rb"\xe8\xaf\x95\xe5\x90\x83\xe5\x91\x98|DEMO-(EC|SC|FACE|QR)-\d|E2E-\d{4}|1950-03-08")
"""试吃员 (everybody's name), card and code numbers, face tokens, the street's own numbers, the birthday."""
SECRET = re.compile(rb"ck_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")


def bother(served: Served) -> list[int]:
    """Send what is right and what is wrong, with personal values in all the places where they can be."""
    checkout_id = new_id()
    path = f"/v1/checkouts/{checkout_id}"
    token = {"tender": "face", "token": "DEMO-FACE-0001"}
    csv = {"headers": {"Content-Type": "text/csv"}}
    answers = [
        served.scan(checkout_id, key="terminal"),
        served.show(checkout_id, "face", "DEMO-FACE-9999", key="terminal"),
        served.show(checkout_id, "no such kind", "DEMO-FACE-0001", key="terminal"),
        served.request("POST", f"{path}/identification", key="terminal", content=b'{"credential": "DEMO-EC-0001'),
        served.show(checkout_id, "face", "DEMO-FACE-0001", key="terminal"),
        served.post(f"{path}/payment", served.payment("face", 1, "DEMO-FACE-0001"), key="terminal"),
        served.post(f"{path}/payment", token, key="terminal"),
        served.post(f"{path}/payment", served.payment("face", 1200, "DEMO-FACE-0002"), key="terminal"),
        served.post(f"{path}/payment", served.payment("face", 1200, "DEMO-FACE-0001"), key="terminal"),
        served.request("GET", "/v1/DEMO-FACE-0001"),
        served.request("GET", "/v1/totals?by=DEMO-EC-0001"),
        served.request("POST", "/v1/residents/import", content="external_id,name\nE2E-0001,试吃员\n".encode(), **csv),
        served.request("POST", "/v1/residents/import", content=b"\xff\xfe", **csv),
        served.post(
            "/v1/credentials/block", {"credential": {"kind": "qr", "number": "DEMO-QR-0002"}, "reason": "lost"}
        ),
        served.post(
            "/v1/credentials/block", {"credential": {"kind": "qr", "number": "DEMO-QR-8888"}, "reason": "lost"}
        ),
        served.http.get("/v1/totals", headers={"Authorization": served.keys["admin"] + "x"}),
    ]
    return [answer.status_code for answer in answers]


def assert_names_nobody(what: str, content: bytes) -> None:
    found = PERSONAL.search(content) or SECRET.search(content)
    assert found is None, f"{what}: ...{content[max(0, found.start() - 80) : found.end() + 40]!r}"


def test_neither_logs_nor_store_hold_anything_personal(installation: Installation, street: Path) -> None:
    assert PERSONAL.search((street / "elders.csv").read_bytes())
    assert SECRET.search((installation.data_dir / "admin.key").read_bytes())
    with installation.serving() as served:
        man_counters(served)
        statuses = bother(served)
        assert statuses.count(200) == 4
        assert all(status < 500 for status in statuses), statuses
        served.kill()
    with installation.serving():
        pass
    assert_names_nobody("the server's output", installation.output.read_bytes())
    ran = [
        installation.run("verify").expect(0),
        installation.run("import", "residents", street / "elders.csv").expect(0),
        installation.run("import", "residents", street / "elders.csv", "--dry-run").expect(0),
    ]
    for each in ran:
        assert_names_nobody("a command's output", each.said.encode())
    kept = [path for path in installation.data_dir.iterdir() if path.name != "admin.key"]
    assert {"canteen.sqlite3", "read-models.sqlite3", "person-keys.sqlite3"} <= {path.name for path in kept}
    for path in kept:
        assert_names_nobody(path.name, path.read_bytes())
    for name in ("admin.key", "master.key"):
        assert (installation.data_dir / name).stat().st_mode & 0o077 == 0, f"{name} can be read by others"


def test_a_demo_with_once_prints_neither_key_nor_person(played_demo: PlayedDemo, street: Path) -> None:
    said = played_demo.ran.expect(0).said
    assert not re.search(r"ck_|DEMO-(EC|SC|FACE|QR)", said)
    people = (street / "street" / "residents.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [name for name in (line.split(",")[1] for line in people) if name in said] == []
