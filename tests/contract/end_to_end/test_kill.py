"""The server is killed in the middle of payments, again and again: what it acknowledged is there once, and no more."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import httpx

from api.installation import open_existing_store, open_person_vault
from engine.application.store import EventStore
from engine.deciders.wallet import WALLET
from engine.domain.events import BillPaid, WalletCharged
from engine.domain.ids import checkout_stream, wallet_stream
from tests.contract.end_to_end.conftest import OPENING_FEN, RESIDENTS, man_counters
from tests.support.command_line import Installation, Served, new_id

KILLS = 3
PAYERS = 16
ACKNOWLEDGED_BY_ONE_BEFORE_A_KILL = 3
TENDERS = ("wallet", "face", "cash")


@dataclass(slots=True)
class Attempt:
    """One payment that was sent; `answer` is None as long as no answer came."""

    checkout_id: str
    resident: int
    body: dict[str, Any]
    command_id: str = field(default_factory=new_id)
    answer: dict[str, Any] | None = None


def pay_until_the_server_dies(served: Served, payer: int, attempts: list[Attempt], enough: threading.Event) -> None:
    """One counter: tray after tray, until a request is not answered any more."""
    try:
        while True:
            number = len(attempts)
            resident = (payer + number) % RESIDENTS + 1
            tender = TENDERS[(payer + number) % len(TENDERS)]
            checkout_id = new_id()
            assert served.scan(checkout_id, key="terminal").is_success
            kind, code = ("face", "FACE") if tender == "face" else ("qr", "QR")
            shown = served.show(checkout_id, kind, f"DEMO-{code}-{resident:04d}", key="terminal")
            assert shown.is_success, shown.text
            body = served.payment(tender, shown.json()["due_fen"], f"DEMO-FACE-{resident:04d}")
            attempt = Attempt(checkout_id=checkout_id, resident=resident, body=body)
            attempts.append(attempt)
            send(served, attempt)
            if len(attempts) > ACKNOWLEDGED_BY_ONE_BEFORE_A_KILL:
                enough.set()
    except httpx.TransportError:
        return


def send(served: Served, attempt: Attempt) -> None:
    path = f"/v1/checkouts/{attempt.checkout_id}/payment"
    answer = served.post(path, attempt.body, key="terminal", command_id=attempt.command_id)
    assert answer.status_code == 200, answer.text
    assert attempt.answer is None or attempt.answer == answer.json()
    attempt.answer = answer.json()


@contextmanager
def opened(installation: Installation) -> Iterator[EventStore]:
    store = open_existing_store(installation.settings)
    try:
        yield store
    finally:
        store.close()


def test_every_acknowledged_payment_survives_kills_once(installation: Installation) -> None:
    attempts: list[Attempt] = []
    keys: dict[str, str] = {}
    for _ in range(KILLS):
        with installation.serving() as served, ThreadPoolExecutor(PAYERS) as threads:
            if not keys:
                man_counters(served)
                keys = served.keys
            served.keys.update(keys)
            fresh: list[list[Attempt]] = [[] for _ in range(PAYERS)]
            enough = threading.Event()
            storm = [
                threads.submit(pay_until_the_server_dies, served, payer, fresh[payer], enough)
                for payer in range(PAYERS)
            ]
            assert enough.wait(60), "the storm came to nothing"
            served.kill()
            for payments in storm:
                payments.result()
        attempts += chain.from_iterable(fresh)
    acknowledged = [attempt for attempt in attempts if attempt.answer is not None]
    assert len(acknowledged) >= KILLS * 10

    with opened(installation) as store:
        for attempt in acknowledged:
            assert len(payments_of(store, attempt)) == 1
        for attempt in attempts:
            assert len(payments_of(store, attempt)) <= 1

    with installation.serving() as served, ThreadPoolExecutor(PAYERS) as threads:
        served.keys.update(keys)
        # What was not answered is sent again; what was answered, too: the answer has to be the same.
        for future in [threads.submit(send, served, attempt) for attempt in attempts]:
            future.result()
        checked = installation.run("verify")
    checked.expect(0)  # the read models have caught up while the server ran

    with opened(installation) as store:
        assert store.verify_chain().intact
        paid = [recorded for recorded in events(store) if isinstance(recorded.event, BillPaid)]
        assert Counter(recorded.stream for recorded in paid) == Counter(
            checkout_stream(attempt.checkout_id) for attempt in attempts
        )
        assert charged_by_resident(installation, store) == Counter(
            {
                resident: sum(
                    attempt.body["amount_fen"]
                    for attempt in attempts
                    if attempt.resident == resident and attempt.body["tender"] in {"wallet", "face"}
                )
                for resident in range(1, RESIDENTS + 1)
            }
        )


def payments_of(store: EventStore, attempt: Attempt) -> list[BillPaid]:
    stream = store.log.read_stream(checkout_stream(attempt.checkout_id))
    return [recorded.event for recorded in stream if isinstance(recorded.event, BillPaid)]


def events(store: EventStore) -> Iterator[Any]:
    position = 0
    while page := store.log.read_after(position, 500):
        yield from page
        position = page[-1].position


def charged_by_resident(installation: Installation, store: EventStore) -> Counter[int]:
    """What left each wallet, added up from the log, after it was compared with the wallet's balance."""
    vault = open_person_vault(installation.settings)
    charged: Counter[int] = Counter()
    try:
        for resident in range(1, RESIDENTS + 1):
            stream = wallet_stream(vault.resident_id(f"E2E-{resident:04d}"))
            for recorded in store.log.read_stream(stream):
                if isinstance(recorded.event, WalletCharged):
                    charged[resident] += recorded.event.amount_fen
            assert store.state(WALLET, stream).balance_fen == OPENING_FEN - charged[resident]
    finally:
        vault.close()
    return charged
