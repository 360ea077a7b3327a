"""Training scenes: labels agree with pixels, the same numbers give the same scenes, and rendering can be resumed."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from recognition.labels import read_labels
from recognition.training.synthetic.__main__ import fill_larder, main, scene_file
from recognition.training.synthetic.clutter import THINGS, lay_table, reach_in
from recognition.training.synthetic.crockery import Place, put_bowl, put_compartments, put_plate
from recognition.training.synthetic.dishes import RECIPES
from recognition.training.synthetic.food_cutting import cut_texture, photographs_by_folder, photographs_by_label
from recognition.training.synthetic.food_textures import Larder, read_larder
from recognition.training.synthetic.portions import Hollow, heap, lay_whole, pour, stain
from recognition.training.synthetic.scene import seeded
from recognition.training.synthetic.surface import NO_PORTION, Surface
from recognition.training.synthetic.training_scene import SCENE_KINDS, SceneKind, TrainingScene, choose_kind, make_scene

FEW_RECIPES = {dish_id: RECIPES[dish_id] for dish_id in ("mantou", "hongshaorou", "zicai-danhua-tang", "ludan")}


@pytest.fixture(scope="module")
def larder_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("larder")
    fill_larder(folder, food_from=[], images=None, recipes=FEW_RECIPES, samples=1, most_per_dish=1)
    return folder


@pytest.fixture(scope="module")
def larder(larder_dir: Path) -> Larder:
    textures = read_larder(larder_dir)
    assert textures is not None
    return Larder(larder_dir, textures)


def scene(larder: Larder, number: int, kind: SceneKind) -> TrainingScene:
    return make_scene(seeded("test", kind, number), larder, kind)


def bare_table() -> Surface:
    return Surface.blank(480, 400, 0.7, left_mm=-240, top_mm=-200)


@pytest.mark.parametrize("kind", SCENE_KINDS)
def test_every_kind_of_scene_is_a_picture_with_boxes_inside_it(larder: Larder, kind: SceneKind) -> None:
    for number in range(3):
        made = scene(larder, number, kind)
        rows, columns = made.pixels.shape[:2]
        assert made.pixels.dtype == np.uint8
        assert made.pixels.std() > 5
        assert made.kind == kind
        for portion in made.portions:
            left, top, right, bottom = portion.box
            assert 0 <= left < right <= columns
            assert 0 <= top < bottom <= rows
            assert portion.dish_id in larder.dish_ids


def test_scenes_with_food_are_labelled_and_empty_ones_carry_no_label(larder: Larder) -> None:
    portions = {kind: sum(len(scene(larder, number, kind).portions) for number in range(4)) for kind in SCENE_KINDS}
    assert portions.pop("empty") == 0
    assert min(portions.values()) >= 4


def test_the_same_seed_gives_the_same_scene_and_another_number_another(larder: Larder) -> None:
    one, again, other = (scene(larder, number, "mixed") for number in (1, 1, 2))
    assert np.array_equal(one.pixels, again.pixels)
    assert one.portions == again.portions
    assert one.pixels.shape != other.pixels.shape or not np.array_equal(one.pixels, other.pixels)


def test_all_kinds_of_scene_are_drawn() -> None:
    rng = seeded("kinds")
    assert {choose_kind(rng) for _ in range(300)} == set(SCENE_KINDS)


@pytest.mark.parametrize("kind", ["melamine", "steel", "box"])
def test_wells_of_a_tray_are_apart_and_lie_below_its_rim(kind: str) -> None:
    surface, rng = bare_table(), seeded("wells", kind)
    hollows = put_compartments(surface, rng, Place(x_mm=0, y_mm=0, turn=0.4), kind)
    taken = np.zeros(surface.height.shape, int)
    for hollow in hollows:
        assert hollow.base_mm < hollow.rim_mm
        taken[hollow.spot.cut] += hollow.depth > 0
    assert hollows
    assert taken.max() == 1
    assert surface.height[taken > 0].mean() < surface.height.max() - 5


def test_food_heaped_in_a_well_stays_in_it_and_stains_are_no_portion(larder: Larder) -> None:
    surface, rng = bare_table(), seeded("heap")
    hollow = max(put_compartments(surface, rng, Place(x_mm=0, y_mm=0, turn=0.0), "melamine"), key=_size)
    stain(surface, rng, hollow)
    assert (surface.portion == NO_PORTION).all()
    texture = larder.pick(rng, "hongshaorou")
    heap(surface, rng, texture, larder.pixels(texture), hollow, 3, fills=True)
    covered = surface.portion[hollow.spot.cut] == 3
    assert covered[hollow.depth > 0].mean() > 0.5
    assert (surface.portion == 3).sum() == covered.sum()
    assert not covered[hollow.depth < -8].any()


def test_soup_lies_level_and_below_the_rim_of_its_bowl(larder: Larder) -> None:
    surface, rng = bare_table(), seeded("soup")
    bowl = put_bowl(surface, rng, Place(x_mm=10, y_mm=-5, turn=0.0), 60)
    assert bowl is not None
    rim_mm = float(surface.height.max())
    texture = larder.pick(rng, "zicai-danhua-tang")
    pour(surface, rng, texture, larder.pixels(texture), bowl, 0)
    soup = surface.portion == 0
    assert soup.sum() > 200
    assert np.ptp(surface.height[soup]) < 6
    assert float(surface.height[soup].max()) < rim_mm


def test_a_whole_thing_keeps_its_outline_and_may_be_served_more_than_once(larder: Larder) -> None:
    surface, rng = bare_table(), seeded("whole")
    plate = put_plate(surface, rng, Place(x_mm=0, y_mm=0, turn=0.0), 90)
    assert plate is not None
    texture = larder.pick(rng, "mantou")
    assert texture.whole
    lay_whole(surface, rng, texture, larder.pixels(texture), plate, 1)
    assert (surface.portion == 1).sum() > 300


def _size(hollow: Hollow) -> float:
    return min(hollow.half_width_mm, hollow.half_height_mm)


def test_nothing_that_lies_about_is_a_portion_and_all_of_it_can_be_seen() -> None:
    for number, thing in enumerate((*THINGS, reach_in)):
        surface, rng = bare_table(), seeded("thing", number)
        lay_table(surface, rng)
        before = surface.albedo.copy()
        thing(surface, rng, Place(x_mm=0, y_mm=0, turn=0.7))
        assert (surface.portion == NO_PORTION).all()
        assert (surface.albedo != before).any(axis=2).sum() > 100


def test_a_thing_beyond_the_edge_of_the_scene_changes_nothing() -> None:
    for thing in (*THINGS, reach_in):
        surface, rng = bare_table(), seeded("beyond")
        before = surface.albedo.copy()
        thing(surface, rng, Place(x_mm=2000, y_mm=0, turn=0.0))
        assert np.array_equal(surface.albedo, before)


def test_a_finished_run_is_not_rendered_again_and_a_longer_one_adds_to_it(larder_dir: Path, tmp_path: Path) -> None:
    wanted = ["--seed", "4", "--out", str(tmp_path), "--larder", str(larder_dir), "--only", "compartment"]
    main([*wanted, "--scenes", "1"])
    first = (tmp_path / scene_file(0)).read_bytes()
    (tmp_path / scene_file(0)).write_bytes(b"kept")
    main([*wanted, "--scenes", "2"])
    assert (tmp_path / scene_file(0)).read_bytes() == b"kept"
    (tmp_path / scene_file(0)).unlink()
    main([*wanted, "--scenes", "2"])
    assert (tmp_path / scene_file(0)).read_bytes() == first
    entries = json.loads((tmp_path / "labels.json").read_text())
    assert [entry["file"] for entry in entries] == [scene_file(0), scene_file(1)]
    assert {entry["kind"] for entry in entries} == {"compartment"}
    for photo in read_labels(tmp_path / "labels.json"):
        with Image.open(tmp_path / photo.file) as image:
            assert image.size == (photo.width_px, photo.height_px)


def test_portions_are_saved_by_dish_when_asked_for(larder_dir: Path, tmp_path: Path) -> None:
    crops = tmp_path / "dishes"
    wanted = ["--out", str(tmp_path / "scenes"), "--larder", str(larder_dir), "--crops", str(crops)]
    main([*wanted, "--scenes", "3", "--seed", "6", "--only", "plates"])
    saved = list(crops.glob("*/*.jpg"))
    assert saved
    sizes = set()
    for photo in read_labels(tmp_path / "scenes" / "labels.json"):
        for portion in photo.portions:
            box = portion.box
            sizes.add((portion.dish_id, box.right_px - box.left_px, box.bottom_px - box.top_px))
    for path in saved:
        with Image.open(path) as image:
            assert (path.parent.name, *image.size) in sizes


def red_food_on_a_white_plate() -> Image.Image:
    picture = np.full((200, 200, 3), 225, np.uint8)
    picture = picture + seeded("noise").integers(0, 12, picture.shape, np.uint8)
    cv2.circle(picture, (100, 100), 62, (170, 50, 30), -1)
    for x, y in seeded("lumps").integers(50, 150, (60, 2)):
        cv2.circle(picture, (int(x), int(y)), 5, (200, 90, 40), -1)
    return Image.fromarray(picture)


def test_food_is_cut_out_of_its_plate(tmp_path: Path) -> None:
    texture = cut_texture(red_food_on_a_white_plate(), "stew", tmp_path / "stew.png")
    assert texture is not None
    cut = np.asarray(Image.open(tmp_path / "stew.png"))
    y, x = np.mgrid[0:200, 0:200]
    round_ = np.hypot(x - 100, y - 100) < 66
    found = cut[..., 3] > 0
    assert (found & round_).sum() / (found | round_).sum() > 0.8
    left, top, right, bottom = texture.inner
    assert found[top:bottom, left:right].mean() > 0.97
    assert min(right - left, bottom - top) > 60


def test_a_photograph_too_small_to_hold_food_gives_no_texture(tmp_path: Path) -> None:
    assert cut_texture(Image.new("RGB", (30, 200)), "stew", tmp_path / "stew.png") is None
    assert not (tmp_path / "stew.png").exists()


def test_photographs_come_with_the_name_of_their_folder_or_label_and_no_more_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "stew").mkdir()
    for number in range(3):
        red_food_on_a_white_plate().save(tmp_path / "stew" / f"{number}.png")
    (tmp_path / "stew" / "broken.jpg").write_bytes(b"no picture")
    assert [dish for dish, _ in photographs_by_folder(tmp_path, 9)] == ["stew"] * 3
    assert len(list(photographs_by_folder(tmp_path, 1))) <= 1
    dishes = [{"dish": "soup", "box": [10, 20, 110, 90]}, {"dish": "soup", "box": [0, 0, 50, 50]}]
    photo = {"file": "stew/0.png", "width": 200, "height": 200, "dishes": dishes}
    (tmp_path / "labels.json").write_text(json.dumps([photo]))
    [(dish, picture)] = photographs_by_label(tmp_path / "labels.json", tmp_path, 1)
    assert (dish, picture.size) == ("soup", (100, 70))


def test_a_larder_of_photographs_is_used_in_scenes(tmp_path: Path) -> None:
    (tmp_path / "food" / "stew").mkdir(parents=True)
    red_food_on_a_white_plate().save(tmp_path / "food" / "stew" / "0.png")
    fill_larder(
        tmp_path / "larder",
        food_from=[tmp_path / "food"],
        images=None,
        recipes={"mantou": RECIPES["mantou"]},
        samples=1,
        most_per_dish=5,
    )
    textures = read_larder(tmp_path / "larder")
    assert textures is not None
    photographed = [texture for texture in textures if texture.origin == "photograph"]
    assert [texture.dish_id for texture in photographed] == ["stew"]
    made = make_scene(seeded("stew"), Larder(tmp_path / "larder", photographed), "compartment")
    assert {portion.dish_id for portion in made.portions} == {"stew"}


def test_most_of_a_box_is_the_colour_of_its_food(tmp_path: Path) -> None:
    """Blue food, as no table or vessel or light makes it, so that pixels can be told apart by colour alone."""
    picture = np.full((200, 200, 3), 225, np.uint8)
    cv2.circle(picture, (100, 100), 80, (20, 20, 250), -1)
    texture = cut_texture(Image.fromarray(picture), "blue", tmp_path / "blue.png")
    assert texture is not None
    larder = Larder(tmp_path, [texture])
    checked = 0
    for number in range(6):
        made = make_scene(seeded("blue", number), larder, "shared_plate")
        red, green, blue = (made.pixels[..., c].astype(int) for c in range(3))
        for portion in made.portions:
            left, top, right, bottom = portion.box
            part = (slice(top, bottom), slice(left, right))
            is_blue = (blue[part] > 1.5 * green[part]) & (blue[part] > 1.5 * red[part])
            if is_blue.mean() > 0.45:
                checked += 1
                # Blue reaches every side of the box: it is the extent of the food, not of the plate.
                margin = 4
                assert is_blue[:margin].any()
                assert is_blue[-margin:].any()
                assert is_blue[:, :margin].any()
                assert is_blue[:, -margin:].any()
    assert checked >= 8
