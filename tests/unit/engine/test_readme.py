import re
from pathlib import Path

import pytest

from engine.application.topics import EVENT_TYPES

ENGINE = Path(__file__).parents[3] / "engine"
READMES = sorted(ENGINE.rglob("README.md"))


def test_the_table_of_streams_names_every_event_and_no_other() -> None:
    text = (ENGINE / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## Streams and their events") : text.index("## A new version of an event")]
    rows = [line for line in table.splitlines() if line.startswith("| `")]

    named = set(re.findall(r"`([A-Z]\w+)`", "".join(rows)))

    assert named == {event_type.__name__ for event_type in EVENT_TYPES.values()}


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ENGINE.parent)))
def test_every_file_that_a_readme_names_exists(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    linked = [readme.parent / target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    quoted = [
        next((place / name for place in (readme.parent, ENGINE, ENGINE.parent) if (place / name).exists()), Path(name))
        for name in re.findall(r"`([\w/]+\.(?:py|md|toml))`", text)
    ]

    assert [str(path) for path in (*linked, *quoted) if not path.exists()] == []
