"""Adds golden files for new events: `python -m tests.support.golden_events`. A file that exists is never touched."""

from pathlib import Path

from engine.application.codec import EventCodec
from engine.application.topics import EVENT_TYPES, UPCASTERS
from tests.support.event_examples import EXAMPLES

GOLDEN_EVENTS = Path(__file__).resolve().parents[2] / "fixtures" / "events"


def add_missing_golden_files(folder: Path = GOLDEN_EVENTS) -> list[Path]:
    """Write the stored form of each example that has no file yet, and return what was written."""
    codec = EventCodec(EVENT_TYPES, UPCASTERS)
    added: list[Path] = []
    for example in EXAMPLES:
        topic, state = codec.encode(example)
        path = folder / f"{topic}.json"
        if not path.exists():
            path.write_bytes(state + b"\n")
            added.append(path)
    return added


if __name__ == "__main__":
    for added_path in add_missing_golden_files():
        print(f"added {added_path.name}")
