"""The log of a training run: one JSON object per line, kept across interruptions, and read again to draw curves."""

import json
from pathlib import Path
from typing import Any


class RunLog:
    """Appends what happened to `run.jsonl` of a run's folder; each line is complete on disk before the next step."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "run.jsonl"

    def add(self, kind: str, **values: Any) -> None:
        """Append one entry, such as `add("step", step=10, loss=1.25)`."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **values}, ensure_ascii=False) + "\n")

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Return all entries of one kind, oldest first; a last line that was cut off is ignored."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            if entry["kind"] == kind:
                found.append(entry)
        return found
