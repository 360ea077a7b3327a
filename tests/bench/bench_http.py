"""Checkout requests per second over HTTP against a no-op endpoint of the same app, in one run.

`python -m tests.bench.bench_http [--seconds 4] [--connections 32 128] [--rounds 3]`
A checkout is two requests: a terminal-made reading of two dishes, then a card payment, each durable before it is
answered. The no-op is `GET /live`. The server is a process of its own with one uvicorn worker (uvloop, httptools); the
load comes from this process over keep-alive connections. Each figure is the median of the rounds, which alternate.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import cast

import httpx
import uvicorn
import uvloop

from api.app import create_app
from api.container import Container
from api.installation import ADMIN_KEY_FILE
from api.settings import Settings
from tests.support.served_canteen import CANTEEN, LANE, LUNCH, MENU_PATH, SHA, canteen_profile, menu_items

DISHES = ("hongshaorou", "mifan")
DUE_FEN = 1100
TARGET = 0.6
READY = "serving on port "


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends the next request as soon as the answer to the last one is there."""

    def __init__(self, requests: Iterator[bytes], until_s: float) -> None:
        self.answers = 0
        self.failures: list[bytes] = []
        self.latencies_s: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._until_s = until_s
        self._received = b""
        self._sent_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[:head_end]
        length_at = head.find(b"content-length: ") + len(b"content-length: ")
        length_end = head.find(b"\r\n", length_at)
        length = int(head[length_at : length_end if length_end > 0 else None])
        if len(self._received) < head_end + 4 + length:
            return
        self.latencies_s.append(perf_counter() - self._sent_s)
        self.answers += 1
        if not head.startswith(b"HTTP/1.1 200"):
            self.failures.append(self._received)
        self._received = b""
        if perf_counter() < self._until_s:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        self._sent_s = perf_counter()
        self._transport.write(next(self._requests))


class Load:
    """Requests of one kind at one server."""

    def __init__(self, port: int, connections: int, seconds: float) -> None:
        self._port = port
        self._connections = connections
        self._seconds = seconds

    def rate(self, requests: Callable[[], Iterator[bytes]]) -> tuple[float, list[float]]:
        """Return answered requests per second and the latencies in seconds."""
        return uvloop.run(self._run(requests))

    async def _run(self, requests: Callable[[], Iterator[bytes]]) -> tuple[float, list[float]]:
        loop = asyncio.get_running_loop()
        began_s = perf_counter()
        until_s = began_s + self._seconds
        opened = [
            (await loop.create_connection(lambda: Connection(requests(), until_s), "127.0.0.1", self._port))[1]
            for _ in range(self._connections)
        ]
        await asyncio.gather(*(connection.done for connection in opened))
        took_s = perf_counter() - began_s
        failures = [failure for connection in opened for failure in connection.failures]
        if failures:
            raise SystemExit(f"{len(failures)} requests failed, the first one with:\n{failures[0].decode()}")
        answers = sum(connection.answers for connection in opened)
        return answers / took_s, sorted(latency for connection in opened for latency in connection.latencies_s)


def no_ops() -> Iterator[bytes]:
    """Ask for nothing, again and again."""
    request = _http("GET", "/live", "", b"")
    while True:
        yield request


def checkouts(key: str, run_id: str, numbers: Iterator[int]) -> Iterator[bytes]:
    """Scan a tray and pay it, one checkout after the other."""
    at_ms = round(LUNCH.timestamp() * 1000)
    sightings = [
        {
            "box": {"left_px": 100 * number, "top_px": 80, "right_px": 100 * number + 90, "bottom_px": 290},
            "detector_bps": 9500,
            "candidates": [
                {"dish_id": dish_id, "similarity_bps": 9500},
                {"dish_id": "ludan", "similarity_bps": 3600},
            ],
        }
        for number, dish_id in enumerate(DISHES)
    ]
    scan = json.dumps(
        {
            "lane_id": LANE,
            "canteen_id": CANTEEN,
            "placed_at_ms": at_ms - 1500,
            "occurred_at_ms": at_ms,
            "menu_version": 1,
            "reading": {
                "photo_sha256": SHA,
                "width_px": 1280,
                "height_px": 960,
                "sightings": sightings,
                "models": [{"name": "dish_detector", "sha256": SHA}, {"name": "dish_embedder", "sha256": SHA}],
            },
        }
    ).encode()
    while True:
        checkout_id = f"{run_id}-{next(numbers)}"
        yield _http("POST", f"/v1/checkouts/{checkout_id}/scans", key, scan, f"scan-{checkout_id}")
        payment = {
            "tender": "card",
            "amount_fen": DUE_FEN,
            "pay_started_at_ms": at_ms + 2000,
            "occurred_at_ms": at_ms + 6000,
            "acquirer": "unionpay",
            "reference": checkout_id,
        }
        yield _http(
            "POST",
            f"/v1/checkouts/{checkout_id}/payment",
            key,
            json.dumps(payment).encode(),
            f"pay-{checkout_id}",
        )


def _http(method: str, path: str, key: str, body: bytes, command_id: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    if key:
        lines += [f"authorization: Bearer {key}", f"idempotency-key: {command_id}", "content-type: application/json"]
    if body:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def serve(data_dir: Path) -> None:
    """Be the server process: print the port, then serve until the process is ended."""
    settings = Settings(data_dir=data_dir, clock_start=LUNCH)
    config = uvicorn.Config(
        create_app(Container(settings)),
        port=0,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="error",
    )

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: object = None) -> None:
            await super().startup()
            print(f"{READY}{self.servers[0].sockets[0].getsockname()[1]}", flush=True)

    Announcing(config).run()


def furnish(port: int, data_dir: Path) -> str:
    """Open the canteen and return a terminal's key."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
        numbers = count()

        def send(method: str, path: str, body: object) -> dict[str, str]:
            headers = {
                "Authorization": f"Bearer {(data_dir / ADMIN_KEY_FILE).read_text()}",
                "Idempotency-Key": f"furnish-{next(numbers)}",
            }
            answer = http.request(method, path, json=body, headers=headers)
            answer.raise_for_status()
            told: dict[str, str] = answer.json()
            return told

        send("POST", "/v1/canteens", canteen_profile())
        send("PUT", MENU_PATH, {"items": menu_items()})
        key = {"role": "terminal", "canteen_id": CANTEEN, "lane_id": LANE, "label": "bench"}
        return send("POST", "/v1/access-keys", key)["key"]


def main() -> None:
    """Measure and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--connections", type=int, nargs="+", default=[32, 128])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.serve:
        serve(options.serve)
        return
    with TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "tests.bench.bench_http", "--serve", directory]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as server:
            try:
                assert server.stdout is not None
                port = int(server.stdout.readline().removeprefix(READY))
                _measure(port, Path(directory), options.connections, options.seconds, options.rounds)
            finally:
                server.terminate()


def _measure(port: int, data_dir: Path, connections: Sequence[int], seconds: float, rounds: int) -> None:
    key = furnish(port, data_dir)
    numbers = count()
    Load(port, connections[0], seconds).rate(lambda: checkouts(key, f"warm-{os.getpid()}", numbers))
    print(f"\n{rounds} rounds of {seconds:g} s, {os.cpu_count()} cores, SQLite with each commit synced")
    print(f"{'what':44} {'requests/s':>10} {'lowest':>8} {'highest':>8} {'p50 ms':>8} {'p95 ms':>8}")
    for number in connections:
        _compare(Load(port, number, seconds), number, key, numbers, rounds)


def _compare(load: Load, connections: int, key: str, numbers: Iterator[int], rounds: int) -> None:
    empty: list[tuple[float, list[float]]] = []
    paid: list[tuple[float, list[float]]] = []
    for _ in range(rounds):
        empty.append(load.rate(no_ops))
        paid.append(load.rate(lambda: checkouts(key, f"bench-{os.getpid()}", numbers)))
    _print(f"no-op (GET /live), {connections} connections", empty)
    _print(f"checkout (scan + pay), {connections} connections", paid)
    ratio = median(rate for rate, _ in paid) / median(rate for rate, _ in empty)
    print(f"checkout / no-op: {ratio:.2f} (target {TARGET}); paid trays/s: {median(rate for rate, _ in paid) / 2:,.0f}")


def _print(name: str, runs: list[tuple[float, list[float]]]) -> None:
    rates = [rate for rate, _ in runs]
    latencies_s = sorted(latency for _, each in runs for latency in each)
    p50_ms, p95_ms = (latencies_s[len(latencies_s) * percent // 100] * 1000 for percent in (50, 95))
    print(f"{name:44} {median(rates):>10,.0f} {min(rates):>8,.0f} {max(rates):>8,.0f} {p50_ms:>8.2f} {p95_ms:>8.2f}")


if __name__ == "__main__":
    main()
