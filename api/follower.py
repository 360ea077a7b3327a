"""Follows the log for what this process keeps in memory: keys, canteens, galleries; and rings for event streams.

Another process on the same database may have appended, so memory is refreshed from the log and not from own commands.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from typing import Final

from engine.application.log import EventLog, RecordedEvent
from engine.domain.errors import StoreError

PAGE_EVENTS: Final = 500
_WAIT_S: Final = 1
_REST_S: Final = 0.02
"""Between two looks at a busy log, so that following it costs the writer next to nothing."""

_LOGGER = logging.getLogger(__name__)


class LogBell:
    """Wakes coroutines when the log has grown. Rung from any thread."""

    def __init__(self) -> None:
        self.position = 0
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def ring(self, position: int) -> None:
        """Wake all that wait for something before `position`."""
        with self._lock:
            self.position = position
            waiting, self._waiting = self._waiting, set()
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait_beyond(self, position: int) -> None:
        """Return once the log is known to have grown beyond a position."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._lock:
            if self.position > position:
                return
            self._waiting.add(entry)
        try:
            await event.wait()
        finally:
            with self._lock:
                self._waiting.discard(entry)


class LogFollower:
    """A thread that tells a listener about each new event of some topics, in order."""

    def __init__(
        self, log: EventLog, topics: Collection[str], listener: Callable[[RecordedEvent], None], bell: LogBell
    ) -> None:
        self._log = log
        self._topics = tuple(topics)
        self._listener = listener
        self._bell = bell
        self._position = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-follower", daemon=True)

    def catch_up(self) -> None:
        """Tell the listener about everything that is stored now."""
        head = self._log.head_position()
        while True:
            page = self._log.read_after(self._position, PAGE_EVENTS, self._topics)
            for recorded in page:
                self._listener(recorded)
                self._position = recorded.position
            if len(page) < PAGE_EVENTS:
                break
        self._position = max(self._position, head)
        self._bell.ring(self._position)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._log.wait_beyond(self._position, _WAIT_S) and not self._stopping.is_set():
                    self.catch_up()
            except StoreError:
                # The database is away or locked for a moment; what was missed is read once it is back.
                _LOGGER.warning("The log cannot be read at the moment; it is tried again.")
                self._stopping.wait(_WAIT_S)
            self._stopping.wait(_REST_S)
