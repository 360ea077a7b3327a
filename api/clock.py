"""The only clock and the only source of ids and secrets; everything inside gets time and ids handed in."""

import secrets
import time
from dataclasses import dataclass, field

_NS_PER_MS = 1_000_000
_RANDOM_BITS = 74


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The wall clock, or a made-up one that starts at `start_ms` and runs `speed` times as fast (for the demo).

    `start_ms` is milliseconds since 1970 UTC; None means the real time.
    """

    start_ms: int | None = None
    speed: int = 1
    _began_ns: int = field(default_factory=time.monotonic_ns)

    def now_ms(self) -> int:
        """Return the time in milliseconds since 1970 UTC."""
        if self.start_ms is None:
            return wall_clock_ms()
        return self.start_ms + (time.monotonic_ns() - self._began_ns) * self.speed // _NS_PER_MS

    def new_id(self) -> str:
        """Return a new UUID of version 7: ids made later sort later, which keeps indexes local."""
        # The made-up clock of a demo must not make two runs give the same ids, so the real time goes in.
        bits = wall_clock_ms() << 80 | 0x7 << 76 | 0b10 << 62
        noise = secrets.randbits(_RANDOM_BITS)
        bits |= (noise >> 62) << 64 | noise & (1 << 62) - 1
        digits = f"{bits:032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def wall_clock_ms() -> int:
    """Return the real time in milliseconds since 1970 UTC."""
    return time.time_ns() // _NS_PER_MS  # noqa: TID251  # the one place


def monotonic_ns() -> int:
    """Return a time for measuring spans, in nanoseconds since some moment."""
    return time.monotonic_ns()


def new_secret(size_bytes: int = 32) -> bytes:
    """Return random bytes that nobody can guess."""
    return secrets.token_bytes(size_bytes)
