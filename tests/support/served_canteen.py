"""A real server on a port of its own, with a canteen, menus, a rule, residents and a key for every role."""

import io
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from PIL import Image

from api.app import create_app
from api.clock import Clock
from api.container import Container
from api.installation import ADMIN_KEY_FILE
from api.settings import Settings
from engine.domain.actor import Role

FIXTURES = Path(__file__).parents[2] / "fixtures"
DAY = "2026-11-24"
LUNCH = datetime.fromisoformat(f"{DAY}T11:30:00+08:00")
CANTEEN, LANE, OTHER_LANE = "lanxi", "lanxi-1", "lanxi-2"
MENU_PATH = f"/v1/canteens/{CANTEEN}/menus/{DAY}/lunch"
SHA = "ab" * 32
RESIDENTS = """\
external_id,name,birth_date,household_city,residence_district,welfare_class,\
elder_card,elder_card_status,elder_card_valid_until,face_token,face_consent_id,wallet_qr,balance_fen
T-1,测试甲,1950-03-08,上海市,普陀区,A,EC-1,active,2030-12-31,FACE-1,consent-1,QR-1,5000
T-2,测试乙,1990-03-08,上海市,普陀区,,,,,FACE-2,consent-2,QR-2,150
T-3,测试丙,1948-03-08,上海市,普陀区,,EC-3,lost,2030-12-31,,,QR-3,5000
T-4,测试丁,1948-03-08,上海市,普陀区,,EC-4,expired,2020-12-31,,,QR-4,5000
"""
RULE: dict[str, Any] = {
    "rule_id": "caoyang-15-3",
    "version": 1,
    "title_zh": "满15减3",
    "title_en": "3 yuan off from 15",
    "source": "曹杨新村街道 2020-09",
    "kind": "discount",
    "stage": 1,
    "effective_from": "2020-09-01",
    "reduction": {"kind": "fixed", "amount_fen": 300},
    "eligibility": {"registered_cards": ["elder_card"]},
    "threshold": {"amount_fen": 1500},
}

_numbers = count(1)


def new_id() -> str:
    """An id that no other test uses."""
    return f"test-{next(_numbers):08d}"


@dataclass(frozen=True)
class ServedCanteen:
    """What a test needs of a running server."""

    container: Container
    http: httpx.Client
    keys: dict[str, str] = field(default_factory=dict)

    def now_ms(self) -> int:
        return self.container.clock.now_ms()

    def request(
        self, method: str, path: str, *, role: str | None = "terminal", command_id: str | None = "", **content: Any
    ) -> httpx.Response:
        """Send a request as a role (None: without a key); a write gets a new id unless one is given (None: none)."""
        headers = dict(content.pop("headers", {}))
        if role is not None:
            headers["Authorization"] = f"Bearer {self.keys[role]}"
        if method != "GET" and command_id is not None:
            headers["Idempotency-Key"] = command_id or new_id()
        return self.http.request(method, path, headers=headers, **content)

    def get(self, path: str, *, role: str | None = "admin", **content: Any) -> httpx.Response:
        return self.request("GET", path, role=role, **content)

    def post(self, path: str, json: Any = None, **content: Any) -> httpx.Response:
        return self.request("POST", path, json=json, **content)

    # --- a checkout step by step ---------------------------------------------------------------------------------

    def reading(self, *dish_ids: str, similarity_bps: int = 9500) -> dict[str, Any]:
        """A reading as a terminal makes it; a likeness near 4900 basis points, that of another dish, is in doubt."""
        sightings = [
            {
                "box": {"left_px": 10 * i, "top_px": 0, "right_px": 10 * i + 9, "bottom_px": 9},
                "detector_bps": 9500,
                "candidates": [
                    {"dish_id": dish_id, "similarity_bps": similarity_bps},
                    {"dish_id": "ludan", "similarity_bps": 4900},
                ],
            }
            for i, dish_id in enumerate(dish_ids)
        ]
        return {
            "photo_sha256": SHA,
            "width_px": 640,
            "height_px": 480,
            "sightings": sightings,
            "models": [{"name": "detector", "sha256": SHA}],
        }

    def scan(self, checkout_id: str, *dish_ids: str, **changes: Any) -> httpx.Response:
        """Send a terminal's reading; `changes` are fields of the body, or `role` and `command_id`."""
        sender = {name: changes.pop(name) for name in ("role", "command_id") if name in changes}
        body = {
            "lane_id": LANE,
            "canteen_id": CANTEEN,
            "placed_at_ms": self.now_ms() - 1000,
            "menu_version": 1,
            "reading": self.reading(*(dish_ids or ("hongshaorou",))),
            **changes,
        }
        return self.post(f"/v1/checkouts/{checkout_id}/scans", body, **sender)

    def scan_photo(self, checkout_id: str, photo: bytes, **changes: Any) -> httpx.Response:
        """Send a photograph to be read on the server."""
        sender = {name: changes.pop(name) for name in ("role", "command_id") if name in changes}
        fields = {"lane_id": LANE, "canteen_id": CANTEEN, "placed_at_ms": str(self.now_ms() - 1000), **changes}
        files = {"photo": ("tray.jpg", photo)}
        return self.request("POST", f"/v1/checkouts/{checkout_id}/scans", data=fields, files=files, **sender)

    def ready(self, *dish_ids: str) -> str:
        """A scanned checkout that may be paid, and its id."""
        checkout_id = new_id()
        answer = self.scan(checkout_id, *dish_ids)
        assert answer.status_code == 200, answer.text
        assert answer.json()["status"] == "ready", answer.text
        return checkout_id

    def identify(self, checkout_id: str, kind: str, number: str, **sender: Any) -> httpx.Response:
        body = {"credential": {"kind": kind, "number": number}}
        return self.post(f"/v1/checkouts/{checkout_id}/identification", body, **sender)

    def pay(self, checkout_id: str, tender: str, amount_fen: int, **said: Any) -> httpx.Response:
        sender = {name: said.pop(name) for name in ("role", "command_id") if name in said}
        if tender in {"card", "qr"}:
            said = {"acquirer": "unionpay", "reference": new_id(), **said}
        body = {"tender": tender, "amount_fen": amount_fen, "pay_started_at_ms": self.now_ms(), **said}
        return self.post(f"/v1/checkouts/{checkout_id}/payment", body, **sender)


def code_of(answer: httpx.Response) -> str:
    """The problem's code, once it is sure that the answer is a whole problem."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert problem.keys() == {"type", "title", "title_en", "status", "detail", "code", "instance", "details"}
    assert problem["status"] == answer.status_code
    assert problem["title"]
    assert problem["detail"]
    assert problem["type"] == f"/problems/{problem['code']}"
    return str(problem["code"])


def picture(width: int = 640, height: int = 480, mode: str = "RGB", file_format: str = "JPEG", **options: Any) -> bytes:
    """A picture with enough contrast to be looked at, and no tray on it."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


@contextmanager
def serving(data_dir: Path, **settings: Any) -> Iterator[ServedCanteen]:
    """Serve an empty installation; only the first administrator's key is there."""
    clock = Clock(start_ms=round(LUNCH.timestamp() * 1000))
    container = Container(replace(Settings(data_dir=data_dir), **settings), clock)
    config = uvicorn.Config(create_app(container), port=0, log_config=None, access_log=False, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
            admin = (data_dir / ADMIN_KEY_FILE).read_text()
            yield ServedCanteen(container=container, http=http, keys={"admin": admin})
    finally:
        server.should_exit = True
        thread.join()


def menu_items(canteen_id: str = CANTEEN, meal_period: str = "lunch") -> list[dict[str, Any]]:
    """What a canteen of the fixture street sells, as it is sent."""
    dishes = {dish["dish_id"]: dish for dish in _toml("dishes.toml")["dishes"]}
    (menu,) = [
        each
        for each in _toml("menus.toml")["menus"]
        if (each["canteen"], each["meal_period"]) == (canteen_id, meal_period)
    ]
    return [{**dishes[item["dish_id"]], **item} for item in menu["items"]]


def canteen_profile(canteen_id: str = CANTEEN) -> dict[str, Any]:
    """A canteen of the fixture street, as it is sent."""
    street = _toml("street.toml")
    (found,) = [each for each in street["canteens"] if each["id"] == canteen_id]
    return {
        "canteen_id": canteen_id,
        "name_zh": found["name_zh"],
        "name_en": found["name_en"],
        "street": street["street"]["name_zh"],
        "district": street["street"]["district"],
        "city": street["street"]["city"],
        "utc_offset_minutes": street["street"]["utc_offset_minutes"],
        "lanes": [
            {"lane_id": lane["id"], "name_zh": lane["name_zh"], "name_en": lane["name_en"]} for lane in found["lanes"]
        ],
        "meal_periods": [
            {
                "period_id": period_id,
                "name_zh": period["name_zh"],
                "name_en": period["name_en"],
                "from_minute": _minute(period["starts"]),
                "until_minute": _minute(period["ends"]),
            }
            for period_id, period in street["meal_periods"].items()
        ],
    }


def furnish(served: ServedCanteen) -> None:
    """Open the canteen with menu, rule and residents, and issue a key for every role."""
    _done(served.post("/v1/canteens", canteen_profile(), role="admin"))
    _done(served.request("PUT", MENU_PATH, role="admin", json={"items": menu_items()}))
    _done(served.request("PUT", "/v1/rules", role="admin", json=RULE))
    _done(
        served.request(
            "POST",
            "/v1/residents/import",
            role="admin",
            content=RESIDENTS.encode(),
            headers={"Content-Type": "text/csv"},
        )
    )
    bound: Mapping[str, dict[str, str]] = {
        "terminal": {"role": "terminal", "canteen_id": CANTEEN, "lane_id": LANE},
        "other terminal": {"role": "terminal", "canteen_id": CANTEEN, "lane_id": OTHER_LANE},
        **{role.value: {"role": role.value} for role in (Role.CASHIER, Role.FINANCE, Role.MANAGER)},
    }
    for name, binding in bound.items():
        answer = _done(served.post("/v1/access-keys", {"label": name, **binding}, role="admin"))
        served.keys[name] = answer["key"]


def enrol_fixture_photos(served: ServedCanteen) -> None:
    """Show the server what the canteen's dishes look like."""
    names = {item["dish_id"]: item for item in menu_items()}
    for folder in sorted((FIXTURES / "photos" / CANTEEN).iterdir()):
        if folder.name in names:
            dish = names[folder.name]
            photos = [("photos", (path.name, path.read_bytes())) for path in sorted(folder.glob("*.jpg"))]
            fields = {"dish_id": folder.name, "name_zh": dish["name_zh"], "name_en": dish["name_en"]}
            _done(served.request("POST", f"/v1/canteens/{CANTEEN}/dishes", role="admin", data=fields, files=photos))


def _done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def _toml(name: str) -> dict[str, Any]:
    return tomllib.loads((FIXTURES / "street" / name).read_text(encoding="utf-8"))


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
