"""Dishes nobody cooks: recipes of the street recoloured, resized and mixed, painted as textures for the larder."""

import colorsys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from recognition.training.synthetic.dishes import RECIPES, Recipe, serve_recipe
from recognition.training.synthetic.food_textures import FoodTexture, display
from recognition.training.synthetic.pieces import Ingredient
from recognition.training.synthetic.scene import seeded
from recognition.training.synthetic.surface import NO_PORTION, Surface
from recognition.training.synthetic.vessels import Slot

_PX_PER_MM = 1.4
_HALF_MM = 74.0
_KEPT = ("mifan", "mantou", "ludan")  # staples that look alike everywhere


def random_recipe(number: int) -> Recipe:
    """Make the recipe of a number: always the same for a number, different from its neighbours."""
    rng = seeded("recipe", number)
    names = [name for name in RECIPES if name not in _KEPT]
    base = RECIPES[str(rng.choice(names))]
    other = RECIPES[str(rng.choice(names))]
    turn, pale, vivid = rng.normal(0, 0.035), rng.normal(0, 0.10), rng.uniform(0.5, 1.1)
    if rng.random() < 0.25:
        turn = rng.uniform(-0.13, 0.13)
    ingredients = base.ingredients
    if not base.soup and other.ingredients and rng.random() < 0.6:
        extra = other.ingredients[int(rng.integers(len(other.ingredients)))]
        if extra.size_mm[0] < 45:
            ingredients = (*ingredients, replace(extra, coverage=extra.coverage * 0.5))
    grow = rng.uniform(0.7, 1.35)
    return replace(
        base,
        bed=_recoloured(base.bed, turn, pale, vivid),
        ingredients=tuple(_changed(rng, one, turn, pale, vivid, grow) for one in ingredients),
        toppings=tuple(_changed(rng, one, turn, pale, vivid, 1.0) for one in base.toppings if rng.random() < 0.7),
        sauce=base.sauce
        and replace(
            base.sauce,
            colour=_recoloured(base.sauce.colour, turn, pale, vivid),
            level_mm=base.sauce.level_mm * rng.uniform(0.5, 1.5),
        ),
        crevice=base.crevice and (_recoloured(base.crevice[0], turn, pale, vivid), base.crevice[1]),
    )


def _changed(
    rng: np.random.Generator, one: Ingredient, turn: float, pale: float, vivid: float, grow: float
) -> Ingredient:
    own = turn + rng.normal(0, 0.02)
    length, width, thick = one.size_mm
    stretch = rng.uniform(0.8, 1.25)
    return replace(
        one,
        size_mm=(length * grow * stretch, width * grow / stretch, thick * grow),
        coverage=one.coverage * rng.uniform(0.7, 1.2),
        colours=tuple(_recoloured(colour, own, pale + rng.normal(0, 0.03), vivid) for colour in one.colours),
        bands=tuple(_recoloured(colour, own, pale, vivid) for colour in one.bands),
        mottle=one.mottle and (_recoloured(one.mottle[0], own, pale, vivid), *one.mottle[1:]),
        rim=one.rim and (_recoloured(one.rim[0], own, pale, vivid), one.rim[1]),
        gloss=float(np.clip(one.gloss * rng.uniform(0.6, 1.4), 0, 1)),
    )


def _recoloured(colour: str, turn: float, pale: float, vivid: float) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, light, strength = colorsys.rgb_to_hls(red, green, blue)
    light = min(0.97, max(0.03, light * (1 + pale)))
    mixed = colorsys.hls_to_rgb((hue + turn) % 1.0, light, min(1.0, strength * vivid))
    return "#" + "".join(f"{round(part * 255):02x}" for part in mixed)


def street_and_random_recipes(count: int) -> dict[str, Recipe]:
    """Return the dishes of the street and `count` random ones."""
    return {**RECIPES, **{f"random-{number:03d}": random_recipe(number) for number in range(count)}}


def paint_textures(folder: Path, recipes: Mapping[str, Recipe], samples: int) -> list[FoodTexture]:
    """Paint `samples` textures of each dish as PNG files."""
    textures = []
    for dish_id, recipe in recipes.items():
        for sample in range(samples):
            rng = seeded("texture", dish_id, sample)
            file = f"{dish_id}-{sample}.png"
            textures.append(_painted(folder / file, rng, dish_id, recipe))
    return textures


def _painted(path: Path, rng: np.random.Generator, dish_id: str, recipe: Recipe) -> FoodTexture:
    """Serve a dish on a bare table seen from above and keep its colours and heights."""
    side = 2 * _HALF_MM + 24
    surface = Surface.blank(side, side, _PX_PER_MM, left_mm=-side / 2, top_mm=-side / 2)
    few = not recipe.soup and recipe.ingredients and all(one.count[1] in (1, 2, 3) for one in recipe.ingredients)
    slot = Slot(
        x_mm=0,
        y_mm=0,
        half_width_mm=_HALF_MM * (0.7 if few else 1.0),
        half_height_mm=_HALF_MM * (0.7 if few else 1.0),
        squareness=2.0 if few else 4.0,
        base_mm=0.0,
        liquid_mm=6.0,
        fills=True,
    )
    serve_recipe(surface, rng, recipe, slot, 0)
    food = surface.portion != NO_PORTION
    height = np.where(food, surface.height, 0)
    top = max(float(np.quantile(height[food], 0.98)), 1.0)
    relief = np.where(food, np.clip(height / top, 0, 1) * 254 + 1, 0).astype(np.uint8)
    Image.fromarray(np.dstack([display(surface.albedo), relief])).save(path)
    middle = surface.height.shape[0] // 2
    inner = round(_HALF_MM * _PX_PER_MM * (0.4 if few else 0.72))
    return FoodTexture(
        dish_id=dish_id,
        file=path.name,
        origin="painted",
        inner=(middle - inner, middle - inner, middle + inner, middle + inner),
        mm_per_px=1 / _PX_PER_MM,
        whole=bool(few),
        liquid=recipe.soup,
        gloss=0.85 if recipe.soup else float(np.mean(surface.gloss[food])),
    )
