"""Render labelled trays for training: `python -m recognition.training.synthetic --scenes 2500 --seed 1 --out DIR`."""

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import cv2
from PIL import Image

from recognition.training.synthetic.dishes import Recipe
from recognition.training.synthetic.food_cutting import cut_texture, photographs_by_folder, photographs_by_label
from recognition.training.synthetic.food_textures import FoodTexture, Larder, read_larder, write_larder
from recognition.training.synthetic.labels_file import WRITE_EVERY, Entry, read_entries, write_entries
from recognition.training.synthetic.random_recipes import paint_textures, street_and_random_recipes
from recognition.training.synthetic.scene import seeded
from recognition.training.synthetic.training_scene import SCENE_KINDS, SceneKind, TrainingScene, choose_kind, make_scene

Job = tuple[Path, Path, int, int, SceneKind | None, Path | None]


def main(arguments: list[str]) -> int:
    """Fill the larder, render what is not there yet, and write the labels."""
    asked = _parser().parse_args(arguments)
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    larder_dir: Path = asked.larder or out / "larder"
    fill_larder(
        larder_dir,
        food_from=asked.food_from,
        images=asked.images,
        recipes=street_and_random_recipes(asked.random_recipes),
        samples=asked.samples,
        most_per_dish=asked.most_per_dish,
    )
    done = read_entries(out)
    numbers = [n for n in range(asked.start, asked.start + asked.scenes) if scene_file(n) not in done]
    jobs = [(out, larder_dir, asked.seed, number, asked.only, asked.crops) for number in numbers]
    print(f"{len(done)} scenes are there, {len(jobs)} to render")
    for finished, entry in enumerate(_rendered(jobs, asked.workers), start=1):
        done[entry["file"]] = entry
        if finished % WRITE_EVERY == 0 or finished == len(jobs):
            write_entries(out, done.values())
            print(f"{finished}/{len(jobs)}", flush=True)
    if not jobs:
        write_entries(out, done.values())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recognition.training.synthetic", description=__doc__)
    parser.add_argument("--scenes", type=int, required=True, help="how many scenes there are to be from --start on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and labels.json")
    parser.add_argument("--start", type=int, default=0, help="number of the first scene")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", choices=SCENE_KINDS, default=None, help="render one kind of scene")
    parser.add_argument("--crops", type=Path, default=None, help="folder to save every portion to as well, by dish")
    parser.add_argument("--larder", type=Path, default=None, help="folder of food textures; default: OUT/larder")
    parser.add_argument(
        "--food-from",
        type=Path,
        action="append",
        default=[],
        help="a folder with photographs, one sub-folder per dish, or a file of labels; may be given more than once",
    )
    parser.add_argument("--images", type=Path, default=None, help="folder of the labelled photographs; default: beside")
    parser.add_argument("--most-per-dish", type=int, default=30, help="photographs to cut food out of, per dish")
    parser.add_argument("--random-recipes", type=int, default=60, help="painted dishes besides those of the street")
    parser.add_argument("--samples", type=int, default=2, help="textures to paint of each painted dish")
    return parser


def fill_larder(
    folder: Path,
    *,
    food_from: list[Path],
    images: Path | None,
    recipes: Mapping[str, Recipe],
    samples: int,
    most_per_dish: int,
) -> None:
    """Paint and cut out all food, unless the folder holds a finished larder, which is taken as it is."""
    if read_larder(folder) is not None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    textures = paint_textures(folder, recipes, samples)
    print(f"{len(textures)} textures painted", flush=True)
    for number, source in enumerate(food_from):
        if source.suffix == ".json":
            photographs = photographs_by_label(source, images or source.parent, most_per_dish)
        else:
            photographs = photographs_by_folder(source, most_per_dish)
        for count, (dish_id, picture) in enumerate(photographs):
            texture = cut_texture(picture, dish_id, folder / f"photograph-{number}-{count:05d}.png")
            if texture is not None:
                textures.append(texture)
        print(f"{len(textures)} textures with those of {source.name}", flush=True)
    write_larder(folder, textures)


def scene_file(number: int) -> str:
    """Name the picture of a scene."""
    return f"scene-{number:06d}.jpg"


def _rendered(jobs: list[Job], workers: int) -> Iterator[Entry]:
    if workers <= 1:
        yield from map(render_scene, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(render_scene, jobs, chunksize=4)


def render_scene(job: Job) -> Entry:
    """Render one scene; its picture depends on seed, number, kind and larder only."""
    out, larder_dir, seed, number, only, crops = job
    cv2.setNumThreads(1)
    rng = seeded("training", seed, number)
    kind = choose_kind(rng)
    scene = make_scene(rng, _larder(larder_dir), only or kind)
    file = scene_file(number)
    picture = Image.fromarray(scene.pixels)
    picture.save(out / file, quality=scene.jpeg_quality)
    if crops is not None:
        _save_crops(crops, picture, scene, number)
    rows, columns = scene.pixels.shape[:2]
    return {
        "file": file,
        "width": columns,
        "height": rows,
        "kind": scene.kind,
        "dishes": [{"dish": portion.dish_id, "box": list(portion.box)} for portion in scene.portions],
        "ignore": [list(box) for box in scene.ignored],
    }


def _save_crops(crops: Path, picture: Image.Image, scene: TrainingScene, number: int) -> None:
    """Save each portion that is wholly in the picture, in a folder named by its dish."""
    for order, portion in enumerate(scene.portions):
        left, top, right, bottom = portion.box
        if left > 0 and top > 0 and right < picture.width and bottom < picture.height:
            folder = crops / portion.dish_id
            folder.mkdir(parents=True, exist_ok=True)
            picture.crop(portion.box).save(folder / f"{number:06d}-{order}.jpg", quality=scene.jpeg_quality)


@lru_cache(maxsize=2)
def _larder(folder: Path) -> Larder:
    textures: list[FoodTexture] | None = read_larder(folder)
    if not textures:
        raise FileNotFoundError(f"{folder} holds no food textures. Fill it by running without --larder once.")
    return Larder(folder, textures)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
