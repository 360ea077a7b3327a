"""A process of its own that counts: `python -m tests.support.counting_process URL NAME COMMANDS THREADS COUNTER...`.

Prints each command's id once it is acknowledged. Tests run several at once, limit their files, and kill them.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.domain.errors import StoreUnavailableError
from tests.support.counters import count
from tests.support.stores import counting

PROJECT = Path(__file__).resolve().parents[2]
UNAVAILABLE = "unavailable"


def start_counting(url: str, name: str, commands: int, threads: int, *counters: str) -> subprocess.Popen[str]:
    """Start the process; its ids are `NAME-0`, `NAME-1` and so on."""
    return subprocess.Popen(
        [sys.executable, "-m", __spec__.name, url, name, str(commands), str(threads), *counters],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )


def _count_all(url: str, name: str, commands: int, threads: int, counters: list[str]) -> None:
    with counting(url, lock_timeout_s=20) as (_, writer), ThreadPoolExecutor(threads) as callers:

        def one(number: int) -> None:
            command = count(f"{name}-{number}", f"own-{name}-{number}", *counters)
            while True:
                try:
                    writer.execute(command)
                except StoreUnavailableError as error:
                    print(f"{UNAVAILABLE} {command.command_id} {error.message}\n", end="", flush=True)
                else:
                    break
            print(f"{command.command_id}\n", end="", flush=True)

        list(callers.map(one, range(commands)))


if __name__ == "__main__":
    _count_all(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
