"""Events and states to bytes and back, as JSON of frozen dataclasses.

The stored form is the public contract of the log: fields in the order of the class, dates as ISO 8601, bytes as base64.
A golden file per topic (fixtures/events) pins it.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import msgspec

from engine.domain.errors import StoreCorruptError, UnknownTopicError
from engine.domain.events import Event

EventTypes = Mapping[str, type[Event]]


class Upcaster(NamedTuple):
    """Turns the stored fields of a retired topic into the fields of the topic that took its place."""

    to_topic: str
    upcast: Callable[[dict[str, Any]], dict[str, Any]]


Upcasters = Mapping[str, Upcaster]

_ENCODER = msgspec.json.Encoder()


class EventCodec:
    """Encodes events under their pinned topics and decodes them, bringing retired versions up to date."""

    def __init__(self, event_types: EventTypes, upcasters: Upcasters) -> None:
        """Prepare one decoder per topic.

        Raises:
            ValueError: a topic is both current and retired, or is not its class's own, or upcasters go in a circle.
        """
        for topic, event_type in event_types.items():
            if topic != event_type.TOPIC:
                raise ValueError(f"{event_type.__name__} is registered as {topic} but says {event_type.TOPIC}")
            if topic in upcasters:
                raise ValueError(f"{topic} is current, so it cannot have an upcaster; give the new form a new version")
        for topic in upcasters:
            seen = {topic}
            while (upcaster := upcasters.get(topic)) is not None:
                topic = upcaster.to_topic
                if topic in seen:
                    raise ValueError(f"the upcasters of {topic} lead back to it")
                seen.add(topic)
        self._event_types = dict(event_types)
        self._upcasters = dict(upcasters)
        self._decoders = {topic: msgspec.json.Decoder(event_type) for topic, event_type in event_types.items()}

    def encode(self, event: Event) -> tuple[str, bytes]:
        """Return an event's topic and stored form."""
        topic = event.TOPIC
        if self._event_types.get(topic) is not type(event):
            raise UnknownTopicError(
                f"{type(event).__name__} is not registered; add it to engine.application.topics.", topic=topic
            )
        return topic, _ENCODER.encode(event)

    def decode(self, topic: str, state: bytes) -> Event:
        """Return the event that was stored under a topic.

        Raises:
            UnknownTopicError: neither the topic nor an upcaster for it is registered.
            StoreCorruptError: the stored form does not fit the topic.
        """
        decoder = self._decoders.get(topic)
        try:
            return decoder.decode(state) if decoder is not None else self._upcast(topic, state)
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
            raise StoreCorruptError(
                f"A stored {topic} cannot be read. Run the chain check to see whether the log was changed.",
                topic=topic,
            ) from error

    def stored_topics(self, topics: Collection[str]) -> list[str]:
        """Return the topics under which events of the given current topics may be stored, retired ones included."""
        wanted = set(topics)
        return sorted(wanted | {topic for topic in self._upcasters if not wanted.isdisjoint(self._successors(topic))})

    def _upcast(self, topic: str, state: bytes) -> Event:
        *_, current = (topic, *self._successors(topic))
        decoder = self._decoders.get(current)
        if decoder is None:
            raise UnknownTopicError(
                f"The log holds {topic}, which this version does not know. Upgrade before you read this log.",
                topic=topic,
            )
        fields = msgspec.json.decode(state, type=dict[str, Any])
        while topic != current:
            topic, upcast = self._upcasters[topic]
            fields = upcast(fields)
        return decoder.decode(_ENCODER.encode(fields))

    def _successors(self, topic: str) -> list[str]:
        """Return the topics that took a topic's place, one after the other."""
        successors: list[str] = []
        while (upcaster := self._upcasters.get(topic)) is not None:
            topic = upcaster.to_topic
            successors.append(topic)
        return successors


class StateCodec:
    """Encodes the states that are stored as snapshots.

    A snapshot carries its type's `shape`; one of another shape (a field was added since) is as good as none.
    """

    def __init__(self) -> None:
        self._decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}
        self._shapes: dict[type[Any], bytes] = {}

    def encode(self, state: object) -> bytes:
        """Return a state's stored form."""
        return _ENCODER.encode(state)

    def decode(self, state_type: type[Any], shape: bytes, state: bytes) -> object | None:
        """Return a stored state, or None if it was stored by another version of its type."""
        if shape != self.shape(state_type):
            return None
        decoder = self._decoders.get(state_type)
        if decoder is None:
            decoder = self._decoders[state_type] = msgspec.json.Decoder(state_type)
        try:
            decoded: object = decoder.decode(state)
        except msgspec.MsgspecError:
            return None
        return decoded

    def shape(self, state_type: type[Any]) -> bytes:
        """Return the sha256 of a type's fields and their types, in depth."""
        shape = self._shapes.get(state_type)
        if shape is None:
            schema = msgspec.json.encode(msgspec.json.schema(state_type), order="sorted")
            shape = self._shapes[state_type] = hashlib.sha256(schema).digest()
        return shape
