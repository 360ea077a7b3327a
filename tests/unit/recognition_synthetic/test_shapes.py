import numpy as np

from recognition.training.synthetic.shapes import capsule, ellipse, lay, rounded_box, spot_at
from recognition.training.synthetic.surface import NO_PORTION, Surface
from recognition.training.synthetic.texture import as_field


def at(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    return as_field(np.array([[x]])), as_field(np.array([[y]]))


def test_distances_are_negative_inside_and_mm_outside() -> None:
    assert rounded_box(*at(0, 0), 30, 20, 5)[0, 0] == -20
    assert rounded_box(*at(33, 0), 30, 20, 5)[0, 0] == 3
    assert np.isclose(rounded_box(*at(28, 18), 30, 20, 5)[0, 0], np.hypot(3, 3) - 5)
    assert ellipse(*at(0, 50), 40, 40)[0, 0] == 10
    assert capsule(*at(5, 4), (0, 0), (10, 0), 3)[0, 0] == 1
    assert capsule(*at(13, 4), (0, 0), (10, 0), 3)[0, 0] == 2


def test_a_spot_is_the_window_around_a_place_in_the_thing_s_own_directions() -> None:
    surface = Surface.blank(100, 80, 2.0, left_mm=-50, top_mm=-40)
    spot = spot_at(surface, 10, 5, 20, turn=np.pi / 2)
    assert spot is not None
    rows, columns = (part.stop - part.start for part in spot.cut)
    assert spot.shape == (rows, columns)
    assert 80 <= rows <= 84
    assert spot.u[-1, 0] > 19  # its own u runs down the table
    assert spot.v[0, 0] > 19


def test_a_spot_is_cut_at_the_edge_of_the_scene_and_none_beyond_it() -> None:
    surface = Surface.blank(100, 80, 2.0)
    half_seen = spot_at(surface, 0, 40, 20)
    assert half_seen is not None
    assert half_seen.cut[1].start == 0
    assert half_seen.shape[1] < half_seen.shape[0]
    assert spot_at(surface, 300, 40, 20) is None


def test_what_is_laid_down_hides_food_below_it() -> None:
    surface = Surface.blank(100, 80, 1.0)
    surface.portion[:] = 4
    spot = spot_at(surface, 50, 40, 20)
    assert spot is not None
    inside = ellipse(spot.u, spot.v, 10, 10) < 0
    lay(surface, spot, inside, 7.0, as_field(np.array([0.1, 0.2, 0.3])), gloss=0.5, polish=0.5, metal=1.0)
    assert (surface.portion == NO_PORTION).sum() == inside.sum()
    assert surface.height[40, 50] == 7
    assert surface.metal[40, 50] == 1
    assert surface.height[0, 0] == 0
