"""The OpenAPI document, made from the operations alone."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from api import schemas
from api.problems import MEDIA_TYPE, PROBLEM_KINDS, problem_body
from api.request_errors import (
    BodyInvalidError,
    BodyTooLargeError,
    IdempotencyKeyMissingError,
    KeyRequiredError,
    MediaTypeUnsupportedError,
    ParameterInvalidError,
)
from api.routes.call import REPLAYED_HEADER
from api.routes.operation import Content, Operation, Parameter
from api.routes.parameters import IDEMPOTENCY_KEY
from engine.domain.errors import (
    AccessDeniedError,
    CanteenError,
    CommandIdReusedError,
    QueueFullError,
    StoreUnavailableError,
)

_REFERENCE: Final = "#/components/schemas/{name}"
_BINARY: Final[dict[str, Any]] = {"type": "string", "format": "binary"}


def build_openapi(operations: Sequence[Operation], version: str) -> dict[str, Any]:
    """Return the document as JSON values."""
    contents = [content for operation in operations for content in (operation.answer, *operation.takes)]
    shapes: list[Any] = [schemas.Problem, *dict.fromkeys(content.shape for content in contents)]
    schemas_of, components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    by_shape = dict(zip(shapes, schemas_of, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, by_shape)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "食堂结算 · Canteen checkout",
            "version": version,
            "description": (
                "A tray photograph becomes a paid bill. Money is integer fen, times are milliseconds since 1970 UTC. "
                "Every write needs an Idempotency-Key; every error is an RFC 9457 problem whose `code` is stable."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "ck_<key id>_<secret>"},
            },
        },
    }


def problems_of(operation: Operation) -> tuple[type[CanteenError], ...]:
    """Return every problem that an operation may answer, those of all operations of its kind included."""
    common: list[type[CanteenError]] = []
    if operation.parameters:
        common.append(ParameterInvalidError)
    if operation.roles is not None:
        common += [KeyRequiredError, AccessDeniedError]
    if operation.writes:
        common += [IdempotencyKeyMissingError, CommandIdReusedError, QueueFullError, StoreUnavailableError]
    if operation.takes:
        common += [BodyInvalidError, BodyTooLargeError, MediaTypeUnsupportedError]
    return tuple(dict.fromkeys((*operation.problems, *common)))


def _operation(operation: Operation, by_shape: dict[Any, Any]) -> dict[str, Any]:
    parameters = [*operation.parameters, *([IDEMPOTENCY_KEY] if operation.writes else [])]
    described: dict[str, Any] = {
        "operationId": operation.operation_id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"{operation.description}\n\n{_who(operation)}",
        "security": [] if operation.roles is None else [{"key": []}],
        "parameters": [_parameter(parameter) for parameter in parameters],
        "responses": _responses(operation, by_shape),
    }
    if operation.takes:
        described["requestBody"] = {
            "required": True,
            "content": {content.media_type: _content(content, by_shape) for content in operation.takes},
        }
    return described


def _who(operation: Operation) -> str:
    return "Needs no key." if operation.roles is None else f"Roles: {', '.join(sorted(operation.roles))}."


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
        "schema": parameter.schema,
        "example": parameter.example,
    }


def _content(content: Content, by_shape: dict[Any, Any]) -> dict[str, Any]:
    schema = by_shape[content.shape]
    if content.files:
        files = {"type": "object", "required": list(content.files), "properties": _files(content)}
        # The fields' own schema refuses what it does not know, so a form names both kinds of part side by side.
        schema = {"allOf": [{**schema}, files]}
    return {"schema": schema, "example": content.example}


def _files(content: Content) -> dict[str, Any]:
    return {
        name: {"type": "array", "items": _BINARY} if isinstance(content.example[name], list) else _BINARY
        for name in content.files
    }


def _responses(operation: Operation, by_shape: dict[Any, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "done" if operation.writes else "found",
        "content": {operation.answer.media_type: _content(operation.answer, by_shape)},
    }
    if operation.writes:
        answer["headers"] = {
            REPLAYED_HEADER: {
                "description": "true if the answer is that of an earlier request",
                "schema": {"type": "string"},
            }
        }
    responses: dict[str, Any] = {"200": answer}
    for status in operation.also_answers:
        responses[str(status)] = answer
    by_status: dict[int, list[type[CanteenError]]] = {}
    for error_type in problems_of(operation):
        by_status.setdefault(PROBLEM_KINDS[error_type].status, []).append(error_type)
    for status, error_types in sorted(by_status.items()):
        responses[str(status)] = {
            "description": "; ".join(
                f"`{PROBLEM_KINDS[error_type].code}`: {PROBLEM_KINDS[error_type].title_en}"
                for error_type in error_types
            ),
            "content": {
                MEDIA_TYPE: {
                    "schema": by_shape[schemas.Problem],
                    "examples": {
                        error_type.code: {"value": _example(error_type, operation)} for error_type in error_types
                    },
                }
            },
        }
    return responses


def _example(error_type: type[CanteenError], operation: Operation) -> dict[str, Any]:
    meaning = PROBLEM_KINDS[error_type].meaning or PROBLEM_KINDS[error_type].title_en
    return problem_body(error_type(meaning.splitlines()[0]), operation.path)
