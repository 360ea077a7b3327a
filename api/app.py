"""The web application: every operation behind its access check, every error as a problem, nothing personal in logs."""

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI
from fastapi_swagger import patch_fastapi
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.access import refuse_other_roles
from api.clock import monotonic_ns
from api.container import Container
from api.openapi import build_openapi
from api.problems import problem_response
from api.request_errors import (
    BodyTooLargeError,
    BodyTooSlowError,
    MethodNotAllowedError,
    RequestError,
    RouteUnknownError,
    UnexpectedError,
)
from api.routes import acceptance, access_keys, canteens, checkouts, galleries, reports, residents, rules, system
from api.routes.call import Call
from api.routes.operation import Operation
from engine.domain.errors import CanteenError

API_VERSION: Final = "1"
"""Of the paths under /v1; a change that breaks clients gets another number and another prefix."""
CLIENT_GONE: Final = 499

# The paths of a lunch come first: routes are tried in order.
OPERATIONS: Final[tuple[Operation, ...]] = (
    *checkouts.OPERATIONS,
    *canteens.OPERATIONS,
    *galleries.OPERATIONS,
    *acceptance.OPERATIONS,
    *residents.OPERATIONS,
    *rules.OPERATIONS,
    *access_keys.OPERATIONS,
    *reports.OPERATIONS,
    *system.OPERATIONS,
)

_CHECKOUTS: Final = "/v1/checkouts/"
_CHECKOUT_PREFIX: Final = "/v1/checkouts/{checkout_id}"

_LOGGER = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


class CheckoutApp(FastAPI):
    """FastAPI, with a short cut for what every diner waits for (decision A4)."""

    def __init__(self, endpoints: Mapping[Operation, Endpoint], **settings: Any) -> None:
        super().__init__(**settings)
        self._at_every_tray = {
            operation.path.removeprefix(_CHECKOUT_PREFIX): endpoint
            for operation, endpoint in endpoints.items()
            if operation.at_every_tray
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST below a checkout at once; everything else, other methods included, goes through the routes."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path.startswith(_CHECKOUTS):
                checkout_id, slash, rest = path[len(_CHECKOUTS) :].partition("/")
                endpoint = self._at_every_tray.get(slash + rest)
                if endpoint is not None:
                    scope["path_params"] = {"checkout_id": checkout_id}
                    response = await endpoint(Request(scope, receive))
                    await response(scope, receive, send)
                    return
        await super().__call__(scope, receive, send)


def create_app(container: Container) -> FastAPI:
    """Make the application around a container, which it starts and stops with itself."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        container.start()
        try:
            yield
        finally:
            container.stop()

    endpoints = {operation: _endpoint(container, operation) for operation in OPERATIONS}
    app = CheckoutApp(
        endpoints,
        title="食堂结算 · Canteen checkout",
        version=API_VERSION,
        lifespan=lifespan,
        redirect_slashes=False,
        # The library's own page fetches its scripts from outside; the one below brings them along.
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        exception_handlers={HTTPException: _framework_problem},
    )
    for operation, endpoint in endpoints.items():
        app.add_api_route(
            operation.path,
            endpoint,
            methods=[operation.method],
            name=operation.operation_id,
            response_class=Response,
            response_model=None,
        )
    patch_fastapi(app, redirect_from_root_to_docs=True)
    document = build_openapi(OPERATIONS, app.version)
    app.openapi = lambda: document  # type: ignore[method-assign]  # as FastAPI's own documentation has it
    return app


def _endpoint(container: Container, operation: Operation) -> Endpoint:
    """Wrap an operation: who may, how long it took, and what an error is told as."""
    roles = operation.roles
    handle = operation.handle
    observe = container.metrics.operation(operation.operation_id)

    async def respond(request: Request) -> Response:
        began_ns = monotonic_ns()
        try:
            headers: dict[bytes, bytes] = dict(request.scope["headers"])
            key = None
            if roles is not None:
                key = container.access.authenticate(headers.get(b"authorization", b"").decode("latin-1"))
                refuse_other_roles(key, roles)
            response = await handle(Call(container, request, headers, key))
        except CanteenError as error:
            response = _problem(container, error, request)
        except ClientDisconnect:
            response = Response(status_code=CLIENT_GONE)
        except Exception as error:
            response = _problem(container, _noted(container, operation, error), request)
        observe(response.status_code, monotonic_ns() - began_ns)
        return response

    return respond


def _problem(container: Container, error: CanteenError, request: Request) -> Response:
    status, headers, body = problem_response(error, request.scope["path"])
    if isinstance(error, BodyTooLargeError | BodyTooSlowError):
        # The rest of the body is not worth receiving.
        headers["connection"] = "close"
    container.metrics.problem(error.code)
    return Response(body, status, headers=headers)


def _noted(container: Container, operation: Operation, error: Exception) -> UnexpectedError:
    """Log where an error came from, but not its message: that may quote what somebody sent."""
    error_id = container.clock.new_id()
    frames = "".join(
        f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
    )
    _LOGGER.error("%s: %s in %s%s", error_id, type(error).__name__, operation.operation_id, frames)
    return UnexpectedError(
        f"Something failed inside. Try again with the same Idempotency-Key; report {error_id} if it stays so.",
        error_id=error_id,
    )


async def _framework_problem(request: Request, error: Exception) -> Response:
    """Tell as a problem what the framework refuses before any operation is reached."""
    assert isinstance(error, HTTPException)
    refusal: RequestError
    if error.status_code == 404:
        refusal = RouteUnknownError("Nothing answers under this path. GET /openapi.json lists what does.")
    elif error.status_code == 405:
        allowed = sorted({each.method for each in OPERATIONS if _same_path(request, each)})
        refusal = MethodNotAllowedError(f"Use {' or '.join(allowed)} here.", allowed=allowed)
    else:
        refusal = RequestError("The request cannot be served as it is.")
    status, headers, body = problem_response(refusal, request.scope["path"])
    if isinstance(refusal, MethodNotAllowedError):
        headers["allow"] = ", ".join(allowed)
    return Response(body, status, headers=headers)


def _same_path(request: Request, operation: Operation) -> bool:
    return getattr(request.scope.get("route"), "path", None) == operation.path
