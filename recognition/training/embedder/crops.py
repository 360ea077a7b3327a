"""Crops of single dishes, decoded once and kept in memory, from folders of dishes and from labelled trays."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.domain.errors import LabelsInvalidError
from recognition.labels import read_labels

STORED_SIDE_PX: Final = 256
MARGIN_SHARE: Final = 0.15
"""Of a tray's box so much is kept around it on every side, for boxes that are shifted or grown in training."""

LEAST_SIDE_PX: Final = 24
PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DishCrop:
    """One portion: `pixels` (h, w, 3) uint8 RGB with what lies around it, `box` its corners in them (x1, y1, x2, y2).

    The box is stretched to a square of 256 pixels, as the embedder will see it. `dish` is unique over all sources;
    `source` names the folder or the file of labels that it came from.
    """

    dish: str
    source: str
    pixels: NDArray[np.uint8]
    box: tuple[float, float, float, float]


def crops_of_dish_folder(folder: Path) -> list[DishCrop]:
    """Read a folder with one folder of photographs per dish; each photograph is one portion.

    Raises:
        LabelsInvalidError: there is no photograph in any folder of it.
    """
    files = sorted(file for file in folder.glob("*/*") if file.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise LabelsInvalidError(f"{folder} has no folders with photographs. Give a folder with one folder per dish.")
    crops = []
    for file in files:
        with Image.open(file) as picture:
            crops.append(_cut(picture, (0.0, 0.0, *picture.size), f"{folder.name}/{file.parent.name}", folder.name))
    return crops


def crops_of_trays(labels: Path, images: Path) -> list[DishCrop]:
    """Cut every labelled portion out of the photographs of a folder; boxes under 24 pixels are left out.

    Raises:
        LabelsInvalidError: the labels cannot be read or a photograph is missing.
    """
    crops = []
    for photo in read_labels(labels):
        try:
            with Image.open(images / photo.file) as picture:
                for portion in photo.portions:
                    box = portion.box
                    if min(box.right_px - box.left_px, box.bottom_px - box.top_px) >= LEAST_SIDE_PX:
                        corners = (box.left_px, box.top_px, box.right_px, box.bottom_px)
                        crops.append(_cut(picture, corners, f"{labels.stem}/{portion.dish_id}", labels.stem))
        except OSError as error:
            raise LabelsInvalidError(
                f"{images / photo.file} cannot be read ({error}). Give the folder that {labels} belongs to."
            ) from error
    return crops


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Let a command take folders of dishes, and files of labels each with its folder of images."""
    parser.add_argument("--dishes", type=Path, nargs="*", default=[], help="folders with one folder per dish")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="files of labels of trays")
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="the folder of each file of labels")


def read_crops(given: argparse.Namespace) -> list[DishCrop]:
    """Read everything that the arguments name.

    Raises:
        LabelsInvalidError: nothing is named, a source cannot be read, or labels and folders do not pair up.
    """
    if len(given.labels) != len(given.images) or not (given.dishes or given.labels):
        raise LabelsInvalidError("Name --dishes, or --labels with as many --images, or both.")
    crops = [crop for folder in given.dishes for crop in crops_of_dish_folder(folder)]
    for labels, images in zip(given.labels, given.images, strict=True):
        crops += crops_of_trays(labels, images)
    return crops


def _cut(picture: Image.Image, corners: tuple[float, float, float, float], dish: str, source: str) -> DishCrop:
    """Stretch the box to the stored square and carry along as much around it as the photograph has."""
    left, top, right, bottom = corners
    across, down = STORED_SIDE_PX / (right - left), STORED_SIDE_PX / (bottom - top)
    margin_x, margin_y = (right - left) * MARGIN_SHARE, (bottom - top) * MARGIN_SHARE
    outer_left, outer_top = max(0.0, left - margin_x), max(0.0, top - margin_y)
    outer_right, outer_bottom = min(picture.width, right + margin_x), min(picture.height, bottom + margin_y)
    size = round((outer_right - outer_left) * across), round((outer_bottom - outer_top) * down)
    pixels = picture.convert("RGB").resize(
        size, Image.Resampling.BILINEAR, box=(outer_left, outer_top, outer_right, outer_bottom), reducing_gap=2.0
    )
    x, y = (left - outer_left) * across, (top - outer_top) * down
    return DishCrop(
        dish=dish,
        source=source,
        pixels=np.asarray(pixels),
        box=(x, y, min(x + STORED_SIDE_PX, size[0]), min(y + STORED_SIDE_PX, size[1])),
    )


def by_dish(crops: Iterable[DishCrop], least: int = 1) -> dict[str, list[DishCrop]]:
    """Group crops by their dish, in the order of its name; dishes with fewer than `least` crops are left out."""
    groups: dict[str, list[DishCrop]] = {}
    for crop in crops:
        groups.setdefault(crop.dish, []).append(crop)
    return {dish: group for dish, group in sorted(groups.items()) if len(group) >= least}


def at_most_per_dish(groups: Mapping[str, Sequence[DishCrop]], most: int) -> list[DishCrop]:
    """Of every dish at most so many crops, spread over all that there are."""
    return [
        group[number * len(group) // count]
        for group in groups.values()
        for count in (min(most, len(group)),)
        for number in range(count)
    ]


def fold_of_dishes(dishes: Iterable[str], folds: int, seed: int) -> dict[str, int]:
    """Deal dishes into folds 0 to `folds` - 1, each source's evenly, so that every fold has dishes of all of them."""
    shuffler = np.random.default_rng(seed)
    sources: dict[str, list[str]] = {}
    for dish in sorted(set(dishes)):
        sources.setdefault(dish.split("/")[0], []).append(dish)
    dealt: dict[str, int] = {}
    for source in sorted(sources):
        for number, index in enumerate(shuffler.permutation(len(sources[source]))):
            dealt[sources[source][index]] = number % folds
    return dealt
