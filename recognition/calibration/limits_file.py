"""Limits of acceptance in a file: what the package ships, and what `canteen calibrate --out` writes."""

import tomllib
from pathlib import Path
from typing import Final

import msgspec

from engine.domain.acceptance import AcceptanceLimits, Calibration
from engine.domain.errors import SettingsError

SHIPPED_LIMITS: Final = Path(__file__).parent / "default_limits.toml"


class MeasuredLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits with what they were measured on."""

    limits: AcceptanceLimits
    calibration: Calibration | None = None


def read_limits(path: Path) -> MeasuredLimits:
    """Read a file of limits.

    Raises:
        SettingsError: it is missing, or not such a file.
    """
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), MeasuredLimits)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}). Give a file of `canteen calibrate --out`."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path} holds no limits of acceptance: {error}. Use `canteen calibrate --out`.") from error


def written_limits(measured: MeasuredLimits) -> str:
    """Return the content of the file that `read_limits` reads."""
    lines = ["# Limits of acceptance, basis points and counts; written by `canteen calibrate`.", "", "[limits]"]
    lines += [f"{field} = {value}" for field, value in msgspec.to_builtins(measured.limits).items()]
    if measured.calibration is not None:
        fields = msgspec.to_builtins(measured.calibration)
        models = fields.pop("models")
        lines += ["", "[calibration]"]
        lines += [f"{field} = {_value(value)}" for field, value in fields.items()]
        for model in models:
            lines += ["", "[[calibration.models]]", *(f"{field} = {_value(value)}" for field, value in model.items())]
    return "\n".join(lines) + "\n"


def _value(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
