import numpy as np
import pytest

from recognition.training.synthetic.dishes import RECIPES, serve
from recognition.training.synthetic.pieces import make_piece
from recognition.training.synthetic.scene import seeded
from recognition.training.synthetic.surface import NO_PORTION, Piece, Surface, linear, pour, stamp
from recognition.training.synthetic.texture import box_blur, noise
from recognition.training.synthetic.vessels import put_bowl, put_plate


def block(side_px: int, lift_mm: float) -> Piece:
    shape = (side_px, side_px)
    return Piece(
        lift=np.full(shape, lift_mm, np.float32),
        albedo=np.full((*shape, 3), 0.5, np.float32),
        gloss=0.3,
        polish=0.5,
        glow=0.1,
    )


def test_linear_light_of_black_white_and_middle_grey_follows_srgb() -> None:
    assert linear("#000000") == pytest.approx([0, 0, 0])
    assert linear("#ffffff") == pytest.approx([1, 1, 1])
    assert linear("#bcbcbc") == pytest.approx([0.5, 0.5, 0.5], abs=0.005)


def test_blur_keeps_a_flat_field_and_the_sum_of_a_spot() -> None:
    assert box_blur(np.full((9, 7), 3.0, np.float32), 2) == pytest.approx(3.0)
    spot = np.zeros((41, 41), np.float32)
    spot[20, 20] = 1
    blurred = box_blur(spot, 3)
    assert blurred.sum() == pytest.approx(1.0, abs=1e-4)
    assert blurred[20, 17] == pytest.approx(blurred[17, 20], abs=1e-6)
    assert 0 < blurred[20, 23] < blurred[20, 20] < 0.1


def test_noise_of_any_shape_is_reproducible() -> None:
    first = noise(seeded("noise"), (30, 700), 5)
    assert first.shape == (30, 700)
    assert np.array_equal(first, noise(seeded("noise"), (30, 700), 5))


def test_a_piece_lies_on_top_of_an_earlier_piece() -> None:
    surface = Surface.blank(40, 40, 1.0)
    stamp(surface, block(10, 3.0), 20, 20, portion=0)
    stamp(surface, block(10, 3.0), 20, 20, portion=1)
    assert surface.height[20, 20] == pytest.approx(6.0)
    assert surface.portion[20, 20] == 1
    assert surface.height[2, 2] == 0


def test_a_piece_beyond_the_edge_or_the_allowed_place_is_cut_off() -> None:
    surface = Surface.blank(40, 40, 1.0)
    stamp(surface, block(10, 3.0), 0, 0, portion=0)
    assert (surface.portion == 0).sum() == 25
    allowed = np.zeros((40, 40), bool)
    allowed[:, :20] = True
    stamp(surface, block(10, 3.0), 20, 20, portion=1, within=allowed)
    assert (surface.portion == 1).sum() == 50
    stamp(surface, block(10, 3.0), 400, 400, portion=2)
    assert not (surface.portion == 2).any()


def test_liquid_fills_only_what_lies_below_its_level() -> None:
    surface = Surface.blank(20, 20, 1.0)
    surface.height[:, 10:] = 8.0
    pour(
        surface,
        level=np.full((20, 20), 5.0, np.float32),
        where=np.ones((20, 20), bool),
        colour=linear("#802000"),
        opacity_per_mm=1.0,
        gloss=0.8,
        polish=0.9,
        portion=4,
        visible_mm=1.0,
    )
    assert surface.height[:, :10] == pytest.approx(5.0)
    assert surface.height[:, 10:] == pytest.approx(8.0)
    assert (surface.portion[:, :10] == 4).all()
    assert (surface.portion[:, 10:] == NO_PORTION).all()
    assert surface.albedo[0, 0] == pytest.approx(linear("#802000"), abs=0.01)


@pytest.mark.parametrize("dish_id", sorted(RECIPES))
def test_every_ingredient_makes_pieces_that_are_alike_but_not_the_same(dish_id: str) -> None:
    recipe = RECIPES[dish_id]
    for ingredient in recipe.ingredients + recipe.toppings:
        rng = seeded(dish_id)
        one, other = (make_piece(ingredient, rng, 2.0, 0.3) for _ in range(2))
        assert (one.lift > 0).any()
        assert np.isfinite(one.lift).all()
        assert 0 < one.albedo.min() <= one.albedo.max() < 1
        assert one.lift.shape != other.lift.shape or not np.array_equal(one.lift, other.lift)


@pytest.mark.parametrize("dish_id", sorted(RECIPES))
def test_every_dish_stays_within_its_vessel_and_covers_a_fair_part_of_it(dish_id: str) -> None:
    surface = Surface.blank(180, 180, 1.2)
    rng = seeded("serve", dish_id)
    if RECIPES[dish_id].needs_bowl:
        slot = put_bowl(surface, rng, x_mm=90, y_mm=90, radius_mm=57, tall_mm=46, ring=None)
        radius_mm = 57.0
    else:
        slot = put_plate(surface, rng, x_mm=90, y_mm=90, radius_mm=68, ring=None)
        radius_mm = 68.0
    serve(surface, rng, dish_id, slot, 0)
    x, y = surface.grid_mm()
    distance = np.hypot(x - 90, y - 90)
    food = surface.portion == 0
    assert distance[food].max() < radius_mm
    assert food.sum() > 0.15 * (distance < radius_mm).sum()
