"""Who may do what: every route with every role, without a key and with a revoked one, against a table."""

import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.container import Container
from api.installation import ADMIN_KEY_FILE
from api.settings import Settings
from tests.support.served_canteen import CANTEEN, LANE, ServedCanteen, code_of, new_id, serving

ROLES = ("terminal", "cashier", "finance", "manager", "admin")
ANYBODY = "anybody"
COUNTER = "terminal cashier manager admin"
EVERY_ROLE = " ".join(ROLES)

ALLOWED = {
    ("POST", "/v1/checkouts/{checkout_id}/scans"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/payment"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/identification"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/corrections"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/items"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/items/{item_id}/removal"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/removal"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/void"): COUNTER,
    ("POST", "/v1/checkouts/{checkout_id}/refunds"): "cashier finance manager admin",
    ("GET", "/v1/checkouts/{checkout_id}"): EVERY_ROLE,
    ("GET", "/v1/canteens"): EVERY_ROLE,
    ("POST", "/v1/canteens"): "admin",
    ("GET", "/v1/canteens/{canteen_id}/menus/{day}/{meal_period}"): EVERY_ROLE,
    ("PUT", "/v1/canteens/{canteen_id}/menus/{day}/{meal_period}"): "manager admin",
    ("POST", "/v1/canteens/{canteen_id}/dishes"): "manager admin",
    ("GET", "/v1/canteens/{canteen_id}/acceptance-policy"): "manager admin",
    ("PUT", "/v1/canteens/{canteen_id}/acceptance-policy"): "admin",
    ("GET", "/v1/canteens/{canteen_id}/gallery"): "cashier finance manager admin",
    ("GET", "/v1/canteens/{canteen_id}/gallery/crops/{crop_sha256}"): "cashier finance manager admin",
    ("GET", "/v1/canteens/{canteen_id}/gallery/history"): "cashier finance manager admin",
    ("GET", "/v1/canteens/{canteen_id}/gallery/look-alikes"): "cashier finance manager admin",
    ("POST", "/v1/canteens/{canteen_id}/gallery/undo"): "manager admin",
    ("POST", "/v1/canteens/{canteen_id}/gallery/removals"): "manager admin",
    ("POST", "/v1/canteens/{canteen_id}/gallery/confirmations"): "manager admin",
    ("POST", "/v1/canteens/{canteen_id}/gallery/re-embedding"): "manager admin",
    ("POST", "/v1/residents/import"): "manager admin",
    ("POST", "/v1/credentials/block"): "cashier manager admin",
    ("POST", "/v1/residents/{resident_id}/wallet/top-ups"): "cashier finance admin",
    ("PUT", "/v1/rules"): "manager admin",
    ("GET", "/v1/rules"): "cashier finance manager admin",
    ("POST", "/v1/access-keys"): "admin",
    ("POST", "/v1/access-keys/{key_id}/revocation"): "admin",
    ("GET", "/v1/totals"): "finance manager admin",
    ("GET", "/v1/ledger"): "finance admin",
    ("GET", "/v1/metrics/queue"): "finance manager admin",
    ("GET", "/v1/open-checkouts"): "cashier manager admin",
    ("GET", "/v1/events"): "finance manager admin",
    ("GET", "/metrics"): "manager admin",
    ("GET", "/live"): ANYBODY,
    ("GET", "/health"): ANYBODY,
    ("GET", "/problems/{code}"): ANYBODY,
}
DOCUMENTATION = {
    "/",
    "/docs",
    "/openapi.json",
    "/swagger/swagger-ui-bundle.js",
    "/swagger/swagger-ui.css",
    "/swagger/favicon-32x32.png",
}
IN_PATH = {
    "checkout_id": "nobodys-tray",
    "item_id": "1",
    "canteen_id": CANTEEN,
    "day": "2026-11-24",
    "meal_period": "dinner",
    "resident_id": "nobody",
    "key_id": "nokey",
    "code": "checkout_held",
    "crop_sha256": "0" * 64,
}


def routes() -> list[tuple[str, str]]:
    """Every route that the application has, as it is registered."""
    app = create_app(Container(Settings()))
    found = []
    for route in app.routes:
        path = str(getattr(route, "path", ""))
        if path in DOCUMENTATION:
            continue
        assert isinstance(route, APIRoute), f"{path} is no operation"
        assert route.methods is not None
        found += [(method, path) for method in route.methods]
    return found


@pytest.fixture(scope="session")
def revoked(served: ServedCanteen) -> str:
    """A key that was an administrator's."""
    issued = served.post("/v1/access-keys", {"role": "admin", "label": "leaving"}, role="admin").json()
    served.post(f"/v1/access-keys/{issued['key_id']}/revocation", {"reason": "left"}, role="admin")
    return str(issued["key"])


def test_the_table_names_every_route_and_no_other() -> None:
    assert sorted(routes()) == sorted(ALLOWED)


@pytest.mark.parametrize(("method", "path"), sorted(ALLOWED))
def test_only_the_roles_of_the_table_come_in(served: ServedCanteen, revoked: str, method: str, path: str) -> None:
    url = path.format(**IN_PATH)
    if path == "/v1/events":
        url += "?topics=nothing"  # refused after the access check, so that no stream begins
    anybody = ALLOWED[method, path] == ANYBODY
    allowed = ROLES if anybody else ALLOWED[method, path].split()
    for role in ROLES:
        # Nothing is sent, so who comes in is refused for that, or told what there is.
        answer = served.request(method, url, role=role)
        assert (answer.status_code == 403) == (role not in allowed), (role, answer.text)
        if role not in allowed:
            assert code_of(answer) == "access_denied"
    for authorization in ("", f"Bearer {revoked}", f"Bearer {served.keys['admin']}x", "Basic YTpi"):
        answer = served.request(method, url, role=None, headers={"Authorization": authorization})
        assert (answer.status_code == 401) == (not anybody)
        if not anybody:
            assert code_of(answer) == "key_required"
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_access_is_checked_before_anything_that_was_sent(served: ServedCanteen) -> None:
    answer = served.request("POST", "/v1/canteens", role="terminal", command_id=None, content=b"{")
    assert code_of(answer) == "access_denied"


def test_a_terminal_cannot_open_a_tray_on_another_lane(served: ServedCanteen) -> None:
    assert code_of(served.scan(new_id(), lane_id="lanxi-2")) == "other_lane"
    assert code_of(served.scan(new_id(), canteen_id="meiling", lane_id="meiling-1")) == "other_lane"
    assert code_of(served.scan_photo(new_id(), b"never looked at", lane_id="lanxi-2")) == "other_lane"


def test_a_terminal_cannot_touch_another_lanes_tray(served: ServedCanteen) -> None:
    checkout_id = served.ready()
    other = "other terminal"
    assert code_of(served.scan(checkout_id, lane_id="lanxi-2", role=other)) == "illegal_transition"
    assert code_of(served.pay(checkout_id, "card", 1000, role=other)) == "other_lane"
    assert code_of(served.identify(checkout_id, "elder_card", "EC-1", role=other)) == "other_lane"
    for path, body in (
        ("corrections", {"item_id": 1, "dish_id": "mifan"}),
        ("items", {"dish_id": "mifan"}),
        ("items/1/removal", {"reason": "x"}),
        ("removal", {}),
        ("void", {"reason": "x"}),
    ):
        assert code_of(served.post(f"/v1/checkouts/{checkout_id}/{path}", body, role=other)) == "other_lane"
    assert code_of(served.get(f"/v1/checkouts/{checkout_id}", role=other)) == "other_lane"
    assert served.get(f"/v1/checkouts/{checkout_id}").json()["status"] == "ready"


def test_a_lane_is_known_from_the_store_when_it_is_not_in_memory(served: ServedCanteen) -> None:
    checkout_id = served.ready()
    served.container.lanes._lanes.clear()
    assert code_of(served.pay(checkout_id, "card", 1000, role="other terminal")) == "other_lane"
    served.container.lanes._lanes.clear()
    assert served.pay(checkout_id, "card", 1000).status_code == 200


def test_a_key_of_a_canteen_sees_and_changes_its_own_only(served: ServedCanteen) -> None:
    body = {"role": "manager", "label": "manager of another canteen", "canteen_id": CANTEEN}
    served.keys["bound manager"] = served.post("/v1/access-keys", body, role="admin").json()["key"]
    role = "bound manager"
    menu = "/v1/canteens/meiling/menus/2026-11-24/lunch"
    assert code_of(served.request("PUT", menu, role=role, json={"items": []})) == "other_lane"
    assert code_of(served.get("/v1/totals?canteen_id=meiling", role=role)) == "other_lane"
    assert [each["canteen_id"] for each in served.get("/v1/canteens", role=role).json()["canteens"]] == [CANTEEN]


def test_a_terminals_key_has_to_be_bound_to_a_lane_that_exists(served: ServedCanteen) -> None:
    def issue(**binding: str) -> str:
        return code_of(served.post("/v1/access-keys", {"role": "terminal", "label": "t", **binding}, role="admin"))

    assert issue() == "invalid_value"
    assert issue(canteen_id="nowhere", lane_id="lane-1") == "unknown_canteen"
    assert issue(canteen_id=CANTEEN, lane_id="lane-9") == "unknown_lane"


@pytest.mark.parametrize("role", ["diner", "system", "king"])
def test_no_key_is_issued_for_a_role_that_has_none(served: ServedCanteen, role: str) -> None:
    answer = served.post("/v1/access-keys", {"role": role, "label": "x"}, role="admin")
    assert code_of(answer) in {"invalid_value", "body_invalid"}


def test_a_revoked_key_is_out_at_once_and_an_unknown_one_cannot_be_revoked(served: ServedCanteen) -> None:
    body = {"role": "terminal", "label": "old", "canteen_id": CANTEEN, "lane_id": LANE}
    issued = served.post("/v1/access-keys", body, role="admin").json()
    served.keys["old terminal"] = issued["key"]
    assert served.scan(new_id(), role="old terminal").status_code == 200
    revocation = f"/v1/access-keys/{issued['key_id']}/revocation"
    assert served.post(revocation, {"reason": "stolen"}, role="admin").json()["changed"] is True
    assert code_of(served.scan(new_id(), role="old terminal")) == "key_required"
    assert code_of(served.post("/v1/access-keys/nokey/revocation", {"reason": "x"}, role="admin")) == "not_found"


def test_the_first_start_writes_an_administrators_key_for_its_owner_only_and_the_next_keeps_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data_dir = tmp_path_factory.mktemp("first")
    with serving(data_dir) as served:
        key = served.keys["admin"]
        assert served.get("/v1/canteens").status_code == 200
    path = data_dir / ADMIN_KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    container = Container(Settings(data_dir=data_dir))
    path.unlink()
    container.start()
    try:
        assert not path.exists()
        assert container.access.authenticate(f"Bearer {key}").role == "admin"
    finally:
        container.stop()
