"""The log in memory: the same contract as the stored one, for tests that try thousands of short logs."""

from collections.abc import Collection, Iterable, Sequence
from threading import Condition

from engine.application.log import RecordedEvent
from tests.support.lunch import Group


class MemoryLog:
    """An `EventLog` of groups of events; positions grow by `step`, as if some had been used up by failed appends."""

    def __init__(self, groups: Iterable[Group] = (), *, step: int = 1) -> None:
        self._events: list[RecordedEvent] = []
        self._versions: dict[str, int] = {}
        self._step = step
        self._grown = Condition()
        self.append(groups)

    def append(self, groups: Iterable[Group]) -> int:
        """Append groups and return the new head."""
        with self._grown:
            for group in groups:
                for append in group:
                    for event in append.events:
                        version = self._versions.get(append.stream, 0) + 1
                        self._versions[append.stream] = version
                        position = self._head() + self._step
                        self._events.append(RecordedEvent(position, append.stream, version, event.TOPIC, event))
            self._grown.notify_all()
            return self._head()

    def read_after(self, position: int, limit: int, topics: Collection[str] = ()) -> Sequence[RecordedEvent]:
        found = []
        for recorded in self._events[max(0, position // self._step - 1) :]:
            if recorded.position > position and (not topics or recorded.topic in topics):
                found.append(recorded)
                if len(found) == limit:
                    break
        return found

    def head_position(self) -> int:
        return self._head()

    def wait_beyond(self, position: int, timeout_s: int) -> bool:
        with self._grown:
            return self._grown.wait_for(lambda: self._head() > position, timeout_s)

    def _head(self) -> int:
        return self._events[-1].position if self._events else 0
