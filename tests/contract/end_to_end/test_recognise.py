"""`canteen recognise` and `canteen enrol-dish` with the real models on pictures of the fixture street."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from api.installation import open_existing_store
from engine.domain.events import MenuPublished
from tests.contract.end_to_end.conftest import PlayedDemo
from tests.support.command_line import CANTEEN, DAY, FIXTURES, Installation, Ran

TRAYS = FIXTURES / "trays" / CANTEEN
NAMES = {"mifan": "白米饭", "hongshaorou": "红烧肉"}


@pytest.fixture
def installation(played_demo: PlayedDemo, tmp_path: Path) -> Installation:
    """The store of a demo: its canteen's dishes are enrolled."""
    played_demo.ran.expect(0)
    shutil.copytree(played_demo.data_dir, tmp_path / "store")
    return Installation(data_dir=tmp_path / "store")


@pytest.fixture
def lunch(installation: Installation) -> tuple[str, ...]:
    """The options that name the demo's lunch; it was played on the day it was run."""
    with closing(open_existing_store(installation.settings)) as store:
        (first, *_) = store.log.read_after(0, 1, {MenuPublished.TOPIC})
    assert isinstance(first.event, MenuPublished)
    return ("--canteen", CANTEEN, "--day", first.event.business_day, "--period", "lunch")


def changed_share(before: Path, after: Path) -> float:
    """The share of pixels that differ much between two pictures, compared at one size."""
    with Image.open(before) as old, Image.open(after) as new:
        pixels = [np.asarray(each.convert("RGB").resize((480, 360)), dtype=np.int16) for each in (old, new)]
    return float((np.abs(pixels[0] - pixels[1]).max(axis=2) > 60).mean())


def test_trays_are_read_priced_and_drawn(installation: Installation, lunch: tuple[str, ...], tmp_path: Path) -> None:
    trays = [TRAYS / "ordinary-4.jpg", TRAYS / "ordinary-1.jpg"]
    ran = installation.run("recognise", *trays, *lunch, "--save", tmp_path / "drawn").expect(0)
    labels = {entry["file"]: entry for entry in json.loads((FIXTURES / "trays" / "labels.json").read_text())}
    assert {dish["dish"] for dish in labels[f"{CANTEEN}/ordinary-4.jpg"]["dishes"]} == set(NAMES)
    first, second = ran.out.split(str(trays[1]))
    assert all(name in first for name in NAMES.values())
    assert "合计 total" in second
    assert " ms)" in first
    for tray in trays:
        drawn = tmp_path / "drawn" / f"{tray.stem}.read.jpg"
        assert f"drawn: {drawn}" in ran.out
        assert drawn.read_bytes()[:3] == b"\xff\xd8\xff"
        assert 0.002 < changed_share(tray, drawn) < 0.5


def test_pictures_of_one_name_from_two_folders_are_both_drawn(
    installation: Installation, lunch: tuple[str, ...], tmp_path: Path
) -> None:
    """A name with brackets is a name, not markup."""
    for folder, tray in (("a", "ordinary-4.jpg"), ("b", "ordinary-5.jpg")):
        (tmp_path / folder).mkdir()
        shutil.copy(TRAYS / tray, tmp_path / folder / "tray[bold].jpg")
    photos = sorted(tmp_path.glob("?/tray*.jpg"))
    assert len(photos) == 2
    ran = installation.run("recognise", *photos, *lunch, "--save", tmp_path).expect(0)
    assert all(str(photo) in ran.out for photo in photos)
    drawn = sorted(tmp_path.glob("*.read.jpg"))
    assert len(drawn) == 2
    assert drawn[0].read_bytes() != drawn[1].read_bytes()


def test_what_cannot_be_read_is_named_and_does_not_stop_the_others(
    installation: Installation, lunch: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "text[1].jpg").write_text("not a picture")
    Image.new("RGB", (960, 720)).save(tmp_path / "black.jpg")
    counter = tmp_path / "counter.png"
    Image.linear_gradient("L").resize((960, 720)).convert("RGB").save(counter)
    bad = [tmp_path / "text[1].jpg", tmp_path / "black.jpg", tmp_path / "missing.jpg", counter]
    ran = installation.run("recognise", *bad, TRAYS / "ordinary-4.jpg", *lunch).expect(1)
    for photo in bad:
        assert f"✗ {photo}: " in ran.out
    assert f"{counter}: No dish was seen" in ran.out
    assert "合计 total" in ran.out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--canteen", "nowhere", "--day", DAY, "--period", "lunch"), "No canteen is known as 'nowhere'"),
        (("--canteen", CANTEEN, "--day", DAY, "--period", "supper"), "No menu is published"),
    ],
)
def test_an_unknown_canteen_and_a_meal_without_menu_are_refused(
    installation: Installation, options: tuple[str, ...], told: str
) -> None:
    assert told in installation.run("recognise", TRAYS / "ordinary-4.jpg", *options).expect(1).err


def test_a_folder_that_cannot_be_written_is_named(
    installation: Installation, lunch: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    ran = installation.run("recognise", TRAYS / "ordinary-4.jpg", *lunch, "--save", tmp_path / "file").expect(1)
    assert "cannot be written" in ran.err


@pytest.fixture
def bare(loaded_store: Path, tmp_path: Path) -> Installation:
    """A street whose dishes nobody has shown yet."""
    shutil.copytree(loaded_store, tmp_path / "bare")
    return Installation(data_dir=tmp_path / "bare")


def test_a_dish_is_seen_once_it_was_shown(bare: Installation) -> None:
    photo = FIXTURES / "photos" / CANTEEN / "hongshaorou"
    asked = ("recognise", TRAYS / "ordinary-4.jpg", "--canteen", CANTEEN, "--day", DAY, "--period", "lunch")

    def read() -> Ran:
        return bare.run(*asked).expect(0)

    assert NAMES["hongshaorou"] not in read().out
    names = ("--canteen", CANTEEN, "--dish", "hongshaorou", "--name-zh", "红烧肉", "--name-en", "Red-braised pork")
    ran = bare.run("enrol-dish", *sorted(photo.glob("*.jpg")), *names).expect(0)
    assert "3 new photographs" in ran.out
    assert NAMES["hongshaorou"] in read().out
    assert "0 new photographs" in bare.run("enrol-dish", photo / "1.jpg", *names).expect(0).out


def test_a_dish_shown_by_something_that_is_no_picture_is_refused(bare: Installation, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture")
    names = ("--canteen", CANTEEN, "--dish", "hongshaorou", "--name-zh", "红烧肉")
    assert "hongshaorou" in bare.run("enrol-dish", tmp_path / "text.jpg", *names).expect(1).err
