"""Durable commands per second of the write path against the raw drivers and the library's `save()`, in one run.

`python -m tests.bench.bench_store [--seconds 2] [--rounds 3] [--events 200000] [--full] [--only sqlite|postgresql]`
A command is one atomic append of 4 events (137 to 252 bytes) over three streams: a new tray session, a wallet and an
entitlement of 200 residents. Every system stores the same bytes, waits for the disk at each commit, and is driven by as
many callers as the column says. The systems alternate within each round; a figure is the median of the rounds.
The second table compares a fresh log with one of many events (--full: a million), round by round.
"""

import argparse
import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import LifoQueue
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any
from uuid import UUID, uuid5

import psycopg
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event

from engine.application.decision import Decision, Handlers, States, StreamAppend
from engine.application.store import EventStore, StoreSettings, open_store
from engine.application.writer import CommandWriter
from engine.deciders.stream_type import StreamType
from engine.domain.commands import Command
from engine.domain.events import CredentialBlocked, DinerIdentified, DishAdded, Event, WalletCharged
from engine.domain.ids import checkout_stream, entitlement_stream, wallet_stream
from tests.support.event_examples import EXAMPLES, TERMINAL
from tests.support.postgres import PostgresServer

CALLERS = (1, 8, 32, 128)
RESIDENTS = 200
POSTGRES_CONNECTIONS = 64
PEPPER = b"bench-pepper-bench-pepper"
EXAMPLE = {type(example): example for example in EXAMPLES}
SESSION_EVENTS = (EXAMPLE[DishAdded], EXAMPLE[DinerIdentified])
WALLET_EVENTS = (EXAMPLE[WalletCharged],)
ENTITLEMENT_EVENTS = (EXAMPLE[CredentialBlocked],)
YOUNG_EVENTS = 1_000
GROWN_EVENTS = 40_000
FLATNESS_CALLERS = 32
FLATNESS_COMMANDS = 2_000
FILL_COMMANDS_AT_ONCE = 1_000

Attempt = Callable[[int, float], float]
"""Runs so many callers for so many seconds and returns commands per second."""


# --- the write path ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve(Command):
    """Everything that one tray session writes."""

    checkout_id: str
    resident_id: str


def evolve(state: int, happened: Event) -> int:
    return state + 1


SESSION, WALLET, ENTITLEMENT = (StreamType(initial=0, evolve=evolve) for _ in ("checkout", "wallet", "entitlement"))


def serve(command: Serve, states: States) -> Decision:
    appends = (
        StreamAppend(stream_type=SESSION, stream=checkout_stream(command.checkout_id), events=SESSION_EVENTS),
        StreamAppend(stream_type=WALLET, stream=wallet_stream(command.resident_id), events=WALLET_EVENTS),
        StreamAppend(
            stream_type=ENTITLEMENT, stream=entitlement_stream(command.resident_id), events=ENTITLEMENT_EVENTS
        ),
    )
    sizes = [states.get(append.stream_type, append.stream) for append in appends]
    return Decision(appends=appends, answer={"checkout_id": command.checkout_id, "sizes": sizes})


HANDLERS: Handlers = {Serve: serve}


def serve_command(number: int) -> Serve:
    """Return a command whose ids grow with time, as terminals choose them (UUID version 7)."""
    checkout_id = f"019abf6e-{number:012d}"
    return Serve(
        command_id=f"{checkout_id}-pay",
        at_ms=1_764_042_300_000 + number,
        by=TERMINAL,
        checkout_id=checkout_id,
        resident_id=f"{number * 7 % RESIDENTS:032d}",
    )


async def _submit_until(writer: CommandWriter, numbers: Iterator[int], callers: int, until_s: float) -> int:
    done = 0

    async def caller() -> None:
        nonlocal done
        while perf_counter() < until_s:
            await writer.submit(serve_command(next(numbers)))
            done += 1

    await asyncio.gather(*(caller() for _ in range(callers)))
    return done


@contextmanager
def write_path(url: str) -> Iterator[Attempt]:
    """The write path of this product."""
    numbers = count()
    with opened(url) as (_, writer):

        def attempt(callers: int, seconds: float) -> float:
            started_s = perf_counter()
            done = asyncio.run(_submit_until(writer, numbers, callers, started_s + seconds))
            return done / (perf_counter() - started_s)

        yield attempt


@contextmanager
def opened(url: str) -> Iterator[tuple[EventStore, CommandWriter]]:
    """A store with a running writer."""
    with closing(open_store(StoreSettings(url=url, pepper=PEPPER))) as store:
        writer = CommandWriter(store, HANDLERS)
        writer.start()
        try:
            yield store, writer
        finally:
            writer.stop()


# --- the raw drivers --------------------------------------------------------------------------------------------


class Rows:
    """Gives each command's four rows; a caller has wallets and entitlements of its own, so that none conflicts."""

    def __init__(self, codec_rows: list[tuple[str, bytes]]) -> None:
        self._stored = codec_rows
        self._numbers = count()
        self._versions: dict[str, int] = {}
        self._lock = threading.Lock()

    def next(self, caller: int) -> list[tuple[str, int, str, bytes]]:
        """Return (stream, version, topic, state) of one command."""
        with self._lock:
            number = next(self._numbers)
            resident = f"{caller:04d}-{number * 7 % RESIDENTS:027d}"
            version = self._versions[resident] = self._versions.get(resident, 0) + 1
        places = (
            (f"checkout-019abf6e-{number:012d}", 1),
            (f"checkout-019abf6e-{number:012d}", 2),
            (wallet_stream(resident), version),
            (entitlement_stream(resident), version),
        )
        return [(*place, *stored) for place, stored in zip(places, self._stored, strict=True)]


def _rows(url: str) -> Rows:
    with closing(open_store(StoreSettings(url=url, pepper=PEPPER))) as store:
        return Rows([store.codec.encode(e) for e in (*SESSION_EVENTS, *WALLET_EVENTS, *ENTITLEMENT_EVENTS)])


def _threads_until(callers: int, seconds: float, one: Callable[[int], None]) -> float:
    started_s = perf_counter()

    def caller(number: int) -> int:
        done = 0
        while perf_counter() < started_s + seconds:
            one(number)
            done += 1
        return done

    with ThreadPoolExecutor(callers) as threads:
        done = sum(threads.map(caller, range(callers)))
    return done / (perf_counter() - started_s)


@contextmanager
def raw_sqlite(url: str) -> Iterator[Attempt]:
    """One connection, one transaction a command, callers in turn: the fastest that the driver alone can do."""
    rows = _rows(url)
    lock = threading.Lock()
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("PRAGMA synchronous = FULL")

        def one(caller: int) -> None:
            with lock:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO stored_events VALUES (?, ?, ?, ?)", rows.next(caller))
                connection.execute("COMMIT")

        yield lambda callers, seconds: _threads_until(callers, seconds, one)


@contextmanager
def raw_postgres(url: str) -> Iterator[Attempt]:
    """One transaction a command; callers share as many connections as the server takes."""
    rows = _rows(url)
    with ExitStack() as stack:
        idle: LifoQueue[psycopg.Connection[Any]] = LifoQueue()
        for _ in range(POSTGRES_CONNECTIONS):
            idle.put(stack.enter_context(psycopg.connect(url, autocommit=True)))

        def one(caller: int) -> None:
            connection = idle.get()
            with connection.pipeline(), connection.transaction():
                connection.cursor().executemany(
                    "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
                    " VALUES (%s, %s, %s, %s)",
                    rows.next(caller),
                )
            idle.put(connection)

        yield lambda callers, seconds: _threads_until(callers, seconds, one)


# --- the library's own way --------------------------------------------------------------------------------------


class Session(Aggregate):
    """A tray session of two events."""

    @event("Opened")
    def __init__(self, number: int, payload: str) -> None:
        self.number = number

    @staticmethod
    def create_id(number: int) -> UUID:
        return uuid5(UUID(int=1), str(number))

    @event("Recorded")
    def record(self, payload: str) -> None:
        pass


class Account(Aggregate):
    """A wallet, or an entitlement."""

    @event("Opened")
    def __init__(self, name: str) -> None:
        self.name = name

    @staticmethod
    def create_id(name: str) -> UUID:
        return uuid5(UUID(int=2), name)

    @event("Recorded")
    def record(self, payload: str) -> None:
        pass


# What the library adds to a payload of its own (time, ids, quotes), taken off so that the stored bytes are the same.
LIBRARY_BYTES = 105
PAYLOADS = tuple("x" * (size - LIBRARY_BYTES) for size in (230, 252, 233, 137))


class Lunch(Application[UUID]):
    """Keeps its accounts in memory, as the write path does."""

    def serve(self, number: int, wallet: Account, entitlement: Account) -> None:
        session = Session(number, PAYLOADS[0])
        session.record(PAYLOADS[1])
        wallet.record(PAYLOADS[2])
        entitlement.record(PAYLOADS[3])
        self.save(session, wallet, entitlement)


@contextmanager
def library_save(environment: dict[str, str]) -> Iterator[Attempt]:
    """The library's `save()` with its JSON, each caller with accounts of its own."""
    lunch = Lunch(env=environment)
    numbers = count()
    accounts: dict[str, Account] = {}

    def account(name: str) -> Account:
        if name not in accounts:
            try:
                accounts[name] = lunch.repository.get(Account.create_id(name))
            except AggregateNotFoundError:
                accounts[name] = Account(name)
        return accounts[name]

    def one(caller: int) -> None:
        number = next(numbers)
        resident = f"{caller}-{number * 7 % RESIDENTS}"
        lunch.serve(number, account(wallet_stream(resident)), account(entitlement_stream(resident)))

    try:
        yield lambda callers, seconds: _threads_until(callers, seconds, one)
    finally:
        lunch.close()


# --- measuring --------------------------------------------------------------------------------------------------


def compare(title: str, systems: dict[str, Attempt], seconds: float, rounds: int) -> None:
    """Print commands per second of each system at each number of callers."""
    print(f"\n{title}: durable commands/s of 4 events, by concurrent callers ({rounds} rounds of {seconds:g} s)")
    print(f"{'':34}" + "".join(f"{callers:>9}" for callers in CALLERS))
    figures: dict[str, list[float]] = {name: [] for name in systems}
    for callers in CALLERS:
        measured: dict[str, list[float]] = {name: [] for name in systems}
        for _ in range(rounds):
            for name, attempt in systems.items():
                measured[name].append(attempt(callers, seconds))
        for name, each in measured.items():
            figures[name].append(median(each))
    for name, each in figures.items():
        print(f"{name:34}" + "".join(f"{figure:>9,.0f}" for figure in each))
    own, *others = figures
    for name in others:
        ratios = [mine / theirs for mine, theirs in zip(figures[own], figures[name], strict=True)]
        print(f"{'  write path / ' + name:34}" + "".join(f"{ratio:>8.2f}x" for ratio in ratios))


def fill(writer: CommandWriter, first: int, commands: int) -> None:
    """Store so many commands."""

    async def submit_all(numbers: range) -> None:
        await asyncio.gather(*(writer.submit(serve_command(number)) for number in numbers))

    for start in range(first, first + commands, FILL_COMMANDS_AT_ONCE):
        asyncio.run(submit_all(range(start, min(start + FILL_COMMANDS_AT_ONCE, first + commands))))


def checkpoint(url: str) -> None:
    """Empty the database's write-ahead log, so that both logs have as much of that work before them."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    else:
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("CHECKPOINT")


def timed(url: str, writer: CommandWriter, numbers: Iterator[int]) -> tuple[float, float]:
    """Return the wall and processor microseconds a command of 2,000 commands from 32 callers."""
    checkpoint(url)

    async def callers() -> None:
        left = iter(range(FLATNESS_COMMANDS))

        async def caller() -> None:
            for _ in left:
                await writer.submit(serve_command(next(numbers)))

        await asyncio.gather(*(caller() for _ in range(FLATNESS_CALLERS)))

    wall_s, processor_s = perf_counter(), process_time()
    asyncio.run(callers())
    return (
        (perf_counter() - wall_s) * 1_000_000 / FLATNESS_COMMANDS,
        (process_time() - processor_s) * 1_000_000 / FLATNESS_COMMANDS,
    )


def flatness(title: str, fresh: Callable[[], Any], urls: dict[int, str], rounds: int) -> None:
    """Print the cost of a command on a log of a thousand events beside logs of many.

    Args:
        fresh: gives the address of an empty store.
        urls: the addresses of empty stores by the number of events to fill them with.
    """
    measured: dict[int, list[tuple[float, float]]] = {YOUNG_EVENTS: [], **{events: [] for events in urls}}
    with ExitStack() as stack:
        grown: dict[int, tuple[CommandWriter, Iterator[int]]] = {}
        for events, url in urls.items():
            _, writer = stack.enter_context(opened(url))
            fill(writer, 0, events // 4)
            grown[events] = (writer, count(events // 4))
        for _ in range(rounds):
            with fresh() as young_url, opened(young_url) as (_, young_writer):
                fill(young_writer, 0, YOUNG_EVENTS // 4)
                measured[YOUNG_EVENTS].append(timed(young_url, young_writer, count(YOUNG_EVENTS // 4)))
            for events, (writer, numbers) in grown.items():
                measured[events].append(timed(urls[events], writer, numbers))
    print(f"\n{title}: cost of a command by events in the log, {FLATNESS_CALLERS} callers, median of {rounds} rounds")
    print(f"{'events':>10}{'us':>8}{'us of processor':>18}{'against 1,000 events':>32}")
    for events, each in measured.items():
        ratios = [own[0] / young[0] for own, young in zip(each, measured[YOUNG_EVENTS], strict=True)]
        print(
            f"{events:>10,}{median(wall for wall, _ in each):>8.1f}{median(used for _, used in each):>18.1f}"
            f"{median(ratios):>14.3f}x ({min(ratios):.3f} to {max(ratios):.3f})"
        )


def main() -> None:
    """Measure and print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=2.0, help="of each attempt")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--events", type=int, default=200_000, help="in the log whose cost is compared")
    arguments.add_argument("--full", action="store_true", help="compare with a log of a million events")
    arguments.add_argument("--only", choices=("sqlite", "postgresql"))
    arguments.add_argument("--directory", type=Path, help="where to put the SQLite files (a real disk)")
    options = arguments.parse_args()
    events = 1_000_000 if options.full else options.events
    print(
        f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; SQLite {sqlite3.sqlite_version}, synchronous=FULL"
    )

    with TemporaryDirectory(dir=options.directory) as directory:
        files = (f"{directory}/log-{number}.sqlite3" for number in count())
        if options.only != "postgresql":
            with ExitStack() as stack:
                systems = {
                    "write path": stack.enter_context(write_path(f"sqlite:///{next(files)}")),
                    "raw sqlite3, one transaction each": stack.enter_context(raw_sqlite(f"sqlite:///{next(files)}")),
                    "library save()": stack.enter_context(
                        library_save({"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": next(files)})
                    ),
                }
                compare("SQLite", systems, options.seconds, options.rounds)

            @contextmanager
            def fresh_file() -> Iterator[str]:
                yield f"sqlite:///{next(files)}"

            urls = {size: f"sqlite:///{next(files)}" for size in (GROWN_EVENTS, events)}
            flatness("SQLite", fresh_file, urls, 2 * options.rounds + 1)
        if options.only != "sqlite":
            with PostgresServer() as server, ExitStack() as stack:
                with psycopg.connect(server.url) as connection:
                    print(f"\nPostgreSQL {connection.info.server_version // 10_000}, synchronous_commit=on")
                own, raw, library = (stack.enter_context(server.database()) for _ in range(3))
                address = psycopg.conninfo.conninfo_to_dict(library)
                systems = {
                    "write path": stack.enter_context(write_path(own)),
                    "raw psycopg, one transaction each": stack.enter_context(raw_postgres(raw)),
                    "library save()": stack.enter_context(
                        library_save(
                            {
                                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                                "POSTGRES_DBNAME": str(address["dbname"]),
                                "POSTGRES_HOST": str(address["host"]),
                                "POSTGRES_PORT": "5432",
                                "POSTGRES_USER": "postgres",
                                "POSTGRES_PASSWORD": "",
                                "POSTGRES_POOL_SIZE": "10",
                            }
                        )
                    ),
                }
                compare("PostgreSQL", systems, options.seconds, options.rounds)
                urls = {size: stack.enter_context(server.database()) for size in (GROWN_EVENTS, events)}
                flatness("PostgreSQL", server.database, urls, 2 * options.rounds + 1)


if __name__ == "__main__":
    main()
