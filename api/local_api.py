"""The whole API inside this process, without a port: files loaded by the command line go the way of every request."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx

from api.app import create_app
from api.clock import Clock
from api.container import Container
from api.installation import ADMIN_KEY_FILE
from api.settings import Settings
from api.street_loading import StreetLoader
from engine.domain.errors import SettingsError

T = TypeVar("T")

_LONGEST_REQUEST_S = 600


def use_local_api(settings: Settings, work: Callable[[StreetLoader], Awaitable[T]], clock: Clock | None = None) -> T:
    """Open a store, do some loading as its administrator, and close it again.

    May run beside a server on the same store: each takes the other's appends into account.
    """
    container = Container(settings, clock)
    container.start()

    async def run() -> T:
        transport = httpx.ASGITransport(app=create_app(container))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://canteen.local", timeout=_LONGEST_REQUEST_S
        ) as client:
            return await work(StreetLoader(client, container.clock, _admin_key(settings.data_dir / ADMIN_KEY_FILE)))

    try:
        return asyncio.run(run())
    finally:
        container.stop()


def _admin_key(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}). Put an administrator's key into it; the console commands "
            "that change something act with it."
        ) from error
