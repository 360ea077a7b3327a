"""Tells whether two commands of one id ask for the same thing, without keeping what they ask for."""

import hmac
from dataclasses import replace

import msgspec

from engine.domain.commands import Command

_ENCODER = msgspec.json.Encoder()


def body_digest(pepper: bytes, command: Command, body: bytes | None = None) -> bytes:
    """Return HMAC-SHA256 (32 bytes) under the installation's pepper over the command's type and its body.

    Keyed, because bodies can be guessed (a name, a birth date). The id and the time are left out: the id is what is
    compared, and the time is filled in anew when a request is repeated.

    Args:
        body: what the client sent, where the command holds more that is filled in here (a reading made on the server,
            say); the encoded command if None.
    """
    if body is None:
        body = _ENCODER.encode(replace(command, command_id="", at_ms=0))
    return hmac.digest(pepper, b"%b\0%b" % (type(command).__name__.encode(), body), "sha256")
