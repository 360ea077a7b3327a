"""What the detector is taught: photographs that are changed with their boxes, and what the network ought to say."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.domain.errors import LabelsInvalidError
from recognition.training.detector.augment import Augmentation, moved_boxes, sample_of
from recognition.training.detector.losses import detection_loss, targets_of
from recognition.training.detector.photos import PhotoStore, TrainingPhoto, with_found

NOTHING = np.empty((0, 4), np.float32)
STILL = Augmentation(
    least_scale=1.0,
    most_scale=1.0,
    mosaic_chance=0.0,
    quarter_chance=0.0,
    turn_chance=0.0,
    blur_chance=0.0,
    glare_chance=0.0,
    noise_chance=0.0,
)


def photo_with(*boxes: tuple[int, int, int, int], partial: bool = False, unsure: np.ndarray = NOTHING) -> TrainingPhoto:
    """A dark table with a bright rectangle for each portion, so that pixels tell where the food went."""
    pixels = np.full((300, 400, 3), 20, np.uint8)
    for left, top, right, bottom in boxes:
        pixels[top:bottom, left:right] = 230
    return TrainingPhoto(
        pixels=pixels, boxes=np.array(boxes, np.float32).reshape(-1, 4), partial=partial, unsure=unsure
    )


def write_tray(folder: Path, name: str, box: list[int]) -> dict[str, object]:
    Image.new("RGB", (1200, 900), (90, 60, 30)).save(folder / name)
    return {"file": name, "width": 1200, "height": 900, "dishes": [{"dish": "rice", "box": box}]}


def test_a_store_takes_up_photographs_that_are_added_to_its_labels(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    store = PhotoStore(labels, tmp_path, partial=False)
    assert store.refresh() == 0

    trays = [write_tray(tmp_path, "1.jpg", [100, 100, 500, 400])]
    labels.write_text(json.dumps(trays), encoding="utf-8")
    assert store.refresh() == 1

    trays.append(write_tray(tmp_path, "2.jpg", [0, 0, 300, 300]))
    labels.write_text(json.dumps(trays), encoding="utf-8")
    assert store.refresh() == 1
    assert len(store.photos) == 2


def test_boxes_follow_when_a_large_photograph_is_stored_smaller(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([write_tray(tmp_path, "1.jpg", [120, 90, 600, 450])]), encoding="utf-8")
    store = PhotoStore(labels, tmp_path, partial=True)
    store.refresh()
    (photo,) = store.photos
    height, width = photo.pixels.shape[:2]
    assert max(height, width) < 1200
    assert photo.boxes[0] / (width, height, width, height) == pytest.approx([0.1, 0.1, 0.5, 0.5], abs=0.01)
    assert photo.partial


def test_areas_that_the_labels_leave_open_are_not_taught(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    tray = write_tray(tmp_path, "1.jpg", [120, 90, 600, 450]) | {"ignore": [[900, 600, 1200, 900]]}
    labels.write_text(json.dumps([tray]), encoding="utf-8")
    store = PhotoStore(labels, tmp_path, partial=False)
    store.refresh()
    sample = sample_of(store.photos, (416, 320), STILL, np.random.default_rng(0))
    assert 0.02 < 1 - sample.known.mean() < 0.15


def test_a_photograph_that_is_missing_is_named(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps([{"file": "gone.jpg", "width": 10, "height": 10, "dishes": []}]), encoding="utf-8")
    with pytest.raises(LabelsInvalidError, match=r"gone\.jpg"):
        PhotoStore(labels, tmp_path, partial=False).refresh()


@pytest.mark.parametrize("seed", range(8))
def test_the_box_stays_on_the_food_however_the_photograph_is_moved(seed: int) -> None:
    random = np.random.default_rng(seed)
    augmentation = Augmentation(
        mosaic_chance=0.0, blur_chance=0.0, glare_chance=0.0, noise_chance=0.0, turn_chance=0.0, exposure_stops=0.2
    )
    sample = sample_of([photo_with((120, 90, 280, 210))], (416, 320), augmentation, random)
    for box in sample.boxes:
        left, top, right, bottom = np.round(box).astype(int)
        middle = sample.image[top + 6 : bottom - 6, left + 6 : right - 6].min()
        assert middle > 90, "the inside of the box shows food only"
        rim = sample.image[max(top - 14, 0) : bottom + 14, max(left - 14, 0) : right + 14].min()
        assert rim < 90, "around the box the food ends"


def test_a_turned_box_grows_less_than_its_corners_would() -> None:
    eighth = math.pi / 4
    turn = np.array([[math.cos(eighth), -math.sin(eighth), 0], [math.sin(eighth), math.cos(eighth), 0]])
    turned = moved_boxes(np.array([[-10, -10, 10, 10]], np.float32), turn)[0]
    assert 10 < turned[2] < 10 * math.sqrt(2)
    quarter = np.array([[0.0, -1.0, 0], [1.0, 0.0, 0]])
    assert moved_boxes(np.array([[-20, -10, 20, 10]], np.float32), quarter)[0] == pytest.approx([-10, -20, 10, 20])


def test_nothing_is_taught_outside_the_boxes_of_partial_labels() -> None:
    sample = sample_of([photo_with((100, 60, 300, 240), partial=True)], (416, 320), STILL, np.random.default_rng(0))
    (box,) = sample.boxes / 8
    assert sample.known[int((box[1] + box[3]) / 2), int((box[0] + box[2]) / 2)]
    assert not sample.known[0].any()
    assert not sample.known[:, 0].any()


def test_everything_is_taught_on_complete_labels_except_where_a_model_was_unsure() -> None:
    complete = sample_of([photo_with((100, 60, 300, 240))], (416, 320), STILL, np.random.default_rng(0))
    assert complete.known.all()
    doubtful = photo_with((20, 20, 100, 100), unsure=np.array([[200, 150, 380, 290]], np.float32))
    sample = sample_of([doubtful], (416, 320), STILL, np.random.default_rng(0))
    assert 0.1 < 1 - sample.known.mean() < 0.4


def test_an_empty_tray_is_a_lesson_too() -> None:
    sample = sample_of([photo_with()], (416, 320), Augmentation(), np.random.default_rng(0))
    assert sample.boxes.shape == (0, 4)
    heatmap, _, weight = targets_of(sample.boxes, 40, 52)
    assert heatmap.max() == 0
    assert weight.max() == 0


def test_found_portions_complete_partial_labels_by_how_certain_they_are() -> None:
    photo = photo_with((0, 0, 100, 100), partial=True)
    found = np.array([[5, 5, 100, 100], [200, 0, 300, 100], [200, 150, 300, 250]], np.float32)
    completed = with_found(photo, found, np.array([0.9, 0.6, 0.2], np.float32), add_from=0.45, unsure_from=0.12)
    assert completed.boxes.tolist() == [[0, 0, 100, 100], [200, 0, 300, 100]]
    assert completed.unsure.tolist() == [[200, 150, 300, 250]]
    assert not completed.partial


def test_a_photograph_on_which_nothing_was_found_becomes_complete() -> None:
    completed = with_found(photo_with(partial=True), NOTHING, np.empty(0, np.float32), add_from=0.45, unsure_from=0.12)
    assert len(completed.boxes) == 0
    assert not completed.partial


def test_each_portion_has_its_peak_and_a_small_one_keeps_its_place_on_a_large_one() -> None:
    boxes = np.array([[80, 64, 112, 96], [0, 0, 320, 240]], np.float32)
    heatmap, corners, weight = targets_of(boxes, 40, 52)
    assert heatmap[10, 12] == 1
    assert heatmap[15, 20] == 1
    assert corners[:, 10, 12] * 8 == pytest.approx([80, 64, 112, 96])
    assert corners[:, 15, 20] * 8 == pytest.approx([0, 0, 320, 240])
    assert weight[10, 12] > weight[15, 20]


def test_the_loss_is_small_for_the_truth_and_large_for_anything_else() -> None:
    boxes = np.array([[40, 40, 200, 160]], np.float32)
    heatmap, corners, weight = (torch.from_numpy(array)[None] for array in targets_of(boxes, 40, 52))
    heatmap = heatmap[:, None]
    known = torch.ones_like(heatmap)
    ys, xs = torch.meshgrid(torch.arange(40) + 0.5, torch.arange(52) + 0.5, indexing="ij")
    sides = (corners - torch.stack((xs, ys, xs, ys))) * torch.tensor([-1.0, -1.0, 1.0, 1.0])[:, None, None]
    true_logits = torch.where(heatmap >= 1.0, 12.0, -12.0)
    score, box = detection_loss(true_logits, sides.clamp(min=0.1), heatmap, corners, weight, known)
    assert score.item() < 0.01
    assert box.item() < 0.01
    wrong_score, wrong_box = detection_loss(-true_logits, sides.clamp(min=0.1) * 3, heatmap, corners, weight, known)
    assert wrong_score.item() > 100
    assert wrong_box.item() > 1


def test_what_is_not_known_costs_nothing() -> None:
    heatmap = torch.zeros((1, 1, 4, 4))
    score, _ = detection_loss(
        torch.full((1, 1, 4, 4), 5.0),
        torch.ones((1, 4, 4, 4)),
        heatmap,
        torch.zeros((1, 4, 4, 4)),
        torch.zeros((1, 4, 4)),
        torch.zeros_like(heatmap),
    )
    assert score.item() == 0
