"""Wakes the readers of this process when its own writer has appended."""

from threading import Condition

_POLL_S = 1


class LogSignal:
    """The newest position that this process has stored, with a bell."""

    def __init__(self) -> None:
        self._grown = Condition()
        self._position = 0

    def grown(self, position: int) -> None:
        """Wake all who wait for anything before `position`."""
        with self._grown:
            self._position = position
            self._grown.notify_all()

    def wait(self, position: int) -> None:
        """Block until this process has stored beyond a position, at most one second."""
        with self._grown:
            if self._position <= position:
                self._grown.wait(_POLL_S)
