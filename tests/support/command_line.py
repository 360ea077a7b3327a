"""Runs the console command as people do: processes of its own on a data directory, and a terminal over HTTP."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from api.installation import ADMIN_KEY_FILE
from api.settings import Settings

PROJECT = Path(__file__).parents[2]
FIXTURES = PROJECT / "fixtures"
DAY = "2026-11-24"
NOON = datetime.fromisoformat(f"{DAY}T11:30:00+08:00")
CANTEEN = "lanxi"
LANES = ("lanxi-1", "lanxi-2", "lanxi-3")
PRICES_FEN = {"hongshaorou": 1000, "mifan": 100, "qingchao-bocai": 400}
"""A tray of exactly 15.00, for which an elder's card takes 3.00 off."""

_LONGEST_S = 100
_COMMAND = (sys.executable, "-m", "api.cli")
_numbers = itertools.count(1)


def new_id() -> str:
    """An id that nothing else in this run uses."""
    return f"e2e-{os.getpid()}-{next(_numbers):06d}"


def free_port() -> int:
    """A port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_command(*arguments: object, environment: dict[str, str] | None = None) -> "Ran":
    """Run the command to its end, away from the settings of whoever runs the tests."""
    done = subprocess.run(
        [*_COMMAND, *map(str, arguments)],
        cwd=PROJECT,
        env=clean_environment() | (environment or {}),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=False,
    )
    return Ran(status=done.returncode, out=done.stdout, err=done.stderr)


def start_command(*arguments: object, environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start the command in a process group of its own, where it hears Ctrl-C; what it prints is added to a file."""
    with output.open("ab") as file:
        return subprocess.Popen(
            [*_COMMAND, *map(str, arguments)],
            cwd=PROJECT,
            env=clean_environment() | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_hear_ctrl_c,
        )


def _hear_ctrl_c() -> None:
    """Undo that whoever started the tests in the background ignores SIGINT, which a child would inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def clean_environment() -> dict[str, str]:
    """The environment without settings of the product, wide enough that no line is folded."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CANTEEN_")}
    return kept | {"COLUMNS": "220", "NO_COLOR": "1", "TERM": "dumb"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.out + self.err

    def expect(self, status: int) -> "Ran":
        """Fail with what was printed if the exit status is another one, or if it is a traceback."""
        assert "Traceback" not in self.said, self.said
        assert self.status == status, f"exit status {self.status}\n{self.said}"
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running server, as a client sees it."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    now_ms: int
    keys: dict[str, str]

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def request(
        self, method: str, path: str, *, key: str = "admin", command_id: str = "", **content: Any
    ) -> httpx.Response:
        """Send one request; a write gets a new id unless one is given."""
        headers = {"Authorization": f"Bearer {self.keys[key]}", **content.pop("headers", {})}
        if method != "GET":
            headers["Idempotency-Key"] = command_id or new_id()
        return self.http.request(method, path, headers=headers, **content)

    def post(self, path: str, body: dict[str, Any], **sender: Any) -> httpx.Response:
        """Send a body as JSON."""
        return self.request("POST", path, json=body, **sender)

    def issue_key(self, role: str, **bound: str) -> None:
        """Issue a key and keep it under the name of its role."""
        answer = self.post("/v1/access-keys", {"role": role, "label": role, **bound})
        assert answer.status_code == 200, answer.text
        self.keys[role] = answer.json()["key"]

    def scan(self, checkout_id: str, *, lane_id: str = LANES[0], **sender: Any) -> httpx.Response:
        """Send what a terminal read itself: the tray of 15.00."""
        sightings = [
            {
                "box": {"left_px": 100 * n, "top_px": 0, "right_px": 100 * n + 90, "bottom_px": 90},
                "detector_bps": 9500,
                "candidates": [{"dish_id": dish_id, "similarity_bps": 9500}],
            }
            for n, dish_id in enumerate(PRICES_FEN)
        ]
        reading = {
            "photo_sha256": "ab" * 32,
            "width_px": 640,
            "height_px": 480,
            "sightings": sightings,
            "models": [{"name": "detector", "sha256": "cd" * 32}],
        }
        body = {
            "canteen_id": CANTEEN,
            "lane_id": lane_id,
            "placed_at_ms": self.now_ms,
            "menu_version": 1,
            "reading": reading,
        }
        return self.post(f"/v1/checkouts/{checkout_id}/scans", body, **sender)

    def show(self, checkout_id: str, kind: str, number: str, **sender: Any) -> httpx.Response:
        """Show a card, a code or a face."""
        body = {"credential": {"kind": kind, "number": number}}
        return self.post(f"/v1/checkouts/{checkout_id}/identification", body, **sender)

    def payment(self, tender: str, due_fen: int, face_token: str = "") -> dict[str, Any]:
        """The body of a payment."""
        body: dict[str, Any] = {"tender": tender, "amount_fen": due_fen, "pay_started_at_ms": self.now_ms}
        if tender == "face":
            body["token"] = face_token
        elif tender in {"card", "qr"}:
            body |= {"acquirer": "unionpay", "reference": new_id()}
        elif tender == "cash":
            body["received_fen"] = due_fen
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A data directory with the settings that its commands and its server get; `output` is what the server prints."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    _starts: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def output(self) -> Path:
        return self.data_dir.with_name(self.data_dir.name + "-server.log")

    @property
    def settings(self) -> Settings:
        """The same settings for code that the test itself calls."""
        return Settings.from_environment(self._environment(NOON))

    def run(self, *arguments: object) -> Ran:
        """Run a command at half past eleven."""
        return run_command(*arguments, environment=self._environment(NOON))

    @contextmanager
    def serving(self) -> Iterator[Served]:
        """Run a server; end it in order unless the test has killed it.

        The clock of each start begins a minute later than that of the one before.
        """
        port = free_port()
        environment = self._environment(NOON + timedelta(minutes=next(self._starts))) | {"CANTEEN_PORT": str(port)}
        process = start_command("serve", environment=environment, output=self.output)
        try:
            await_live(process, port, self.output)
            started = datetime.fromisoformat(environment["CANTEEN_CLOCK_START"])
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                yield Served(
                    process=process,
                    http=http,
                    now_ms=round(started.timestamp() * 1000),
                    keys={"admin": (self.data_dir / ADMIN_KEY_FILE).read_text()},
                )
        finally:
            end(process)

    def _environment(self, at: datetime) -> dict[str, str]:
        return {"CANTEEN_DATA_DIR": str(self.data_dir), "CANTEEN_CLOCK_START": at.isoformat(), **self.environment}


def await_live(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    """Wait until a server answers."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:
        for _ in range(1200):
            assert process.poll() is None, f"the server ended: {output.read_text()}"
            try:
                if http.get("/live").is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
    raise AssertionError("the server does not answer")


def end(process: subprocess.Popen[bytes]) -> int:
    """End a server in order as Ctrl-C does, and return its exit status."""
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        return process.wait(timeout=20)
    finally:
        process.kill()


def residents(number: int, balance_fen: int) -> str:
    """A list of made-up elders, each with an elder card, a face, a payment code and the same balance."""
    header = (
        "external_id,name,birth_date,household_city,residence_district,elder_card,elder_card_status,"
        "elder_card_valid_until,face_token,face_consent_id,wallet_qr,balance_fen"
    )
    lines = [
        f"E2E-{n:04d},试吃员{n:04d}号,1950-03-08,上海市,普陀区,DEMO-EC-{n:04d},active,2036-12-31,"
        f"DEMO-FACE-{n:04d},DEMO-CONSENT-{n:04d},DEMO-QR-{n:04d},{balance_fen}"
        for n in range(1, number + 1)
    ]
    return "\n".join([header, *lines, ""])


def small_street(folder: Path) -> Path:
    """Copy the fixture street down to one canteen, which loads in a few seconds; pictures are linked."""
    street = folder / "street"
    street.mkdir(parents=True)
    canteens = (FIXTURES / "street" / "street.toml").read_text(encoding="utf-8").split("[[canteens]]")
    kept = [canteens[0], *(part for part in canteens[1:] if f'id = "{CANTEEN}"' in part)]
    (street / "street.toml").write_text("[[canteens]]".join(kept), encoding="utf-8")
    menus = (FIXTURES / "street" / "menus.toml").read_text(encoding="utf-8").split("[[menus]]")
    kept = [menus[0], *(part for part in menus[1:] if f'canteen = "{CANTEEN}"' in part)]
    (street / "menus.toml").write_text("[[menus]]".join(kept), encoding="utf-8")
    (street / "dishes.toml").write_bytes((FIXTURES / "street" / "dishes.toml").read_bytes())
    people = (FIXTURES / "street" / "residents.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (street / "residents.csv").write_text("".join(people[:41]), encoding="utf-8")
    (folder / "rules").symlink_to(FIXTURES / "rules")
    (folder / "photos").mkdir()
    (folder / "photos" / CANTEEN).symlink_to(FIXTURES / "photos" / CANTEEN)
    (folder / "trays").mkdir()
    (folder / "trays" / CANTEEN).symlink_to(FIXTURES / "trays" / CANTEEN)
    labels = json.loads((FIXTURES / "trays" / "labels.json").read_text(encoding="utf-8"))
    mine = [entry for entry in labels if entry["canteen"] == CANTEEN]
    (folder / "trays" / "labels.json").write_text(json.dumps(mine), encoding="utf-8")
    return folder
