"""What an installation consists of on disk: its data directory, its keys, and the store that they open.

The server and the console commands come in through here, so that they cannot mean different places or keys.
"""

import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from api.clock import Clock, new_secret
from api.settings import Settings
from engine.application.store import EventStore, StoreSettings, open_store
from engine.application.vault import MASTER_KEY_BYTES, PersonVault
from engine.domain.errors import SettingsError

SQLITE: Final = "sqlite:///"
ADMIN_KEY_FILE: Final = "admin.key"
PERSON_KEYS_FILE: Final = "person-keys.sqlite3"
_MS_PER_S: Final = 1000


def clock_of(settings: Settings) -> Clock:
    """Return the real clock, or the made-up one that the settings ask for."""
    start = settings.clock_start
    return Clock(start_ms=None if start is None else round(start.timestamp() * _MS_PER_S), speed=settings.clock_speed)


def open_installed_store(settings: Settings) -> EventStore:
    """Open the installation's event store; the caller closes it.

    Raises:
        SettingsError: a path, a key file or the database's address cannot be used.
        StoreUnavailableError: the database cannot be opened.
    """
    pepper = derived_key(settings, b"command bodies")
    return open_store(StoreSettings(url=settings.store_url, pepper=pepper, lock_timeout_s=settings.lock_timeout_s))


def open_existing_store(settings: Settings) -> EventStore:
    """Open a store that is there to be looked at; the caller closes it. A mistyped folder does not become a new store.

    Raises:
        SettingsError: there is no store, or a key file or the database's address cannot be used.
        StoreUnavailableError: the database cannot be opened.
    """
    file = settings.store_url.removeprefix(SQLITE)
    if file != settings.store_url and not Path(file).is_file():
        raise SettingsError(f"There is no store at {file}. Give its folder with --data-dir or CANTEEN_DATA_DIR.")
    if not settings.key_path.is_file():
        raise SettingsError(f"There is no key at {settings.key_path}. Give the store's folder with --data-dir.")
    return open_installed_store(settings)


def open_person_vault(settings: Settings) -> PersonVault:
    """Open the installation's person keys; the caller closes them.

    Raises:
        SettingsError: a path or a key file cannot be used.
    """
    return PersonVault.open(settings.data_dir / PERSON_KEYS_FILE, _master_key(settings))


def derived_key(settings: Settings, purpose: bytes) -> bytes:
    """Return 32 secret bytes for one purpose, the same for the life of the installation."""
    return hmac.digest(_master_key(settings), purpose, "sha256")


def private_file(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return a file's content; if there is none, write one that only its owner can read.

    Raises:
        SettingsError: the folder or the file cannot be used.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _content(path)
    except OSError as error:
        raise _unusable(path, error) from error
    content = make()
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return content


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(f"{path} cannot be used ({error.strerror}). Check folder and owner, or set CANTEEN_DATA_DIR.")


def _master_key(settings: Settings) -> bytes:
    """Read the master key, making one at the first start. Whoever loses it loses all sealed records."""
    path = settings.key_path
    key = private_file(path, lambda: new_secret(MASTER_KEY_BYTES).hex().encode())
    try:
        master_key = bytes.fromhex(key.decode().strip())
    except ValueError:
        master_key = b""
    if len(master_key) != MASTER_KEY_BYTES:
        raise SettingsError(
            f"{path} has to hold {MASTER_KEY_BYTES} bytes as hexadecimal digits. Restore the right file."
        )
    return master_key
