"""Guesses which streams a command will need, so that a batch's unknown streams are loaded together.

Only speed depends on it: a stream that is not guessed is loaded when the decision asks for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields

from engine.domain import ids
from engine.domain.commands import Command

_STREAMS_BY_FIELD: dict[str, tuple[Callable[[str], str], ...]] = {
    "checkout_id": (ids.checkout_stream,),
    "resident_id": (ids.resident_stream, ids.wallet_stream, ids.entitlement_stream),
    "credential_id": (ids.credential_stream,),
    "canteen_id": (ids.canteen_stream,),
    "key_id": (ids.access_key_stream,),
}

_NAMED: dict[type[Command], tuple[tuple[str, Callable[[str], str]], ...]] = {}

ExpectedStreams = Callable[[Command], Iterator[str]]


def expected_streams(command: Command) -> Iterator[str]:
    """Yield the streams that are named by a command's fields."""
    command_type = type(command)
    named = _NAMED.get(command_type)
    if named is None:
        named = _NAMED[command_type] = tuple(
            (field.name, name_stream)
            for field in fields(command_type)
            for name_stream in _STREAMS_BY_FIELD.get(field.name, ())
        )
    for field_name, name_stream in named:
        yield name_stream(getattr(command, field_name))
