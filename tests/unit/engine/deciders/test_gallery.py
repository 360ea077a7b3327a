from dataclasses import replace
from typing import Any

import pytest

from engine.deciders.gallery import (
    GALLERY,
    MAX_EXEMPLARS_PER_DISH,
    MAX_LEARNT_PER_DISH,
    MAX_PROPOSED_PER_DISH,
    GalleryIndex,
    decide_confirmation,
    decide_enrolment,
    decide_learning,
    decide_reembedding,
    decide_removal,
    decide_undo,
)
from engine.domain.actor import Actor, Role
from engine.domain.commands import (
    ConfirmExemplars,
    EnrolDish,
    PortionView,
    ReembedGallery,
    RemoveExemplars,
    UndoGalleryChange,
)
from engine.domain.errors import IllegalTransitionError, InvalidValueError, NotFoundError, NotPermittedError
from engine.domain.events import (
    DishEnrolled,
    Event,
    ExemplarProposed,
    ExemplarRef,
    ExemplarsAdopted,
    ExemplarsRestored,
    ExemplarsWithdrawn,
    GalleryReembedded,
    ReembeddedExemplar,
)
from engine.domain.gallery import AdoptionGround, AlikeExemplar
from engine.domain.reading import Candidate
from engine.policies.learning import LEARNING
from tests.unit.engine.examples import ADMIN, CASHIER, DINER, NOON_MS
from tests.unit.engine.given import fold, given

EMBEDDER = "ee" * 32
DISH: dict[str, Any] = {
    "at_ms": NOON_MS,
    "by": ADMIN,
    "canteen_id": "lanxi",
    "dish_id": "rice",
    "name_zh": "米饭",
    "name_en": "rice",
    "variant": "",
    "embedder_sha256": EMBEDDER,
}
SAID: dict[str, Any] = {"command_id": "c", "at_ms": NOON_MS, "by": ADMIN, "canteen_id": "lanxi"}
MANAGER = Actor(role=Role.MANAGER, actor_id="manager-1")


def view(name: int | str) -> ExemplarRef:
    return ExemplarRef(
        exemplar_id=f"view-{name}",
        photo_sha256=f"photo-{name}",
        vectors_sha256=f"vectors-{name}",
        crop_sha256=f"crop-{name}",
    )


def views(*names: int) -> tuple[ExemplarRef, ...]:
    return tuple(view(name) for name in names)


def enrol(*names: int, **changes: Any) -> EnrolDish:
    return EnrolDish(command_id="e", attachments={}, **{**DISH, "exemplars": views(*names), **changes})


def enrolled(*names: int, **changes: Any) -> DishEnrolled:
    return DishEnrolled(**{**DISH, "exemplars": views(*names), **changes})


def used(state: GalleryIndex, dish_id: str = "rice") -> tuple[ExemplarRef, ...]:
    return tuple(held.ref for held in state.dishes[dish_id].in_use)


def undo(version: int) -> UndoGalleryChange:
    return UndoGalleryChange(**SAID, version=version, reason="mistaken")


def learn(
    state: GalleryIndex,
    name: int | str = "t1",
    *,
    by: Actor = CASHIER,
    own_bps: int = 6000,
    rival_bps: int = 5000,
    dish_id: str = "rice",
    checkout_id: str = "",
    alike: dict[str, int] | None = None,
    embedder_sha256: str = EMBEDDER,
) -> tuple[Event, ...]:
    """Decide on the view of a portion; each view is of a tray of its own unless another checkout is named."""
    likenesses = {"rice": 0, "soup": 0, dish_id: own_bps, "soup" if dish_id == "rice" else "rice": rival_bps}
    return decide_learning(
        state,
        PortionView(
            exemplar=view(name),
            embedder_sha256=embedder_sha256,
            likenesses=tuple(Candidate(dish_id=each, similarity_bps=bps) for each, bps in likenesses.items()),
            proposals=tuple(
                AlikeExemplar(dish_id=dish_id, exemplar_id=each, similarity_bps=bps)
                for each, bps in (alike or {}).items()
            ),
            attachments={},
        ),
        LEARNING,
        at_ms=NOON_MS,
        by=by,
        canteen_id="lanxi",
        lane_id="lanxi-1",
        checkout_id=checkout_id or f"tray-{name}",
        dish_id=dish_id,
    )


BOTH = given(GALLERY, enrolled(1, 2), enrolled(3, dish_id="soup")).state


# --- enrolling --------------------------------------------------------------------------------------------------


def test_views_are_added_to_a_dish_and_known_ones_left_out() -> None:
    given(GALLERY).when(lambda s: decide_enrolment(s, enrol(1, 2))).then(enrolled(1, 2))
    given(GALLERY, enrolled(1, 2)).when(lambda s: decide_enrolment(s, enrol(1, 2))).then()
    state = given(GALLERY, enrolled(1, 2)).when(lambda s: decide_enrolment(s, enrol(2, 3))).then(enrolled(3))

    assert used(state) == views(1, 2, 3)


def test_a_view_that_is_given_twice_is_enrolled_once() -> None:
    given(GALLERY).when(lambda s: decide_enrolment(s, enrol(1, 1, 2))).then(enrolled(1, 2))


def test_dishes_of_one_gallery_stand_apart() -> None:
    state = given(GALLERY, enrolled(1), enrolled(2, dish_id="soup")).state

    assert {dish_id: used(state, dish_id) for dish_id in state.dishes} == {"rice": views(1), "soup": views(2)}


def test_portions_and_crockery_of_a_dish_are_kept_with_their_views() -> None:
    state = given(GALLERY, enrolled(1, variant="大份"), enrolled(2, variant="bowl")).state

    assert [held.variant for held in state.dishes["rice"].exemplars] == ["大份", "bowl"]


def test_every_change_is_one_version() -> None:
    assert [given(GALLERY, *events).state.version for events in ((), (enrolled(1),), (enrolled(1), enrolled(2)))] == [
        0,
        1,
        2,
    ]


@pytest.mark.parametrize(
    "command",
    [
        enrol(),
        enrol(1, dish_id=""),
        enrol(1, dish_id="a/b"),
        enrol(2, embedder_sha256="ff" * 32),
        enrol(2, variant="x" * 41),
        enrol(*range(100, 100 + MAX_EXEMPLARS_PER_DISH)),
    ],
)
def test_an_enrolment_that_would_spoil_the_gallery_is_refused(command: EnrolDish) -> None:
    given(GALLERY, enrolled(1)).when(lambda s: decide_enrolment(s, command)).then_refused(InvalidValueError)


# --- taking back ------------------------------------------------------------------------------------------------


def test_an_undone_enrolment_is_no_longer_matched_with_and_can_be_put_back() -> None:
    start = given(GALLERY, enrolled(1), enrolled(2, 3))
    undone = start.when(lambda s: decide_undo(s, undo(2))).then(
        ExemplarsWithdrawn(**_said(), exemplar_ids=("view-2", "view-3"), undoes_version=2, reason="mistaken")
    )
    assert used(undone) == views(1)

    (restored,) = decide_undo(undone, undo(3))
    assert isinstance(restored, ExemplarsRestored)
    assert used(fold(GALLERY, (restored,), undone)) == views(1, 2, 3)


def test_a_withdrawn_photograph_that_is_enrolled_again_comes_back() -> None:
    withdrawn = fold(GALLERY, decide_undo(BOTH, undo(1)), BOTH)
    events = decide_enrolment(withdrawn, enrol(1, 7))

    assert [type(event) for event in events] == [ExemplarsRestored, DishEnrolled]
    assert set(used(fold(GALLERY, events, withdrawn))) == set(views(1, 7))


def test_a_change_is_undone_only_as_far_as_nothing_came_after_it() -> None:
    removed = fold(GALLERY, decide_removal(BOTH, _remove("view-1")), BOTH)

    (rest,) = decide_undo(removed, undo(1))
    assert isinstance(rest, ExemplarsWithdrawn)
    assert rest.exemplar_ids == ("view-2",)
    done = fold(GALLERY, (rest,), removed)
    with pytest.raises(IllegalTransitionError, match="changed again later"):
        decide_undo(done, undo(1))


@pytest.mark.parametrize("version", [0, 3])
def test_a_change_that_never_was_cannot_be_undone(version: int) -> None:
    with pytest.raises(NotFoundError, match="its last one is 2"):
        decide_undo(BOTH, undo(version))


def test_all_views_of_a_dish_can_be_removed_and_removing_again_changes_nothing() -> None:
    (event,) = decide_removal(BOTH, _remove())
    state = fold(GALLERY, (event,), BOTH)

    assert used(state) == ()
    assert used(state, "soup") == views(3)
    assert decide_removal(state, _remove()) == ()


def test_removing_what_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NotFoundError, match="no exemplar 'view-9'"):
        decide_removal(BOTH, _remove("view-9"))
    with pytest.raises(NotFoundError, match="no dish 'tofu'"):
        decide_removal(BOTH, replace(_remove(), dish_id="tofu"))


# --- learning ---------------------------------------------------------------------------------------------------


def test_staffs_word_is_learnt_at_once() -> None:
    proposed, adopted = learn(BOTH)

    assert isinstance(proposed, ExemplarProposed)
    assert (proposed.own_bps, proposed.rival_dish_id, proposed.rival_bps) == (6000, "soup", 5000)
    assert isinstance(adopted, ExemplarsAdopted)
    assert adopted.ground is AdoptionGround.STAFF
    state = fold(GALLERY, (proposed, adopted), BOTH)
    assert used(state) == (*views(1, 2), view("t1"))
    assert learn(state) == ()


def test_staffs_word_against_the_gallery_waits_for_a_manager() -> None:
    (proposed,) = learn(BOTH, own_bps=3000, rival_bps=4501)
    assert isinstance(proposed, ExemplarProposed)
    assert proposed.needs_manager
    state = fold(GALLERY, (proposed,), BOTH)
    assert used(state) == views(1, 2)

    confirm = ConfirmExemplars(**{**SAID, "by": MANAGER}, dish_id="rice", exemplar_ids=("view-t1",))
    with pytest.raises(NotPermittedError, match="manager"):
        decide_confirmation(state, replace(confirm, by=CASHIER))
    (adopted,) = decide_confirmation(state, confirm)
    after = fold(GALLERY, (adopted,), state)
    assert used(after) == (*views(1, 2), view("t1"))
    assert decide_confirmation(after, confirm) == ()


def test_a_diners_word_waits_for_another_tray_that_looks_alike() -> None:
    first = learn(BOTH, "t1", by=DINER)
    assert [type(event) for event in first] == [ExemplarProposed]
    state = fold(GALLERY, first, BOTH)
    assert used(state) == views(1, 2)

    assert len(learn(state, "t2", by=DINER, alike={"view-t1": 4999})) == 1
    proposed, adopted = learn(state, "t2", by=DINER, alike={"view-t1": 5000})
    assert isinstance(adopted, ExemplarsAdopted)
    assert adopted.ground is AdoptionGround.AGREEMENT
    assert adopted.exemplar_ids == ("view-t1", "view-t2")
    assert used(fold(GALLERY, (proposed, adopted), state)) == (*views(1, 2), view("t1"), view("t2"))


def test_the_same_tray_cannot_agree_with_itself() -> None:
    state = fold(GALLERY, learn(BOTH, "t1", by=DINER), BOTH)

    assert len(learn(state, "t2", by=DINER, checkout_id="tray-t1", alike={"view-t1": 9000})) == 1
    assert learn(state, "t1", by=DINER, checkout_id="another", alike={"view-t1": 9999}) == ()


def test_two_diners_who_name_the_dish_that_looks_less_alike_teach_nothing() -> None:
    state = fold(GALLERY, learn(BOTH, "t1", by=DINER, own_bps=5000, rival_bps=5001), BOTH)

    events = learn(state, "t2", by=DINER, own_bps=5000, rival_bps=5001, alike={"view-t1": 9000})
    assert [type(event) for event in events] == [ExemplarProposed]
    assert learn(state, "t3", by=DINER, alike={"view-t1": 9000})[1:] == ()


def test_a_diners_choice_is_learnt_once_staff_confirms_it() -> None:
    state = fold(GALLERY, learn(BOTH, "t1", by=DINER), BOTH)

    (adopted,) = learn(state, "t1", by=CASHIER)
    assert isinstance(adopted, ExemplarsAdopted)
    assert adopted.exemplar_ids == ("view-t1",)


def test_a_portion_that_is_named_again_is_unlearnt_under_its_first_name() -> None:
    state = fold(GALLERY, learn(BOTH), BOTH)

    events = learn(state, dish_id="soup", own_bps=5500, rival_bps=5600)
    assert [type(event) for event in events] == [ExemplarsWithdrawn, ExemplarProposed, ExemplarsAdopted]
    after = fold(GALLERY, events, state)
    assert used(after) == views(1, 2)
    assert used(after, "soup") == (*views(3), view("t1"))


def test_nothing_is_learnt_for_a_dish_that_nobody_enrolled_nor_from_another_embedder() -> None:
    assert learn(BOTH, dish_id="tofu") == ()
    assert learn(BOTH, embedder_sha256="ff" * 32) == ()
    assert learn(fold(GALLERY, decide_removal(BOTH, _remove()), BOTH)) == ()


def test_what_was_learnt_can_be_undone_and_is_not_learnt_again_by_itself() -> None:
    state = fold(GALLERY, learn(BOTH), BOTH)
    undone = fold(GALLERY, decide_undo(state, undo(4)), state)

    assert used(undone) == views(1, 2)
    assert learn(undone) == ()


def test_the_oldest_learnt_view_leaves_first_and_enrolled_ones_never() -> None:
    state = BOTH
    for number in range(MAX_LEARNT_PER_DISH + 3):
        state = fold(GALLERY, learn(state, f"t{number}"), state)

    learnt = [view(f"t{number}") for number in range(3, MAX_LEARNT_PER_DISH + 3)]
    assert used(state) == (*views(1, 2), *learnt)
    assert len(state.dishes["rice"].exemplars) == 2 + MAX_LEARNT_PER_DISH


def test_proposals_that_nobody_confirms_make_room_for_newer_ones() -> None:
    state = BOTH
    for number in range(MAX_PROPOSED_PER_DISH + 5):
        state = fold(GALLERY, learn(state, f"t{number}", by=DINER), state)

    waiting = [held.ref for held in state.dishes["rice"].waiting]
    assert waiting == [view(f"t{number}") for number in range(5, MAX_PROPOSED_PER_DISH + 5)]


# --- another embedder -------------------------------------------------------------------------------------------


def reembed(state: GalleryIndex, embedder_sha256: str = "ff" * 32) -> ReembedGallery:
    return ReembedGallery(
        **SAID,
        embedder_sha256=embedder_sha256,
        exemplars=tuple(
            ReembeddedExemplar(dish_id=dish_id, exemplar_id=held.ref.exemplar_id, vectors_sha256="new")
            for dish_id, dish in state.dishes.items()
            for held in dish.exemplars
        ),
        attachments={},
    )


def test_all_views_get_new_vectors_at_once_those_that_wait_or_are_withdrawn_too() -> None:
    state = fold(GALLERY, learn(BOTH, by=DINER), BOTH)
    state = fold(GALLERY, decide_removal(state, _remove("view-1")), state)
    (event,) = decide_reembedding(state, reembed(state))
    assert isinstance(event, GalleryReembedded)
    after = fold(GALLERY, (event,), state)

    assert after.embedder_sha256 == "ff" * 32
    assert {held.ref.vectors_sha256 for dish in after.dishes.values() for held in dish.exemplars} == {"new"}
    assert [ref.exemplar_id for ref in used(after)] == ["view-2"]
    back = fold(GALLERY, decide_undo(after, undo(4)), after)
    assert [ref.exemplar_id for ref in used(back)] == ["view-1", "view-2"]


def test_re_embedding_with_the_same_embedder_or_an_empty_gallery_changes_nothing() -> None:
    assert decide_reembedding(BOTH, reembed(BOTH, EMBEDDER)) == ()
    assert decide_reembedding(GalleryIndex(), reembed(GalleryIndex())) == ()


def test_a_gallery_that_changed_meanwhile_is_not_re_embedded_in_part() -> None:
    command = reembed(BOTH)
    changed = fold(GALLERY, decide_enrolment(BOTH, enrol(9)), BOTH)
    with pytest.raises(IllegalTransitionError, match="again"):
        decide_reembedding(changed, command)


def test_a_re_embedding_cannot_be_undone() -> None:
    after = fold(GALLERY, decide_reembedding(BOTH, reembed(BOTH)), BOTH)
    with pytest.raises(IllegalTransitionError, match="re-embedding"):
        decide_undo(after, undo(3))


def _said() -> dict[str, Any]:
    return {"at_ms": NOON_MS, "by": ADMIN, "canteen_id": "lanxi", "dish_id": "rice"}


def _remove(*names: str) -> RemoveExemplars:
    return RemoveExemplars(**SAID, dish_id="rice", exemplar_ids=names, reason="blurred")
