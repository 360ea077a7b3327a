"""The hash chain over the log: each event and each command's record seals all that was stored before it.

    event:    h = sha256(0x01 | previous | position | version | lengths | stream | topic | state)
    command:  h = sha256(0x02 | previous | at_ms | last position | lengths | id | body digest | outcome)

Numbers are 8-byte big-endian and every text is preceded by its length, so that no two different rows hash alike. The
head after each command is stored with the command, in the same transaction as its events.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from engine.application.stored_rows import CommandRow, EventRow, LogEnd

CHAIN_START = bytes(32)

_EVENT_PREFIX = struct.Struct(">QQIIQ")
_COMMAND_PREFIX = struct.Struct(">qQIIQ")
_EVENT_TAG = b"\x01"
_COMMAND_TAG = b"\x02"

_COMMANDS_PER_PAGE = 500
_EVENTS_PER_PAGE = 1_000


def chain_event(previous: bytes, position: int, stream: str, version: int, topic: str, state: bytes) -> bytes:
    """Return the head (32 bytes) after one more event."""
    name = stream.encode()
    kind = topic.encode()
    prefix = _EVENT_PREFIX.pack(position, version, len(name), len(kind), len(state))
    return hashlib.sha256(b"".join((_EVENT_TAG, previous, prefix, name, kind, state))).digest()


def chain_command(
    previous: bytes, command_id: str, body_digest: bytes, outcome: bytes, at_ms: int, last_position: int
) -> bytes:
    """Return the head (32 bytes) after a command's record, which follows the command's events."""
    name = command_id.encode()
    prefix = _COMMAND_PREFIX.pack(at_ms, last_position, len(name), len(body_digest), len(outcome))
    return hashlib.sha256(b"".join((_COMMAND_TAG, previous, prefix, name, body_digest, outcome))).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """What a check of the whole log found.

    `head_hash` (hex) is of the last good command; compare it with a head that was exported earlier to notice a log that
    was cut off or rewritten as a whole. `first_bad_position` is the first position of the first command whose events or
    record do not fit the chain, and None for an intact log.
    """

    intact: bool
    events: int
    commands: int
    head_position: int
    head_hash: str
    first_bad_position: int | None
    finding: str


class ChainSource(Protocol):
    """What the check reads; both databases have it."""

    def command_rows(self, after_sequence: int, limit: int) -> list[CommandRow]: ...

    def event_rows(self, after_position: int, limit: int, up_to_position: int) -> list[EventRow]: ...

    def log_end(self) -> LogEnd: ...


def verify_chain(source: ChainSource, progress: Callable[[int, int], None] | None = None) -> ChainReport:
    """Compute the chain of the whole log again and compare it with what is stored, in bounded memory.

    Args:
        progress: called now and then with the last position checked and the log's last position.
    """
    end = source.log_end()
    head = CHAIN_START
    checked_position = events = commands = 0
    log = _events(source, end.head_position)
    upcoming = next(log, None)

    def report(first_bad_position: int | None, finding: str) -> ChainReport:
        return ChainReport(
            intact=first_bad_position is None,
            events=events,
            commands=commands,
            head_position=checked_position,
            head_hash=head.hex(),
            first_bad_position=first_bad_position,
            finding=finding,
        )

    for command in _commands(source, end.head_sequence):
        link = head
        seen = 0
        first_position = command.last_position if upcoming is None else upcoming.position
        while upcoming is not None and upcoming.position <= command.last_position:
            event = upcoming
            link = chain_event(link, event.position, event.stream, event.version, event.topic, event.state)
            seen += 1
            upcoming = next(log, None)
        link = chain_command(
            link, command.command_id, command.body_digest, command.outcome, command.at_ms, command.last_position
        )
        if link != command.chain_hash or seen != command.event_count:
            first = min(first_position, checked_position + 1) if seen != command.event_count else first_position
            return report(first, f"The record of command {command.sequence} does not fit its events.")
        head = link
        checked_position = command.last_position
        events += seen
        commands += 1
        if progress is not None and commands % _COMMANDS_PER_PAGE == 0:
            progress(checked_position, end.head_position)
    if head != end.head_hash:
        return report(checked_position + 1, "The newest command's record changed while the log was read.")
    now = source.log_end()
    if now.max_position != now.head_position:
        bad = min(now.max_position, now.head_position) + 1
        return report(bad, "The log's last event is not the one that the newest command stored.")
    if progress is not None:
        progress(checked_position, end.head_position)
    return report(None, "Every event and every command's record fits the chain.")


def _commands(source: ChainSource, up_to_sequence: int) -> Iterator[CommandRow]:
    sequence = 0
    while sequence < up_to_sequence:
        rows = source.command_rows(sequence, _COMMANDS_PER_PAGE)
        if not rows:
            return
        for row in rows:
            if row.sequence > up_to_sequence:
                return
            yield row
        sequence = rows[-1].sequence


def _events(source: ChainSource, up_to_position: int) -> Iterator[EventRow]:
    position = 0
    while position < up_to_position:
        rows = source.event_rows(position, _EVENTS_PER_PAGE, up_to_position)
        if not rows:
            return
        yield from rows
        position = rows[-1].position
