"""Training the detector: it learns, it continues, and what it exports is what the product reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image

from recognition.training.detector.__main__ import main
from recognition.training.detector.augment import Augmentation
from recognition.training.detector.export import export_onnx
from recognition.training.detector.learn import Budget, Recipe, Source, learn
from recognition.training.detector.measure import MeasuredSet
from recognition.training.detector.network import DishDetector
from recognition.training.detector.photos import PhotoStore
from recognition.training.run_log import RunLog

TINY = Recipe(batch=2, sizes=((128, 96),), complete_at=(), augmentation=Augmentation(mosaic_chance=0.0))


def write_trays(folder: Path, trays: int) -> Path:
    """Bright discs on a dark table."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(trays):
        pixels = random.integers(20, 50, (96, 128, 3)).astype(np.uint8)
        x, y = random.integers(30, 90), random.integers(30, 66)
        ys, xs = np.mgrid[0:96, 0:128]
        pixels[(xs - x) ** 2 + (ys - y) ** 2 < 20**2] = (230, 180, 60)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        box = [int(x) - 20, int(y) - 20, int(x) + 20, int(y) + 20]
        rows.append({"file": f"{number}.png", "width": 128, "height": 96, "dishes": [{"dish": "egg", "box": box}]})
    labels = folder / "labels.json"
    labels.write_text(json.dumps(rows), encoding="utf-8")
    return labels


def source_of(folder: Path, *, partial: bool = False) -> Source:
    return Source(store=PhotoStore(folder / "labels.json", folder, partial=partial), share=1.0)


def test_boxes_and_scores_become_better_with_training(tmp_path: Path) -> None:
    labels = write_trays(tmp_path, 8)
    out = tmp_path / "run"
    learn([source_of(tmp_path)], [MeasuredSet(labels, tmp_path, partial=False)], TINY, Budget(steps=40), out)
    steps = RunLog(out).entries("step")
    assert steps[-1]["score"] + steps[-1]["sides"] < 0.8 * (steps[0]["score"] + steps[0]["sides"])
    (measured,) = RunLog(out).entries("measured")
    assert 0 <= measured["mean_ap"] <= 1


def test_a_training_that_was_interrupted_is_continued(tmp_path: Path) -> None:
    write_trays(tmp_path, 4)
    out = tmp_path / "run"
    learn([source_of(tmp_path)], [], TINY, Budget(steps=2), out)
    learn([source_of(tmp_path)], [], TINY, Budget(steps=3), out)
    assert [entry["step"] for entry in RunLog(out).entries("start")] == [0, 2]
    assert torch.load(out / "checkpoint.pt")["step"] == 3


def test_partial_labels_are_completed_on_the_way(tmp_path: Path) -> None:
    write_trays(tmp_path, 4)
    out = tmp_path / "run"
    recipe = Recipe(batch=2, sizes=((128, 96),), complete_at=(0.5,), add_from=0.999, unsure_from=0.998)
    learn([source_of(tmp_path, partial=True)], [], recipe, Budget(steps=4), out)
    (completed,) = RunLog(out).entries("completed")
    assert (completed["step"], completed["added"]) == (2, 0)


def test_the_frozen_blocks_and_all_statistics_of_the_backbone_stay_as_they_were(tmp_path: Path) -> None:
    write_trays(tmp_path, 4)
    trained = learn([source_of(tmp_path)], [], TINY, Budget(steps=2), tmp_path / "run").state_dict()
    start: dict[str, Any] = DishDetector().state_dict()
    same = {name for name, value in start.items() if torch.equal(value, trained[name])}
    assert any(name.startswith("blocks.14") and name not in same for name in start)
    assert {name for name in start if name.startswith(("stem", "blocks.0.", "blocks.2."))} <= same
    assert {name for name in start if name.startswith("blocks.") and "running" in name} <= same


def test_the_exported_graph_takes_both_orientations_and_says_the_same_as_torch(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    assert export_onnx(DishDetector().eval(), path) < 1e-3
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    heatmap, ltrb = session.run(["heatmap", "ltrb"], {"image": np.zeros((1, 3, 416, 320), np.float32)})
    assert heatmap.shape == (1, 1, 52, 40)
    assert ltrb.shape == (1, 4, 52, 40)
    assert 0 <= heatmap.min() <= heatmap.max() <= 1
    assert ltrb.min() > 0
    assert path.stat().st_size < 10_500_000


def test_the_command_trains_and_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = write_trays(tmp_path, 2)
    sources = ["--labels", str(labels), "--images", str(tmp_path)]
    assert main([*sources, "--out", str(tmp_path / "run"), "--steps", "1", "--batch", "1", "--threads", "1"]) == 0
    assert (tmp_path / "run" / "dish_detector.onnx").exists()
    assert "dish_detector.onnx" in capsys.readouterr().out


@pytest.mark.parametrize(
    "sources",
    [[], ["--labels", "a.json"], ["--labels", "a.json", "--images", "a", "--shares", "1", "2"]],
)
def test_sources_that_do_not_fit_together_are_refused(
    sources: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*sources, "--out", str(tmp_path / "run"), "--steps", "1"]) == 2
    assert "Name" in capsys.readouterr().err
