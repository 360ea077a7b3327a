"""Train the dish embedder: `python -m recognition.training.embedder --dishes DIR --labels L --images D --out RUN`.

RUN then holds dish_embedder.onnx, run.jsonl, held_out.json and checkpoint.pt; the same command continues a run that
was interrupted.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from engine.domain.errors import LabelsInvalidError
from recognition.training.embedder.crops import (
    DishCrop,
    add_source_arguments,
    at_most_per_dish,
    by_dish,
    fold_of_dishes,
    read_crops,
)
from recognition.training.embedder.export import export_onnx
from recognition.training.embedder.learn import Recipe, features_of, learn
from recognition.training.embedder.whitening import fit_whitening
from recognition.training.run_log import RunLog

WHITENING_CROPS_PER_DISH: Final = 30


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recognition.training.embedder", description=__doc__)
    add_source_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--threads", type=int, default=2, help="cores to use")
    parser.add_argument("--hold-out", metavar="FOLD/FOLDS", help="keep the dishes of a fold out, such as 0/3")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        crops = read_crops(given)
        held_out = _held_out(crops, given.hold_out, given.seed)
    except LabelsInvalidError as error:
        print(error.message, file=sys.stderr)
        return 2
    print(f"{len(crops)} crops of {len(by_dish(crops))} dishes; {len(held_out)} dishes are held out", flush=True)
    train(
        [crop for crop in crops if crop.dish not in held_out],
        replace(Recipe(), steps=given.steps, seed=given.seed),
        given.out,
        held_out,
    )
    return 0


def train(crops: Sequence[DishCrop], recipe: Recipe, folder: Path, held_out: Sequence[str] = ()) -> Path:
    """Train, whiten and export; returns the path of the ONNX file in the run's folder."""
    network = learn(crops, recipe, folder)
    known = at_most_per_dish(by_dish(crops, least=2), WHITENING_CROPS_PER_DISH)
    names = sorted({crop.dish for crop in known})
    whitening = fit_whitening(features_of(network, known), [names.index(crop.dish) for crop in known])
    path = folder / "dish_embedder.onnx"
    likeness = export_onnx(network, whitening, path)
    (folder / "held_out.json").write_text(json.dumps(list(held_out), ensure_ascii=False), encoding="utf-8")
    RunLog(folder).add("export", file=path.name, size_bytes=path.stat().st_size, likeness_to_torch=likeness)
    print(f"{path}: {path.stat().st_size:,} bytes, least cosine between torch and ONNX Runtime {likeness:.6f}")
    return path


def _held_out(crops: Sequence[DishCrop], fold: str | None, seed: int) -> list[str]:
    if fold is None:
        return []
    number, folds = (int(part) for part in fold.split("/"))
    dealt = fold_of_dishes([crop.dish for crop in crops], folds, seed)
    return [dish for dish, own in dealt.items() if own == number]


if __name__ == "__main__":
    sys.exit(main())
