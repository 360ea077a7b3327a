"""What every append checks and computes, whatever the database."""

from collections.abc import Sequence

from engine.application.chain import chain_command, chain_event
from engine.application.stored_rows import CommandAppend, CommandRow, LogEnd, LogHead
from engine.domain.errors import StoreCorruptError

MAX_FOREIGN_EVENTS = 10_000


def check_head(end: LogEnd, expected: LogHead) -> LogHead:
    """Return the log's head once it is sure that nothing was cut off behind it.

    Raises:
        StoreCorruptError: the last event is not the newest record's, or the log is older than it was.
    """
    head = LogHead(end.head_sequence, end.head_position, end.head_hash)
    if end.max_position != head.position:
        raise StoreCorruptError(
            "The log's last event is not the one that the newest command stored: events were removed or added by "
            "hand. Writing stops; run the chain check and restore a backup.",
            max_position=end.max_position,
            head_position=head.position,
        )
    if head.sequence < expected.sequence or (head.sequence == expected.sequence and head != expected):
        raise StoreCorruptError(
            "The newest record of the log is not the one that was stored last: the log was cut off or replaced. "
            "Writing stops; run the chain check and restore a backup.",
            head_sequence=head.sequence,
            expected_sequence=expected.sequence,
        )
    return head


def too_far_behind(head: LogHead, known: LogHead) -> bool:
    """Tell whether other processes wrote so much that naming the streams they changed would hold the lock for long."""
    return head.position - known.position > MAX_FOREIGN_EVENTS


def link_commands(head: LogHead, commands: Sequence[CommandAppend], positions: Sequence[int]) -> list[CommandRow]:
    """Return the commands' records in order, each sealed upon the one before; `sequence` is left to the database (0).

    Args:
        positions: one for each event of all commands, ascending.
    """
    rows: list[CommandRow] = []
    link = head.chain_hash
    last_position = head.position
    placed = iter(positions)
    for command in commands:
        for event in command.events:
            last_position = next(placed)
            link = chain_event(
                link, last_position, str(event.originator_id), event.originator_version, event.topic, event.state
            )
        link = chain_command(
            link, command.command_id, command.body_digest, command.outcome, command.at_ms, last_position
        )
        rows.append(
            CommandRow(
                0,
                command.command_id,
                command.body_digest,
                command.outcome,
                command.at_ms,
                len(command.events),
                last_position,
                link,
            )
        )
    return rows
