"""`canteen calibrate` as it is typed, with the real models on a few trays of the fixture street."""

import json
from pathlib import Path
from typing import Any

import pytest

from recognition.calibration.limits_file import read_limits
from tests.support.command_line import FIXTURES, run_command

TRAYS, PHOTOS = FIXTURES / "trays", FIXTURES / "photos" / "labels.json"


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ordinary trays of a canteen, eaten at three meals."""
    chosen = [
        {**label, "meal": f"day {number % 3}"}
        for number, label in enumerate(json.loads((TRAYS / "labels.json").read_text(encoding="utf-8")))
        if label["canteen"] == "lanxi" and label["kind"] == "ordinary"
    ]
    path = tmp_path_factory.mktemp("labels") / "labels.json"
    path.write_text(json.dumps(chosen), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory in which the canteens of the fixture street are open."""
    data_dir = tmp_path_factory.mktemp("street")
    run_command("import", "canteens", FIXTURES / "street" / "street.toml", "--data-dir", data_dir).expect(0)
    return data_dir


def menus() -> tuple[object, ...]:
    return ("--enrol", PHOTOS, "--menus", FIXTURES / "street" / "menus.toml", "--period", "lunch")


def test_limits_are_found_written_and_published(labels: Path, street: Path, tmp_path: Path) -> None:
    out = tmp_path / "limits.toml"
    ran = run_command(
        "calibrate",
        labels,
        "--images",
        TRAYS,
        *menus(),
        *("--max-silent", 1, "--max-strange", 1, "--out", out),
        *("--canteen", "lanxi", "--publish", "--data-dir", street, "--json"),
    ).expect(0)
    told: dict[str, Any] = json.loads(ran.out)
    written = read_limits(out)

    assert "version 1" in ran.err
    assert written.limits.accept_bps == told["limits"]["accept_bps"]
    assert written.calibration is not None
    assert written.calibration.trays == told["cross_validated"]["trays"] == 6
    assert [model.name for model in written.calibration.models] == ["dish_detector", "dish_embedder"]
    rights = [point["outcomes"]["right"] for point in told["curve"]]
    assert rights == sorted(rights, reverse=True)
    again = run_command("calibrate", labels, "--images", TRAYS, *menus(), "--publish").expect(1)
    assert "--canteen" in again.err


def test_without_trays_within_the_limits_nothing_is_published_and_the_table_says_so(labels: Path) -> None:
    alone = json.loads(labels.read_text(encoding="utf-8"))
    for label in alone:
        # Every label says rice, so no tray can be right.
        label["dishes"] = [{**dish, "dish": "mifan"} for dish in label["dishes"]]
    wrong = labels.with_name("wrong.json")
    wrong.write_text(json.dumps(alone), encoding="utf-8")

    ran = run_command("calibrate", wrong, "--images", TRAYS, *menus(), "--max-silent", 0, "--max-strange", 0)
    assert "aim is not met" in ran.expect(1).out
