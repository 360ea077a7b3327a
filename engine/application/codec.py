"""Events and states to bytes and back, as JSON of frozen dataclasses.

The stored form is the public contract of the log: fields in the order of the class, dates as ISO 8601, bytes as base64.
A golden file per topic (fixtures/events) pins it.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from engine.domain.errors import StoreCorruptError, UnknownTopicError
from engine.domain.events import Event

EventTypes = Mapping[str, type[Event]]

Upcaster = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]
"""Turns the stored fields of a retired topic into the next topic and its fields."""

Upcasters = Mapping[str, Upcaster]

MAX_UPCASTS_PER_EVENT = 32

_ENCODER = msgspec.json.Encoder()


class EventCodec:
    """Encodes events under their pinned topics and decodes them, bringing retired versions up to date."""

    def __init__(self, event_types: EventTypes, upcasters: Upcasters) -> None:
        """Prepare one decoder per topic.

        Raises:
            ValueError: a topic is both current and retired, or is not its class's own.
        """
        for topic, event_type in event_types.items():
            if topic != event_type.TOPIC:
                raise ValueError(f"{event_type.__name__} is registered as {topic} but says {event_type.TOPIC}")
            if topic in upcasters:
                raise ValueError(f"{topic} is current, so it cannot have an upcaster; give the new form a new version")
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
        except msgspec.MsgspecError as error:
            raise StoreCorruptError(
                f"A stored {topic} cannot be read. Run the chain check to see whether the log was changed.",
                topic=topic,
            ) from error

    def stored_topics(self, topics: Collection[str]) -> list[str]:
        """Return the topics under which events of the given current topics may be stored, retired ones included."""
        wanted = set(topics)
        retired = [topic for topic in self._upcasters if self._family(topic) in {self._family(name) for name in wanted}]
        return sorted(wanted | set(retired))

    def _upcast(self, topic: str, state: bytes) -> Event:
        fields: dict[str, Any] | None = None
        for _ in range(MAX_UPCASTS_PER_EVENT):
            upcaster = self._upcasters.get(topic)
            if upcaster is None:
                break
            topic, fields = upcaster(msgspec.json.decode(state, type=dict[str, Any]) if fields is None else fields)
        decoder = self._decoders.get(topic)
        if decoder is None or fields is None:
            raise UnknownTopicError(
                f"The log holds {topic}, which this version does not know. Upgrade before you read this log.",
                topic=topic,
            )
        return decoder.decode(_ENCODER.encode(fields))

    @staticmethod
    def _family(topic: str) -> str:
        return topic.rpartition(".v")[0]


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
