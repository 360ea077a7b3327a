"""What the console command says of itself, and what it refuses before it opens anything."""

import pytest
from typer.testing import CliRunner

from api.cli import app

WIDE = {"COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"}
OPTIONS = {
    "": ("serve", "demo", "verify", "rebuild", "recognise", "enrol-dish", "import", "canteen demo", "CANTEEN_"),
    "serve": ("--data-dir", "admin.key"),
    "demo": ("--once", "--fresh", "--data-dir", "--fixtures", "--port", "--speed", "--visits", "--seed"),
    "verify": ("--data-dir", "Exit status 1"),
    "rebuild": ("--data-dir", "checkout_totals"),
    "recognise": ("--canteen", "--day", "--period", "--save", "--data-dir", "PHOTOS"),
    "enrol-dish": ("--canteen", "--dish", "--name-zh", "--name-en", "--variant", "--portion", "PHOTOS"),
    "gallery": ("list", "history", "undo", "remove", "confirm", "lookalikes", "re-embed"),
    "gallery undo": ("VERSION", "--canteen", "--reason", "--data-dir"),
    "gallery re-embed": ("--canteen", "--all", "--data-dir"),
    "import": ("canteens", "menus", "rules", "residents"),
    "import canteens": ("street.toml", "--data-dir"),
    "import menus": ("menus.toml", "--day", "YYYY-MM-DD", "--data-dir"),
    "import rules": ("--data-dir", "FILES"),
    "import residents": ("--dry-run", "--data-dir", "CSV"),
}


def said(*arguments: str) -> tuple[int, str]:
    ran = CliRunner(env=WIDE).invoke(app, arguments)
    return ran.exit_code, ran.output


@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_every_option(command: str) -> None:
    status, text = said(*command.split(), "--help")
    assert status == 0
    for wanted in OPTIONS[command]:
        assert wanted.lower() in text.lower()


def test_help_comes_without_being_asked_for() -> None:
    assert "Commands" in said()[1]


@pytest.mark.parametrize("command", [("recognise", "a.jpg", "--canteen", "lanxi"), ("import", "menus")])
def test_a_day_that_is_none_is_refused_as_a_wrong_option(command: tuple[str, ...]) -> None:
    status, text = said(*command, "--day", "24.11.2026")
    assert status == 2
    assert "24.11.2026" in text


def test_a_demo_faster_than_its_clock_can_run_is_refused() -> None:
    assert said("demo", "--speed", "0")[0] == 2
    assert said("demo", "--port", "70000")[0] == 2
