"""All settings, read once from environment variables CANTEEN_*; README.md documents every one (a test compares)."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from engine.domain.errors import SettingsError

PREFIX = "CANTEEN_"
_MIB = 1024 * 1024
_READ = "read"


def _text(name: str, value: str) -> str:
    if not value:
        raise SettingsError(f"{name} is empty. Give it a value or leave it out.", setting=name)
    return value


def _url(name: str, value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql://")):
        raise SettingsError(
            f"{name} has to begin with sqlite:/// (and a path) or postgresql:// (and host/database).",
            setting=name,
        )
    return value


def _path(name: str, value: str) -> Path:
    return Path(_text(name, value))


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise SettingsError(f"{name} has to be a whole number from {least} to {most}.", setting=name)
        return number

    return read


def _flag(name: str, value: str) -> bool:
    if value.lower() not in {"yes", "no"}:
        raise SettingsError(f"{name} has to be yes or no.", setting=name)
    return value.lower() == "yes"


def _moment(name: str, value: str) -> datetime:
    moment: datetime | None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise SettingsError(
            f"{name} has to be a time with its offset, such as 2026-11-24T11:20:00+08:00.", setting=name
        )
    return moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this installation runs. Each field is one environment variable: `data_dir` is CANTEEN_DATA_DIR."""

    data_dir: Path = field(default=Path("var"), metadata={_READ: _path})
    database_url: str = field(default="", metadata={_READ: _url})
    read_model_url: str = field(default="", metadata={_READ: _url})
    master_key_path: Path | None = field(default=None, metadata={_READ: _path})
    host: str = field(default="127.0.0.1", metadata={_READ: _text})
    port: int = field(default=8000, metadata={_READ: _whole(0, 65_535)})
    models_dir: Path | None = field(default=None, metadata={_READ: _path})
    recognition_threads: int = field(default=1, metadata={_READ: _whole(1, 64)})
    recognition_workers: int = field(default=2, metadata={_READ: _whole(1, 64)})
    recognition_queue_limit: int = field(default=16, metadata={_READ: _whole(1, 1000)})
    lock_timeout_s: int = field(default=5, metadata={_READ: _whole(1, 60)})
    command_queue_limit: int = field(default=1024, metadata={_READ: _whole(1, 100_000)})
    event_stream_limit: int = field(default=64, metadata={_READ: _whole(1, 10_000)})
    body_limit_bytes: int = field(default=256 * 1024, metadata={_READ: _whole(1024, 16 * _MIB)})
    photo_limit_bytes: int = field(default=10 * _MIB, metadata={_READ: _whole(1024, 64 * _MIB)})
    photo_limit_pixels: int = field(default=40_000_000, metadata={_READ: _whole(4096, 200_000_000)})
    upload_timeout_s: int = field(default=30, metadata={_READ: _whole(1, 600)})
    import_limit_bytes: int = field(default=16 * _MIB, metadata={_READ: _whole(1024, 256 * _MIB)})
    clock_tolerance_ms: int = field(default=120_000, metadata={_READ: _whole(0, 86_400_000)})
    acceptance_limits: Path | None = field(default=None, metadata={_READ: _path})
    checkout_timeout_ms: int = field(default=600_000, metadata={_READ: _whole(1000, 86_400_000)})
    utc_offset_minutes: int = field(default=480, metadata={_READ: _whole(-720, 840)})
    verify_at_start: bool = field(default=True, metadata={_READ: _flag})
    clock_start: datetime | None = field(default=None, metadata={_READ: _moment})
    clock_speed: int = field(default=1, metadata={_READ: _whole(1, 1000)})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings; unset variables take their defaults.

        Raises:
            SettingsError: a value cannot be used, or a CANTEEN_ variable is not a setting (a typo, most likely).
        """
        given = os.environ if environment is None else environment
        known = {variable_of(setting.name): setting for setting in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in given.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                raise SettingsError(f"{name} is not a setting. Known are: {', '.join(sorted(known))}.", setting=name)
            values[known[name].name] = known[name].metadata[_READ](name, value)
        return cls(**values)

    @property
    def store_url(self) -> str:
        """Where events are kept: SQLite in the data directory unless `database_url` says otherwise."""
        return self.database_url or f"sqlite:///{self.data_dir / 'canteen.sqlite3'}"

    @property
    def views_url(self) -> str:
        """Where read models are kept: beside the events, in a file or a schema of their own."""
        if self.read_model_url:
            return self.read_model_url
        if self.database_url.startswith("postgresql://"):
            return self.database_url
        return f"sqlite:///{self.data_dir / 'read-models.sqlite3'}"

    @property
    def key_path(self) -> Path:
        """The file with the master key that seals person keys."""
        return self.master_key_path or self.data_dir / "master.key"


def variable_of(field_name: str) -> str:
    """Return the environment variable of a field.

    >>> variable_of("data_dir")
    'CANTEEN_DATA_DIR'
    """
    return PREFIX + field_name.upper()
