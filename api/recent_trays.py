"""The photographs of trays that are not paid yet, so that a gallery can learn from what a person says of them.

Kept in memory only, until the tray is paid or voided, and never more than a bound: learning is a gain, not a duty.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.domain.reading import Box

MAX_TRAYS: Final = 500
MAX_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentTray:
    """One tray as it was photographed; `boxes` are in pixels of its frame, by item of the bill."""

    canteen_id: str
    photo: bytes
    boxes: Mapping[int, Box]


class RecentTrays:
    """The trays that were read last. Used on the event loop only."""

    def __init__(self, max_trays: int = MAX_TRAYS, max_bytes: int = MAX_BYTES) -> None:
        self._max_trays = max_trays
        self._max_bytes = max_bytes
        self._trays: OrderedDict[str, RecentTray] = OrderedDict()
        self._held_bytes = 0

    def __len__(self) -> int:
        return len(self._trays)

    def remember(self, checkout_id: str, tray: RecentTray) -> None:
        """Keep a tray in place of an earlier reading of the same checkout; the oldest ones make room."""
        self.forget(checkout_id)
        self._trays[checkout_id] = tray
        self._held_bytes += len(tray.photo)
        while self._trays and (len(self._trays) > self._max_trays or self._held_bytes > self._max_bytes):
            self.forget(next(iter(self._trays)))

    def find(self, checkout_id: str) -> RecentTray | None:
        """Return the tray of a checkout, None if it is not known here any more."""
        return self._trays.get(checkout_id)

    def forget(self, checkout_id: str) -> None:
        """Drop the tray of a checkout that has ended."""
        tray = self._trays.pop(checkout_id, None)
        if tray is not None:
            self._held_bytes -= len(tray.photo)
