"""Appends ready-made events to a real store, through its writer and many at a time."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from engine.application.decision import Decision, States
from engine.application.store import EventStore
from engine.application.writer import CommandWriter
from engine.domain.commands import Command
from tests.support.lunch import STAFF, Group

COMMANDS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendGroup(Command):
    """Append the group of this number."""

    number: int


class LogFiller:
    """Appends each group as one command, in the order given."""

    def __init__(self, store: EventStore) -> None:
        self._groups: dict[int, Group] = {}
        self._number = 0
        self.writer = CommandWriter(store, {AppendGroup: self._decide}, queue_limit=COMMANDS_AT_ONCE)

    def append(self, groups: Sequence[Group]) -> int:
        """Append groups and return the position of the last one's last event."""
        position = 0
        for start in range(0, len(groups), COMMANDS_AT_ONCE):
            position = asyncio.run(self._submit(groups[start : start + COMMANDS_AT_ONCE]))
        return position

    async def _submit(self, groups: Sequence[Group]) -> int:
        commands = []
        for group in groups:
            self._number += 1
            self._groups[self._number] = group
            at_ms = group[0].events[0].at_ms
            commands.append(AppendGroup(command_id=f"c-{self._number}", at_ms=at_ms, by=STAFF, number=self._number))
        answers = await asyncio.gather(*[self.writer.submit(command) for command in commands])
        return answers[-1].position

    def _decide(self, command: AppendGroup, _states: States) -> Decision:
        return Decision(appends=self._groups.pop(command.number), answer={})


@contextmanager
def filling(store: EventStore) -> Iterator[LogFiller]:
    """Run a filler, and end it."""
    filler = LogFiller(store)
    filler.writer.start()
    try:
        yield filler
    finally:
        filler.writer.stop()
