"""Catches up in small steps in a process of its own, so that a test can kill it in the middle.

`python -m tests.support.catching_up_process STORE_URL READ_MODELS_URL`
"""

import sys

from engine.application.store import StoreSettings, open_store
from projections.catalogue import build_projections
from projections.database import open_read_models
from projections.runner import ProjectionRunner

PEPPER = b"a pepper for tests only"


def main() -> None:
    """Tell each position on a line of its own."""
    store = open_store(StoreSettings(url=sys.argv[1], pepper=PEPPER))
    runner = ProjectionRunner(store.log, open_read_models(sys.argv[2]), build_projections(), batch_events=20)
    runner.start()
    position = 0
    while True:
        position += 1
        runner.wait_until(position, 60.0)
        print(position, flush=True)


if __name__ == "__main__":
    main()
