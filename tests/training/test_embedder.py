"""Training the embedder: what it reads, how it changes crops, that it continues, and what it exports."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from engine.domain.errors import LabelsInvalidError
from recognition.training.embedder.__main__ import main, train
from recognition.training.embedder.augment import Augmentation, batch_of
from recognition.training.embedder.crops import (
    DishCrop,
    by_dish,
    crops_of_dish_folder,
    crops_of_trays,
    fold_of_dishes,
)
from recognition.training.embedder.learn import Recipe, learn
from recognition.training.embedder.network import SubCentreCosFace
from recognition.training.embedder.whitening import fit_whitening
from recognition.training.run_log import RunLog

TINY = Recipe(steps=2, side_px=64, dishes_per_batch=2, photos_per_dish=2)


def crop_of(dish: str, colour: tuple[int, int, int], seed: int) -> DishCrop:
    pixels = np.random.default_rng(seed).integers(0, 60, (256, 256, 3)) + np.array(colour)
    return DishCrop(dish=dish, source="painted", pixels=pixels.astype(np.uint8), box=(0, 0, 256, 256))


class _LogOfAMachineThatStops(RunLog):
    def add(self, kind: str, **values: Any) -> None:
        if kind == "step":
            raise RuntimeError("the power fails")
        super().add(kind, **values)


@pytest.fixture
def crops() -> list[DishCrop]:
    colours = {"painted/red": (190, 20, 20), "painted/green": (20, 150, 20), "painted/white": (190, 190, 190)}
    return [crop_of(dish, colour, seed) for dish, colour in colours.items() for seed in range(3)]


@pytest.fixture
def dish_folder(tmp_path: Path, crops: list[DishCrop]) -> Path:
    for number, crop in enumerate(crops):
        file = tmp_path / crop.dish / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop.pixels).save(file)
    return tmp_path / "painted"


def test_a_folder_per_dish_is_read_as_one_portion_per_photograph(dish_folder: Path) -> None:
    groups = by_dish(crops_of_dish_folder(dish_folder))
    assert {dish: len(group) for dish, group in groups.items()} == {
        "painted/green": 3,
        "painted/red": 3,
        "painted/white": 3,
    }
    assert {crop.pixels.shape for group in groups.values() for crop in group} == {(256, 256, 3)}


def test_a_box_of_a_tray_is_stretched_to_the_stored_square_and_keeps_its_surroundings(tmp_path: Path) -> None:
    photo = np.zeros((100, 200, 3), np.uint8)
    photo[30:70, 50:150] = 200
    Image.fromarray(photo).save(tmp_path / "tray.png")
    dishes = [{"dish": "rice", "box": [50, 30, 150, 70]}, {"dish": "crumb", "box": [0, 0, 10, 10]}]
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([{"file": "tray.png", "width": 200, "height": 100, "dishes": dishes}]))
    (crop,) = crops_of_trays(labels, tmp_path)
    left, top, right, bottom = (round(value) for value in crop.box)
    assert (crop.dish, right - left, bottom - top) == ("labels/rice", 256, 256)
    assert crop.pixels[top + 8 : bottom - 8, left + 8 : right - 8].min() > 190
    assert crop.pixels[: top - 8].max() < 10


def test_a_folder_without_photographs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsInvalidError, match="one folder per dish"):
        crops_of_dish_folder(tmp_path)


def test_folds_have_dishes_of_every_source_and_every_dish_once() -> None:
    dishes = [f"{source}/{number}" for source in "ab" for number in range(7)]
    dealt = fold_of_dishes(dishes, 3, seed=1)
    assert sorted(dealt) == sorted(dishes)
    for source in "ab":
        sizes = [sum(fold == number and dish[0] == source for dish, fold in dealt.items()) for number in range(3)]
        assert sorted(sizes) == [2, 2, 3]
    assert fold_of_dishes(reversed(dishes), 3, seed=1) == dealt


def test_changed_crops_keep_the_range_of_a_camera_and_follow_the_seed(crops: list[DishCrop]) -> None:
    one = batch_of(crops, 96, Augmentation(), np.random.default_rng(5))
    again = batch_of(crops, 96, Augmentation(), np.random.default_rng(5))
    other = batch_of(crops, 96, Augmentation(), np.random.default_rng(6))
    assert one.shape == (9, 3, 96, 96)
    assert one.min() >= -127 / 128
    assert one.max() <= 1
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_crop_turned_by_no_augmentation_is_the_crop(crops: list[DishCrop]) -> None:
    none = Augmentation(
        box_jitter=0, least_zoom=1, turn_chance=0, exposure_stops=0, warmth=0, blur_chance=0, occlusion_chance=0,
        swap_chance=0,
    )  # fmt: skip
    batch = batch_of(crops, 128, none, np.random.default_rng(1))
    means = batch.mean(axis=(2, 3)) * 128 + 127
    expected = np.array([crop.pixels.mean(axis=(0, 1)) for crop in crops])
    assert np.abs(means - expected).max() < 35  # contrast and saturation still vary by a quarter


def test_the_margin_raises_the_loss_of_features_that_are_already_right() -> None:
    torch.manual_seed(1)
    features, dishes = torch.eye(4, 16), torch.arange(4)
    losses = []
    for margin in (0.0, 0.3):
        head = SubCentreCosFace(16, 4, margin=margin)
        head.centres.data = torch.eye(4, 16)[:, None, :].repeat(1, 3, 1)
        losses.append(head(features, dishes).item())
    assert losses[1] > losses[0]


def test_whitening_makes_small_what_differs_within_a_dish() -> None:
    random = np.random.default_rng(1)
    centres = random.normal(size=(6, 8)).astype(np.float32)
    dishes = np.repeat(np.arange(6), 40)
    features = centres[dishes] + random.normal(size=(240, 8)).astype(np.float32) * np.array([5.0] + [0.2] * 7)
    whitening = fit_whitening(features.astype(np.float32), dishes, shrinkage=0.01)

    def apartness(values: np.ndarray) -> float:
        means = np.stack([values[dishes == dish].mean(axis=0) for dish in range(6)])
        return float(means.var(axis=0).sum() / (values - means[dishes]).var(axis=0).sum())

    directions = whitening.apply(features.astype(np.float32))
    assert np.allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    assert apartness(directions) > 4 * apartness(features)


def test_a_run_that_was_interrupted_continues_to_the_same_weights(crops: list[DishCrop], tmp_path: Path) -> None:
    whole = learn(crops, TINY, tmp_path / "whole").state_dict()
    cut = tmp_path / "cut"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recognition.training.embedder.learn.LOG_EVERY_STEPS", 1)
        patch.setattr("recognition.training.embedder.learn.RunLog", _LogOfAMachineThatStops)
        with pytest.raises(RuntimeError, match="the power fails"):
            learn(crops, TINY, cut, checkpoint_seconds=0.0)
    continued = learn(crops, TINY, cut).state_dict()
    assert [entry["step"] for entry in RunLog(cut).entries("start")] == [0, 1]
    assert all(torch.allclose(value.float(), continued[name].float(), atol=1e-5) for name, value in whole.items())


def test_a_run_ends_with_a_graph_that_the_product_can_use(crops: list[DishCrop], tmp_path: Path) -> None:
    path = train(crops, TINY, tmp_path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    embedding = session.run(["embedding"], {"crops": np.zeros((3, 3, 224, 224), np.float32)})[0]
    assert embedding.shape == (3, 1280)
    assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-4)
    assert [entry["step"] for entry in RunLog(tmp_path).entries("step")][-1] == 2
    assert RunLog(tmp_path).entries("export")[0]["size_bytes"] == path.stat().st_size


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--out", str(tmp_path), "--labels", "a.json"]) == 2
    assert "as many --images" in capsys.readouterr().err
