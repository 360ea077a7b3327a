"""Render all pictures of the fixture street: `python -m recognition.training.synthetic.render_fixtures`.

The same seed gives the same pictures; each depends on nothing but the seed, its canteen, dishes and number.
"""

import argparse
import io
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from recognition.training.synthetic.plan import CanteenPlan, TrayPlan, plan_trays, read_street
from recognition.training.synthetic.scene import photograph_dish, photograph_tray, seeded

SEED = 2021
PHOTOS_PER_DISH = 3
TRAY_LIMIT_BYTES = 150_000

Label = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    seed: int
    fixtures_dir: Path
    canteen: CanteenPlan
    tray: TrayPlan | None = None
    dish_id: str = ""
    number: int = 0


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(description="Render the pictures of the fixture street.")
    parser.add_argument("--fixtures", type=Path, default=Path("fixtures"), help="folder that holds street/")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=2, help="processes to use")
    parser.add_argument("--only", choices=["photos", "trays"], help="leave the other pictures as they are")
    arguments = parser.parse_args()
    canteens = read_street(arguments.fixtures / "street")
    with ProcessPoolExecutor(arguments.jobs) as pool:
        if arguments.only != "trays":
            photos = [
                _Job(seed=arguments.seed, fixtures_dir=arguments.fixtures, canteen=canteen, dish_id=dish, number=n)
                for canteen in canteens
                for dish in canteen.sold
                for n in range(1, PHOTOS_PER_DISH + 1)
            ]
            _write_labels(arguments.fixtures / "photos", list(pool.map(_render_photo, photos, chunksize=4)))
        if arguments.only != "photos":
            trays = [
                _Job(seed=arguments.seed, fixtures_dir=arguments.fixtures, canteen=canteen, tray=tray)
                for canteen in canteens
                for tray in plan_trays(canteen, arguments.seed)
            ]
            _write_labels(arguments.fixtures / "trays", list(pool.map(_render_tray, trays)))


def _write_labels(folder: Path, labels: list[Label]) -> None:
    lines = ",\n".join(json.dumps(label, ensure_ascii=False) for label in labels)
    (folder / "labels.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _render_photo(job: _Job) -> Label:
    rng = seeded(job.seed, job.canteen.canteen_id, "photo", job.dish_id, job.number)
    photograph = photograph_dish(rng, job.canteen.crockery, job.dish_id)
    file = f"{job.canteen.canteen_id}/{job.dish_id}/{job.number}.jpg"
    _save(job.fixtures_dir / "photos" / file, photograph.image, quality=80)
    [portion] = photograph.portions
    return {
        "file": file,
        "canteen": job.canteen.canteen_id,
        "width": photograph.image.width,
        "height": photograph.image.height,
        "dishes": [{"dish": portion.dish_id, "box": list(portion.box)}],
    }


def _render_tray(job: _Job) -> Label:
    tray = job.tray
    if tray is None:
        raise ValueError("a job for a tray needs its plan")
    rng = seeded(job.seed, job.canteen.canteen_id, "tray", tray.name)
    covered = len(tray.dishes) - 1 if tray.kind == "napkin" else None
    photograph = photograph_tray(rng, job.canteen.crockery, tray.dishes, napkin_over=covered)
    file = f"{job.canteen.canteen_id}/{tray.name}.jpg"
    _save(job.fixtures_dir / "trays" / file, photograph.image, quality=86)
    dishes = []
    for portion in photograph.portions:
        label: Label = {"dish": portion.dish_id, "box": list(portion.box)}
        if portion.dish_id == tray.off_menu:
            label["off_menu"] = True
        if portion.covered:
            label["covered"] = True
        dishes.append(label)
    return {
        "file": file,
        "canteen": job.canteen.canteen_id,
        "kind": tray.kind,
        "width": photograph.image.width,
        "height": photograph.image.height,
        "dishes": dishes,
    }


def _save(path: Path, image: Image.Image, quality: int) -> None:
    """Write a JPEG, with less quality if it would be larger than TRAY_LIMIT_BYTES."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality, optimize=True)
        if stream.tell() <= TRAY_LIMIT_BYTES or quality <= 60:
            path.write_bytes(stream.getvalue())
            return
        quality -= 4


if __name__ == "__main__":
    main()
