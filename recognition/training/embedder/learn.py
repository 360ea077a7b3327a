"""The training itself: batches of dishes, losses, averaged weights, checkpoints; it continues where it stopped."""

import math
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from recognition.preprocess import embedder_input
from recognition.training.embedder.augment import Augmentation, batch_of
from recognition.training.embedder.crops import DishCrop, by_dish
from recognition.training.embedder.network import FEATURES, DishNetwork, SubCentreCosFace
from recognition.training.run_log import RunLog

WARM_UP_STEPS: Final = 20
BATCHES_AHEAD: Final = 3
LOG_EVERY_STEPS: Final = 10
FEATURE_BATCH: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the embedder is trained. Rates are relative to `learning_rate`; the seed decides everything random."""

    steps: int = 200
    side_px: int = 176
    dishes_per_batch: int = 24
    photos_per_dish: int = 2
    learning_rate: float = 1e-3
    backbone_rate: float = 0.2
    head_rate: float = 3.0
    weight_decay: float = 0.02
    projection: int = 256
    averaging: float = 0.98
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 1


class _Heads(nn.Module):
    """What only training needs: features are levelled, then compared in a projection that takes the strain off them.

    The features before the projection are what the product uses: they stay more general than what the projection
    learns about the dishes of the training.
    """

    def __init__(self, dishes: int, projection: int) -> None:
        super().__init__()
        self.level = nn.BatchNorm1d(FEATURES, affine=False)
        self.project = nn.Linear(FEATURES, projection, bias=False)
        self.cosface = SubCentreCosFace(projection, dishes)

    def forward(self, features: Tensor, dishes: Tensor) -> Tensor:
        return self.cosface(self.project(self.level(features)), dishes)


def device() -> torch.device:
    """The graphics processor if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def learn(crops: Sequence[DishCrop], recipe: Recipe, folder: Path, *, checkpoint_seconds: float = 120.0) -> DishNetwork:
    """Train on all dishes with two crops or more; a folder that holds a checkpoint is continued.

    Returns:
        the network with averaged weights, in evaluation mode.
    """
    groups = list(by_dish(crops, least=2).values())
    torch.manual_seed(recipe.seed)
    network, heads = DishNetwork(), _Heads(len(groups), recipe.projection)
    averaged = DishNetwork()
    averaged.load_state_dict(network.state_dict())
    averaged.requires_grad_(False)
    for module in (network, heads, averaged):
        module.to(device(), memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        [
            {"params": _trained(network), "share": recipe.backbone_rate, "weight_decay": recipe.weight_decay},
            {"params": _trained(heads), "share": recipe.head_rate, "weight_decay": 0.0},
        ]
    )
    parts = {"network": network, "heads": heads, "averaged": averaged, "optimiser": optimiser}
    log = RunLog(folder)
    step = _restore(folder, parts)
    log.add("start", step=step, dishes=len(groups), crops=sum(map(len, groups)), recipe=repr(recipe))
    # Normalisation keeps the statistics of the starting weights: those of small changed batches cost .05.
    network.eval()
    heads.train()
    started = saved = time.monotonic()
    first_step, recent = step, 0.0
    for images, dishes in _batches(groups, recipe, first_step):
        rate = recipe.learning_rate * _schedule(step, recipe.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate * group["share"]
        loss = heads(network(images), dishes)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        step += 1
        _average(averaged, network, min(recipe.averaging, step / (step + 10)))
        recent = loss.item() if not recent else 0.9 * recent + 0.1 * loss.item()
        now = time.monotonic()
        if now - saved > checkpoint_seconds or step == recipe.steps:
            _save(folder, parts, step)
            saved = now
        if step % LOG_EVERY_STEPS == 0 or step == recipe.steps:
            left = (now - started) / (step - first_step) * (recipe.steps - step)
            log.add("step", step=step, loss=round(recent, 4))
            print(f"step {step} of {recipe.steps}: loss {recent:.3f}, {left / 60:.1f} min left", flush=True)
    return averaged.eval()


def features_of(network: DishNetwork, crops: Sequence[DishCrop]) -> NDArray[np.float32]:
    """(n, 1280) pooled features of crops, cut as the product cuts them."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(crops), FEATURE_BATCH):
            tensor = np.concatenate([_cut(crop) for crop in crops[start : start + FEATURE_BATCH]])
            images = torch.from_numpy(tensor).to(device(), memory_format=torch.channels_last)
            rows.append(network(images).cpu().numpy())
    return np.concatenate(rows)


def _cut(crop: DishCrop) -> NDArray[np.float32]:
    return embedder_input(Image.fromarray(crop.pixels), np.array([crop.box], np.float32))


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _schedule(step: int, steps: int) -> float:
    """A short rise, then half a cosine down to nothing."""
    rise = min(1.0, (step + 1) / WARM_UP_STEPS)
    return rise * 0.5 * (1 + math.cos(math.pi * step / steps))


def _average(averaged: nn.Module, network: nn.Module, keep: float) -> None:
    with torch.no_grad():
        own = network.state_dict()
        for name, value in averaged.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - keep)
            else:
                value.copy_(own[name])


def _batches(groups: list[list[DishCrop]], recipe: Recipe, first_step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Made ahead in a thread of their own; what a batch holds follows from the seed and its step alone."""
    ready: queue.Queue[Any] = queue.Queue(BATCHES_AHEAD)

    def make() -> None:
        try:
            for step in range(first_step, recipe.steps):
                ready.put(_batch(groups, recipe, np.random.default_rng((recipe.seed, step))))
        except Exception as error:  # handed over to be raised where the batches are used
            ready.put(error)

    threading.Thread(target=make, daemon=True).start()
    for _ in range(first_step, recipe.steps):
        made = ready.get()
        if isinstance(made, Exception):
            raise made
        images, dishes = made
        yield (
            torch.from_numpy(images).to(device(), memory_format=torch.channels_last),
            torch.from_numpy(dishes).to(device()),
        )


def _batch(
    groups: list[list[DishCrop]], recipe: Recipe, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Dishes with many crops come more often, by the square root of their number; each with different crops."""
    weights = np.sqrt([len(group) for group in groups])
    chosen = random.choice(
        len(groups), min(recipe.dishes_per_batch, len(groups)), replace=False, p=weights / weights.sum()
    )
    picked: list[DishCrop] = []
    for dish in chosen.tolist():
        group = groups[dish]
        numbers = random.choice(len(group), recipe.photos_per_dish, replace=len(group) < recipe.photos_per_dish)
        picked += [group[number] for number in numbers.tolist()]
    images = batch_of(picked, recipe.side_px, recipe.augmentation, random)
    return images, np.repeat(chosen, recipe.photos_per_dish).astype(np.int64)


def _restore(folder: Path, parts: dict[str, Any]) -> int:
    """Load the newest checkpoint, if there is one, and return its step."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    saved = torch.load(path, map_location=device())
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return int(saved["step"])


def _save(folder: Path, parts: dict[str, Any], step: int) -> None:
    """Written beside the old checkpoint and exchanged whole, so that an interruption never leaves half a file."""
    unfinished = folder / "checkpoint.part"
    torch.save({"step": step} | {name: part.state_dict() for name, part in parts.items()}, unfinished)
    os.replace(unfinished, folder / "checkpoint.pt")
