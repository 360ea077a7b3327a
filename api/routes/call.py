"""One request on its way through an operation: who calls, what was sent, and how a command is carried out."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message

from api.access import AccessKey
from api.container import Container
from api.request_errors import (
    BodyInvalidError,
    BodyTooLargeError,
    BodyTooSlowError,
    IdempotencyKeyMissingError,
    MediaTypeUnsupportedError,
    ParameterInvalidError,
)
from engine.domain.commands import Command
from engine.domain.errors import ClockInFutureError

T = TypeVar("T")

IDEMPOTENCY_KEY_PATTERN: Final = r"^[A-Za-z0-9._:-]{8,100}$"
ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
REPLAYED_HEADER: Final = "Idempotent-Replayed"
MAX_FORM_FIELDS: Final = 16
MAX_FORM_FIELD_BYTES: Final = 4096

_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)
_ID = re.compile(ID_PATTERN)
_ENCODER = msgspec.json.Encoder()
_JSON_HEADER: Final = (b"content-type", b"application/json")
_REPLAYED_HEADER: Final = (REPLAYED_HEADER.lower().encode(), b"true")
_HASHED_AT_ONCE_BYTES: Final = 2047


class _MemoryFormParser(MultiPartParser):
    """Keeps photographs in memory: what is on a tray, and who stands behind it, does not belong in a temporary file."""

    spool_max_size = 1 << 40


@dataclass(frozen=True, slots=True)
class Form:
    """A form with files. What it holds was bounded while it was read."""

    fields: dict[str, str]
    files: dict[str, list[bytes]]


class Call:
    """One request. `key` is who calls; `identity` is what `json` read, for telling repetitions from other wishes."""

    __slots__ = ("_headers", "_key", "container", "identity", "request")

    def __init__(
        self, container: Container, request: Request, headers: Mapping[bytes, bytes], key: AccessKey | None
    ) -> None:
        """Take a request.

        Args:
            headers: by lower-case name; read once, for a lunch has many requests.
        """
        self.container = container
        self.request = request
        self._headers = headers
        self._key = key
        self.identity: bytes | None = None

    @property
    def key(self) -> AccessKey:
        """The key of an operation that needs one."""
        assert self._key is not None, "an operation for anybody has no key"
        return self._key

    # --- path, query and headers ---------------------------------------------------------------------------------

    def path_id(self, name: str) -> str:
        """Return an id from the path.

        Raises:
            ParameterInvalidError: it does not have the form of an id.
        """
        value: str = self.request.path_params[name]
        if _ID.fullmatch(value) is None:
            raise ParameterInvalidError(
                f"{name} in the path has to be 1 to 64 letters, digits, dots, dashes or underscores.",
                parameter=name,
            )
        return value

    def path_number(self, name: str, *, most: int) -> int:
        """Return a whole number from the path, 0 to `most`.

        Raises:
            ParameterInvalidError: it is not one.
        """
        return whole_number(name, self.request.path_params[name], 0, most)

    def path_day(self, name: str) -> date:
        """Return a day from the path, as ISO 8601.

        Raises:
            ParameterInvalidError: it is not a day.
        """
        return _day(name, self.request.path_params[name])

    def query(self, name: str, longest: int = 64) -> str:
        """Return a value of the query, '' if it is absent.

        Raises:
            ParameterInvalidError: it is longer than `longest` characters.
        """
        value = self.request.query_params.get(name, "")
        if len(value) > longest:
            raise ParameterInvalidError(f"{name} may have {longest} characters at most.", parameter=name)
        return value

    def query_day(self, name: str) -> date | None:
        """Return a day from the query, or None if it is absent.

        Raises:
            ParameterInvalidError: it is not a day.
        """
        value = self.query(name)
        return _day(name, value) if value else None

    def query_number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number from the query.

        Raises:
            ParameterInvalidError: it is not one, or outside least to most.
        """
        value = self.query(name)
        return whole_number(name, value, least, most) if value else default

    def header(self, name: bytes) -> str:
        """Return a header by its lower-case name, '' if it is absent."""
        return self._headers.get(name, b"").decode("latin-1")

    @property
    def command_id(self) -> str:
        """The id of the command: what the client sent as Idempotency-Key.

        Raises:
            IdempotencyKeyMissingError: it is missing or not of the right form.
        """
        value = self.header(b"idempotency-key")
        if _IDEMPOTENCY_KEY.fullmatch(value) is None:
            raise IdempotencyKeyMissingError(
                "Send an Idempotency-Key of 8 to 100 letters, digits, dots, colons, dashes or underscores (a "
                "UUID, say), "
                "and the same one again when the same request is repeated."
            )
        return value

    def at_ms(self, occurred_at_ms: int | None, *others_ms: int) -> int:
        """Return when the command happened: the terminal's time if it told one, now otherwise.

        Args:
            others_ms: further times the terminal told.
        Raises:
            ClockInFutureError: one of the times is further ahead than is tolerated.
        """
        now_ms = self.container.clock.now_ms()
        latest_ms = now_ms + self.container.settings.clock_tolerance_ms
        for told_ms in (occurred_at_ms, *others_ms):
            if told_ms is not None and told_ms > latest_ms:
                raise ClockInFutureError(
                    f"The terminal's clock is {(told_ms - now_ms) // 1000} s ahead of the server's. Set it right.",
                    ahead_ms=told_ms - now_ms,
                    tolerance_ms=self.container.settings.clock_tolerance_ms,
                )
        return now_ms if occurred_at_ms is None else occurred_at_ms

    # --- body ----------------------------------------------------------------------------------------------------

    def has_media_type(self, media_type: str) -> bool:
        """Tell whether the body is of a kind, whatever its parameters."""
        sent = self.header(b"content-type")
        return sent == media_type or sent.partition(";")[0].strip().lower() == media_type

    async def body(self, limit_bytes: int, media_type: str) -> bytes:
        """Read the whole body.

        Raises:
            MediaTypeUnsupportedError: it is of another kind.
            BodyTooLargeError: it is larger; what comes after the limit is not read.
        """
        if not self.has_media_type(media_type):
            raise MediaTypeUnsupportedError(f"Send the body as {media_type}.", expected=media_type)
        self._refuse_announced(limit_bytes)
        message = await self.request.receive()
        # Nearly every body of a lunch comes in one piece.
        if message["type"] == "http.request" and not message.get("more_body", False):
            body: bytes = message.get("body", b"")
            if len(body) > limit_bytes:
                raise _too_large(limit_bytes)
            return body
        return b"".join([chunk async for chunk in self._chunks(limit_bytes, message)])

    async def json(self, decoder: msgspec.json.Decoder[T]) -> T:
        """Read and check a JSON body; see `identity` for what becomes of it.

        Raises:
            BodyInvalidError: it is not JSON or does not fit; the message names the field.
            MediaTypeUnsupportedError, BodyTooLargeError: see `body`.
        """
        body = await self.body(self.container.settings.body_limit_bytes, "application/json")
        self.identity = identity_of(self.key.key_id, self.request.scope["path"], body)
        try:
            return decoder.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BodyInvalidError(f"The body does not fit: {error}.") from error

    async def form(self, limit_bytes: int, max_files: int) -> Form:
        """Read a form with files.

        Raises:
            BodyInvalidError: it is not a form, has too many parts, or a field twice.
            BodyTooSlowError: it did not arrive in time.
            MediaTypeUnsupportedError, BodyTooLargeError: see `body`.
        """
        if not self.has_media_type("multipart/form-data"):
            raise MediaTypeUnsupportedError("Send the body as multipart/form-data.", expected="multipart/form-data")
        self._refuse_announced(limit_bytes)
        parser = _MemoryFormParser(
            self.request.headers,
            self._chunks(limit_bytes),
            max_files=max_files,
            max_fields=MAX_FORM_FIELDS,
            max_part_size=MAX_FORM_FIELD_BYTES,
        )
        try:
            # A request with files holds a place in a queue, so it may not take as long as it likes.
            async with asyncio.timeout(self.container.settings.upload_timeout_s):
                parts: FormData = await parser.parse()
        except TimeoutError as error:
            within_s = self.container.settings.upload_timeout_s
            raise BodyTooSlowError(f"The form did not arrive within {within_s} s. Check the network.") from error
        except MultiPartException as error:
            raise BodyInvalidError(f"The form cannot be read: {error.message}") from error
        form = Form({}, {})
        for name, value in parts.multi_items():
            if isinstance(value, UploadFile):
                form.files.setdefault(name, []).append(await value.read())
            elif name in form.fields:
                raise BodyInvalidError("The form has a field twice.")
            else:
                form.fields[name] = value
        await parts.close()
        return form

    def _refuse_announced(self, limit_bytes: int) -> None:
        announced = self.header(b"content-length")
        if announced.isdigit() and int(announced) > limit_bytes:
            raise _too_large(limit_bytes)

    async def _chunks(self, limit_bytes: int, message: Message | None = None) -> AsyncGenerator[bytes, None]:
        """Pass a body on as it comes in, from a message that was received before on, and stop where it is too large."""
        size_bytes = 0
        while True:
            message = message or await self.request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise _too_large(limit_bytes)
            if chunk:
                yield chunk
            if not message.get("more_body", False):
                return
            message = None

    # --- answer --------------------------------------------------------------------------------------------------

    async def carry_out(self, command: Command) -> Response:
        """Have a command decided and stored, and answer what it came to."""
        answer = await self.container.submit(command, self.identity)
        return answered(answer.value, replayed=answer.repeated)


class JsonResponse(Response):
    """A JSON answer. Its two or three headers are written as they are sent, not built from a mapping each time."""

    def __init__(self, body: bytes, status: int, *, replayed: bool) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [_JSON_HEADER, (b"content-length", b"%d" % len(body))]
        if replayed:
            self.raw_headers.append(_REPLAYED_HEADER)


def answered(value: Any, status: int = 200, *, replayed: bool = False) -> Response:
    """Return a JSON answer."""
    return JsonResponse(_ENCODER.encode(value), status, replayed=replayed)


def identity_of(key_id: str, path: str, body: bytes) -> bytes:
    """Return what makes two writes under one Idempotency-Key the same: who sent what where (32 bytes).

    Hashed in pieces of less than 2,048 bytes: for longer ones hashlib lets other threads run, and getting the
    interpreter back from them costs this thread up to 5 ms.
    """
    digest = hashlib.sha256(f"{key_id}\0{path}\0".encode())
    for start in range(0, len(body), _HASHED_AT_ONCE_BYTES):
        digest.update(body[start : start + _HASHED_AT_ONCE_BYTES])
    return digest.digest()


def form_fields(fields: dict[str, str], shape: type[T]) -> T:
    """Check the fields of a form against a type.

    Raises:
        BodyInvalidError: they do not fit; the message names the field.
    """
    try:
        return msgspec.convert(fields, shape, strict=False)
    except msgspec.ValidationError as error:
        raise BodyInvalidError(f"The form does not fit: {error}.") from error


def _too_large(limit_bytes: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"The body may have {limit_bytes} bytes at most.", limit_bytes=limit_bytes)


def _day(name: str, value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise ParameterInvalidError(f"{name} has to be a day such as 2026-11-24.", parameter=name) from error


def whole_number(name: str, value: str, least: int, most: int) -> int:
    """Read a whole number that was sent as text.

    Raises:
        ParameterInvalidError: it is not one, or outside least to most.
    """
    if value.isascii() and value.isdigit() and len(value) < 19 and least <= int(value) <= most:
        return int(value)
    raise ParameterInvalidError(f"{name} has to be a whole number from {least} to {most}.", parameter=name)
