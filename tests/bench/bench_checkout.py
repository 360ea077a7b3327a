"""What a whole checkout costs as the log grows: scan, identification and wallet payment through the real handlers.

A checkout is three durable commands of 6 events over the tray session, the wallet and the used benefits, from 32
concurrent callers on a SQLite file with synchronous=FULL. Every resident eats once a day, so that a log of a million
events is some three years of lunches. Young and grown logs take turns in one run.
"""

import argparse
import asyncio
import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

from engine.application.handlers import build_handlers
from engine.application.rule_files import read_rules
from engine.application.store import StoreSettings, open_store
from engine.application.vault import PersonVault
from engine.application.writer import CommandWriter
from engine.deciders.wallet import WALLET
from engine.domain import commands
from engine.domain.actor import Actor
from engine.domain.events import ReadingSource, TopUpSource
from engine.domain.ids import wallet_stream
from engine.domain.resident import CredentialKind, PersonRecord
from tests.unit.engine.examples import ADMIN, DAY, MENU, NOON_MS, POLICY, TERMINAL, facts, profile, reading, sighting

RESIDENTS = 150
CALLERS = 32
OPENING_FEN = 500_000
DAY_MS = 86_400_000
RULES = Path(__file__).parents[2] / "fixtures" / "rules" / "caoyang-2020-09.toml"
TRAY = reading(
    sighting("paigu", "mifan", "doufu"), sighting("mifan", "doufu", "bocai"), sighting("doufu", "bocai", "mifan")
)


class Canteen:
    """One open store with its writer, its residents, and checkouts that go on where the last ones ended."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._vault = PersonVault.open(folder / "keys.sqlite3", b"m" * 32)
        self.store = open_store(StoreSettings(url=f"sqlite:///{folder / 'log.sqlite3'}", pepper=b"p" * 32))
        self.writer = CommandWriter(self.store, build_handlers(self._vault, POLICY))
        self.writer.start()
        self._numbers = count()
        self._visits = count()
        self.writer.execute(commands.OpenCanteen(**self._said(ADMIN), profile=profile("lanxi")))
        self._last_day = -1
        for rule in read_rules(RULES):
            self.writer.execute(commands.PublishBenefitRule(**self._said(ADMIN), rule=rule))
        self._people = [self._register(f"CY-{number:06d}") for number in range(RESIDENTS)]

    def _said(self, by: Actor = TERMINAL, day: int = 0) -> dict[str, Any]:
        return {"command_id": f"019abf6e-{next(self._numbers):012d}", "at_ms": NOON_MS + day * DAY_MS, "by": by}

    async def _begin_day(self, day: int) -> None:
        self._last_day = day
        await self.writer.submit(
            commands.PublishMenu(
                **self._said(ADMIN, day),
                canteen_id="lanxi",
                business_day=DAY + timedelta(days=day),
                meal_period="lunch",
                items=tuple(MENU.values()),
            )
        )

    def _register(self, number: str) -> tuple[str, str]:
        resident_id = self._vault.resident_id(number)
        credential_id = self._vault.credential_id(CredentialKind.ELDER_CARD, number)
        record = PersonRecord(external_id=number, name="", facts=facts())
        self.writer.execute(commands.RegisterResident(**self._said(ADMIN), resident_id=resident_id, record=record))
        self.writer.execute(
            commands.IssueCredential(
                **self._said(ADMIN),
                credential_id=credential_id,
                kind=CredentialKind.ELDER_CARD,
                resident_id=resident_id,
            )
        )
        return resident_id, credential_id

    def top_up(self) -> None:
        """Fill every wallet, so that no payment is refused."""
        for resident_id, _ in self._people:
            balance_fen = self.writer.state(WALLET, wallet_stream(resident_id)).balance_fen
            if balance_fen < OPENING_FEN:
                self.writer.execute(
                    commands.TopUpWallet(
                        **self._said(ADMIN),
                        resident_id=resident_id,
                        amount_fen=OPENING_FEN - balance_fen,
                        source=TopUpSource.TRANSFER,
                    )
                )

    async def _check_out(self) -> None:
        number = next(self._visits)
        checkout_id = f"019abf6e-0000-{number:012d}"
        day, seat = divmod(number, RESIDENTS)
        if day > self._last_day:
            await self._begin_day(day)
        _, credential_id = self._people[seat * 7 % RESIDENTS]
        await self.writer.submit(
            commands.ScanTray(
                **self._said(day=day),
                checkout_id=checkout_id,
                canteen_id="lanxi",
                lane_id="lanxi-1",
                placed_at_ms=NOON_MS + day * DAY_MS,
                source=ReadingSource.TERMINAL,
                menu_version=1,
                reading=TRAY,
            )
        )
        shown = await self.writer.submit(
            commands.IdentifyDiner(**self._said(day=day), checkout_id=checkout_id, credential_id=credential_id)
        )
        await self.writer.submit(
            commands.PayByWallet(
                **self._said(day=day),
                checkout_id=checkout_id,
                amount_fen=shown.value["due_fen"],
                pay_started_at_ms=NOON_MS + day * DAY_MS,
            )
        )

    def check_out(self, checkouts: int) -> None:
        """Serve so many diners from 32 callers."""

        async def serve() -> None:
            left = iter(range(checkouts))

            async def lane() -> None:
                for _ in left:
                    await self._check_out()

            await asyncio.gather(*(lane() for _ in range(CALLERS)))

        asyncio.run(serve())

    def close(self) -> None:
        """Stop and close everything."""
        self.writer.stop()
        self.store.close()
        self._vault.close()


@contextmanager
def canteen(folder: Path) -> Iterator[Canteen]:
    """A canteen whose wallets are full."""
    opened = Canteen(folder)
    try:
        yield opened
    finally:
        opened.close()


def grow(opened: Canteen, events: int) -> None:
    """Serve diners until the log holds so many events."""
    while (missing := events - opened.store.log.head_position()) > 0:
        opened.top_up()
        opened.check_out(max(1, min(missing // 6, RESIDENTS * 200)))


def timed(opened: Canteen, checkouts: int) -> tuple[float, float]:
    """Return the wall and processor microseconds of one checkout."""
    opened.top_up()
    gc.collect()
    wall_s, processor_s = perf_counter(), process_time()
    opened.check_out(checkouts)
    return (perf_counter() - wall_s) * 1e6 / checkouts, (process_time() - processor_s) * 1e6 / checkouts


def main() -> None:
    """Measure and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=100_000, help="in the grown log")
    arguments.add_argument("--full", action="store_true", help="a grown log of a million events")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--checkouts", type=int, default=600, help="in each round")
    options = arguments.parse_args()
    grown_events = 1_000_000 if options.full else options.events
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    young: list[tuple[float, float]] = []
    grown: list[tuple[float, float]] = []
    with TemporaryDirectory() as directory, ExitStack() as stack:
        old = stack.enter_context(canteen(Path(directory, "old")))
        grow(old, grown_events)
        for number in range(options.rounds):
            with canteen(Path(directory, f"young-{number}")) as fresh:
                fresh.top_up()
                young.append(timed(fresh, options.checkouts))
            grown.append(timed(old, options.checkouts))
        events = old.store.log.head_position()
    ratios = sorted(after[0] / before[0] for before, after in zip(young, grown, strict=True))
    print(f"one checkout = 3 durable commands, {CALLERS} callers, median of {options.rounds} rounds")
    print(f"{'events':>10}{'us':>10}{'us of processor':>18}")
    for size, each in ((1_000, young), (events, grown)):
        print(f"{size:>10,}{median(wall for wall, _ in each):>10.0f}{median(used for _, used in each):>18.0f}")
    print(f"grown / young: {median(ratios):.3f}x ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    main()
