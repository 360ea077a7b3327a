"""How well dishes that were never trained on are told apart: `python -m recognition.training.embedder.measure`.

    ... measure --runs RUN0 RUN1 RUN2 --dishes DIR ...     the dishes that each run held out
    ... measure --models dish_embedder.onnx --dishes DIR   all dishes named

A menu is drawn from the dishes of one model, some photographs of each are enrolled as the product enrols them, and
other photographs of the menu's dishes are looked up with the product's own gallery; photographs of dishes that are
not on the menu are looked up too.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from engine.domain.errors import LabelsInvalidError
from recognition.evaluation.shares import auroc
from recognition.gallery import Exemplar, Gallery
from recognition.preprocess import embedder_input, trimmed
from recognition.training.embedder.crops import DishCrop, add_source_arguments, at_most_per_dish, by_dish, read_crops
from recognition.tray import ZOOM_SHARES

MENU_SIZES: Final = (12, 20)
SHOTS: Final = (1, 3, 5, 10)
EPISODES: Final = 100
QUERIES_PER_DISH: Final = 8
LEAST_QUERIES: Final = 5
MOST_CROPS_PER_DISH: Final = 45
UNKNOWNS_PASSED: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmbeddedCrop:
    """A crop of a dish as (zooms, 1280) directions, whole first."""

    dish: str
    source: str
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Right first candidates of a menu size and a number of enrolled photographs, and how unknown dishes fare.

    Shares are in [0, 1]. `auroc` is the chance that a dish on the menu scores above one that is not, by twice its
    best likeness less the second; `kept` is the share of right answers above the score that 5 % of the dishes off
    the menu reach. Both are None if the menu leaves no dish over.
    """

    menu: int
    shots: int
    right: float
    right_by_source: dict[str, float]
    auroc: float | None
    kept: float | None
    lookups: int
    unknown_lookups: int
    dishes: int


def embed_crops(model: Path, crops: Sequence[DishCrop], threads: int) -> list[EmbeddedCrop]:
    """Embed each crop at the zooms at which photographs are enrolled."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    embedded = []
    for crop in crops:
        box = np.array(crop.box, np.float32)
        tensor = embedder_input(Image.fromarray(crop.pixels), np.stack([trimmed(box, share) for share in ZOOM_SHARES]))
        vectors = session.run(["embedding"], {"crops": tensor})[0]
        embedded.append(EmbeddedCrop(dish=crop.dish, source=crop.source, vectors=vectors))
    return embedded


def measure(sets: Sequence[Sequence[EmbeddedCrop]], *, episodes: int = EPISODES, seed: int = 1) -> Iterator[Figure]:
    """Yield a figure per menu size and number of shots over all sets; each menu is drawn from one set.

    Args:
        sets: crops of the dishes of one model each; a dish needs five crops more than are enrolled to take part.
        episodes: menus that are drawn from each set.
    """
    for menu in MENU_SIZES:
        for shots in SHOTS:
            random = np.random.default_rng((seed, menu, shots))
            drawn = [_episode(crops, menu, shots, random) for crops in sets for _ in range(episodes)]
            played = [episode for episode in drawn if episode is not None]
            if played:
                yield _figure(menu, shots, played)


@dataclass(frozen=True, slots=True, eq=False)
class _Episode:
    right: NDArray[np.bool_]
    sources: NDArray[np.str_]
    scores: NDArray[np.float64]
    unknown_scores: NDArray[np.float64]
    dishes: frozenset[str]


def _episode(crops: Sequence[EmbeddedCrop], menu: int, shots: int, random: np.random.Generator) -> _Episode | None:
    groups: dict[str, list[EmbeddedCrop]] = {}
    for crop in crops:
        groups.setdefault(crop.dish, []).append(crop)
    able = sorted(dish for dish, group in groups.items() if len(group) >= shots + LEAST_QUERIES)
    if len(able) < menu:
        return None
    order = [able[index] for index in random.permutation(len(able)).tolist()]
    shuffled = {dish: [groups[dish][i] for i in random.permutation(len(groups[dish])).tolist()] for dish in order}
    gallery = Gallery(
        "measured",
        [
            Exemplar(dish_id=dish, exemplar_id=str(number), vectors=crop.vectors)
            for dish in order[:menu]
            for number, crop in enumerate(shuffled[dish][:shots])
        ],
    )
    asked = [crop for dish in order[:menu] for crop in shuffled[dish][shots : shots + QUERIES_PER_DISH]]
    unknown = [crop for dish in order[menu:] for crop in shuffled[dish][:QUERIES_PER_DISH]]
    found = gallery.match(np.stack([crop.vectors[0] for crop in (*asked, *unknown)]), order[:menu])
    scores = np.array([2 * best.similarity_bps - second.similarity_bps for best, second, *_ in found]) / 10_000
    return _Episode(
        right=np.array([ranked[0].dish_id == crop.dish for ranked, crop in zip(found, asked, strict=False)]),
        sources=np.array([crop.source for crop in asked]),
        scores=scores[: len(asked)],
        unknown_scores=scores[len(asked) :],
        dishes=frozenset(order),
    )


def _figure(menu: int, shots: int, episodes: Sequence[_Episode]) -> Figure:
    right = np.concatenate([episode.right for episode in episodes])
    sources = np.concatenate([episode.sources for episode in episodes])
    scores = np.concatenate([episode.scores for episode in episodes])
    unknown = np.concatenate([episode.unknown_scores for episode in episodes])
    passed_from = float(np.quantile(unknown, 1 - UNKNOWNS_PASSED)) if len(unknown) else 0.0
    return Figure(
        menu=menu,
        shots=shots,
        right=float(right.mean()),
        right_by_source={str(source): float(right[sources == source].mean()) for source in np.unique(sources)},
        auroc=auroc(scores.tolist(), unknown.tolist()),
        kept=float((right & (scores > passed_from)).sum() / max(right.sum(), 1)) if len(unknown) else None,
        lookups=len(right),
        unknown_lookups=len(unknown),
        dishes=len(frozenset().union(*(episode.dishes for episode in episodes))),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m recognition.training.embedder.measure", description=__doc__)
    add_source_arguments(parser)
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folders of runs that held dishes out")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="ONNX files, measured on all dishes")
    parser.add_argument("--episodes", type=int, default=EPISODES)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args(arguments)
    try:
        groups = by_dish(read_crops(given), least=1 + LEAST_QUERIES)
    except LabelsInvalidError as error:
        print(error.message, file=sys.stderr)
        return 2
    models = {model: set(groups) for model in given.models}
    for run in given.runs:
        models[run / "dish_embedder.onnx"] = set(json.loads((run / "held_out.json").read_text(encoding="utf-8")))
    sets = []
    for model, dishes in models.items():
        own = {dish: group for dish, group in groups.items() if dish in dishes}
        sets.append(embed_crops(model, at_most_per_dish(own, MOST_CROPS_PER_DISH), given.threads))
    for figure in measure(sets, episodes=given.episodes):
        print(_line(figure), flush=True)
    return 0


def _line(figure: Figure) -> str:
    parts = [f"menu {figure.menu:2}, {figure.shots:2} photographs: right {figure.right:.3f}"]
    parts += [f"{source} {share:.3f}" for source, share in figure.right_by_source.items()]
    if figure.auroc is not None and figure.kept is not None:
        parts += [f"AUROC {figure.auroc:.3f}", f"kept at 5 % unknown {figure.kept:.3f}"]
    parts.append(f"{figure.lookups} + {figure.unknown_lookups} lookups of {figure.dishes} dishes")
    return "; ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
