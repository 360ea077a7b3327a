"""The enrolled dishes of one canteen, and which of today's dishes a portion looks like.

Source: decisions R6 and R7 of the README.
"""

import struct
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from engine.domain.errors import GalleryMismatchError
from engine.domain.reading import Candidate

EMBEDDING_SIZE: Final = 1280
MAX_CANDIDATES: Final = 5
LEAST_NORM: Final = 1e-3

# Stored form: magic, version, number of vectors, values per vector; then float16, all little endian.
VECTORS_HEADER: Final = struct.Struct("<4sHHH")
VECTORS_MAGIC: Final = b"DVEC"
VECTORS_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exemplar:
    """One photograph of a dish as (zooms, 1280) float32, the whole portion first; `exemplar_id` is unique in its dish.

    `learnt` ones come from trays. All of a dish together move its mean no more than the enrolled ones do.
    """

    dish_id: str
    exemplar_id: str
    vectors: NDArray[np.float32]
    learnt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _EnrolledDish:
    """A dish ready for matching: unit vectors of every zoom of every photograph, and their mean direction."""

    exemplars: tuple[Exemplar, ...]
    vectors: NDArray[np.float32]
    prototype: NDArray[np.float32]


class Gallery:
    """The enrolled dishes of one canteen; immutable, so one gallery can be matched from several threads."""

    def __init__(self, embedder_sha256: str, exemplars: Iterable[Exemplar] = ()) -> None:
        """Index exemplars; of two with the same dish and id the later one counts.

        Raises:
            GalleryMismatchError: an exemplar is not (1 or more, 1280) or has no direction.
        """
        by_dish: dict[str, dict[str, Exemplar]] = {}
        for exemplar in exemplars:
            by_dish.setdefault(exemplar.dish_id, {})[exemplar.exemplar_id] = exemplar
        self._embedder_sha256 = embedder_sha256
        self._dishes = {dish_id: _enrol(tuple(of.values())) for dish_id, of in by_dish.items()}

    def _with_dishes(self, dishes: dict[str, _EnrolledDish]) -> Self:
        gallery = type(self)(self._embedder_sha256)
        gallery._dishes = dishes
        return gallery

    @property
    def embedder_sha256(self) -> str:
        return self._embedder_sha256

    @property
    def dish_ids(self) -> frozenset[str]:
        return frozenset(self._dishes)

    @property
    def exemplars(self) -> tuple[Exemplar, ...]:
        return tuple(exemplar for dish in self._dishes.values() for exemplar in dish.exemplars)

    def with_exemplars(self, exemplars: Iterable[Exemplar]) -> Self:
        """A gallery with these exemplars too; dishes that they do not name are shared, not indexed again."""
        changed: dict[str, dict[str, Exemplar]] = {}
        for exemplar in exemplars:
            if exemplar.dish_id not in changed:
                known = self._dishes.get(exemplar.dish_id)
                changed[exemplar.dish_id] = {old.exemplar_id: old for old in known.exemplars} if known else {}
            changed[exemplar.dish_id][exemplar.exemplar_id] = exemplar
        return self._with_dishes(
            self._dishes | {dish_id: _enrol(tuple(of.values())) for dish_id, of in changed.items()}
        )

    def without_dish(self, dish_id: str) -> Self:
        """A gallery without any exemplar of this dish."""
        return self._with_dishes({known: dish for known, dish in self._dishes.items() if known != dish_id})

    def likenesses(
        self, embeddings: NDArray[np.float32], dish_ids: Collection[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Return how alike (n, 1280) embeddings are to dishes, whatever is on the menu: (n,) in [-1, 1] by dish.

        Args:
            dish_ids: which dishes; all that are enrolled if None.
        """
        named = self._dishes.keys() if dish_ids is None else self._dishes.keys() & set(dish_ids)
        return {dish_id: _likeness(self._dishes[dish_id], embeddings) for dish_id in named}

    def match(self, embeddings: NDArray[np.float32], menu: Collection[str]) -> list[tuple[Candidate, ...]]:
        """Rank today's dishes for each portion: half the mean's likeness, half its best photograph's.

        A dish of the menu without an exemplar cannot be a candidate.

        Args:
            embeddings: (n, 1280) float32 unit vectors of this gallery's embedder.
            menu: dish ids that are sold now.
        Returns:
            for each portion at most five candidates, best first; equal ones in the order of their ids.
        Raises:
            GalleryMismatchError: the embeddings have another size.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != EMBEDDING_SIZE:
            raise GalleryMismatchError(
                f"Embeddings of shape {list(embeddings.shape)} cannot be matched; (n, {EMBEDDING_SIZE}) is needed."
            )
        dish_ids = sorted(self.dish_ids.intersection(menu))
        if not dish_ids:
            return [() for _ in embeddings]
        scores = np.stack([_likeness(self._dishes[dish_id], embeddings) for dish_id in dish_ids], axis=1)
        best_first = np.argsort(-scores, axis=1, kind="stable")[:, :MAX_CANDIDATES]
        return [
            tuple(
                Candidate(dish_id=dish_ids[index], similarity_bps=round(float(row[index]) * 10_000)) for index in order
            )
            for row, order in zip(scores, best_first.tolist(), strict=True)
        ]

    def likeness_off_menu(self, embeddings: NDArray[np.float32], menu: Collection[str]) -> list[int]:
        """Return how alike each portion is to the most alike enrolled dish that is not sold now, basis points.

        0 if all enrolled dishes are on the menu. It is no candidate, but a rival that makes the best one doubtful.
        """
        others = [self._dishes[dish_id] for dish_id in sorted(self.dish_ids.difference(menu))]
        if not others or not len(embeddings):
            return [0] * len(embeddings)
        scores = np.stack([_likeness(dish, embeddings) for dish in others], axis=1).max(axis=1)
        return [max(0, round(float(score) * 10_000)) for score in scores]


def _likeness(dish: _EnrolledDish, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    nearest: NDArray[np.float32] = (embeddings @ dish.vectors.T).max(axis=1)
    average: NDArray[np.float32] = embeddings @ dish.prototype
    return np.clip((nearest + average) / 2, -1.0, 1.0)


def likeness_to(exemplars: Sequence[Exemplar], embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how alike (n, 1280) embeddings are to a dish that has exactly these exemplars: (n,) in [-1, 1]."""
    return _likeness(_enrol(tuple(exemplars)), embeddings)


def _enrol(exemplars: tuple[Exemplar, ...]) -> _EnrolledDish:
    vectors = np.concatenate([_unit_vectors(exemplar) for exemplar in exemplars])
    learnt = np.concatenate([np.full(len(exemplar.vectors), exemplar.learnt) for exemplar in exemplars])
    mean = (vectors * _weights(learnt)[:, None]).sum(axis=0)
    return _EnrolledDish(
        exemplars=exemplars, vectors=vectors, prototype=mean / max(float(np.linalg.norm(mean)), LEAST_NORM)
    )


def _weights(learnt: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Weigh vectors for the mean: the learnt ones together at most as much as the enrolled ones together."""
    learnt_count = int(learnt.sum())
    enrolled_count = len(learnt) - learnt_count
    if not learnt_count or not enrolled_count:
        return np.ones(len(learnt), np.float32)
    return np.where(learnt, min(1.0, enrolled_count / learnt_count), 1.0).astype(np.float32)


def _unit_vectors(exemplar: Exemplar) -> NDArray[np.float32]:
    """Bring vectors back to length 1, which rounding to float16 has cost them."""
    vectors = exemplar.vectors
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if vectors.ndim != 2 or vectors.shape[1] != EMBEDDING_SIZE or not len(vectors) or not (norms > LEAST_NORM).all():
        raise GalleryMismatchError(
            f"Exemplar {exemplar.exemplar_id} of dish {exemplar.dish_id} has vectors of shape "
            f"{list(vectors.shape)} that cannot be matched; enrol the dish again.",
            dish_id=exemplar.dish_id,
            exemplar_id=exemplar.exemplar_id,
        )
    unit: NDArray[np.float32] = (vectors / norms).astype(np.float32)
    return unit


def encode_vectors(vectors: NDArray[np.float32]) -> bytes:
    """Store (n, size) vectors in 10 + 2 x n x size bytes.

    Raises:
        GalleryMismatchError: not two-dimensional, or a value that float16 cannot hold.
    """
    with np.errstate(over="ignore"):
        halves = vectors.astype("<f2")
    if halves.ndim != 2 or not halves.size or max(halves.shape) > 0xFFFF or not np.isfinite(halves).all():
        raise GalleryMismatchError(f"Vectors of shape {list(vectors.shape)} cannot be stored; enrol the dish again.")
    count, size = halves.shape
    return VECTORS_HEADER.pack(VECTORS_MAGIC, VECTORS_VERSION, count, size) + halves.tobytes()


def decode_vectors(data: bytes) -> NDArray[np.float32]:
    """Read what `encode_vectors` stored, as (n, size) float32.

    Raises:
        GalleryMismatchError: not such bytes, cut off, or of a version that is not known.
    """
    if len(data) >= VECTORS_HEADER.size:
        magic, version, count, size = VECTORS_HEADER.unpack_from(data)
        if (magic, version) == (VECTORS_MAGIC, VECTORS_VERSION) and len(data) == VECTORS_HEADER.size + 2 * count * size:
            halves = np.frombuffer(data, "<f2", offset=VECTORS_HEADER.size)
            vectors: NDArray[np.float32] = halves.reshape(count, size).astype(np.float32)
            if vectors.size and np.isfinite(vectors).all():
                return vectors
    raise GalleryMismatchError("The stored vectors of an exemplar are damaged or too new; enrol the dish again.")


def refuse_other_embedder(gallery: Gallery, embedder_sha256: str) -> None:
    """Refuse a gallery whose vectors come from another embedder: their angles would mean nothing.

    Raises:
        GalleryMismatchError: they do.
    """
    if gallery.embedder_sha256 != embedder_sha256:
        raise GalleryMismatchError(
            "The enrolled dishes were made with another embedder model. Run `canteen gallery re-embed`.",
            gallery_embedder_sha256=gallery.embedder_sha256,
            embedder_sha256=embedder_sha256,
        )
