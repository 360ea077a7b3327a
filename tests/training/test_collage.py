"""Collages: their labels lie on food, scenes repeat, a run that was stopped goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recognition.labels import read_labels
from recognition.training.synthetic.collage import HEIGHT_PX, WIDTH_PX, main, make_collage, read_food
from recognition.training.synthetic.scene import seeded

GREEN = {"green": [np.full((80, 80, 3), (20, 220, 20), np.uint8)]}


@pytest.fixture
def dishes(tmp_path: Path) -> Path:
    for dish_id, colour in (("green", (20, 220, 20)), ("red", (220, 20, 20))):
        (tmp_path / "dishes" / dish_id).mkdir(parents=True)
        Image.new("RGB", (90, 60), colour).save(tmp_path / "dishes" / dish_id / "1.jpg")
    return tmp_path / "dishes"


@pytest.mark.parametrize("number", range(12))
def test_a_box_encloses_food_of_its_dish(number: int) -> None:
    collage = make_collage(seeded("boxes", number), GREEN)
    pixels = np.asarray(collage.image, np.int16)
    for portion in collage.portions:
        left, top, right, bottom = portion.box
        assert 0 <= left < right <= WIDTH_PX
        assert 0 <= top < bottom <= HEIGHT_PX
        middle = pixels[(top + bottom) // 2, (left + right) // 2]
        assert middle[1] > middle[0] or middle[1] > 200
        assert portion.dish_id == "green"


def test_some_pictures_hold_no_food_and_some_many_portions() -> None:
    counts = [len(make_collage(seeded("counts", number), GREEN).portions) for number in range(40)]
    assert min(counts) == 0
    assert max(counts) >= 4


def test_a_stopped_run_goes_on_and_repeats_nothing(dishes: Path, tmp_path: Path) -> None:
    asked = ["--seed", "3", "--out", str(tmp_path / "out"), "--food-from", str(dishes)]
    assert main(["--scenes", "2", *asked]) == 0
    first = (tmp_path / "out/collage-00001.jpg").stat().st_mtime_ns
    assert main(["--scenes", "3", *asked]) == 0
    assert (tmp_path / "out/collage-00001.jpg").stat().st_mtime_ns == first
    photos = read_labels(tmp_path / "out/labels.json")
    assert [photo.file for photo in photos] == [f"collage-{number:05d}.jpg" for number in range(3)]


def test_a_scene_of_a_seed_is_always_the_same(dishes: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        main(["--scenes", "2", "--seed", "5", "--out", str(tmp_path / name), "--food-from", str(dishes)])
    labels = [json.loads((tmp_path / name / "labels.json").read_text(encoding="utf-8")) for name in ("one", "two")]
    assert labels[0] == labels[1]
    pictures = [(tmp_path / name / "collage-00001.jpg").read_bytes() for name in ("one", "two")]
    assert pictures[0] == pictures[1]


def test_a_folder_without_photographs_is_named(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FileNotFoundError, match="nothing"):
        read_food([tmp_path / "nothing"], 5)
