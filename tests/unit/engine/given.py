"""given(events).when(decision).then(events): the language in which deciders are tested."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pytest

from engine.deciders.stream_type import StreamType
from engine.domain.errors import CommandRejectedError
from engine.domain.events import Event

Decide = Callable[[Any], tuple[Event, ...]]


@dataclass(frozen=True, slots=True)
class When:
    """A decision that is about to be taken on a state."""

    stream_type: StreamType[Any]
    state: Any
    decide: Decide

    def then(self, *events: Event) -> Any:
        """Check the events to the last field; return the state that they lead to."""
        decided = self.decide(self.state)
        assert decided == events
        return fold(self.stream_type, decided, self.state)

    def then_types(self, *types: type[Event]) -> tuple[Any, ...]:
        """Check which events are decided, and that the state takes them; return them."""
        decided = self.decide(self.state)
        assert [type(event) for event in decided] == list(types)
        fold(self.stream_type, decided, self.state)
        return decided

    def then_refused(self, error: type[CommandRejectedError], **details: int | str | list[str]) -> CommandRejectedError:
        """Check that exactly this error comes, with these details."""
        with pytest.raises(error) as caught:
            self.decide(self.state)
        assert type(caught.value) is error
        assert {key: caught.value.details[key] for key in details} == details
        return caught.value


@dataclass(frozen=True, slots=True)
class Given:
    """What has happened in one stream."""

    stream_type: StreamType[Any]
    events: tuple[Event, ...]

    @property
    def state(self) -> Any:
        """The state that the events lead to."""
        return fold(self.stream_type, self.events)

    def when(self, decide: Decide) -> When:
        """Name the decision to take on the state."""
        return When(self.stream_type, self.state, decide)


def given(stream_type: StreamType[Any], *events: Event) -> Given:
    """Start from the events of one stream."""
    return Given(stream_type, events)


def fold(stream_type: StreamType[Any], events: tuple[Event, ...], state: Any = None) -> Any:
    """Return the state after events."""
    return reduce(stream_type.evolve, events, stream_type.initial if state is None else state)
