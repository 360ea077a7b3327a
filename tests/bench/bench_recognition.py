"""How long a photograph takes to become a reading, by stage and threads, beside the bare models; and how right it is.

    python tests/bench/bench_recognition.py [PHOTO ...]
    python tests/bench/bench_recognition.py --labels VALID.json --enrol-from TRAIN.json

Without photographs the fixture trays are read. A labels file is a list of
`{"file", "width", "height", "dishes": [{"dish", "box": [x1, y1, x2, y2]}]}` with files relative to its folder.
"""

import argparse
import io
import json
import os
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain.reading import Box, Candidate, DishSighting, TrayReading
from recognition.frame import decode_photo
from recognition.gallery import EMBEDDING_SIZE, Exemplar, Gallery
from recognition.preprocess import detector_input, embedder_input, plan_letterbox
from recognition.session import VerifiedSession
from recognition.tray import ZOOM_SHARES, TrayReader

FIXTURE_TRAYS = Path(__file__).parents[2] / "fixtures" / "trays"
DISHES_PER_TRAY = 5
ROUNDS = 40
MENU_SIZE = 30
PHOTOS_PER_DISH = 5
FLOORS_BPS = (3300, 4000, 4500)
SAME_PORTION_IOU = 0.5
LEAST_ENROLLED_SIDE_PX = 70
# The rule of the acceptance policy's first parameters: twice the best less the second.
CERTAIN_BPS = (6000, 7000, 8000)


# --- latency -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tray:
    """A photograph together with what the models are given for it."""

    photo: bytes
    image: NDArray[np.float32]
    crops: NDArray[np.float32]
    portions: int
    size: str


def prepared(reader: TrayReader, photo: bytes, gallery: Gallery) -> Tray:
    frame = decode_photo(photo)
    picture = Image.fromarray(frame.pixels)
    sightings = reader.read_frame(frame, gallery, []).sightings
    corners = [(s.box.left_px, s.box.top_px, s.box.right_px, s.box.bottom_px) for s in sightings]
    return Tray(
        photo=photo,
        image=detector_input(picture, plan_letterbox(*picture.size)),
        crops=embedder_input(picture, np.array(corners, np.float32).reshape(-1, 4)),
        portions=len(sightings),
        size=f"{frame.original_width_px} x {frame.original_height_px}",
    )


def measure_latency(photos: Sequence[Path]) -> None:
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds, menu of {MENU_SIZE} dishes x {PHOTOS_PER_DISH} photographs; ms")
    print("| threads | decode | detect | embed | match | whole p50 | p95 | least | bare models p50 | least | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for threads in (1, 2):
        tray = measure_threads(photos, threads)
    print(f"photograph: {tray.size}, {len(tray.photo) // 1024} KiB, {tray.portions} portions")


def measure_threads(photos: Sequence[Path], threads: int) -> Tray:
    """Read the photograph that is nearest to five portions, alternating with the bare models on the same input."""
    reader = TrayReader.load(threads=threads)
    menu = [f"dish {number}" for number in range(MENU_SIZE)]
    gallery = gallery_of_size(reader.embedder_sha256, menu)
    trays = [prepared(reader, path.read_bytes(), gallery) for path in photos]
    tray = min(trays, key=lambda one: (abs(one.portions - DISHES_PER_TRAY), len(one.photo)))
    detector, embedder = (VerifiedSession(card, threads=threads) for card in reader.cards)
    run_bare(detector, embedder, tray)
    readings: list[TrayReading] = []
    whole_ms: list[float] = []
    bare_ms: list[float] = []
    for _ in range(ROUNDS):
        start_ns = time.perf_counter_ns()
        readings.append(reader.read(tray.photo, gallery, menu))
        read_ns = time.perf_counter_ns()
        run_bare(detector, embedder, tray)
        whole_ms.append((read_ns - start_ns) / 1e6)
        bare_ms.append((time.perf_counter_ns() - read_ns) / 1e6)
    print(row(threads, readings, whole_ms, bare_ms))
    return tray


def gallery_of_size(embedder_sha256: str, menu: Sequence[str]) -> Gallery:
    rng = np.random.default_rng(0)
    shape = (len(ZOOM_SHARES), EMBEDDING_SIZE)
    return Gallery(
        embedder_sha256,
        (
            Exemplar(dish_id=dish_id, exemplar_id=str(n), vectors=rng.normal(size=shape).astype(np.float32))
            for dish_id in menu
            for n in range(PHOTOS_PER_DISH)
        ),
    )


def run_bare(detector: VerifiedSession, embedder: VerifiedSession, tray: Tray) -> None:
    detector.run({"image": tray.image})
    if len(tray.crops):
        embedder.run({"crops": tray.crops})


def row(threads: int, readings: Sequence[TrayReading], whole_ms: Sequence[float], bare_ms: Sequence[float]) -> str:
    stages = [
        statistics.median(getattr(reading.timings, stage) for reading in readings) / 1000
        for stage in ("decode_us", "detect_us", "embed_us", "match_us")
    ]
    whole, bare = statistics.median(whole_ms), statistics.median(bare_ms)
    p95 = sorted(whole_ms)[int(0.95 * len(whole_ms))]
    figures = [*stages, whole, p95, min(whole_ms), bare, min(bare_ms)]
    return f"| {threads} | " + " | ".join(f"{figure:.1f}" for figure in figures) + f" | {whole / bare:.2f} |"


# --- accuracy ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Labelled:
    """A portion that a person has boxed, in pixels of the stored file."""

    path: Path
    dish: str
    corners: tuple[float, float, float, float]


def labels_of(path: Path) -> Iterator[tuple[Path, list[Labelled]]]:
    for photo in json.loads(path.read_text()):
        file = path.parent / photo["file"]
        yield file, [Labelled(file, dish["dish"], tuple(dish["box"])) for dish in photo["dishes"]]


def enrolled_gallery(reader: TrayReader, labels: Path) -> Gallery:
    """Five labelled boxes of each dish, chosen with a fixed seed, enrolled as if a person had cut them out."""
    by_dish: dict[str, list[Labelled]] = {}
    for _, dishes in labels_of(labels):
        for dish in dishes:
            left, top, right, bottom = dish.corners
            if min(right - left, bottom - top) >= LEAST_ENROLLED_SIDE_PX:
                by_dish.setdefault(dish.dish, []).append(dish)
    choice = random.Random(1)
    exemplars = []
    for dish_id, boxes in sorted(by_dish.items()):
        crops = [cut_out(box) for box in choice.sample(boxes, min(PHOTOS_PER_DISH, len(boxes)))]
        exemplars += [
            Exemplar(dish_id=dish_id, exemplar_id=photo.exemplar_id, vectors=photo.vectors)
            for photo in reader.enrol(crops, whole_tray=True)
        ]
    return Gallery(reader.embedder_sha256, exemplars)


def cut_out(box: Labelled) -> bytes:
    buffer = io.BytesIO()
    with Image.open(box.path) as photo:
        left, top, right, bottom = box.corners
        inside = (max(left, 0), max(top, 0), min(right, photo.width), min(bottom, photo.height))
        photo.convert("RGB").crop(inside).save(buffer, "PNG")
    return buffer.getvalue()


def measure_accuracy(labels: Path, enrol_from: Path) -> None:
    reader = TrayReader.load(threads=2)
    gallery = enrolled_gallery(reader, enrol_from)
    menu = gallery.dish_ids
    photos = [(dishes, reader.read(path.read_bytes(), gallery, menu).sightings) for path, dishes in labels_of(labels)]
    labelled = sum(len(dishes) for dishes, _ in photos)
    print(
        f"{len(photos)} photographs, {labelled} labelled portions, menu of {len(menu)} dishes, "
        f"{PHOTOS_PER_DISH} photographs each"
    )
    print("| detector floor | labelled portions found | recall | portions reported | of them labelled |")
    print("|---|---|---|---|---|")
    for floor_bps in FLOORS_BPS:
        found, extra = split_by_label(photos, floor_bps)
        reported = len(found) + len(extra)
        print(
            f"| {floor_bps / 10_000} | {len(found)} | {len(found) / labelled:.3f} "
            f"| {reported} | {len(found) / reported:.3f} |"
        )
    found, extra = split_by_label(photos, FLOORS_BPS[1])
    first = sum(sighting.candidates[0].dish_id == dish for dish, sighting in found)
    among = sum(dish in {one.dish_id for one in sighting.candidates} for dish, sighting in found)
    print(f"of {len(found)} found at {FLOORS_BPS[1] / 10_000}: {first} right at first, {among} among the best five")
    print("| accept at | right | wrong | to a person | accepted with its dish off the menu | unlabelled accepted |")
    print("|---|---|---|---|---|---|")
    for certain_bps in CERTAIN_BPS:
        accepted = [(dish, ranked(one)[0]) for dish, one in found if margin_bps(ranked(one)) >= certain_bps]
        right = sum(dish == best.dish_id for dish, best in accepted)
        off_menu = sum(margin_bps(ranked(one, without=dish)) >= certain_bps for dish, one in found)
        unlabelled = sum(margin_bps(ranked(one)) >= certain_bps for one in extra)
        print(
            f"| {certain_bps / 10_000} | {right} | {len(accepted) - right} | {len(found) - len(accepted)} "
            f"| {off_menu} of {len(found)} | {unlabelled} of {len(extra)} |"
        )


def split_by_label(
    photos: Sequence[tuple[list[Labelled], Sequence[DishSighting]]], floor_bps: int
) -> tuple[list[tuple[str, DishSighting]], list[DishSighting]]:
    """Sightings that are a labelled portion (IoU .5, each used once, best overlap first), and the others."""
    found: list[tuple[str, DishSighting]] = []
    extra: list[DishSighting] = []
    for dishes, seen in photos:
        sightings = [sighting for sighting in seen if sighting.detector_bps >= floor_bps]
        pairs = sorted(
            (
                (overlap(dish.corners, sighting.box), d, s)
                for d, dish in enumerate(dishes)
                for s, sighting in enumerate(sightings)
            ),
            reverse=True,
        )
        taken: dict[int, int] = {}
        for iou, d, s in pairs:
            if iou >= SAME_PORTION_IOU and d not in taken.values() and s not in taken:
                taken[s] = d
        found += [(dishes[d].dish, sightings[s]) for s, d in taken.items()]
        extra += [sighting for s, sighting in enumerate(sightings) if s not in taken]
    return found, extra


def overlap(corners: tuple[float, float, float, float], box: Box) -> float:
    """Intersection over union."""
    left, top, right, bottom = corners
    width = min(right, box.right_px) - max(left, box.left_px)
    height = min(bottom, box.bottom_px) - max(top, box.top_px)
    shared = max(width, 0.0) * max(height, 0.0)
    areas = (right - left) * (bottom - top) + (box.right_px - box.left_px) * (box.bottom_px - box.top_px)
    return shared / (areas - shared)


def ranked(sighting: DishSighting, *, without: str = "") -> list[Candidate]:
    """Candidates as they would be if one dish were not on the menu: a score does not depend on the others."""
    return [candidate for candidate in sighting.candidates if candidate.dish_id != without]


def margin_bps(candidates: Sequence[Candidate]) -> int:
    return 2 * candidates[0].similarity_bps - candidates[1].similarity_bps


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=Path, help="photographs of trays; default: the fixture trays")
    parser.add_argument("--labels", type=Path, help="labelled trays to measure accuracy on")
    parser.add_argument("--enrol-from", type=Path, help="labelled trays to enrol dishes from")
    arguments = parser.parse_args()
    if (arguments.labels is None) != (arguments.enrol_from is None):
        parser.error("--labels and --enrol-from go together")
    arguments.photos = arguments.photos or sorted(FIXTURE_TRAYS.rglob("*.jpg"))
    if not arguments.photos:
        parser.error("there are no fixture trays; name a photograph")
    return arguments


if __name__ == "__main__":
    arguments = read_arguments()
    if arguments.labels:
        measure_accuracy(arguments.labels, arguments.enrol_from)
    else:
        measure_latency(arguments.photos)
