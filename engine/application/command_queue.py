"""Commands on their way to the writer: how they come in, and how their outcomes go back to where they wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent import futures
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition
from typing import Any

from engine.domain.commands import Command
from engine.domain.errors import CanteenError, QueueFullError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command's caller is told. `repeated`: it was stored before; `position`: the log's end once it was."""

    value: dict[str, Any]
    repeated: bool
    position: int


_LINGER = timedelta(milliseconds=2)

Outcome = Answer | CanteenError


class WaitingCommand:
    """A command in the queue, with the one who waits for its outcome."""

    __slots__ = ("body_digest", "command", "future", "loop")

    def __init__(
        self,
        command: Command,
        body_digest: bytes,
        future: "futures.Future[Answer] | asyncio.Future[Answer]",
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self.command = command
        self.body_digest = body_digest
        self.future = future
        self.loop = loop


class CommandQueue:
    """A bounded queue for many callers and one writer.

    Callers whose commands were stored together come back together, but the first of them would be taken alone and make
    the others wait for a commit of its own. So the writer lingers for as many as last time, for two milliseconds.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._waiting: deque[WaitingCommand] = deque()
        self._changed = Condition()
        self._open = False
        self._wanted = 1
        self._last_taken = 1

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether commands are taken."""
        return self._open

    def open(self) -> None:
        """Take commands from now on."""
        with self._changed:
            self._open = True

    def close(self) -> None:
        """Take no more commands; those in the queue are still handed out."""
        with self._changed:
            self._open = False
            self._changed.notify()

    def put(self, waiting: WaitingCommand, retry_after_s: Callable[[], int]) -> bool:
        """Put a command at the end; False if the queue is closed.

        Raises:
            QueueFullError: `limit` commands wait already.
        """
        with self._changed:
            if not self._open:
                return False
            if len(self._waiting) >= self.limit:
                raise QueueFullError(
                    "Too many commands wait. Try again a little later with the same id.",
                    retry_after_s=retry_after_s(),
                )
            self._waiting.append(waiting)
            if len(self._waiting) == self._wanted:
                self._changed.notify()
            return True

    def take(self, limit: int) -> list[WaitingCommand]:
        """Block until there are commands and return up to `limit` of them; none once the queue is closed and empty."""
        with self._changed:
            while not self._waiting:
                if not self._open:
                    return []
                self._changed.wait()
            self._wanted = self._last_taken
            if len(self._waiting) < self._wanted and self._open:
                self._changed.wait(_LINGER.total_seconds())
            self._wanted = 1
            self._last_taken = min(limit, len(self._waiting))
            return [self._waiting.popleft() for _ in range(self._last_taken)]


def deliver(outcomes: Mapping[WaitingCommand, Outcome]) -> None:
    """Hand outcomes to those who wait: threads one by one, each event loop all at once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[WaitingCommand, Outcome]]] = {}
    for waiting, outcome in outcomes.items():
        if waiting.loop is None:
            _settle(waiting.future, outcome)
        else:
            by_loop.setdefault(waiting.loop, []).append((waiting, outcome))
    for loop, settled in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_all, settled)


def _settle_all(settled: list[tuple[WaitingCommand, Outcome]]) -> None:
    for waiting, outcome in settled:
        _settle(waiting.future, outcome)


def _settle(future: "futures.Future[Answer] | asyncio.Future[Answer]", outcome: Outcome) -> None:
    if future.done():  # whoever waited has gone; the command is stored all the same
        return
    if isinstance(outcome, Answer):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
