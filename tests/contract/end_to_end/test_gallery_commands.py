"""`canteen gallery ...` on a store of its own, with the real models on pictures of the fixture street."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.command_line import CANTEEN, FIXTURES, Installation

OF_CANTEEN = ("--canteen", CANTEEN)


@pytest.fixture
def kitchen(loaded_store: Path, tmp_path: Path) -> Installation:
    """A street that has shown one dish under two names."""
    shutil.copytree(loaded_store, tmp_path / "kitchen")
    installation = Installation(data_dir=tmp_path / "kitchen")
    photo = FIXTURES / "photos" / CANTEEN / "mifan"
    for dish_id, name_zh in (("mifan", "白米饭"), ("xifan", "稀饭")):
        names = ("--dish", dish_id, "--name-zh", name_zh, "--variant", "大份")
        installation.run("enrol-dish", photo / "1.jpg", photo / "2.jpg", *OF_CANTEEN, *names).expect(0)
    return installation


def test_look_alikes_are_told_and_a_wrong_enrolment_is_found_and_undone(kitchen: Installation) -> None:
    told = kitchen.run("gallery", "lookalikes", *OF_CANTEEN).expect(0).out
    assert re.search(r"白米饭和稀饭约有 \d+% 能分清", told)
    history = kitchen.run("gallery", "history", *OF_CANTEEN).expect(0).out
    assert "enrolled" in history
    assert "xifan" in history

    kitchen.run("gallery", "undo", "2", *OF_CANTEEN, "--reason", "two names").expect(0)
    assert "都能分清" in kitchen.run("gallery", "lookalikes", *OF_CANTEEN).expect(0).out
    assert "已撤下" in kitchen.run("gallery", "list", *OF_CANTEEN).expect(0).out
    assert "its last one is 3" in kitchen.run("gallery", "undo", "9", *OF_CANTEEN, "--reason", "r").expect(1).err


def test_re_embedding_with_the_model_in_use_has_nothing_to_do(kitchen: Installation) -> None:
    assert f"{CANTEEN}: nothing to do" in kitchen.run("gallery", "re-embed", "--all").expect(0).out
    assert "--canteen" in kitchen.run("gallery", "re-embed").expect(1).err
