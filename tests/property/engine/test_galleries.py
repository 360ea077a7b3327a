"""Whatever is enrolled, learnt, removed and undone in whatever order, a gallery keeps its promises."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.deciders.gallery import (
    GALLERY,
    MAX_LEARNT_PER_DISH,
    MAX_PROPOSED_PER_DISH,
    GalleryIndex,
    decide_enrolment,
    decide_learning,
    decide_removal,
    decide_undo,
)
from engine.domain.actor import Actor
from engine.domain.commands import EnrolDish, PortionView, RemoveExemplars, UndoGalleryChange
from engine.domain.errors import CommandRejectedError
from engine.domain.events import Event, ExemplarProposed, ExemplarRef, ExemplarsAdopted
from engine.domain.gallery import AlikeExemplar, ExemplarOrigin
from engine.domain.reading import Candidate
from engine.policies.learning import LEARNING
from tests.unit.engine.examples import ADMIN, CASHIER, DINER
from tests.unit.engine.given import fold

EMBEDDER = "ee" * 32
DISHES = ("pork", "rice", "soup")
SAID: dict[str, Any] = {"command_id": "c", "at_ms": 1, "by": ADMIN, "canteen_id": "lanxi"}

dishes = st.sampled_from(DISHES)
views = st.integers(0, 40)
likenesses = st.integers(-2_000, 10_000)
enrolments = st.tuples(st.just("enrol"), dishes, st.lists(views, min_size=1, max_size=4))
corrections = st.tuples(
    st.just("learn"), dishes, views, st.sampled_from((CASHIER, DINER)), st.tuples(likenesses, likenesses, likenesses)
)
removals = st.tuples(st.just("remove"), dishes)
undoings = st.tuples(st.just("undo"), st.integers(1, 60))
changes = st.lists(st.one_of(enrolments, corrections, corrections, removals, undoings), max_size=60)


def ref(name: str) -> ExemplarRef:
    return ExemplarRef(exemplar_id=name, photo_sha256=name, vectors_sha256=name, crop_sha256=name)


def view_of(state: GalleryIndex, name: int, likeness: tuple[int, int, int]) -> PortionView:
    proposals = [
        AlikeExemplar(dish_id=dish_id, exemplar_id=held.ref.exemplar_id, similarity_bps=7000)
        for dish_id, dish in state.dishes.items()
        for held in dish.waiting
    ]
    return PortionView(
        exemplar=ref(f"tray-{name}"),
        embedder_sha256=EMBEDDER,
        likenesses=tuple(Candidate(dish_id=d, similarity_bps=bps) for d, bps in zip(DISHES, likeness, strict=True)),
        proposals=tuple(proposals),
        attachments={},
    )


def decide(state: GalleryIndex, change: Any) -> tuple[Event, ...]:
    match change:
        case ("enrol", dish_id, names):
            return decide_enrolment(
                state,
                EnrolDish(
                    **SAID,
                    dish_id=dish_id,
                    name_zh=dish_id,
                    name_en=dish_id,
                    embedder_sha256=EMBEDDER,
                    exemplars=tuple(ref(f"shown-{name}") for name in names),
                    attachments={},
                ),
            )
        case ("learn", dish_id, name, Actor() as by, likeness):
            return decide_learning(
                state,
                view_of(state, name, likeness),
                LEARNING,
                at_ms=1,
                by=by,
                canteen_id="lanxi",
                lane_id="lanxi-1",
                checkout_id=f"checkout-{name}",
                dish_id=dish_id,
            )
        case ("remove", dish_id):
            return decide_removal(state, RemoveExemplars(**SAID, dish_id=dish_id, exemplar_ids=(), reason="r"))
        case _:
            return decide_undo(state, UndoGalleryChange(**SAID, version=change[1], reason="r"))


def used(state: GalleryIndex, origin: ExemplarOrigin) -> set[tuple[str, str]]:
    return {
        (dish_id, held.ref.exemplar_id)
        for dish_id, dish in state.dishes.items()
        for held in dish.in_use
        if held.origin is origin
    }


@given(changes)
def test_a_gallery_keeps_its_promises(planned: list[Any]) -> None:
    state, count = GALLERY.initial, 0
    for change in planned:
        before = state
        try:
            events = decide(state, change)
        except CommandRejectedError:
            continue
        state, count = fold(GALLERY, events, state), count + len(events)

        assert state.version == count
        for dish in state.dishes.values():
            names = [held.ref.exemplar_id for held in dish.exemplars]
            assert len(set(names)) == len(names)
            assert len(dish.waiting) <= MAX_PROPOSED_PER_DISH
        if change[0] == "learn":
            assert used(state, ExemplarOrigin.ENROLLED) == used(before, ExemplarOrigin.ENROLLED)
            for event in events:
                if isinstance(event, ExemplarsAdopted):
                    learnt = [
                        held for held in state.dishes[event.dish_id].in_use if held.origin is ExemplarOrigin.LEARNT
                    ]
                    assert len(learnt) <= MAX_LEARNT_PER_DISH
            assert not any(isinstance(event, ExemplarProposed) and event.needs_manager for event in events) or not any(
                isinstance(event, ExemplarsAdopted) for event in events
            )


@given(changes, st.integers(1, 60))
def test_undoing_an_undoing_leaves_what_there_was(planned: list[Any], version: int) -> None:
    state = GALLERY.initial
    for change in planned:
        try:
            state = fold(GALLERY, decide(state, change), state)
        except CommandRejectedError:
            continue
    try:
        undone = fold(GALLERY, decide(state, ("undo", version)), state)
    except CommandRejectedError:
        return
    assert undone.version > state.version
    # One event for each dish that the change touched; each is undone by its own version.
    back = undone
    for made in range(state.version + 1, undone.version + 1):
        back = fold(GALLERY, decide(back, ("undo", made)), back)
    for origin in ExemplarOrigin:
        assert used(back, origin) == used(state, origin)
