"""One operation of the API: its path, who may use it, what it takes, what it answers, and what does it.

The router, the access check and OpenAPI are all made from this one value, so they cannot disagree.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from api.access import KEY_ROLES
from api.routes.call import Call
from engine.domain.actor import Role
from engine.domain.errors import CanteenError

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
CSV: Final = "text/csv"

EVERY_ROLE: Final = KEY_ROLES
OFFICE: Final = frozenset({Role.FINANCE, Role.MANAGER, Role.ADMIN})
COUNTER: Final = frozenset({Role.TERMINAL, Role.CASHIER})
STAFF: Final = frozenset({Role.CASHIER, Role.FINANCE, Role.MANAGER, Role.ADMIN})
KITCHEN: Final = frozenset({Role.MANAGER, Role.ADMIN})
ADMINISTRATION: Final = frozenset({Role.ADMIN})

ANYBODY: Final[None] = None
"""In the place of roles: needs no key at all. Has to be written down, like any other permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A part of the path, the query or the headers; `schema` is JSON Schema."""

    name: str
    place: str
    description: str
    schema: dict[str, Any]
    example: Any
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body that is taken or answered. `files` names the parts of a form that are files."""

    shape: Any
    example: Any
    media_type: str = JSON
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """See the module. `roles` is ANYBODY or those that may; nobody else passes."""

    method: str
    path: str
    handle: Callable[[Call], Awaitable[Response]]
    roles: frozenset[Role] | None
    tag: str
    summary: str
    description: str
    answer: Content
    takes: Sequence[Content] = ()
    parameters: Sequence[Parameter] = ()
    problems: Sequence[type[CanteenError]] = ()
    at_every_tray: bool = False
    """Whether each diner waits for it: such operations are found without trying all routes."""

    also_answers: Sequence[int] = ()
    """Further statuses with the same kind of answer."""

    @property
    def writes(self) -> bool:
        """Whether it changes something, so that an Idempotency-Key is needed."""
        return self.method != "GET"

    @property
    def operation_id(self) -> str:
        return self.handle.__name__
