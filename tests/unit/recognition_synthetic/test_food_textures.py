from pathlib import Path

import numpy as np
from PIL import Image

from recognition.training.synthetic.dishes import RECIPES
from recognition.training.synthetic.food_textures import FoodTexture, Larder, display, read_larder, write_larder
from recognition.training.synthetic.random_recipes import random_recipe
from recognition.training.synthetic.scene import seeded


def texture(dish_id: str, file: str) -> FoodTexture:
    return FoodTexture(
        dish_id=dish_id,
        file=file,
        origin="painted",
        inner=(1, 1, 3, 3),
        mm_per_px=0.7,
        whole=False,
        liquid=dish_id == "tang",
        gloss=0.4,
    )


def test_a_larder_is_read_as_it_was_written_and_an_unfinished_one_is_none(tmp_path: Path) -> None:
    assert read_larder(tmp_path) is None
    textures = [texture("tang", "a.png"), texture("mifan", "b.png")]
    write_larder(tmp_path, textures)
    assert read_larder(tmp_path) == textures
    assert [path.name for path in tmp_path.iterdir()] == ["larder.json"]


def test_a_larder_gives_colours_in_linear_light_and_heights_up_to_one(tmp_path: Path) -> None:
    stored = np.zeros((4, 4, 4), np.uint8)
    stored[..., 0], stored[..., 1], stored[1:3, 1:3, 3] = 255, 188, 255
    Image.fromarray(stored).save(tmp_path / "a.png")
    larder = Larder(tmp_path, [texture("mifan", "a.png")])
    colour, height = larder.pixels(larder.pick(seeded("pick"), "mifan"))
    assert np.allclose(colour[0, 0], (1, 0.503, 0), atol=0.005)
    assert height.sum() == 4
    assert (larder.dish_ids, larder.origin("mifan")) == (("mifan",), "painted")
    assert np.array_equal(display(colour), stored[..., :3])


def test_a_random_recipe_is_always_the_same_and_unlike_its_neighbours_and_the_street() -> None:
    recipes = [random_recipe(number) for number in range(40)]
    assert recipes == [random_recipe(number) for number in range(40)]
    for number, recipe in enumerate(recipes):
        assert recipe not in recipes[:number]
        assert recipe not in RECIPES.values()
        for ingredient in (*recipe.ingredients, *recipe.toppings):
            assert min(ingredient.size_mm) > 0
            assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in ingredient.colours)
