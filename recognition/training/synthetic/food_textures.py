"""The larder: textures of food that scenes are made of, kept as files so that each is cut out or painted once only.

A larder is a folder with `larder.json` and one PNG per texture: colours in its first three bands, and in the fourth
how high the food stands there (0 is no food, 1 to 255 is low to high).
"""

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recognition.training.synthetic.texture import Field, as_field

LARDER_FILE = "larder.json"
Origin = Literal["painted", "photograph"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoodTexture:
    """One texture: `inner` is a rectangle of it that is food all over, as left, top, right, bottom in pixels.

    `whole` says that the outline is that of a thing which may be served as it is, such as an egg or a chicken leg.
    """

    dish_id: str
    file: str
    origin: Origin
    inner: tuple[int, int, int, int]
    mm_per_px: float
    whole: bool
    liquid: bool
    gloss: float


class Larder:
    """All textures of a folder, by dish; pixels are read when they are needed."""

    def __init__(self, folder: Path, textures: list[FoodTexture]) -> None:
        """Group the textures; the order is that of the file, so a draw depends on the seed only."""
        self._folder = folder
        self._by_dish: dict[str, list[FoodTexture]] = {}
        for texture in textures:
            self._by_dish.setdefault(texture.dish_id, []).append(texture)
        self.dish_ids = tuple(self._by_dish)

    def pick(self, rng: np.random.Generator, dish_id: str) -> FoodTexture:
        """Draw one texture of a dish."""
        choices = self._by_dish[dish_id]
        return choices[int(rng.integers(len(choices)))]

    def origin(self, dish_id: str) -> Origin:
        """Tell where the textures of a dish come from."""
        return self._by_dish[dish_id][0].origin

    def liquid(self, dish_id: str) -> bool:
        """Tell whether a dish is a soup."""
        return self._by_dish[dish_id][0].liquid

    def pixels(self, texture: FoodTexture) -> tuple[Field, Field]:
        """Return colours in linear light, (rows, columns, 3), and heights in [0, 1], where 0 is no food."""
        stored = _decoded(self._folder / texture.file)
        return _LINEAR[stored[..., :3]], as_field(stored[..., 3]) / np.float32(255)


_display = np.arange(256, dtype=np.float32) / 255
_LINEAR: Field = np.where(_display <= 0.04045, _display / 12.92, ((_display + 0.055) / 1.055) ** 2.4).astype(np.float32)


@lru_cache(maxsize=600)
def _decoded(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


def display(light: Field) -> NDArray[np.uint8]:
    """Turn linear light into sRGB bytes."""
    clipped = np.clip(light, 0, 1)
    curve = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * np.maximum(clipped, 1e-6) ** (1 / 2.4) - 0.055)
    return (curve * 255 + 0.5).astype(np.uint8)


def write_larder(folder: Path, textures: list[FoodTexture]) -> None:
    """Write the list of textures last, so that a folder with a list is complete."""
    staged = folder / (LARDER_FILE + ".part")
    staged.write_text(json.dumps([asdict(texture) for texture in textures], ensure_ascii=False), encoding="utf-8")
    staged.replace(folder / LARDER_FILE)


def read_larder(folder: Path) -> list[FoodTexture] | None:
    """Read the list of textures, or None where the folder was never finished."""
    listed = folder / LARDER_FILE
    if not listed.exists():
        return None
    entries = json.loads(listed.read_text(encoding="utf-8"))
    return [FoodTexture(**{**entry, "inner": tuple(entry["inner"])}) for entry in entries]
