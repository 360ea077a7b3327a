"""A street in memory: the real handlers and a real vault over streams in a dictionary."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from engine.application.decision import Decision, State
from engine.application.handlers import build_handlers
from engine.application.vault import PersonVault
from engine.deciders.stream_type import StreamType
from engine.domain import commands, ids
from engine.domain.actor import Actor
from engine.domain.benefit_rule import BenefitRule
from engine.domain.commands import Command
from engine.domain.events import Event, ReadingSource, TopUpSource, VoidCause
from engine.domain.reading import DishSighting
from engine.domain.resident import CredentialKind, EntitlementFacts, PersonRecord
from tests.unit.engine.examples import (
    ADMIN,
    CASHIER,
    DAY,
    DAY_MS,
    MENU,
    NOON_MS,
    POLICY,
    TERMINAL,
    profile,
    reading,
)
from tests.unit.engine.given import fold


@dataclass
class MemoryStates:
    """Streams in a dictionary; a state is the fold of its stream."""

    streams: dict[str, tuple[Event, ...]] = field(default_factory=dict)

    def get(self, stream_type: StreamType[State], stream: str) -> State:
        """Fold the stream."""
        state: State = fold(stream_type, self.streams.get(stream, ()))
        return state

    def append(self, decision: Decision) -> None:
        """Take all appends of a decision."""
        for one in decision.appends:
            assert one.events
            self.streams[one.stream] = (*self.streams.get(one.stream, ()), *one.events)


class Street:
    """Two canteens with the same menu on three days; people and rules as a test adds them."""

    def __init__(self, vault: PersonVault) -> None:
        self.vault = vault
        self.handlers = build_handlers(vault, POLICY)
        self.states = MemoryStates()
        self._command_count = 0
        for canteen_id in ("lanxi", "zaoyang"):
            self.do(commands.OpenCanteen(**self.said(ADMIN), profile=profile(canteen_id)))
            for day in (DAY, date(2026, 11, 25), date(2026, 11, 30)):
                for meal_period in ("lunch", "dinner"):
                    self.do(
                        commands.PublishMenu(
                            **self.said(ADMIN),
                            canteen_id=canteen_id,
                            business_day=day,
                            meal_period=meal_period,
                            items=tuple(MENU.values()),
                        )
                    )

    def said(self, by: Actor = TERMINAL, at_ms: int = NOON_MS) -> dict[str, Any]:
        """What every command says, under an id of its own."""
        self._command_count += 1
        return {"command_id": f"command-{self._command_count}", "at_ms": at_ms, "by": by}

    def decide(self, command: Command) -> Decision:
        """Decide without storing."""
        return self.handlers[type(command)](command, self.states)

    def do(self, command: Command) -> dict[str, Any]:
        """Decide and store; return the answer."""
        decision = self.decide(command)
        self.states.append(decision)
        return decision.answer

    # --- people and rules ---------------------------------------------------------------------------------------

    def publish(self, *rules: BenefitRule) -> None:
        """Put rules in force."""
        for rule in rules:
            self.do(commands.PublishBenefitRule(**self.said(ADMIN), rule=rule))

    def register(
        self, facts: EntitlementFacts, *, name: str = "沈青团", number: str = "CY-1", balance_fen: int = 0
    ) -> str:
        """Register a person with an elder card, a face and a wallet; return the pseudonym."""
        resident_id = self.vault.resident_id(number)
        record = PersonRecord(external_id=number, name=name, facts=facts)
        self.do(commands.RegisterResident(**self.said(ADMIN), resident_id=resident_id, record=record))
        self.issue(resident_id, CredentialKind.ELDER_CARD, number)
        self.issue(resident_id, CredentialKind.FACE, number, consent_id="consent-7")
        if balance_fen:
            self.do(
                commands.TopUpWallet(
                    **self.said(CASHIER), resident_id=resident_id, amount_fen=balance_fen, source=TopUpSource.CASH
                )
            )
        return resident_id

    def issue(self, resident_id: str, kind: CredentialKind, number: str, **changes: Any) -> None:
        """Give a credential to a person."""
        credential_id = self.vault.credential_id(kind, number)
        self.do(
            commands.IssueCredential(
                **self.said(ADMIN), credential_id=credential_id, kind=kind, resident_id=resident_id, **changes
            )
        )

    def card(self, number: str = "CY-1") -> str:
        """The id of a person's elder card."""
        return self.vault.credential_id(CredentialKind.ELDER_CARD, number)

    def face(self, number: str = "CY-1") -> str:
        """The id of a person's face token."""
        return self.vault.credential_id(CredentialKind.FACE, number)

    def balance_fen(self, resident_id: str) -> int:
        """The balance after the last event of the wallet."""
        stream = self.states.streams.get(ids.wallet_stream(resident_id), ())
        return getattr(stream[-1], "balance_fen", 0) if stream else 0

    # --- a visit ------------------------------------------------------------------------------------------------

    def scan(
        self,
        checkout_id: str,
        *sightings: DishSighting,
        canteen_id: str = "lanxi",
        at_ms: int = NOON_MS,
        menu_version: int = 1,
    ) -> dict[str, Any]:
        """Put a tray on lane 1 of a canteen."""
        return self.do(
            commands.ScanTray(
                **self.said(at_ms=at_ms),
                checkout_id=checkout_id,
                canteen_id=canteen_id,
                lane_id=f"{canteen_id}-1",
                placed_at_ms=at_ms - 900,
                source=ReadingSource.SERVER,
                menu_version=menu_version,
                reading=reading(*sightings),
            )
        )

    def identify(self, checkout_id: str, credential_id: str) -> dict[str, Any]:
        """Show a credential."""
        return self.do(commands.IdentifyDiner(**self.said(), checkout_id=checkout_id, credential_id=credential_id))

    def payment(
        self, kind: type[commands.PayCheckout], checkout_id: str, amount_fen: int, **changes: Any
    ) -> commands.PayCheckout:
        """A payment command; every field of the kind has a valid value."""
        fields: dict[type[commands.PayCheckout], dict[str, Any]] = {
            commands.PayByFace: {"credential_id": self.face()},
            commands.PayByCard: {"acquirer": "unionpay", "acquirer_reference": "up-1"},
            commands.PayByQr: {"acquirer": "alipay", "acquirer_reference": "ali-1"},
            commands.PayByCash: {"received_fen": 10_000},
            commands.PayByWallet: {},
        }
        more = {**fields[kind], **changes}
        return kind(
            **self.said(at_ms=NOON_MS + 8_000),
            checkout_id=checkout_id,
            amount_fen=amount_fen,
            pay_started_at_ms=NOON_MS + 3_000,
            **more,
        )

    def pay(
        self, kind: type[commands.PayCheckout], checkout_id: str, amount_fen: int, **changes: Any
    ) -> dict[str, Any]:
        """Pay what was shown."""
        return self.do(self.payment(kind, checkout_id, amount_fen, **changes))

    def refund(self, checkout_id: str, *item_ids: int) -> dict[str, Any]:
        """Refund items, or all that is left."""
        return self.do(
            commands.RefundCheckout(
                **self.said(CASHIER, NOON_MS + 60_000), checkout_id=checkout_id, item_ids=item_ids, reason="cold"
            )
        )

    def void(self, checkout_id: str) -> dict[str, Any]:
        """End a session without payment."""
        return self.do(commands.VoidCheckout(**self.said(), checkout_id=checkout_id, cause=VoidCause.DINER, reason=""))

    def remove_tray(self, checkout_id: str) -> dict[str, Any]:
        """The tray leaves."""
        return self.do(commands.RemoveTray(**self.said(at_ms=NOON_MS + 30_000), checkout_id=checkout_id))

    def events(self, stream: str) -> list[type[Event]]:
        """The types of a stream's events."""
        return [type(event) for event in self.states.streams.get(stream, ())]

    def all_events(self) -> Iterable[Event]:
        """All events of all streams."""
        return (event for stream in self.states.streams.values() for event in stream)


def next_day(at_ms: int) -> int:
    """The same time a day later."""
    return at_ms + DAY_MS
