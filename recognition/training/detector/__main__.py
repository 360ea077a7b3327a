"""Train the dish detector: `python -m recognition.training.detector --labels L --images D --minutes 60 --out RUN`.

RUN then holds dish_detector.onnx, run.jsonl, best.pt and checkpoint.pt; the same command continues a run that was
interrupted. Files of labels may grow while it runs: new photographs are taken up every few minutes.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from engine.domain.errors import LabelsInvalidError
from recognition.training.detector.export import export_onnx
from recognition.training.detector.learn import Budget, Recipe, Source, learn
from recognition.training.detector.measure import MeasuredSet
from recognition.training.detector.photos import PhotoStore
from recognition.training.run_log import RunLog


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recognition.training.detector", description=__doc__)
    for kind, meaning in (
        ("", "photographs on which all food is labelled"),
        ("partial-", "photographs on which only some food is labelled"),
        ("valid-", "to measure on: all food is labelled"),
        ("partial-valid-", "to measure on: only some food is labelled"),
    ):
        parser.add_argument(f"--{kind}labels", type=Path, nargs="*", default=[], help=f"files of labels: {meaning}")
        parser.add_argument(
            f"--{kind}images", type=Path, nargs="*", default=[], help="the folder of each of these files"
        )
    parser.add_argument("--shares", type=float, nargs="*", help="how often each of --labels is drawn from")
    parser.add_argument(
        "--partial-shares", type=float, nargs="*", help="how often each of --partial-labels is drawn from"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of this run")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float)
    parser.add_argument("--batch", type=int, default=Recipe().batch)
    parser.add_argument("--seed", type=int, default=Recipe().seed)
    parser.add_argument("--threads", type=int, default=2, help="cores to use")
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        sources = _sources(given.labels, given.images, given.shares, partial=False)
        sources += _sources(given.partial_labels, given.partial_images, given.partial_shares, partial=True)
        if not sources:
            raise LabelsInvalidError("There is nothing to learn from. Name --labels or --partial-labels.")
        measured = _measured(given.valid_labels, given.valid_images, partial=False)
        measured += _measured(given.partial_valid_labels, given.partial_valid_images, partial=True)
        network = learn(
            sources,
            measured,
            replace(Recipe(), batch=given.batch, seed=given.seed),
            Budget(steps=given.steps, minutes=given.minutes),
            given.out,
        )
    except LabelsInvalidError as error:
        print(error.message, file=sys.stderr)
        return 2
    path = given.out / "dish_detector.onnx"
    difference = export_onnx(network, path)
    RunLog(given.out).add("export", file=path.name, size_bytes=path.stat().st_size, difference_to_torch=difference)
    print(f"{path}: {path.stat().st_size:,} bytes, greatest difference to torch {difference:.6f}")
    return 0


def _sources(
    labels: Sequence[Path], images: Sequence[Path], shares: Sequence[float] | None, *, partial: bool
) -> list[Source]:
    shares = [1.0] * len(labels) if shares is None else shares
    if not len(labels) == len(images) == len(shares):
        raise LabelsInvalidError("Name as many folders of images, and shares, as files of labels.")
    return [
        Source(store=PhotoStore(file, folder, partial=partial), share=share)
        for file, folder, share in zip(labels, images, shares, strict=True)
    ]


def _measured(labels: Sequence[Path], images: Sequence[Path], *, partial: bool) -> list[MeasuredSet]:
    if len(labels) != len(images):
        raise LabelsInvalidError("Name as many folders of images as files of labels.")
    return [MeasuredSet(file, folder, partial=partial) for file, folder in zip(labels, images, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
