"""Remembers on which lane each recent checkout is, so that asking costs no look-up in the store."""

from collections import OrderedDict
from typing import Final

REMEMBERED_CHECKOUTS: Final = 50_000


class LaneBook:
    """The newest checkouts. A checkout never changes its lane. Used on the event loop only."""

    def __init__(self, limit: int = REMEMBERED_CHECKOUTS) -> None:
        self._lanes: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._limit = limit

    def remember(self, checkout_id: str, canteen_id: str, lane_id: str) -> None:
        """Note a checkout's lane; the oldest one is forgotten when there are too many."""
        self._lanes[checkout_id] = (canteen_id, lane_id)
        if len(self._lanes) > self._limit:
            self._lanes.popitem(last=False)

    def find(self, checkout_id: str) -> tuple[str, str] | None:
        """Return (canteen, lane) of a checkout, or None if it is not remembered."""
        return self._lanes.get(checkout_id)
