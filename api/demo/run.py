"""Plays the demo: a fresh store, the fixture street, a real server, a lunch over HTTP, the comparison at the end."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console

from api.checking import check_store
from api.clock import Clock, wall_clock_ms
from api.demo import show
from api.demo.lunch import LunchPlan, plan_lunch, read_credentials, read_trays
from api.demo.terminal import Terminal, TerminalTotals
from api.installation import open_installed_store
from api.local_api import use_local_api
from api.settings import PREFIX, Settings
from api.street_files import Street, read_street
from api.street_loading import StreetLoader
from engine.domain.calendar import business_day, instant_ms
from engine.domain.errors import SettingsError
from engine.domain.events import TrayScanned

_HOST: Final = "127.0.0.1"
_SERVER_TRIES: Final = 600
_BEGIN_MINUTE: Final = 10 * 60 + 58
_READING_PAGE: Final = 1_000
_STOPPING_S: Final = 20
_STORE_FILES: Final = ("*.sqlite3", "*.sqlite3-wal", "*.sqlite3-shm", "*.sqlite3-journal", "*.key")
INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What the command line asks of the demo."""

    once: bool
    fresh: bool
    data_dir: Path
    fixtures: Path
    port: int
    speed: int
    visits_per_lane: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoKeys:
    """The keys that the demo's terminals (by lane), cashiers (by canteen) and office use."""

    terminals: dict[str, str]
    cashiers: dict[str, str]
    finance: str
    manager: str


def play_demo(options: DemoOptions, out: Console) -> int:
    """Play one lunch and return the exit status: 0 if log, read models and terminals agree to the fen.

    Whoever presses Ctrl-C before that gets 0, or INTERRUPTED if the comparison was what he asked for.

    Raises:
        SettingsError: a fixture, the folder or the port cannot be used, or the server failed.
    """
    # A terminal that is closed and a `kill` end the demo as Ctrl-C does, so that no server is left behind.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        return _play_lunch(options, out)
    except KeyboardInterrupt:
        out.print("已停止 · stopped")
        return INTERRUPTED if options.once else 0


def _play_lunch(options: DemoOptions, out: Console) -> int:
    # What can be refused is refused before an earlier demo's store is deleted.
    _refuse_busy_port(options.port)
    street = read_street(options.fixtures / "street")
    trays = read_trays(options.fixtures / "trays")
    _prepare_folder(options)
    show.introduce(out, options.data_dir, options.port)
    # The lunch is today's, whatever the time is now: the server's clock starts shortly before it and runs fast.
    day_start_ms, day = _today(street)
    start_ms = day_start_ms + _BEGIN_MINUTE * 60_000
    keys = _load(options, street, day, start_ms, out)
    plan = plan_lunch(
        street.canteens,
        trays,
        read_credentials(options.fixtures / "street" / "residents.csv"),
        day_start_ms=day_start_ms,
        visits_per_lane=options.visits_per_lane,
        seed=options.seed,
    )
    base_url = f"http://{_HOST}:{options.port}"
    with _serving(options, start_ms) as server:
        try:
            agreed = asyncio.run(_play(options, base_url, street, plan, keys, server, start_ms, out))
        except httpx.TransportError as error:
            raise SettingsError(
                f"The server does not answer any more ({type(error).__name__}). If it said why, that stands above."
            ) from error
        if not options.once:
            show.invite(out, base_url, options.data_dir, keys.manager)
            with suppress(KeyboardInterrupt):
                server.wait()
    return 0 if agreed else 1


# --- before the lunch -------------------------------------------------------------------------------------------


def _prepare_folder(options: DemoOptions) -> None:
    folder = options.data_dir
    try:
        present = sorted(folder.iterdir()) if folder.exists() else []
        foreign = [path.name for path in present if path.is_dir() or not any(map(path.match, _STORE_FILES))]
        if foreign:
            raise SettingsError(
                f"{folder} holds {foreign[0]}, which is no part of a store. Give the demo a folder of its own."
            )
        if present and not options.fresh:
            raise SettingsError(
                f"{folder} holds the store of an earlier demo, which is not overwritten. Start over with "
                f"`make demo ARGS=--fresh`, or look at it with `canteen serve --data-dir {folder}`."
            )
        for path in present:
            path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used ({error.strerror}). Give another with --data-dir.") from error


def _refuse_busy_port(port: int) -> None:
    with socket.socket() as probe:
        # As the server does, so that connections of an earlier run that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} is in use ({error.strerror}). Stop what listens there, or take another: --port 8001."
            ) from error


def _today(street: Street) -> tuple[int, date]:
    offset_minutes = street.canteens[0].utc_offset_minutes
    day = business_day(wall_clock_ms(), offset_minutes)
    return instant_ms(day, 0, offset_minutes), day


def _load(options: DemoOptions, street: Street, day: date, at_ms: int, out: Console) -> DemoKeys:
    """Load the fixture street into the fresh store and issue the keys that the demo's terminals and people use."""

    async def load(loader: StreetLoader) -> DemoKeys:
        with show.loading(out) as told:
            await loader.load_canteens(street.canteens)
            for number, ((canteen_id, period), menu) in enumerate(street.menus.items(), start=1):
                await loader.load_menu(canteen_id, day, period, menu)
                told("菜单 menus", number, len(street.menus))
            rules = sorted((options.fixtures / "rules").glob("*.toml"))
            for number, path in enumerate(rules, start=1):
                await loader.load_rules(path)
                told("优惠规则 rules", number, len(rules))
            told("居民 residents", 0, 1)
            await loader.load_residents(options.fixtures / "street" / "residents.csv")
            told("居民 residents", 1, 1)
            await loader.enrol_folder(
                street, options.fixtures / "photos", lambda _, at, of: told("菜品照片 dishes", at, of)
            )
            return await _issue_keys(street, loader)

    settings = Settings(data_dir=options.data_dir, recognition_threads=os.cpu_count() or 1)
    return use_local_api(settings, load, Clock(start_ms=at_ms))


async def _issue_keys(street: Street, loader: StreetLoader) -> DemoKeys:
    terminals, cashiers = {}, {}
    for profile in street.canteens:
        cashiers[profile.canteen_id] = await loader.issue_key(
            "cashier", f"收银员 {profile.name_zh}", canteen_id=profile.canteen_id
        )
        for lane in profile.lanes:
            terminals[lane.lane_id] = await loader.issue_key(
                "terminal", f"{profile.name_zh} {lane.name_zh}", canteen_id=profile.canteen_id, lane_id=lane.lane_id
            )
    return DemoKeys(
        terminals=terminals,
        cashiers=cashiers,
        finance=await loader.issue_key("finance", "财务 demo"),
        manager=await loader.issue_key("manager", "管理 demo"),
    )


@contextmanager
def _serving(options: DemoOptions, start_ms: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {
        "CANTEEN_DATA_DIR": str(options.data_dir),
        "CANTEEN_PORT": str(options.port),
        "CANTEEN_CLOCK_START": datetime.fromtimestamp(start_ms / 1000, UTC).isoformat(),
        "CANTEEN_CLOCK_SPEED": str(options.speed),
    }
    # A session of its own: Ctrl-C reaches the demo, which then stops the server in order. What goes wrong is told on
    # stderr; that it serves is told by the demo.
    server = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "serve"],
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=_STOPPING_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            server.kill()
            server.wait()


# --- the lunch --------------------------------------------------------------------------------------------------


async def _play(
    options: DemoOptions,
    base_url: str,
    street: Street,
    plan: LunchPlan,
    keys: DemoKeys,
    server: subprocess.Popen[bytes],
    start_ms: int,
    out: Console,
) -> bool:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(base_url=base_url, timeout=120, limits=limits) as client:
        await _until_live(client, server)
        # The terminals' clocks start a little later than the server's, so no event ever lies in its future.
        clock = Clock(start_ms=start_ms, speed=options.speed)
        totals = TerminalTotals()
        with show.Lunch(out, street, plan) as board:
            await asyncio.gather(
                *(
                    Terminal(
                        client,
                        clock,
                        terminal_key=keys.terminals[lane.lane_id],
                        cashier_key=keys.cashiers[profile.canteen_id],
                        totals=totals,
                        tell=board.finished,
                    ).play(plan.by_lane[lane.lane_id])
                    for profile in street.canteens
                    for lane in profile.lanes
                )
            )
        return await _compare(options, client, keys, street, plan, totals, out)


async def _until_live(client: httpx.AsyncClient, server: subprocess.Popen[bytes]) -> None:
    for _ in range(_SERVER_TRIES):
        if server.poll() is not None:
            raise SettingsError("The server ended while it started; its message stands above.")
        try:
            if (await client.get("/live")).is_success:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise SettingsError("The server did not answer within a minute.")


# --- after the lunch --------------------------------------------------------------------------------------------


async def _compare(
    options: DemoOptions,
    client: httpx.AsyncClient,
    keys: DemoKeys,
    street: Street,
    plan: LunchPlan,
    totals: TerminalTotals,
    out: Console,
) -> bool:
    """Show the three read models, and compare terminals, read models and log."""
    day = business_day(plan.from_ms, street.canteens[0].utc_offset_minutes).isoformat()
    ask = _Asker(client)
    by_canteen = await ask.get("/v1/totals", keys.finance, by="canteen_id,tender")
    whole = await ask.get("/v1/totals", keys.finance)
    ledger = await ask.get("/v1/ledger", keys.finance)
    queues = {
        profile.canteen_id: await ask.get(
            "/v1/metrics/queue", keys.manager, canteen_id=profile.canteen_id, business_day=day
        )
        for profile in street.canteens
    }
    show.totals(out, street, by_canteen["rows"])
    show.ledger(out, ledger)
    show.queues(out, street, queues)
    settings = Settings(data_dir=options.data_dir)
    with show.checking(out) as told:
        checked = await asyncio.to_thread(check_store, settings, told)
    reading_us = await asyncio.to_thread(_reading_times_us, settings)
    show.timings(out, reading_us, totals)
    show.outcomes(out, totals)
    return show.agreement(out, checked, whole["rows"], totals)


class _Asker:
    """Asks the server's reports."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, key: str, **params: str) -> dict[str, Any]:
        response = await self._client.get(path, params=params, headers={"Authorization": f"Bearer {key}"})
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def _reading_times_us(settings: Settings) -> list[int]:
    """Return how long each tray of the lunch took to be read, as the log says, in microseconds."""
    store = open_installed_store(settings)
    try:
        times_us: list[int] = []
        position = 0
        while page := store.log.read_after(position, _READING_PAGE, {TrayScanned.TOPIC}):
            for recorded in page:
                position = recorded.position
                if isinstance(recorded.event, TrayScanned):
                    spent = recorded.event.timings
                    times_us.append(spent.decode_us + spent.detect_us + spent.embed_us + spent.match_us)
        return times_us
    finally:
        store.close()
