import numpy as np
import pytest
from PIL import Image

from recognition.preprocess import detector_input, embedder_input, plan_letterbox, trimmed

GREY = (114 - 127) / 128


def test_a_landscape_frame_is_centred_in_352_by_256() -> None:
    plan = plan_letterbox(1280, 720)
    assert (plan.network_width_px, plan.network_height_px) == (352, 256)
    assert (plan.width_px, plan.height_px) == (352, 198)
    assert (plan.left_px, plan.top_px) == (0, 29)


def test_a_portrait_frame_gets_the_upright_network_size() -> None:
    plan = plan_letterbox(720, 1280)
    assert (plan.network_width_px, plan.network_height_px) == (256, 352)
    assert (plan.width_px, plan.height_px, plan.left_px, plan.top_px) == (198, 352, 29, 0)


@pytest.mark.parametrize("size", [(64, 256), (256, 64), (100, 100), (1791, 448), (1301, 1001)])
def test_every_frame_fits_and_keeps_its_shape_within_a_pixel(size: tuple[int, int]) -> None:
    plan = plan_letterbox(*size)
    assert plan.left_px + plan.width_px <= plan.network_width_px
    assert plan.top_px + plan.height_px <= plan.network_height_px
    assert plan.network_width_px % 32 == plan.network_height_px % 32 == 0
    assert plan.width_px / plan.height_px == pytest.approx(size[0] / size[1], rel=1 / 64)


def test_the_detector_sees_scaled_values_between_bars_of_grey() -> None:
    image = Image.new("RGB", (200, 100), (255, 127, 0))
    tensor = detector_input(image, plan_letterbox(200, 100))
    assert tensor.shape == (1, 3, 256, 352)
    assert tensor.dtype == np.float32
    assert tensor[0, :, 128, 176] == pytest.approx([1.0, 0.0, -127 / 128])
    assert tensor[0, :, 0, 176] == pytest.approx([GREY] * 3)
    assert tensor[0, :, 255, 176] == pytest.approx([GREY] * 3)


def test_a_crop_is_stretched_to_a_square_and_holds_only_its_box() -> None:
    pixels = np.zeros((100, 200, 3), np.uint8)
    pixels[20:60, 50:150] = (255, 0, 127)
    boxes = np.array([(50, 20, 150, 60), (0, 70, 200, 100)], np.float32)
    tensor = embedder_input(Image.fromarray(pixels), boxes)
    assert tensor.shape == (2, 3, 224, 224)
    # Interpolation blends half a pixel from beyond the box into the outermost values.
    inner = tensor[0, :, 4:-4, 4:-4]
    assert np.allclose(inner[0], 1.0)
    assert np.allclose(inner[1], -127 / 128)
    assert np.allclose(inner[2], 0.0)
    assert np.allclose(tensor[1], -127 / 128)


def test_no_boxes_make_an_empty_batch() -> None:
    empty = np.empty((0, 4), np.float32)
    assert embedder_input(Image.new("RGB", (64, 64)), empty).shape == (0, 3, 224, 224)


def test_trimming_takes_half_of_the_share_from_either_side() -> None:
    box = np.array((100, 50, 200, 100), np.float32)
    assert trimmed(box, 0.2).tolist() == pytest.approx([110, 55, 190, 95])
    assert trimmed(box, 0.0).tolist() == box.tolist()
