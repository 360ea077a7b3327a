"""How long a photograph takes to become a reading, by stage and threads, beside the bare models and YOLOv8n at 640.

    python -m tests.bench recognition [-- PHOTO ...]

Without photographs the fixture trays are read. All three run in turn on the same ONNX Runtime, round by round. YOLOv8n
has random weights, which cost the same time, and is given a tensor: no photograph to decode and no duplicates to
remove. It needs `onnx` (extra `train`); without it that column is left out.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from engine.domain.reading import TrayReading
from recognition.frame import decode_photo
from recognition.gallery import EMBEDDING_SIZE, Exemplar, Gallery
from recognition.preprocess import detector_input, embedder_input, plan_letterbox
from recognition.session import VerifiedSession
from recognition.tray import ZOOM_SHARES, TrayReader, corners_of

FIXTURE_TRAYS = Path(__file__).parents[2] / "fixtures" / "trays"
DISHES_PER_TRAY = 5
ROUNDS = 40
MENU_SIZE = 30
PHOTOS_PER_DISH = 5
YOLOV8N_PARAMETERS = 3_151_904
YOLOV8N_GFLOPS = 8.7
"""As published for the model with batch normalisation folded in, at 640 x 640."""


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
    corners = corners_of([sighting.box for sighting in sightings])
    return Tray(
        photo=photo,
        image=detector_input(picture, plan_letterbox(*picture.size)),
        crops=embedder_input(picture, corners),
        portions=len(sightings),
        size=f"{frame.original_width_px} x {frame.original_height_px}",
    )


def measure_latency(photos: Sequence[Path]) -> None:
    yolov8n = yolov8n_model()
    print(f"{os.cpu_count()} cores, {ROUNDS} rounds, menu of {MENU_SIZE} dishes x {PHOTOS_PER_DISH} photographs; ms")
    headings = "threads | decode | detect | embed | match | whole p50 | p95 | least | bare models p50 | least | ratio"
    if yolov8n is not None:
        headings += " | YOLOv8n-640 p50 | least | whole / YOLOv8n p50 | least"
    print(f"| {headings} |")
    print("|---" * (headings.count("|") + 1) + "|")
    for threads in (1, 2):
        tray = measure_threads(photos, threads, yolov8n)
    print(f"photograph: {tray.size}, {len(tray.photo) // 1024} KiB, {tray.portions} portions")


def yolov8n_model() -> bytes | None:
    """The yardstick as bytes of a model, after its size was checked; None without `onnx`."""
    try:
        from tests.bench.yolov8n_graph import Yolov8nGraph
    except ModuleNotFoundError:
        print("YOLOv8n is left out: it needs the package onnx (pip install 'canteen[train]').")
        return None
    graph = Yolov8nGraph()
    assert graph.parameters == YOLOV8N_PARAMETERS, graph.parameters
    assert abs(graph.flops / 1e9 - YOLOV8N_GFLOPS) < 0.05, graph.flops
    print(f"YOLOv8n: {graph.parameters:,} parameters, {graph.flops / 1e9:.2f} GFLOPs, random weights")
    return graph.serialised()


def measure_threads(photos: Sequence[Path], threads: int, yolov8n: bytes | None) -> Tray:
    """Read the photograph that is nearest to five portions, in turn with the bare models and with YOLOv8n."""
    reader = TrayReader.load(threads=threads)
    menu = [f"dish {number}" for number in range(MENU_SIZE)]
    gallery = gallery_of_size(reader.embedder_sha256, menu)
    trays = [prepared(reader, path.read_bytes(), gallery) for path in photos]
    tray = min(trays, key=lambda one: (abs(one.portions - DISHES_PER_TRAY), len(one.photo)))
    detector, embedder = (VerifiedSession(card, threads=threads) for card in reader.cards)
    readings: list[TrayReading] = []
    runs: list[Callable[[], object]] = [
        lambda: readings.append(reader.read(tray.photo, gallery, menu)),
        lambda: run_bare(detector, embedder, tray),
    ]
    if yolov8n is not None:
        runs.append(yolov8n_run(yolov8n, threads))
    times_ms: list[list[float]] = [[] for _ in runs]
    for number in range(ROUNDS + 1):
        for run, of_run in zip(runs, times_ms, strict=True):
            start_ns = time.perf_counter_ns()
            run()
            # The first round only warms up.
            if number:
                of_run.append((time.perf_counter_ns() - start_ns) / 1e6)
    print(row(threads, readings[1:], times_ms))
    return tray


def yolov8n_run(model: bytes, threads: int) -> Callable[[], object]:
    """A run of YOLOv8n on one picture, with the settings that the product's own models have."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    image = np.random.default_rng(0).random((1, 3, 640, 640), np.float32)
    return lambda: session.run(None, {"images": image})


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


def row(threads: int, readings: Sequence[TrayReading], times_ms: Sequence[Sequence[float]]) -> str:
    whole_ms, *others_ms = times_ms
    stages = [
        statistics.median(getattr(reading.timings, stage) for reading in readings) / 1000
        for stage in ("decode_us", "detect_us", "embed_us", "match_us")
    ]
    whole, least = statistics.median(whole_ms), min(whole_ms)
    cells = [f"{figure:.1f}" for figure in (*stages, whole, sorted(whole_ms)[int(0.95 * len(whole_ms))], least)]
    bare_ms, *yolov8n_ms = others_ms
    cells += [f"{statistics.median(bare_ms):.1f}", f"{min(bare_ms):.1f}", f"{whole / statistics.median(bare_ms):.2f}"]
    for other_ms in yolov8n_ms:
        other = statistics.median(other_ms)
        cells += [f"{other:.1f}", f"{min(other_ms):.1f}", f"{whole / other:.2f}", f"{least / min(other_ms):.2f}"]
    return f"| {threads} | " + " | ".join(cells) + " |"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="*", type=Path, help="photographs of trays; default: the fixture trays")
    arguments = parser.parse_args()
    arguments.photos = arguments.photos or sorted(FIXTURE_TRAYS.rglob("*.jpg"))
    if not arguments.photos:
        parser.error("there are no fixture trays; name a photograph")
    return arguments


if __name__ == "__main__":
    measure_latency(read_arguments().photos)
