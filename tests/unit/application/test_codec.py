"""Events to bytes and back, and old versions brought up to date."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, final

import pytest

from engine.application.codec import EventCodec, StateCodec, Upcaster
from engine.domain.actor import Actor, Role
from engine.domain.errors import StoreCorruptError, UnknownTopicError
from engine.domain.events import Event

BY = Actor(role=Role.SYSTEM, actor_id="test")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Served(Event):
    """The third form of an invented event: a price in fen, and the day it was served on."""

    TOPIC: ClassVar[str] = "test.Served.v3"

    price_fen: int
    day: date
    photo: bytes


def from_v1(fields: dict[str, Any]) -> dict[str, Any]:
    """The first form had a price in yuan."""
    price_fen = fields.pop("price_yuan") * 100
    return {**fields, "price_fen": price_fen}


def from_v2(fields: dict[str, Any]) -> dict[str, Any]:
    """The second form had no day."""
    return {**fields, "day": "2020-09-01"}


UPCASTERS = {
    "test.Served.v1": Upcaster("test.Served.v2", from_v1),
    "test.Served.v2": Upcaster("test.Served.v3", from_v2),
}
CODEC = EventCodec({Served.TOPIC: Served}, UPCASTERS)
SERVED = Served(at_ms=5, by=BY, price_fen=1_500, day=date(2020, 9, 1), photo=b"\x00\xff")
V1 = b'{"at_ms":5,"by":{"role":"system","actor_id":"test"},"price_yuan":15,"photo":"AP8="}'
V2 = b'{"at_ms":5,"by":{"role":"system","actor_id":"test"},"price_fen":1500,"photo":"AP8="}'


def test_an_event_is_stored_under_its_topic_with_its_fields_in_order() -> None:
    assert CODEC.encode(SERVED) == (
        "test.Served.v3",
        b'{"at_ms":5,"by":{"role":"system","actor_id":"test"},"price_fen":1500,"day":"2020-09-01","photo":"AP8="}',
    )


@pytest.mark.parametrize(("topic", "state"), [("test.Served.v1", V1), ("test.Served.v2", V2)])
def test_older_versions_come_up_to_date_step_by_step(topic: str, state: bytes) -> None:
    assert CODEC.decode(topic, state) == SERVED


def test_a_current_topic_is_also_looked_for_under_its_retired_names() -> None:
    assert CODEC.stored_topics(["test.Served.v3", "test.Other.v1"]) == [
        "test.Other.v1",
        "test.Served.v1",
        "test.Served.v2",
        "test.Served.v3",
    ]


def test_a_renamed_event_is_looked_for_under_its_old_name() -> None:
    codec = EventCodec({Served.TOPIC: Served}, {"test.Dished.v1": Upcaster(Served.TOPIC, from_v2)})
    assert codec.stored_topics([Served.TOPIC]) == ["test.Dished.v1", "test.Served.v3"]


def test_an_unknown_topic_is_refused_when_reading_and_when_writing() -> None:
    with pytest.raises(UnknownTopicError, match="Upgrade"):
        CODEC.decode("test.Served.v4", b"{}")
    with pytest.raises(UnknownTopicError, match="not registered"):
        EventCodec({}, {}).encode(SERVED)


def test_an_upcaster_that_leads_nowhere_is_an_unknown_topic() -> None:
    codec = EventCodec({}, {"test.A.v1": Upcaster("test.A.v2", from_v2)})
    with pytest.raises(UnknownTopicError):
        codec.decode("test.A.v1", b"{}")


@pytest.mark.parametrize("state", [b"", b"{", b"{}", b"[]", b'{"at_ms":"5"}', b"\xff"])
def test_bytes_that_are_not_the_event_are_reported_as_damage(state: bytes) -> None:
    for topic in ("test.Served.v1", "test.Served.v2", "test.Served.v3"):
        with pytest.raises(StoreCorruptError):
            CODEC.decode(topic, state)


def test_a_table_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match=r"registered as test\.Wrong\.v1 but says"):
        EventCodec({"test.Wrong.v1": Served}, {})
    with pytest.raises(ValueError, match="cannot have an upcaster"):
        EventCodec({Served.TOPIC: Served}, {Served.TOPIC: Upcaster("test.Served.v4", from_v2)})
    with pytest.raises(ValueError, match="lead back"):
        EventCodec({}, {"test.A.v1": Upcaster("test.B.v1", from_v2), "test.B.v1": Upcaster("test.A.v1", from_v2)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WiderPurse:
    fen: int = 0
    frozen: bool = False


def test_a_state_comes_back_only_in_the_shape_in_which_it_was_stored() -> None:
    states = StateCodec()
    stored, shape = states.encode(Purse(fen=7)), states.shape(Purse)
    assert states.decode(Purse, shape, stored) == Purse(fen=7)
    assert states.decode(WiderPurse, shape, stored) is None
    assert states.decode(Purse, shape, b"damaged") is None
