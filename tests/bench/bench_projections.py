"""Catch-up of each read model from an empty start, against reading the same log, in one run.

`python -m tests.bench.bench_projections [--events 200000] [--postgres]`
Events per second count all events of the log that the model is brought past, whether or not it looks at them. Each
figure is the median of three runs, with the lowest and highest beside it.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import count
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from sqlalchemy import Engine

from engine.application.store import EventStore, StoreSettings, open_store
from projections.batches import BATCH_EVENTS
from projections.catalogue import build_projections
from projections.database import open_read_models
from projections.projection import Projection
from projections.runner import ProjectionRunner
from tests.support.log_filling import filling
from tests.support.lunch import Lunch, serve
from tests.support.postgres import PostgresServer

RUNS = 3
PEPPER = b"bench-pepper-bench-pepper"


def main() -> None:
    """Measure and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=200_000)
    arguments.add_argument("--postgres", action="store_true", help="measure PostgreSQL too")
    options = arguments.parse_args()
    with TemporaryDirectory() as directory:
        files = (f"sqlite:///{directory}/read-{number}.sqlite" for number in count())
        _measure("SQLite", f"sqlite:///{directory}/log.sqlite", lambda: open_read_models(next(files)), options.events)
    if options.postgres:
        with PostgresServer() as server, server.database() as url:
            schemas = (f"read_models_{number}" for number in count())
            _measure("PostgreSQL", url, lambda: open_read_models(url, next(schemas)), options.events)


def _measure(name: str, store_url: str, new_engine: Callable[[], Engine], events: int) -> None:
    with closing(open_store(StoreSettings(url=store_url, pepper=PEPPER))) as store:
        head = _fill(store, events)
        print(f"\n{name}: {head:,} events of a lunch, batches of {BATCH_EVENTS:,}")
        print(f"{'what':34} {'events/s':>10} {'lowest':>10} {'highest':>10} {'of raw scan':>12}")
        raw = [_rate(head, lambda: _scan_raw(store)) for _ in range(RUNS)]
        _print("raw scan (rows, no decoding)", raw, raw)
        _print("scan + decode", [_rate(head, lambda: _scan_decoded(store)) for _ in range(RUNS)], raw)
        for projection in build_projections():
            rates = [_catch_up(store, head, new_engine(), (projection,)) for _ in range(RUNS)]
            _print(projection.name, rates, raw)
        rates = [_catch_up(store, head, new_engine(), build_projections()) for _ in range(RUNS)]
        _print("all four in one pass", rates, raw)


def _rate(events: int, work: Callable[[], object]) -> float:
    begun = perf_counter()
    work()
    return events / (perf_counter() - begun)


def _print(what: str, rates: list[float], raw: list[float]) -> None:
    share = median(rates) / median(raw)
    print(f"{what:34} {median(rates):>10,.0f} {min(rates):>10,.0f} {max(rates):>10,.0f} {share:>11.2f}x", flush=True)


def _fill(store: EventStore, events: int) -> int:
    lunch, random = Lunch(), Random(7)
    number = position = 0
    with filling(store) as filler:
        while position < events:
            for _ in range(500):
                number += 1
                serve(lunch, random, f"{random.getrandbits(128):032x}", f"lane-{number % 3}", residents=2_000)
            position = filler.append(lunch.groups)
            lunch.groups.clear()
            lunch.checkouts.clear()
    return position


def _scan_raw(store: EventStore) -> None:
    position = 0
    while rows := store.reader.event_rows(position, BATCH_EVENTS):
        position = rows[-1].position


def _scan_decoded(store: EventStore) -> None:
    position = 0
    while events := store.log.read_after(position, BATCH_EVENTS):
        position = events[-1].position


def _catch_up(store: EventStore, events: int, engine: Engine, projections: Sequence[Projection]) -> float:
    runner = ProjectionRunner(store.log, engine, projections)
    rate = _rate(events, runner.catch_up)
    engine.dispose()
    return rate


if __name__ == "__main__":
    main()
