import numpy as np
import pytest

from recognition.training.synthetic.scene import Photograph, photograph_dish, photograph_tray, seeded

CROCKERY = ("white_melamine_tray", "steel_tray", "plates_on_tray", "green_melamine_tray")


def small_tray(*words: object, crockery: str, dishes: tuple[str, ...]) -> Photograph:
    return photograph_tray(seeded(*words), crockery, dishes, width_px=240, height_px=180, px_per_mm=0.8)


def test_the_same_seed_gives_the_same_picture_and_another_seed_another() -> None:
    dishes = ("zheng-nangua", "hongshaorou")
    one, again, other = (small_tray(word, crockery="steel_tray", dishes=dishes) for word in ("a", "a", "b"))
    assert one.image.tobytes() == again.image.tobytes()
    assert one.portions == again.portions
    assert one.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("crockery", CROCKERY)
def test_every_portion_on_every_crockery_is_labelled_inside_the_picture(crockery: str) -> None:
    dishes = ("mifan", "zicai-danhua-tang", "hongshaorou", "hongshaorou")
    photograph = small_tray("labels", crockery=crockery, dishes=dishes)
    assert sorted(portion.dish_id for portion in photograph.portions) == sorted(dishes)
    for portion in photograph.portions:
        left, top, right, bottom = portion.box
        assert 0 <= left < right <= 240
        assert 0 <= top < bottom <= 180
        assert (right - left) * (bottom - top) > 200


def test_boxes_of_different_wells_do_not_overlap() -> None:
    photograph = small_tray("apart", crockery="white_melamine_tray", dishes=("mifan", "shizitou", "ludan"))
    boxes = [portion.box for portion in photograph.portions]
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            width = min(one[2], other[2]) - max(one[0], other[0])
            height = min(one[3], other[3]) - max(one[1], other[1])
            assert width <= 3 or height <= 3


def test_an_empty_tray_has_no_portion_but_is_a_picture_of_something() -> None:
    photograph = small_tray("empty", crockery="green_melamine_tray", dishes=())
    assert photograph.portions == ()
    assert np.asarray(photograph.image).std() > 10


def test_a_napkin_shrinks_what_is_seen_of_a_portion_and_marks_it() -> None:
    bare, under = (
        photograph_tray(
            seeded("napkin"),
            "white_melamine_tray",
            ("zheng-nangua", "shizitou"),
            napkin_over=over,
            cutlery=False,
            width_px=240,
            height_px=180,
            px_per_mm=0.8,
        )
        for over in (None, 1)
    )
    assert [portion.covered for portion in bare.portions] == [False, False]
    assert [portion.covered for portion in under.portions] == [False, True]
    assert np.asarray(under.image).mean() != np.asarray(bare.image).mean()


def test_more_portions_than_wells_are_refused_with_a_clear_message() -> None:
    with pytest.raises(ValueError, match=r"has 4 wells, not enough for 5"):
        small_tray("full", crockery="green_melamine_tray", dishes=("mifan",) * 5)


def test_an_enrolment_photograph_shows_its_one_portion_large_and_central() -> None:
    photograph = photograph_dish(seeded("enrol"), "plates_on_tray", "gali-ji", side_px=200, px_per_mm=1.2)
    [portion] = photograph.portions
    left, top, right, bottom = portion.box
    assert right - left > 0.4 * photograph.image.width
    assert abs((left + right) / 2 - photograph.image.width / 2) < 0.15 * photograph.image.width
    assert abs((top + bottom) / 2 - photograph.image.height / 2) < 0.2 * photograph.image.height
