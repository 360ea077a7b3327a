from collections.abc import Sequence

import numpy as np
import pytest

from engine.domain.errors import LabelsInvalidError
from recognition.evaluation.enrolment import EnrolledDishes, Enrolment, LeaveOut, choose_places, places_to_enrol
from recognition.evaluation.seeing import LabelledPlace, SittingPhoto, by_canteen, places_of
from recognition.gallery import EMBEDDING_SIZE
from tests.unit.recognition_evaluation.seen_trays import EMBEDDER, photo_of

MONDAY = (photo_of("mon-1.jpg", "rou", "mifan", meal="mon"), photo_of("mon-2.jpg", "rou", meal="mon"))
TUESDAY = (photo_of("tue-1.jpg", "rou", "tang", meal="tue"), photo_of("tue-2.jpg", "mifan", "mifan", meal="tue"))
ALONE = (photo_of("alone.jpg", "yu"),)


def place(photograph: str, meal: str, area_px2: int = 100) -> LabelledPlace:
    return LabelledPlace(
        dish_id="rou",
        exemplar_id=f"{photograph} {area_px2}",
        photograph=photograph,
        meal=("", meal),
        canteen="",
        area_px2=area_px2,
    )


def dishes_of(photos: Sequence[SittingPhoto], enrolment: Enrolment) -> EnrolledDishes:
    places = places_to_enrol(photos, enrolment.leave_out, enrolment.photos_per_dish)
    rng = np.random.default_rng(1)
    vectors = {one.exemplar_id: rng.normal(size=(3, EMBEDDING_SIZE)).astype(np.float32) for one in places}
    return EnrolledDishes(EMBEDDER, places, vectors, enrolment)


def enrolled_for(photo: SittingPhoto, dishes: EnrolledDishes) -> set[str]:
    return {exemplar.exemplar_id for exemplar in dishes.gallery(photo).exemplars}


def test_a_photograph_is_compared_with_all_others_but_never_with_itself() -> None:
    dishes = dishes_of(MONDAY + TUESDAY, Enrolment(leave_out=LeaveOut.PHOTOGRAPH))
    assert enrolled_for(MONDAY[0], dishes) == {
        "mon-2.jpg 0",
        "tue-1.jpg 0",
        "tue-1.jpg 1",
        "tue-2.jpg 0",
        "tue-2.jpg 1",
    }


def test_a_tray_is_compared_with_other_meals_only() -> None:
    dishes = dishes_of(MONDAY + TUESDAY, Enrolment(leave_out=LeaveOut.MEAL))
    for photo in MONDAY:
        assert enrolled_for(photo, dishes) == {"tue-1.jpg 0", "tue-1.jpg 1", "tue-2.jpg 0", "tue-2.jpg 1"}
    assert enrolled_for(TUESDAY[0], dishes) == {"mon-1.jpg 0", "mon-1.jpg 1", "mon-2.jpg 0"}


def test_the_menu_is_what_has_an_exemplar_and_is_sold() -> None:
    dishes = dishes_of(MONDAY + TUESDAY, Enrolment(leave_out=LeaveOut.MEAL))
    assert dishes.menu(TUESDAY[0], dishes.gallery(TUESDAY[0])) == {"rou", "mifan"}
    sold = dishes_of(MONDAY + TUESDAY, Enrolment(leave_out=LeaveOut.MEAL, menus={"": ("rou", "yu")}))
    assert sold.menu(TUESDAY[0], sold.gallery(TUESDAY[0])) == {"rou"}


def test_a_photograph_that_names_no_meal_is_a_meal_of_its_own() -> None:
    dishes = dishes_of(MONDAY + ALONE, Enrolment(leave_out=LeaveOut.MEAL))
    assert enrolled_for(ALONE[0], dishes) == {"mon-1.jpg 0", "mon-1.jpg 1", "mon-2.jpg 0"}
    assert "alone.jpg 0" in enrolled_for(MONDAY[0], dishes)


def test_a_meal_named_like_a_file_is_not_that_file() -> None:
    assert photo_of("x.jpg").meal != photo_of("y.jpg", meal="x.jpg").meal


def test_a_gallery_of_its_own_serves_every_photograph_alike() -> None:
    dishes = dishes_of(TUESDAY, Enrolment(leave_out=LeaveOut.NOTHING, photos_per_dish=1))
    assert enrolled_for(MONDAY[0], dishes) == enrolled_for(TUESDAY[0], dishes)
    assert enrolled_for(MONDAY[0], dishes) == {"tue-1.jpg 0", "tue-1.jpg 1", "tue-2.jpg 0"}


def test_the_choice_is_spread_evenly_over_the_meals() -> None:
    places = [place(f"{number}.jpg", f"meal {number}") for number in range(9)]
    assert [one.photograph for one in choose_places(places, 3)] == ["1.jpg", "4.jpg", "7.jpg"]
    assert choose_places(places, 3) == choose_places(places, 3)


def test_few_meals_give_several_photographs_in_turn() -> None:
    places = [place("a.jpg", "one"), place("b.jpg", "one"), place("c.jpg", "one"), place("d.jpg", "two")]
    assert [one.photograph for one in choose_places(places, 3)] == ["a.jpg", "d.jpg", "b.jpg"]
    assert [one.photograph for one in choose_places(places, 9)] == ["a.jpg", "d.jpg", "b.jpg", "c.jpg"]


def test_of_a_photograph_that_shows_a_dish_twice_the_larger_portion_is_taken() -> None:
    places = [place("a.jpg", "one", 100), place("a.jpg", "one", 300), place("a.jpg", "one", 200)]
    assert [one.area_px2 for one in choose_places(places, 3)] == [300]
    assert choose_places(places, None) == places


def test_what_could_not_be_enrolled_is_passed_over() -> None:
    places = places_of(MONDAY[0])
    vectors = {places[0].exemplar_id: np.ones((3, EMBEDDING_SIZE), np.float32)}
    dishes = EnrolledDishes(EMBEDDER, places, vectors, Enrolment(leave_out=LeaveOut.NOTHING))
    assert dishes.gallery(TUESDAY[0]).dish_ids == {"rou"}


@pytest.mark.parametrize(
    ("photos", "leave_out"),
    [
        (MONDAY, LeaveOut.MEAL),
        (ALONE, LeaveOut.PHOTOGRAPH),
        ((), LeaveOut.NOTHING),
        ((photo_of("e.jpg"),), LeaveOut.MEAL),
    ],
)
def test_labels_that_leave_nothing_to_enrol_are_refused(photos: tuple[SittingPhoto, ...], leave_out: LeaveOut) -> None:
    with pytest.raises(LabelsInvalidError, match="Nothing can be enrolled"):
        places_to_enrol(photos, leave_out, None)


def test_the_first_folder_names_the_canteen_and_each_has_its_own_dishes() -> None:
    labels = [photo_of("east/1.jpg", "rou").label, photo_of("west/1.jpg", "mifan").label]
    photos = by_canteen(labels, ("east", "west"))
    dishes = dishes_of(photos, Enrolment(leave_out=LeaveOut.NOTHING, menus={"east": ["rou"], "west": ["rou"]}))
    assert dishes.gallery(photos[0]).dish_ids == {"rou"}
    assert dishes.gallery(photos[1]).dish_ids == {"mifan"}
    assert dishes.menu(photos[1], dishes.gallery(photos[1])) == frozenset()


def test_a_photograph_outside_every_canteen_is_refused() -> None:
    with pytest.raises(LabelsInvalidError, match="lies in no canteen's folder"):
        by_canteen([photo_of("north/1.jpg", "rou").label], ("east", "west"))
