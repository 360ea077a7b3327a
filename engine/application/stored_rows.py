"""Rows of the store's tables as they are read and written; both databases have the same columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from eventsourcing.persistence import StoredEvent


class EventRow(NamedTuple):
    """One stored event before decoding."""

    position: int
    stream: str
    version: int
    topic: str
    state: bytes


class SnapshotRow(NamedTuple):
    """A stream's newest stored state. `seal` is a keyed hash over the rest, for snapshots are not in the chain."""

    stream: str
    version: int
    shape: bytes
    state: bytes
    seal: bytes


class CommandRow(NamedTuple):
    """The record of one command. `last_position` is the end of the log once the command was stored."""

    sequence: int
    command_id: str
    body_digest: bytes
    outcome: bytes
    at_ms: int
    event_count: int
    last_position: int
    chain_hash: bytes


class LogHead(NamedTuple):
    """The newest command's record as the chain sees it."""

    sequence: int
    position: int
    chain_hash: bytes


class LogEnd(NamedTuple):
    """Where the log ends by its events and by its newest command, read at one instant."""

    max_position: int
    head_sequence: int
    head_position: int
    head_hash: bytes


class StreamRows(NamedTuple):
    """What is needed to rebuild one stream's state: the newest snapshot and all events after it."""

    snapshot: SnapshotRow | None
    events: list[EventRow]


@dataclass(frozen=True, slots=True)
class CommandAppend:
    """One decided command: its record and its events, not yet placed in the log."""

    command_id: str
    body_digest: bytes
    outcome: bytes
    at_ms: int
    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True)
class BatchAppend:
    """All that one transaction writes."""

    commands: tuple[CommandAppend, ...]
    attachments: Mapping[str, bytes]
    snapshots: tuple[SnapshotRow, ...]


class Ahead(NamedTuple):
    """The log under the write lock: its head, and the streams that other processes have changed since the known one.

    `foreign_streams` is None if they are too many to name.
    """

    head: LogHead
    foreign_streams: frozenset[str] | None


class Appended(NamedTuple):
    """Where a batch went: the log's end after each of its commands, and the new head."""

    head: LogHead
    last_positions: tuple[int, ...]
