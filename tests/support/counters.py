"""A small world of counters on real streams, to exercise the write path with decisions that are easy to foresee."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

from engine.application.codec import EventCodec
from engine.application.decision import Decision, Handlers, States, StreamAppend
from engine.deciders.stream_type import StreamType
from engine.domain.actor import Actor, Role
from engine.domain.commands import Command
from engine.domain.errors import InsufficientFundsError
from engine.domain.events import Event

TERMINAL = Actor(role=Role.TERMINAL, actor_id="terminal-1")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(Event):
    TOPIC: ClassVar[str] = "test.Counted.v1"

    by_amount: int
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    total: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Command):
    """Add an amount to each counter; below zero is refused."""

    counters: tuple[str, ...]
    amount: int
    note: str = ""
    attachments: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stumble(Command):
    """A command whose handler has a fault."""

    secret: str


def evolve(state: Counter, event: Event) -> Counter:
    assert isinstance(event, Counted)
    return Counter(total=state.total + event.by_amount, events=state.events + 1)


COUNTER = StreamType(initial=Counter(), evolve=evolve)
AGEING_COUNTER = StreamType(initial=Counter(), evolve=evolve, snapshot_state=Counter, snapshot_every=10)

CODEC = EventCodec({Counted.TOPIC: Counted}, {})


def counter_handlers(stream_type: StreamType[Counter] = COUNTER) -> Handlers:
    """Return the handlers of counters of a type (with or without snapshots)."""

    def count(command: Count, states: States) -> Decision:
        appends = []
        totals = {}
        for name in command.counters:
            stream = f"counter-{name}"
            total = states.get(stream_type, stream).total + command.amount
            if total < 0:
                raise InsufficientFundsError("The counter cannot go below zero.", total=total)
            event = Counted(at_ms=command.at_ms, by=command.by, by_amount=command.amount, note=command.note)
            appends.append(StreamAppend(stream_type=stream_type, stream=stream, events=(event,)))
            totals[name] = total
        return Decision(appends=tuple(appends), answer={"totals": totals}, attachments=dict(command.attachments))

    def stumble(command: Stumble, states: States) -> Decision:
        raise KeyError(command.secret)

    return {Count: count, Stumble: stumble}


def count(command_id: str, *counters: str, amount: int = 1, at_ms: int = 1_700_000_000_000, note: str = "") -> Count:
    """Return a command that counts."""
    return Count(command_id=command_id, at_ms=at_ms, by=TERMINAL, counters=counters, amount=amount, note=note)


def expected_counters(command: Command) -> Iterator[str]:
    """Name the streams of a command, as the product's guess does for its own commands."""
    if isinstance(command, Count):
        for name in command.counters:
            yield f"counter-{name}"


class Gate:
    """Handlers that stop at a gate, so that a test decides when the writer goes on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def handlers(self) -> Handlers:
        handle = counter_handlers()[Count]

        def wait_then_count(command: Count, states: States) -> Decision:
            self.reached.set()
            assert self.opened.wait(30)
            return handle(command, states)

        return {Count: wait_then_count}
