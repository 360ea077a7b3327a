"""The chain hashes fields, not their concatenation, and every field counts."""

import hashlib
import struct

import pytest

from engine.application.chain import CHAIN_START, chain_command, chain_event

EVENT = {"previous": CHAIN_START, "position": 7, "stream": "wallet-1", "version": 3, "topic": "t.v1", "state": b"{}"}
COMMAND = {
    "previous": CHAIN_START,
    "command_id": "c-1",
    "body_digest": b"d" * 32,
    "outcome": b"{}",
    "at_ms": 5,
    "last_position": 7,
}


def test_the_head_after_an_event_is_the_documented_hash() -> None:
    documented = hashlib.sha256(
        b"\x01" + CHAIN_START + struct.pack(">QQIIQ", 7, 3, 8, 4, 2) + b"wallet-1" + b"t.v1" + b"{}"
    ).digest()
    assert chain_event(**EVENT) == documented  # type: ignore[arg-type]


def test_the_head_after_a_command_is_the_documented_hash() -> None:
    documented = hashlib.sha256(
        b"\x02" + CHAIN_START + struct.pack(">qQIIQ", 5, 7, 3, 32, 2) + b"c-1" + b"d" * 32 + b"{}"
    ).digest()
    assert chain_command(**COMMAND) == documented  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous", b"\x01" * 32),
        ("position", 8),
        ("stream", "wallet-2"),
        ("version", 4),
        ("topic", "t.v2"),
        ("state", b"[]"),
    ],
)
def test_every_field_of_an_event_counts(field: str, value: object) -> None:
    assert chain_event(**{**EVENT, field: value}) != chain_event(**EVENT)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("previous", b"\x01" * 32),
        ("command_id", "c-2"),
        ("body_digest", b"e" * 32),
        ("outcome", b"[]"),
        ("at_ms", 6),
        ("last_position", 8),
    ],
)
def test_every_field_of_a_command_counts(field: str, value: object) -> None:
    assert chain_command(**{**COMMAND, field: value}) != chain_command(**COMMAND)  # type: ignore[arg-type]


def test_moving_a_letter_from_one_field_to_the_next_changes_the_hash() -> None:
    moved = {**EVENT, "stream": "wallet-", "topic": "1t.v1"}
    assert chain_event(**moved) != chain_event(**EVENT)  # type: ignore[arg-type]
