"""What a command came to, as it is remembered for the command's id: an answer or a refusal."""

from collections.abc import Iterator
from typing import Any

import msgspec

from engine.domain.errors import CommandRejectedError

_ENCODER = msgspec.json.Encoder()


class _Outcome(msgspec.Struct, omit_defaults=True):
    answer: dict[str, Any] | None = None
    refusal: str = ""
    message: str = ""
    details: dict[str, int | str | list[str]] = {}


_DECODER = msgspec.json.Decoder(_Outcome)


def encode_answer(answer: dict[str, Any]) -> bytes:
    """Return the stored form of an answer."""
    return _ENCODER.encode(_Outcome(answer=answer))


def encode_refusal(refusal: CommandRejectedError) -> bytes:
    """Return the stored form of a refusal."""
    return _ENCODER.encode(_Outcome(refusal=refusal.code, message=refusal.message, details=refusal.details))


def decode_outcome(outcome: bytes) -> dict[str, Any] | CommandRejectedError:
    """Return the remembered answer, or the remembered refusal as the error that it was."""
    stored = _DECODER.decode(outcome)
    if stored.answer is not None:
        return stored.answer
    refusal_type = _REFUSALS.get(stored.refusal, CommandRejectedError)
    return refusal_type(stored.message, **stored.details)


def _with_subclasses(error_type: type[CommandRejectedError]) -> Iterator[type[CommandRejectedError]]:
    yield error_type
    for subclass in error_type.__subclasses__():
        yield from _with_subclasses(subclass)


_REFUSALS = {error_type.code: error_type for error_type in _with_subclasses(CommandRejectedError)}
