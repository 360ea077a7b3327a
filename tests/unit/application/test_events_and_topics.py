"""Every event is registered, final, and stored for ever as its golden file says."""

from dataclasses import is_dataclass
from pathlib import Path

import pytest

from engine.application.codec import EventCodec
from engine.application.topics import EVENT_TYPES, UPCASTERS
from engine.domain import events
from engine.domain.events import BillPaid, Event
from tests.support.event_examples import EXAMPLES
from tests.support.golden_events import GOLDEN_EVENTS, add_missing_golden_files

ABSTRACT = {Event, BillPaid}


DEFINED = [value for value in vars(events).values() if isinstance(value, type) and issubclass(value, Event)]
CONCRETE = [event_class for event_class in DEFINED if event_class not in ABSTRACT]
CODEC = EventCodec(EVENT_TYPES, UPCASTERS)
BY_NAME = {"argnames": "event_class", "argvalues": CONCRETE, "ids": lambda event_class: event_class.__name__}


@pytest.mark.parametrize(**BY_NAME)
def test_an_event_has_a_pinned_topic_of_its_own_and_is_registered_under_it(event_class: type[Event]) -> None:
    assert "TOPIC" in vars(event_class)
    assert f"canteen.{event_class.__name__}.v{event_class.TOPIC.rpartition('.v')[2]}" == event_class.TOPIC
    assert EVENT_TYPES[event_class.TOPIC] is event_class


@pytest.mark.parametrize(**BY_NAME)
def test_an_event_is_final_frozen_and_never_subclassed(event_class: type[Event]) -> None:
    assert getattr(event_class, "__final__", False), f"{event_class.__name__} lacks @final"
    assert [other for other in DEFINED if issubclass(other, event_class)] == [event_class]
    assert is_dataclass(event_class)
    assert event_class.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert not hasattr(event_class, "__dict__") or "__slots__" in vars(event_class)


def test_nothing_else_is_registered() -> None:
    assert set(EVENT_TYPES.values()) == set(CONCRETE)
    assert len(EVENT_TYPES) == len(CONCRETE)


def test_every_event_has_one_example_and_every_topic_ever_used_has_a_golden_file() -> None:
    assert [type(example) for example in EXAMPLES] == list(EVENT_TYPES.values())
    golden = {path.name.removesuffix(".json") for path in GOLDEN_EVENTS.glob("*.json")}
    assert golden == set(EVENT_TYPES) | set(UPCASTERS)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_an_event_is_stored_byte_for_byte_as_its_golden_file_and_read_back_equal(example: Event) -> None:
    topic, state = CODEC.encode(example)
    assert state + b"\n" == (GOLDEN_EVENTS / f"{topic}.json").read_bytes()
    assert CODEC.decode(topic, state) == example


def test_golden_files_are_added_but_never_overwritten(tmp_path: Path) -> None:
    kept = tmp_path / f"{EXAMPLES[0].TOPIC}.json"
    kept.write_bytes(b"older form\n")
    added = add_missing_golden_files(tmp_path)
    assert len(added) == len(EXAMPLES) - 1
    assert kept.read_bytes() == b"older form\n"
    assert add_missing_golden_files(tmp_path) == []


@pytest.mark.parametrize("topic", UPCASTERS)
def test_an_event_stored_under_a_retired_topic_is_read_as_its_successor(topic: str) -> None:
    event = CODEC.decode(topic, (GOLDEN_EVENTS / f"{topic}.json").read_bytes())
    assert type(event).__name__ == topic.split(".")[1]
    assert CODEC.decode(*CODEC.encode(event)) == event
