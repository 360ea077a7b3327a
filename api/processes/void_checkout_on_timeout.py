"""Voids checkouts that nobody goes on with, so that a lane is free again and no bill stays open for ever."""

import logging
import threading
from typing import Final

from api.clock import Clock
from engine.application.writer import CommandWriter
from engine.domain.actor import Actor, Role
from engine.domain.commands import VoidCheckout
from engine.domain.errors import CanteenError, CommandRejectedError
from engine.domain.events import VoidCause
from projections.open_checkouts import OpenCheckoutsView

ROUND_S: Final = 5
LEAST_WATCHED_MS: Final = 30_000
"""A terminal that was offline sends old scans and then their payments: what looks idle is watched this long first."""

_SYSTEM: Final = Actor(role=Role.SYSTEM, actor_id="void-checkout-on-timeout")
_LOGGER = logging.getLogger(__name__)


class VoidCheckoutOnTimeout:
    """Looks for idle checkouts every few seconds, in a thread of its own."""

    def __init__(self, view: OpenCheckoutsView, writer: CommandWriter, clock: Clock, *, timeout_ms: int) -> None:
        """Prepare the process.

        Args:
            timeout_ms: how long an unpaid checkout may be idle.
        """
        self._view = view
        self._writer = writer
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._watched: dict[tuple[str, int], int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="void-on-timeout", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def void_idle(self, now_ms: int) -> tuple[str, ...]:
        """Void what has been idle for too long, and return the ids. A checkout that was paid meanwhile stays paid."""
        voided = []
        watched: dict[tuple[str, int], int] = {}
        for row in self._view.idle_since(now_ms - self._timeout_ms):
            seen = (row.checkout_id, row.last_at_ms)
            watched[seen] = self._watched.get(seen, now_ms)
            if now_ms - watched[seen] >= LEAST_WATCHED_MS and self._void(row.checkout_id, now_ms):
                voided.append(row.checkout_id)
        self._watched = watched
        return tuple(voided)

    def _void(self, checkout_id: str, now_ms: int) -> bool:
        command = VoidCheckout(
            # One id per checkout: a second round, or another process, does not void it twice.
            command_id=f"timeout/{checkout_id}",
            at_ms=now_ms,
            by=_SYSTEM,
            checkout_id=checkout_id,
            cause=VoidCause.TIMEOUT,
            reason="nobody went on with it",
        )
        try:
            return not self._writer.execute(command).repeated
        except CommandRejectedError:
            return False

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_S):
            try:
                self.void_idle(self._clock.now_ms())
            except CanteenError as error:
                _LOGGER.warning("Idle checkouts could not be voided (%s); it is tried again.", error.code)
