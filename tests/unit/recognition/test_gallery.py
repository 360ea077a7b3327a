from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.domain.errors import GalleryMismatchError
from recognition.gallery import (
    Exemplar,
    Gallery,
    decode_vectors,
    encode_vectors,
    refuse_other_embedder,
)

Axis = Callable[[int], NDArray[np.float32]]


def exemplar(dish_id: str, *vectors: NDArray[np.float32], exemplar_id: str = "photo") -> Exemplar:
    return Exemplar(dish_id=dish_id, exemplar_id=exemplar_id, vectors=np.stack(vectors))


def test_the_score_is_half_the_prototype_and_half_the_best_exemplar(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0), axis(1))])
    ((candidate,),) = gallery.match(axis(0)[None], {"pork"})
    # Best exemplar: cosine 1. Prototype (1, 1) / sqrt 2: cosine .7071.
    assert candidate.similarity_bps == round((1 + 0.5**0.5) / 2 * 10_000)


def test_an_opposite_portion_scores_minus_one(axis: Axis) -> None:
    ((candidate,),) = Gallery("sha", [exemplar("pork", axis(0))]).match(-axis(0)[None], ["pork"])
    assert candidate.similarity_bps == -10_000


def test_candidates_are_ranked_and_only_the_best_five_are_given(axis: Axis) -> None:
    portion = axis(0)
    dishes = [exemplar(f"dish {number}", portion * (1 - number / 10) + axis(1) * 0.5) for number in range(8)]
    (candidates,) = Gallery("sha", dishes).match(portion[None], [f"dish {number}" for number in range(8)])
    assert [candidate.dish_id for candidate in candidates] == [f"dish {number}" for number in range(5)]
    scores = [candidate.similarity_bps for candidate in candidates]
    assert scores == sorted(scores, reverse=True)


def test_a_dish_that_is_not_on_the_menu_is_no_candidate_however_alike(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0)), exemplar("rice", axis(1))])
    (candidates,) = gallery.match(axis(0)[None], {"rice"})
    assert [candidate.dish_id for candidate in candidates] == ["rice"]


def test_a_dish_without_an_exemplar_cannot_be_a_candidate(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0))])
    assert [[c.dish_id for c in one] for one in gallery.match(axis(0)[None], ["pork", "soup"])] == [["pork"]]
    assert gallery.match(np.stack((axis(0), axis(1))), ["soup"]) == [(), ()]
    assert gallery.match(axis(0)[None], []) == [()]


def test_no_portions_match_nothing(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0))])
    assert gallery.match(np.empty((0, 1280), np.float32), ["pork"]) == []


def test_equal_candidates_stand_in_the_order_of_their_ids(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar(dish, axis(0)) for dish in ("soup", "beans", "rice")])
    (candidates,) = gallery.match(axis(0)[None], ["rice", "soup", "beans"])
    assert [candidate.dish_id for candidate in candidates] == ["beans", "rice", "soup"]


def test_adding_an_exemplar_leaves_the_old_gallery_as_it_was(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0))])
    larger = gallery.with_exemplars([exemplar("rice", axis(1)), exemplar("pork", axis(2), exemplar_id="two")])
    assert gallery.dish_ids == {"pork"}
    assert len(gallery.exemplars) == 1
    assert larger.dish_ids == {"pork", "rice"}
    assert len(larger.exemplars) == 3
    assert larger.embedder_sha256 == "sha"


def test_enrolling_the_same_photograph_again_changes_nothing(axis: Axis) -> None:
    photo = exemplar("pork", axis(0))
    gallery = Gallery("sha", [photo, exemplar("pork", axis(1), exemplar_id="two")])
    again = gallery.with_exemplars([photo])
    assert again.match(axis(0)[None], ["pork"]) == gallery.match(axis(0)[None], ["pork"])
    assert len(again.exemplars) == 2


def test_a_gallery_built_step_by_step_matches_like_one_built_at_once(axis: Axis) -> None:
    exemplars = [exemplar(f"dish {n % 3}", axis(n), axis(n + 1), exemplar_id=str(n)) for n in range(9)]
    stepwise = Gallery("sha")
    for one in exemplars:
        stepwise = stepwise.with_exemplars([one])
    portions = np.stack([axis(n) for n in range(9)])
    menu = {"dish 0", "dish 1", "dish 2"}
    assert stepwise.match(portions, menu) == Gallery("sha", exemplars).match(portions, menu)


def test_a_dish_can_be_taken_out(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0)), exemplar("rice", axis(1))])
    assert gallery.without_dish("pork").dish_ids == {"rice"}
    assert gallery.without_dish("unheard of").dish_ids == {"pork", "rice"}


@pytest.mark.parametrize(
    "vectors",
    [np.zeros((1, 1280)), np.ones((1, 128)), np.ones(1280), np.empty((0, 1280)), np.full((1, 1280), np.nan)],
    ids=["no direction", "other size", "one dimension", "none", "not a number"],
)
def test_vectors_that_cannot_be_matched_are_refused(vectors: NDArray[np.float32]) -> None:
    with pytest.raises(GalleryMismatchError, match="enrol the dish again"):
        Gallery("sha", [Exemplar(dish_id="pork", exemplar_id="photo", vectors=vectors.astype(np.float32))])


def test_embeddings_of_another_size_are_refused(axis: Axis) -> None:
    with pytest.raises(GalleryMismatchError):
        Gallery("sha", [exemplar("pork", axis(0))]).match(np.ones((1, 128), np.float32), ["pork"])


def test_a_gallery_of_another_embedder_is_refused() -> None:
    refuse_other_embedder(Gallery("sha"), "sha")
    with pytest.raises(GalleryMismatchError, match="another embedder") as refusal:
        refuse_other_embedder(Gallery("old"), "new")
    assert refusal.value.details == {"gallery_embedder_sha256": "old", "embedder_sha256": "new"}


def test_vectors_come_back_from_their_stored_form_within_half_precision() -> None:
    vectors = np.random.default_rng(5).normal(0, 0.03, (3, 1280)).astype(np.float32)
    data = encode_vectors(vectors)
    assert len(data) == 10 + 3 * 1280 * 2
    assert np.allclose(decode_vectors(data), vectors, rtol=1e-3, atol=1e-6)


def test_the_stored_form_is_the_same_on_every_machine() -> None:
    data = encode_vectors(np.array([[1.0, -2.0]], np.float32))
    assert data == b"DVEC\x01\x00\x01\x00\x02\x00" + b"\x00\x3c" + b"\x00\xc0"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"DVEC",
        b"DVEC\x02\x00\x01\x00\x01\x00\x00\x3c",
        b"XXXX\x01\x00\x01\x00\x01\x00\x00\x3c",
        b"DVEC\x01\x00\x01\x00\x02\x00\x00\x3c",
        b"DVEC\x01\x00\x01\x00\x01\x00\x00\x7e",
        b"DVEC\x01\x00\x00\x00\x00\x00",
    ],
    ids=["nothing", "header only", "newer version", "other magic", "cut off", "not a number", "no vectors"],
)
def test_damaged_stored_vectors_are_refused(data: bytes) -> None:
    with pytest.raises(GalleryMismatchError, match="enrol the dish again"):
        decode_vectors(data)


@pytest.mark.parametrize("vectors", [np.full((1, 2), 1e6), np.full((1, 2), np.nan), np.ones(3), np.ones((0, 3))])
def test_vectors_that_half_precision_cannot_hold_are_not_stored(vectors: NDArray[np.float32]) -> None:
    with pytest.raises(GalleryMismatchError, match="cannot be stored"):
        encode_vectors(vectors.astype(np.float32))


def test_learnt_photographs_together_move_the_mean_no_more_than_the_enrolled_ones(axis: Axis) -> None:
    enrolled = exemplar("pork", axis(0), exemplar_id="enrolled")
    learnt = [Exemplar(dish_id="pork", exemplar_id=f"learnt {n}", vectors=axis(1)[None], learnt=True) for n in range(9)]
    ((candidate,),) = Gallery("sha", [enrolled, *learnt]).match(axis(0)[None], ["pork"])
    # Mean of one enrolled and nine learnt ones, these weighted one ninth each: (1, 1) / sqrt 2.
    assert candidate.similarity_bps == round((1 + 0.5**0.5) / 2 * 10_000)


def test_a_few_learnt_photographs_count_like_enrolled_ones(axis: Axis) -> None:
    photos = [exemplar("pork", axis(n), exemplar_id=str(n)) for n in range(3)]
    learnt = Exemplar(dish_id="pork", exemplar_id="3", vectors=axis(3)[None], learnt=True)
    plain = Exemplar(dish_id="pork", exemplar_id="3", vectors=axis(3)[None])
    portion = axis(3)[None]
    assert Gallery("sha", [*photos, learnt]).match(portion, ["pork"]) == Gallery("sha", [*photos, plain]).match(
        portion, ["pork"]
    )


def test_likenesses_are_told_whatever_is_on_the_menu(axis: Axis) -> None:
    gallery = Gallery("sha", [exemplar("pork", axis(0)), exemplar("rice", axis(1))])
    likenesses = gallery.likenesses(np.stack((axis(0), axis(2))))
    assert {dish_id: of.tolist() for dish_id, of in likenesses.items()} == {"pork": [1.0, 0.0], "rice": [0.0, 0.0]}
    assert gallery.likenesses(axis(0)[None], {"rice", "soup"}).keys() == {"rice"}
