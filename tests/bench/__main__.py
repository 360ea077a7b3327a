"""Runs the benchmarks, one process each so that none disturbs another: `python -m tests.bench [NAME ...] [-- ARGS]`."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or all; return 0 if all ended well."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    names, passed_on = arguments[:at], arguments[at + 1 :]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or BENCHMARKS:
        print(f"\n=== {name} ===", flush=True)
        failed |= subprocess.run(
            [sys.executable, "-m", f"tests.bench.bench_{name}", *passed_on], check=False
        ).returncode
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
