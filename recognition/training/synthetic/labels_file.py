"""The file of labels beside rendered pictures; it grows while they are made, and is whole at any moment."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

LABELS_FILE: Final = "labels.json"
WRITE_EVERY: Final = 100
"""Pictures between two writings of the file."""

Entry = dict[str, Any]
"""One photograph in the layout of `recognition/labels.py`, with keys of its own."""


def read_entries(out: Path) -> dict[str, Entry]:
    """Return the entries of pictures that are there, by file; none if the folder has no labels yet."""
    path = out / LABELS_FILE
    if not path.exists():
        return {}
    entries: list[Entry] = json.loads(path.read_text(encoding="utf-8"))
    return {entry["file"]: entry for entry in entries if (out / entry["file"]).exists()}


def write_entries(out: Path, entries: Iterable[Entry]) -> None:
    """Replace the file as a whole, in the order of the pictures' names."""
    staged = out / (LABELS_FILE + ".part")
    ordered = sorted(entries, key=lambda entry: str(entry["file"]))
    staged.write_text(json.dumps(ordered, ensure_ascii=False), encoding="utf-8")
    staged.replace(out / LABELS_FILE)
