import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.domain.errors import LabelsInvalidError
from engine.domain.reading import Box
from recognition.evaluation.matching import overlap
from recognition.evaluation.seeing import SittingPhoto, decode_labelled, enrol_as_staff, enrol_places, see
from recognition.evaluation.trays import judge_tray
from recognition.evaluation.worst import draw_worst, labelled_boxes, worst_first
from recognition.gallery import Exemplar, Gallery
from recognition.labels import LabelledPhoto, LabelledPortion, read_labels
from recognition.tray import TrayReader
from tests.unit.recognition_evaluation.seen_trays import POLICY, looks, photo_of, tray

FIXTURES = Path(__file__).parents[3] / "fixtures"
TRAYS = FIXTURES / "trays"
PHOTO = "lanxi/ordinary-4.jpg"


@pytest.fixture(scope="module")
def photo() -> SittingPhoto:
    [label] = [label for label in read_labels(TRAYS / "labels.json") if label.file == PHOTO]
    return SittingPhoto(label=label)


@pytest.fixture(scope="module")
def gallery(reader: TrayReader, photo: SittingPhoto) -> Gallery:
    """The dishes of the photograph, enrolled from its own boxes."""
    wanted = frozenset(f"{PHOTO} {place}" for place in range(len(photo.label.portions)))
    vectors = enrol_places(reader, photo, TRAYS, wanted)
    return Gallery(
        reader.embedder_sha256,
        [
            Exemplar(dish_id=portion.dish_id, exemplar_id="1", vectors=vectors[f"{PHOTO} {place}"])
            for place, portion in enumerate(photo.label.portions)
        ],
    )


def test_a_tray_is_seen_exactly_as_the_canteen_reads_it(
    reader: TrayReader, photo: SittingPhoto, gallery: Gallery
) -> None:
    judged = judge_tray(see(reader, photo, TRAYS, partly_labelled=False), gallery, gallery.dish_ids, POLICY)
    reading = reader.read((TRAYS / PHOTO).read_bytes(), gallery, gallery.dish_ids)
    assert judged.sightings == reading.sightings
    assert judged.sightings


def test_labelled_boxes_that_are_enrolled_are_most_like_themselves(
    reader: TrayReader, photo: SittingPhoto, gallery: Gallery
) -> None:
    judged = judge_tray(see(reader, photo, TRAYS, partly_labelled=False), gallery, gallery.dish_ids, POLICY)
    assert tuple(candidates[0].dish_id for candidates in judged.label_candidates) == judged.truth
    assert all(candidates[0].similarity_bps > 8000 for candidates in judged.label_candidates)


def test_only_what_is_wanted_is_enrolled(reader: TrayReader, photo: SittingPhoto) -> None:
    vectors = enrol_places(reader, photo, TRAYS, frozenset({f"{PHOTO} 1"}))
    assert {name: array.shape for name, array in vectors.items()} == {f"{PHOTO} 1": (3, 1280)}
    assert enrol_places(reader, photo, TRAYS, frozenset({"another.jpg 0"})) == {}


def test_boxes_where_a_label_says_nothing_are_left_out_and_no_others(reader: TrayReader, photo: SittingPhoto) -> None:
    first, second, *_ = photo.label.portions
    unlabelled = SittingPhoto(label=replace(photo.label, portions=(first,)))
    ignored = SittingPhoto(label=replace(photo.label, portions=(first,), unsure=(second.box,)))
    everything = see(reader, unlabelled, TRAYS, partly_labelled=False).portions
    judged = see(reader, ignored, TRAYS, partly_labelled=False).portions
    [left_out] = set(everything) - set(judged)
    assert overlap(left_out.box, second.box) > 0.5
    assert any(overlap(portion.box, first.box) > 0.5 for portion in judged)


def test_boxes_without_a_label_are_left_out_where_not_all_food_is_labelled(
    reader: TrayReader, photo: SittingPhoto
) -> None:
    one = SittingPhoto(label=replace(photo.label, portions=photo.label.portions[:1]))
    whole, part = (see(reader, one, TRAYS, partly_labelled=partly) for partly in (False, True))
    assert 0 < len(part.portions) < len(whole.portions)
    assert set(part.portions) < set(whole.portions)


def test_enrolling_as_staff_does_keeps_what_the_reader_enrols(reader: TrayReader) -> None:
    [label, *_] = read_labels(FIXTURES / "photos/labels.json")
    photo = SittingPhoto(label=label)
    [vectors] = enrol_as_staff(reader, photo, FIXTURES / "photos", frozenset({f"{label.file} 0"})).values()
    [enrolled] = reader.enrol([(FIXTURES / "photos" / label.file).read_bytes()])
    assert np.array_equal(vectors, enrolled.vectors)
    assert enrol_as_staff(reader, photo, FIXTURES / "photos", frozenset()) == {}


def test_a_tray_cannot_be_enrolled_as_staff_enrol_a_dish(reader: TrayReader, photo: SittingPhoto) -> None:
    with pytest.raises(LabelsInvalidError, match="shows 2 labelled portions"):
        enrol_as_staff(reader, photo, TRAYS, frozenset({f"{PHOTO} 0"}))


def test_a_photograph_that_is_missing_is_named(reader: TrayReader, tmp_path: Path) -> None:
    with pytest.raises(LabelsInvalidError, match=r"none\.jpg cannot be read"):
        see(reader, photo_of("none.jpg"), tmp_path, partly_labelled=False)


def test_a_photograph_of_another_size_than_its_label_says_is_refused(reader: TrayReader, photo: SittingPhoto) -> None:
    other = SittingPhoto(label=replace(photo.label, width_px=720, height_px=960))
    with pytest.raises(LabelsInvalidError, match="is 960 x 720 pixels, its label says 720 x 960"):
        see(reader, other, TRAYS, partly_labelled=False)


def test_a_file_that_is_no_photograph_is_named(reader: TrayReader, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(LabelsInvalidError, match=r"notes\.jpg"):
        see(reader, photo_of("notes.jpg"), tmp_path, partly_labelled=False)


def test_a_dark_photograph_is_seen_as_refused(reader: TrayReader, tmp_path: Path) -> None:
    Image.new("RGB", (1200, 100 * 4), (1, 1, 1)).save(tmp_path / "dark.png")
    label = replace(photo_of("dark.png", "rou").label, height_px=400)
    seen = see(reader, SittingPhoto(label=label), tmp_path, partly_labelled=False)
    assert "almost black" in seen.refusal
    assert (seen.portions, len(seen.labelled)) == ((), 1)
    assert enrol_places(reader, SittingPhoto(label=label), tmp_path, frozenset({"dark.png 0"})) == {}


def test_boxes_follow_when_a_large_photograph_is_scaled() -> None:
    rng = np.random.default_rng(3)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (2400, 3200, 3), np.uint8)).save(buffer, "JPEG")
    box = Box(left_px=320, top_px=240, right_px=3200, bottom_px=2400)
    portions = (LabelledPortion(dish_id="rou", box=box),)
    label = LabelledPhoto(file="large.jpg", width_px=3200, height_px=2400, portions=portions)
    frame, [portion] = decode_labelled(buffer.getvalue(), label)
    assert frame.width_px < 2000
    assert portion.box == Box(
        left_px=frame.width_px // 10,
        top_px=frame.height_px // 10,
        right_px=frame.width_px,
        bottom_px=frame.height_px,
    )


def test_the_worst_trays_come_first_and_right_ones_not_at_all() -> None:
    right = tray(("rou",), (0, looks("rou"), 9000))
    doubtful = tray(("rou",), (0, looks("rou", "tang", 0.5), 9000))
    one_fault = tray(("rou", "mifan"), (0, looks("rou", "tang", 0.5), 9000))
    two_faults = tray(("rou", "mifan", "tang"), (0, looks("rou", "tang", 0.5), 9000))
    silent = tray(("rou",), (0, looks("tang"), 9000))
    assert worst_first([right, one_fault, doubtful, silent, two_faults]) == [silent, two_faults, one_fault]


def test_a_drawn_tray_names_what_was_read_what_it_is_and_what_was_missed() -> None:
    wrong = tray(("rou", "mifan"), (0, looks("tang"), 9000), (3, looks("rou"), 9000))
    titles = [(box.title, box.details) for box in labelled_boxes(wrong)]
    assert titles == [
        ("tang", "100% 框 90% 应为 rou"),
        ("rou", "100% 框 90% 无标注"),
        ("漏检 mifan", ""),
    ]
    strange = tray(("yu",), (0, looks("yu"), 9000))
    assert [(box.title, box.details) for box in labelled_boxes(strange)] == [("未识别", "0% 框 90% 应为 yu")]


def test_the_worst_trays_are_drawn_into_a_folder(
    reader: TrayReader, photo: SittingPhoto, gallery: Gallery, tmp_path: Path
) -> None:
    mislabelled = replace(photo.label, portions=tuple(replace(one, dish_id="yu") for one in photo.label.portions))
    seen = see(reader, SittingPhoto(label=mislabelled), TRAYS, partly_labelled=False)
    judged = judge_tray(seen, gallery, gallery.dish_ids | {"yu"}, POLICY)
    [path] = draw_worst([judged], TRAYS, tmp_path / "worst")
    assert path.name == f"01-{judged.outcome.value}-lanxi-ordinary-4.jpg"
    with Image.open(path) as drawn:
        assert drawn.size == (1280, 960)
