"""`canteen evaluate` as it is typed, with the real models on a few trays of the fixture street."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support.command_line import FIXTURES, run_command

TRAYS = FIXTURES / "trays"
CANTEEN = "lanxi"


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six ordinary trays of a canteen, eaten at three meals, and one without food."""
    chosen = [
        label
        for label in json.loads((TRAYS / "labels.json").read_text(encoding="utf-8"))
        if label["canteen"] == CANTEEN and label["kind"] in {"ordinary", "empty"}
    ]
    for number, label in enumerate(chosen):
        label["meal"] = f"day {number % 3}"
    path = tmp_path_factory.mktemp("labels") / "labels.json"
    path.write_text(json.dumps(chosen), encoding="utf-8")
    return path


def labelled(path: Path) -> list[list[str]]:
    return [[dish["dish"] for dish in label["dishes"]] for label in json.loads(path.read_text(encoding="utf-8"))]


def evaluated(*arguments: object) -> dict[str, Any]:
    ran = run_command("evaluate", *arguments, "--json").expect(0)
    figures: dict[str, Any] = json.loads(ran.out)
    return figures


def test_without_a_gallery_only_the_detector_is_measured(labels: Path) -> None:
    figures = evaluated(labels, "--images", TRAYS)
    portions = sum(len(dishes) for dishes in labelled(labels))
    assert figures["photographs"] == 7
    assert figures["labelled_portions"] == portions
    assert [row["counted_from_bps"] for row in figures["detector_by_score"]] == [3300, 4000, 5000, 6000]
    for row in figures["detector_by_score"]:
        assert row["recall"]["of"] == portions
        assert row["exact_count"]["of"] == 7
    first, counted, *_, last = figures["detector_by_score"]
    assert first["recall"]["hits"] >= last["recall"]["hits"]
    assert figures["detector"] == counted
    assert counted["recall"]["hits"] > 0
    assert figures["recognition"] is None
    assert [name for name, _ in figures["models"]] == ["dish_detector", "dish_embedder"]


def test_trays_are_measured_with_the_dishes_of_other_meals(labels: Path, tmp_path: Path) -> None:
    worst, curves = tmp_path / "worst", tmp_path / "curves.png"
    figures = evaluated(
        labels,
        *("--images", TRAYS, "--enrol", "trays", "--leave-out", "meal", "--worst", worst),
        *("--robustness", "--robustness-photos", 1, "--curves", curves),
    )
    recognition = figures["recognition"]
    meals: list[set[str]] = [set(), set(), set()]
    for number, dishes in enumerate(labelled(labels)):
        meals[number % 3].update(dishes)
    known = [
        dish in set.union(*(meal for other, meal in enumerate(meals) if other != number % 3))
        for number, dishes in enumerate(labelled(labels))
        for dish in dishes
    ]
    assert recognition["naming_on_labels"]["top1"]["of"] == sum(known)
    assert recognition["naming_on_labels"]["top1"]["hits"] > sum(known) / 2
    trays = recognition["all_trays"]
    assert trays["right"]["of"] == 7
    assert trays["right"]["hits"] + trays["silent_error"]["hits"] + trays["handed_off"]["hits"] == 7
    split = recognition["all_enrolled"]["right"]["of"], recognition["with_strange_dish"]["right"]["of"]
    assert split[1] > 0
    assert sum(split) == 7
    assert len(figures["robustness"]) == 7
    with Image.open(curves) as picture:
        assert picture.format == "PNG"
    assert figures["drawn"] == sorted(str(path) for path in worst.iterdir())


def test_a_person_reads_tables_with_sample_sizes_and_prices_of_the_menu() -> None:
    ran = run_command(
        "evaluate",
        FIXTURES / "trays" / "labels.json",
        *("--images", TRAYS, "--enrol", FIXTURES / "photos" / "labels.json", "--photos-per-dish", 1),
        *("--menus", FIXTURES / "street" / "menus.toml", "--period", "lunch"),
    ).expect(0)
    for title in ("找菜", "认菜", "整盘", "逐份", "金额", "逐菜"):
        assert title in ran.out
    assert "(48 photographs)" in ran.out
    assert "8 trays with a dish without a price are left out" in ran.out
    assert "assumed" not in ran.out


def test_labels_that_do_not_fit_their_photographs_end_with_a_message(labels: Path, tmp_path: Path) -> None:
    ran = run_command("evaluate", labels, "--images", tmp_path).expect(1)
    assert "labels_invalid" in ran.err
    assert "--images" in ran.err
