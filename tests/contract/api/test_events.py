"""The event stream: complete, in order, resumable, filtered, and without secrets."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import sse
from tests.support.served_canteen import CANTEEN, FIXTURES, ServedCanteen, code_of, furnish, serving


@contextmanager
def following(
    served: ServedCanteen, query: str = "", role: str = "admin", last_id: str = ""
) -> Iterator[Iterator[dict[str, Any]]]:
    headers = {"Authorization": f"Bearer {served.keys[role]}", **({"Last-Event-ID": last_id} if last_id else {})}
    with served.http.stream("GET", f"/v1/events{query}", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield read_events(answer.iter_lines())


def read_events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    said: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            said[name] = value
        elif said:
            event = json.loads(said["data"])
            assert (said["id"], said["event"]) == (str(event["position"]), event["topic"])
            yield event
            said = {}


def take(events: Iterator[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    return [next(events) for _ in range(number)]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCanteen]:
    """A server of its own, on which nothing happens but what a test does."""
    with serving(tmp_path_factory.mktemp("events")) as served:
        furnish(served)
        yield served


def test_a_listener_gets_everything_in_order_and_then_what_happens_next(quiet: ServedCanteen) -> None:
    stored = quiet.container.store.log.head_position()
    with following(quiet) as events:
        old = take(events, stored)
        assert [event["position"] for event in old] == list(range(1, stored + 1))
        checkout_id = quiet.ready("mifan")
        scanned = next(events)
        assert (scanned["topic"], scanned["stream"]) == ("canteen.TrayScanned.v2", f"checkout-{checkout_id}")
        assert scanned["event"]["items"][0]["price_fen"] == 100
        quiet.pay(checkout_id, "card", 100)
        assert next(events)["topic"] == "canteen.CardPaid.v1"


def test_a_listener_that_comes_back_misses_nothing_and_gets_nothing_twice(quiet: ServedCanteen) -> None:
    with following(quiet, "?after=3") as events:
        first = take(events, 4)
    with following(quiet, "?after=0", last_id=str(first[-1]["position"])) as events:
        second = take(events, 2)
    positions = [event["position"] for event in first + second]
    assert positions == list(range(4, 10))


def test_more_events_than_a_page_are_all_told(quiet: ServedCanteen) -> None:
    start = quiet.container.store.log.head_position()
    checkout_id = quiet.ready("mifan")
    for _ in range(sse.PAGE_EVENTS + 20):
        assert quiet.scan(checkout_id, "mifan").status_code == 200
    with following(quiet, f"?after={start}") as events:
        numbers = [event["event"]["scan_number"] for event in take(events, sse.PAGE_EVENTS + 21)]
    assert numbers == list(range(1, sse.PAGE_EVENTS + 22))


def test_only_named_topics_come_through_even_when_others_happen_between(quiet: ServedCanteen) -> None:
    start = quiet.container.store.log.head_position()
    with following(quiet, f"?after={start}&topics=canteen.CashPaid.v1") as events:
        quiet.pay(quiet.ready("mifan"), "card", 100)
        quiet.pay(quiet.ready("mifan"), "cash", 100, received_fen=500)
        event = next(events)
        assert (event["topic"], event["event"]["change_fen"]) == ("canteen.CashPaid.v1", 400)
        quiet.pay(quiet.ready("mifan"), "cash", 100, received_fen=100)
        assert next(events)["event"]["change_fen"] == 0


def test_a_key_of_one_canteen_gets_the_events_of_that_canteen_only(quiet: ServedCanteen) -> None:
    body = {"role": "manager", "label": "manager of a canteen", "canteen_id": CANTEEN}
    quiet.keys["bound manager"] = quiet.post("/v1/access-keys", body, role="admin").json()["key"]
    stored = quiet.container.store.log.read_after(0, 1000)
    wanted = [recorded.position for recorded in stored if sse.canteen_of(recorded) == CANTEEN]
    assert 0 < len(wanted) < len(stored)
    with following(quiet, role="bound manager") as events:
        assert [event["position"] for event in take(events, len(wanted))] == wanted


def test_neither_ciphertext_nor_hashes_of_secrets_nor_face_tokens_are_told(quiet: ServedCanteen) -> None:
    quiet.pay(quiet.ready("mifan"), "face", 100, token="FACE-1")
    stored = quiet.container.store.log.head_position()
    with following(quiet) as events:
        told = take(events, stored)
    topics = {event["topic"].split(".")[1] for event in told}
    assert {"ResidentRegistered", "AccessKeyIssued", "FacePaid", "CredentialIssued"} <= topics
    fields = {name for event in told for name in event["event"]}
    assert not fields & {"sealed", "secret_sha256", "face_token", "consent_id"}


def test_there_are_so_many_listeners_and_no_more(quiet: ServedCanteen) -> None:
    listeners = quiet.container.listeners
    limit = quiet.container.settings.event_stream_limit
    listeners.count += limit
    try:
        answer = quiet.get("/v1/events")
        assert (answer.status_code, code_of(answer)) == (503, "event_streams_full")
    finally:
        listeners.count -= limit


def test_a_listener_that_leaves_is_no_longer_counted(quiet: ServedCanteen) -> None:
    with following(quiet) as events:
        next(events)
        assert quiet.container.listeners.count >= 1
    gone = threading.Event()
    for _ in range(200):
        if quiet.container.listeners.count == 0:
            break
        gone.wait(0.05)
    assert quiet.container.listeners.count == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_server_stops_although_somebody_listens(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "CANTEEN_DATA_DIR": str(tmp_path), "CANTEEN_PORT": str(port)}
    command = [sys.executable, "-m", "api.cli", "serve"]
    with subprocess.Popen(command, env=environment, cwd=FIXTURES.parent, stderr=subprocess.PIPE) as server:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                wait_until_it_serves(http, server)
                headers = {"Authorization": f"Bearer {(tmp_path / 'admin.key').read_text()}"}
                with http.stream("GET", "/v1/events", headers=headers) as answer:
                    lines = answer.iter_lines()
                    assert next(lines).startswith("id: 1")
                    server.send_signal(signal.SIGTERM)
                    # The stream ends, cut short or not, and so does the server: neither waits for the listener.
                    with suppress(httpx.RemoteProtocolError):
                        for _ in lines:
                            pass
                server.communicate(timeout=60)
        finally:
            server.kill()


def wait_until_it_serves(http: httpx.Client, server: "subprocess.Popen[bytes]") -> None:
    pause = threading.Event()
    while True:
        assert server.poll() is None, server.stderr and server.stderr.read().decode()
        try:
            if http.get("/live").status_code == 200:
                return
        except httpx.TransportError:
            pause.wait(0.05)
