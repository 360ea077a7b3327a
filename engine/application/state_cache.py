"""States of streams between commands, and the view on them that one batch of decisions has."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from engine.application.decision import Decision
from engine.deciders.stream_type import StreamType
from engine.domain.events import Event

State = TypeVar("State")


class VersionedState(NamedTuple):
    """A stream's state after `version` events."""

    version: int
    state: Any


class Change(NamedTuple):
    """One stream's part of a decision: its events are versions `before.version + 1` to `after.version`."""

    stream_type: StreamType[Any]
    stream: str
    events: tuple[Event, ...]
    before: VersionedState
    after: VersionedState


LoadState = Callable[[StreamType[Any], str], VersionedState]


class StateCache:
    """The states of the streams that were used last, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._states: OrderedDict[str, VersionedState] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, stream: str) -> bool:
        return stream in self._states

    def get(self, stream: str) -> VersionedState | None:
        """Return a stream's state, None if it has to be loaded."""
        entry = self._states.get(stream)
        if entry is not None:
            self._states.move_to_end(stream)
        return entry

    def put(self, stream: str, entry: VersionedState) -> None:
        """Remember a state; the one that was not used for longest makes room."""
        self._states[stream] = entry
        self._states.move_to_end(stream)
        while len(self._states) > self._limit:
            self._states.popitem(last=False)

    def evict(self, streams: Iterable[str]) -> None:
        """Forget these streams' states, so that they are loaded when they are next needed."""
        for stream in streams:
            self._states.pop(stream, None)

    def clear(self) -> None:
        """Forget all states."""
        self._states.clear()


class BatchStates:
    """The `States` of one batch: what is stored plus what was decided so far, without touching the cache.

    A decision that raises leaves no trace, for a decision changes states only through `apply`. A batch that cannot be
    stored is forgotten with this object.
    """

    def __init__(self, cache: StateCache, load: LoadState) -> None:
        self._cache = cache
        self._load = load
        self._decided: dict[str, VersionedState] = {}
        self.read: set[str] = set()

    def get(self, stream_type: StreamType[State], stream: str) -> State:
        """Return a stream's current state; a stream without events gives the type's initial state."""
        state: State = self._entry(stream_type, stream).state
        return state

    def plan(self, decision: Decision) -> list[Change]:
        """Return what a decision changes, without changing it yet."""
        planned: dict[str, VersionedState] = {}
        changes: list[Change] = []
        for append in decision.appends:
            if not append.events:
                continue
            stream_type, stream = append.stream_type, append.stream
            before = planned.get(stream) or self._entry(stream_type, stream)
            state = before.state
            for event in append.events:
                state = stream_type.evolve(state, event)
            after = planned[stream] = VersionedState(before.version + len(append.events), state)
            changes.append(Change(stream_type, stream, append.events, before, after))
        return changes

    def apply(self, changes: Iterable[Change]) -> None:
        """Let the decisions that follow in this batch see the changes."""
        for change in changes:
            self._decided[change.stream] = change.after

    def stored(self) -> None:
        """Bring the changes into the cache once they are durable."""
        for stream, entry in self._decided.items():
            self._cache.put(stream, entry)

    def _entry(self, stream_type: StreamType[Any], stream: str) -> VersionedState:
        entry = self._decided.get(stream)
        if entry is None:
            self.read.add(stream)
            entry = self._cache.get(stream)
            if entry is None:
                entry = self._load(stream_type, stream)
                self._cache.put(stream, entry)
        return entry
