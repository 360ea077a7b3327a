from typing import Any

import pytest

from engine.deciders.gallery import GALLERY, MAX_EXEMPLARS_PER_DISH, decide_enrolment
from engine.domain.commands import EnrolDish
from engine.domain.errors import InvalidValueError
from engine.domain.events import DishEnrolled, ExemplarRef
from tests.unit.engine.examples import ADMIN, NOON_MS
from tests.unit.engine.given import given

DISH: dict[str, Any] = {
    "at_ms": NOON_MS,
    "by": ADMIN,
    "canteen_id": "lanxi",
    "dish_id": "rice",
    "name_zh": "米饭",
    "name_en": "rice",
    "embedder_sha256": "ee" * 32,
}


def views(*names: int) -> tuple[ExemplarRef, ...]:
    return tuple(
        ExemplarRef(
            exemplar_id=f"view-{name}",
            photo_sha256=f"photo-{name}",
            vectors_sha256=f"vectors-{name}",
            crop_sha256=f"crop-{name}",
        )
        for name in names
    )


def enrol(*names: int, **changes: Any) -> EnrolDish:
    return EnrolDish(command_id="e", attachments={}, **{**DISH, "exemplars": views(*names), **changes})


def enrolled(*names: int, **changes: Any) -> DishEnrolled:
    return DishEnrolled(**{**DISH, "exemplars": views(*names), **changes})


def test_views_are_added_to_a_dish_and_known_ones_left_out() -> None:
    given(GALLERY).when(lambda s: decide_enrolment(s, enrol(1, 2))).then(enrolled(1, 2))
    given(GALLERY, enrolled(1, 2)).when(lambda s: decide_enrolment(s, enrol(1, 2))).then()
    state = given(GALLERY, enrolled(1, 2)).when(lambda s: decide_enrolment(s, enrol(2, 3))).then(enrolled(3))

    assert state.dishes["rice"].exemplars == views(1, 2, 3)


def test_a_view_that_is_given_twice_is_enrolled_once() -> None:
    given(GALLERY).when(lambda s: decide_enrolment(s, enrol(1, 1, 2))).then(enrolled(1, 2))


def test_dishes_of_one_gallery_stand_apart() -> None:
    state = given(GALLERY, enrolled(1), enrolled(2, dish_id="soup")).state

    assert {dish_id: dish.exemplars for dish_id, dish in state.dishes.items()} == {"rice": views(1), "soup": views(2)}


@pytest.mark.parametrize(
    "command",
    [
        enrol(),
        enrol(1, dish_id=""),
        enrol(1, dish_id="a/b"),
        enrol(2, embedder_sha256="ff" * 32),
        enrol(*range(100, 100 + MAX_EXEMPLARS_PER_DISH)),
    ],
)
def test_an_enrolment_that_would_spoil_the_gallery_is_refused(command: EnrolDish) -> None:
    given(GALLERY, enrolled(1)).when(lambda s: decide_enrolment(s, command)).then_refused(InvalidValueError)
