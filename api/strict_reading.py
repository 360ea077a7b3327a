"""Reads bodies straight into the domain's own dataclasses, and refuses fields that they do not have.

A misspelt field of a benefit rule would otherwise be a rule without that limit.
"""

from typing import Any, TypeVar

import msgspec

from api.request_errors import BodyInvalidError

T = TypeVar("T")


def read_strictly(body: bytes, shape: type[T]) -> T:
    """Decode a JSON body as a dataclass.

    Raises:
        BodyInvalidError: it is not JSON, does not fit, or has an unknown field; the message names the field.
    """
    try:
        given = msgspec.json.decode(body)
        value = msgspec.convert(given, shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BodyInvalidError(f"The body does not fit: {error}.") from error
    unknown = _unknown_fields(given, msgspec.to_builtins(value), "$")
    if unknown:
        raise BodyInvalidError(f"The body has unknown fields: {', '.join(unknown)}.", fields=unknown)
    return value


def _unknown_fields(given: Any, understood: Any, place: str) -> list[str]:
    """List what was given but not understood, as paths."""
    if isinstance(given, dict) and isinstance(understood, dict):
        found = [f"{place}.{name}" for name in given if name not in understood]
        for name in given.keys() & understood.keys():
            found += _unknown_fields(given[name], understood[name], f"{place}.{name}")
        return sorted(found)
    if isinstance(given, list) and isinstance(understood, list | tuple):
        return [
            name
            for index, (one, other) in enumerate(zip(given, understood, strict=True))
            for name in _unknown_fields(one, other, f"{place}[{index}]")
        ]
    return []
