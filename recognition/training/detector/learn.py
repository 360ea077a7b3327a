"""The training itself: batches, losses, averaged weights, pseudo-labels, checkpoints; it continues where it stopped."""

import math
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from recognition.postprocess import STRIDE_PX, find_peaks, suppress_duplicates
from recognition.preprocess import detector_input, plan_letterbox
from recognition.training.detector.augment import Augmentation, Sample, sample_of
from recognition.training.detector.losses import detection_loss, targets_of
from recognition.training.detector.measure import Arrays, Detector, MeasuredSet
from recognition.training.detector.network import DishDetector
from recognition.training.detector.photos import PhotoStore, TrainingPhoto, with_found
from recognition.training.run_log import RunLog

WARM_UP_SHARE: Final = 0.03
BATCHES_AHEAD: Final = 3
LOG_EVERY_STEPS: Final = 20
REPORTED_FLOOR_BPS: Final = 4000
MOST_GRADIENT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the detector is trained.

    The learning rate of the backbone is `learning_rate` x `backbone_rate`; `sizes` are the network's sizes in pixels
    (long side, short side) that batches take in turn, either way up. When the shares `complete_at` of the training
    are done, photographs whose labels are partial are completed by what the averaged network finds on them: from
    `add_from` on as labels, from `unsure_from` on as areas where nothing is learned.
    """

    batch: int = 8
    learning_rate: float = 1.5e-3
    backbone_rate: float = 0.3
    weight_decay: float = 0.02
    averaging: float = 0.997
    sizes: tuple[tuple[int, int], ...] = ((352, 256), (352, 256), (320, 256), (384, 288))
    complete_at: tuple[float, ...] = (0.4, 0.7)
    add_from: float = 0.45
    unsure_from: float = 0.12
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long a training lasts, over all interruptions: a number of steps or minutes."""

    steps: int | None = None
    minutes: float | None = None

    def done(self, step: int, seconds: float) -> float:
        """Return which part of the training is done, in [0, 1]."""
        if self.minutes is not None:
            return min(1.0, seconds / (self.minutes * 60))
        return min(1.0, step / (self.steps or 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Photographs to learn from; of every batch a part in proportion to `share` is taken from here."""

    store: PhotoStore
    share: float


def device() -> torch.device:
    """The graphics processor if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def torch_detector(network: DishDetector) -> Detector:
    """Return the network, in evaluation mode, as measuring uses a detector."""

    def detect(image: NDArray[np.float32]) -> Arrays:
        network.eval()
        with torch.inference_mode():
            logits, sides = network(torch.from_numpy(image).to(device(), memory_format=torch.channels_last))
        return logits.sigmoid().cpu().numpy(), sides.cpu().numpy()

    return detect


class _Album:
    """What batches are drawn from; a thread draws from it while the training exchanges its photographs."""

    def __init__(self, sources: Sequence[Source], recipe: Recipe) -> None:
        self._sources, self._recipe = sources, recipe
        self._completed: dict[int, list[TrainingPhoto]] = {}
        self._shelves: list[tuple[float, list[TrainingPhoto]]] = []

    def refresh(self) -> int:
        """Take up photographs that were added since; returns how many there are."""
        for source in self._sources:
            source.store.refresh()
        self._shelves = [
            (source.share, photos)
            for number, source in enumerate(self._sources)
            if (photos := self._completed.get(number) or source.store.photos)
        ]
        return sum(len(photos) for _, photos in self._shelves)

    def complete(self, detector: Detector) -> tuple[int, int]:
        """Complete partial photographs; returns how many boxes were added and how many areas left open."""
        added = unsure = 0
        for number, source in enumerate(self._sources):
            photos = source.store.photos
            if not any(photo.partial for photo in photos):
                continue
            completed = [_completed(photo, detector, self._recipe) if photo.partial else photo for photo in photos]
            added += sum(len(new.boxes) - len(old.boxes) for new, old in zip(completed, photos, strict=True))
            unsure += sum(len(new.unsure) for new in completed)
            self._completed[number] = completed
        self.refresh()
        return added, unsure

    def batch(self, step: int) -> list[Sample]:
        """Draw and change the photographs of a step; all of a batch have one size."""
        random = np.random.default_rng((self._recipe.seed, step))
        long_px, short_px = self._recipe.sizes[step % len(self._recipe.sizes)]
        size = (long_px, short_px) if random.random() < 0.6 else (short_px, long_px)
        shelves = self._shelves
        shares = np.array([share for share, _ in shelves])

        def draw() -> TrainingPhoto:
            photos = shelves[int(random.choice(len(shelves), p=shares / shares.sum()))][1]
            return photos[int(random.integers(len(photos)))]

        return [
            sample_of([draw() for _ in range(4)], size, self._recipe.augmentation, random)
            for _ in range(self._recipe.batch)
        ]


def _completed(photo: TrainingPhoto, detector: Detector, recipe: Recipe) -> TrainingPhoto:
    """Look at a photograph as it is and mirrored, and complete its labels by what is found on both together."""
    frame = Image.fromarray(photo.pixels)
    plan = plan_letterbox(*frame.size)
    image = detector_input(frame, plan)
    heatmap, sides = detector(image)
    mirrored_heatmap, mirrored_sides = detector(np.ascontiguousarray(image[..., ::-1]))
    heatmap = (heatmap + mirrored_heatmap[..., ::-1]) * np.float32(0.5)
    sides = (sides + mirrored_sides[:, [2, 1, 0, 3], :, ::-1]) * np.float32(0.5)
    boxes, scores = find_peaks(heatmap, sides, plan, recipe.unsure_from)
    kept = suppress_duplicates(boxes, scores)
    offset = np.array((plan.left_px, plan.top_px) * 2, np.float32)
    limits = np.array(frame.size * 2, np.float32)
    found = np.clip((boxes[kept] - offset) * np.float32(frame.width / plan.width_px), 0.0, limits)
    return with_found(photo, found, scores[kept], add_from=recipe.add_from, unsure_from=recipe.unsure_from)


def learn(
    sources: Sequence[Source],
    measured: Sequence[MeasuredSet],
    recipe: Recipe,
    budget: Budget,
    folder: Path,
    *,
    measure_seconds: float = 300.0,
) -> DishDetector:
    """Train until the budget is used up; a folder that holds a checkpoint is continued.

    Returns:
        the averaged network that had the best mean average precision on the measured sets; the last if there are none.
    """
    torch.manual_seed(recipe.seed)
    network, averaged = DishDetector(), DishDetector()
    averaged.load_state_dict(network.state_dict())
    averaged.requires_grad_(False)
    for module in (network, averaged):
        module.to(device(), memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(_parameter_groups(network, recipe))
    parts = {"network": network, "averaged": averaged, "optimiser": optimiser}
    log = RunLog(folder)
    step, spent = _restore(folder, parts)
    album = _Album(sources, recipe)
    photos = album.refresh()
    completions = sum(budget.done(step, spent) >= share for share in recipe.complete_at)
    if completions:
        album.complete(torch_detector(averaged))
    log.add("start", step=step, seconds=round(spent), photos=photos, recipe=repr(recipe))
    print(f"{photos} photographs, starting at step {step} on {device().type}", flush=True)
    best = max((entry["mean_ap"] for entry in log.entries("measured")), default=-1.0)
    started, saved, first_step = time.monotonic() - spent, time.monotonic(), step
    recent = np.zeros(2)
    for images, heatmap, corners, weight, known in _batches(album.batch, step):
        done = budget.done(step, time.monotonic() - started)
        if done >= 1.0:
            break
        if completions < len(recipe.complete_at) and done >= recipe.complete_at[completions]:
            completions += 1
            added, unsure = album.complete(torch_detector(averaged))
            log.add("completed", step=step, added=added, unsure=unsure)
            print(f"step {step}: {added} portions added to partial labels, {unsure} areas left open", flush=True)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * group["rate"] * _schedule(done)
        network.train()
        logits, distances = network(images)
        score, sides = detection_loss(logits, distances, heatmap, corners, weight, known)
        optimiser.zero_grad(set_to_none=True)
        (score + sides).backward()
        nn.utils.clip_grad_norm_(network.parameters(), MOST_GRADIENT)
        optimiser.step()
        step += 1
        _average(averaged, network, min(recipe.averaging, step / (step + 10)))
        losses = np.array((score.item(), sides.item()))
        recent = losses if step == first_step + 1 else 0.95 * recent + 0.05 * losses
        seconds = time.monotonic() - started
        if step % LOG_EVERY_STEPS == 0:
            done = max(budget.done(step, seconds), 1e-9)
            log.add("step", step=step, seconds=round(seconds), score=round(recent[0], 4), sides=round(recent[1], 4))
            print(
                f"step {step}, {done:.1%}: score {recent[0]:.3f}, sides {recent[1]:.3f}, "
                f"{seconds * (1 - done) / done / 60:.1f} min left",
                flush=True,
            )
        if time.monotonic() - saved > measure_seconds:
            album.refresh()
            _save(folder, parts, step, seconds)
            best = _measure(averaged, measured, folder, log, step, best)
            saved = time.monotonic()
    _save(folder, parts, step, time.monotonic() - started)
    _measure(averaged, measured, folder, log, step, best)
    averaged.load_state_dict(torch.load(folder / "best.pt", map_location=device()))
    return averaged.eval()


def _parameter_groups(network: DishDetector, recipe: Recipe) -> list[dict[str, Any]]:
    backbone = [parameter for parameter in network.blocks.parameters() if parameter.requires_grad]
    known = {id(parameter) for parameter in backbone}
    rest = [parameter for parameter in network.parameters() if parameter.requires_grad and id(parameter) not in known]
    return [
        {"params": backbone, "rate": recipe.backbone_rate, "weight_decay": recipe.weight_decay},
        {"params": rest, "rate": 1.0, "weight_decay": recipe.weight_decay},
    ]


def _schedule(done: float) -> float:
    """A short rise, then half a cosine down to nearly nothing."""
    return min(1.0, 0.05 + done / WARM_UP_SHARE) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _average(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    with torch.no_grad():
        own = network.state_dict()
        for name, value in averaged.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - keep)
            else:
                value.copy_(own[name])


def _measure(
    averaged: DishDetector, measured: Sequence[MeasuredSet], folder: Path, log: RunLog, step: int, best: float
) -> float:
    """Measure, keep the weights if they are the best so far, and return the best mean average precision."""
    figures = {one.name: one.measure(torch_detector(averaged)) for one in measured}
    mean = sum(one.average_precision for one in figures.values()) / max(len(figures), 1)
    for name, one in figures.items():
        row = next(row for row in one.floors if row.floor_bps == REPORTED_FLOOR_BPS)
        print(
            f"step {step}, {name}: average precision {one.average_precision:.3f}; at floor .40 recall "
            f"{row.recall:.3f}, precision {row.precision:.3f}, exact count {row.exact_share:.3f}",
            flush=True,
        )
    log.add(
        "measured", step=step, mean_ap=round(mean, 4), **{n: round(f.average_precision, 4) for n, f in figures.items()}
    )
    if mean >= best or not measured:
        _exchange(averaged.state_dict(), folder / "best.pt")
    return max(best, mean)


def _batches(draw: Callable[[int], list[Sample]], first_step: int) -> Iterator[tuple[Tensor, ...]]:
    """Made ahead in a thread of their own, without end."""
    ready: queue.Queue[Any] = queue.Queue(BATCHES_AHEAD)

    def make() -> None:
        step = first_step
        try:
            while True:
                ready.put(_arrays(draw(step)))
                step += 1
        except Exception as error:  # handed over to be raised where the batches are used
            ready.put(error)

    threading.Thread(target=make, daemon=True).start()
    while True:
        made = ready.get()
        if isinstance(made, Exception):
            raise made
        images, *rest = (torch.from_numpy(array) for array in made)
        images = images.to(device(), memory_format=torch.channels_last).float().sub_(127.0).div_(128.0)
        yield images, *(tensor.to(device()) for tensor in rest)


def _arrays(samples: Sequence[Sample]) -> tuple[NDArray[Any], ...]:
    images = np.stack([sample.image for sample in samples]).transpose(0, 3, 1, 2)
    rows, columns = images.shape[2] // STRIDE_PX, images.shape[3] // STRIDE_PX
    heatmaps, corners, weights = zip(*(targets_of(sample.boxes, rows, columns) for sample in samples), strict=True)
    known = np.stack([sample.known for sample in samples]).astype(np.float32)[:, None]
    return (
        np.ascontiguousarray(images),
        np.stack(heatmaps).astype(np.float32)[:, None],
        np.stack(corners),
        np.stack(weights).astype(np.float32),
        known,
    )


def _restore(folder: Path, parts: dict[str, Any]) -> tuple[int, float]:
    """Load the newest checkpoint, if there is one, and return its step and the seconds spent."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0, 0.0
    saved = torch.load(path, map_location=device())
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["step"]), float(saved["seconds"])


def _save(folder: Path, parts: dict[str, Any], step: int, seconds: float) -> None:
    state = {"step": step, "seconds": seconds} | {name: part.state_dict() for name, part in parts.items()}
    _exchange(state, folder / "checkpoint.pt")


def _exchange(state: Any, path: Path) -> None:
    """Written beside the old file and exchanged whole, so that an interruption never leaves half a file."""
    unfinished = path.with_suffix(".part")
    torch.save(state, unfinished)
    os.replace(unfinished, path)
