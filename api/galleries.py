"""The dishes of each canteen, ready for matching: built from the log's attachments, kept until they change."""

import threading
from dataclasses import dataclass

from engine.application.store import EventStore
from engine.deciders.gallery import GALLERY, GalleryIndex, HeldExemplar
from engine.domain.errors import GalleryMismatchError
from engine.domain.gallery import ExemplarOrigin
from engine.domain.ids import gallery_stream
from recognition.gallery import Exemplar, Gallery, decode_vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class ShelvedGallery:
    """One canteen's gallery; `proposals` wait and are not matched with. `refs` name what each dish was built from."""

    gallery: Gallery
    proposals: tuple[Exemplar, ...] = ()
    refs: dict[str, tuple[HeldExemplar, ...]]


class GalleryShelf:
    """One gallery per canteen. All methods may be called from any thread."""

    def __init__(self, store: EventStore, embedder_sha256: str) -> None:
        self._store = store
        self._embedder_sha256 = embedder_sha256
        self._shelved: dict[str, ShelvedGallery] = {}
        self._embedders: dict[str, str] = {}
        self._stale: set[str] = set()
        self._lock = threading.Lock()

    def refresh(self, canteen_id: str, embedder_sha256: str | None = None) -> None:
        """Have a canteen's gallery brought up to date before it is used next.

        Args:
            embedder_sha256: whose vectors the gallery holds now; None if that did not change.
        """
        with self._lock:
            self._stale.add(canteen_id)
            if embedder_sha256 is not None:
                self._embedders[canteen_id] = embedder_sha256

    def canteens_of_other_embedders(self) -> list[str]:
        """Return the canteens whose galleries have to be re-embedded before their trays can be read."""
        with self._lock:
            return sorted(
                canteen_id
                for canteen_id, embedder_sha256 in self._embedders.items()
                if embedder_sha256 != self._embedder_sha256
            )

    def gallery(self, canteen_id: str) -> Gallery:
        """Return a canteen's gallery as it is stored now; see `shelved`."""
        return self.shelved(canteen_id).gallery

    def shelved(self, canteen_id: str) -> ShelvedGallery:
        """Return a canteen's gallery and proposals as they are stored now. Reads the store if need be.

        Raises:
            GalleryMismatchError: the vectors were made by another embedder than the one in use.
        """
        with self._lock:
            known = self._shelved.get(canteen_id)
            if known is not None and canteen_id not in self._stale:
                return known
            # Cleared before reading, so that what is enrolled meanwhile marks the gallery again.
            self._stale.discard(canteen_id)
        try:
            shelved = self._build(canteen_id, known)
        except BaseException:
            self.refresh(canteen_id)
            raise
        with self._lock:
            self._shelved[canteen_id] = shelved
        return shelved

    def _build(self, canteen_id: str, known: ShelvedGallery | None) -> ShelvedGallery:
        index: GalleryIndex = self._store.state(GALLERY, gallery_stream(canteen_id))
        if index.version and index.embedder_sha256 != self._embedder_sha256:
            raise GalleryMismatchError(
                f"The dishes of {canteen_id} were enrolled with another embedder model. Run "
                f"`canteen gallery re-embed --canteen {canteen_id}`.",
                canteen_id=canteen_id,
                gallery_embedder_sha256=index.embedder_sha256,
                embedder_sha256=self._embedder_sha256,
            )
        known = known or ShelvedGallery(gallery=Gallery(self._embedder_sha256), refs={})
        gallery = known.gallery
        refs = {dish_id: dish.in_use for dish_id, dish in index.dishes.items() if dish.in_use}
        for dish_id in known.refs.keys() | refs.keys():
            wanted = refs.get(dish_id, ())
            if wanted != known.refs.get(dish_id):
                gallery = gallery.without_dish(dish_id).with_exemplars(
                    [self._exemplar(dish_id, held) for held in wanted]
                )
        waiting = {
            (dish_id, held.ref.vectors_sha256): held for dish_id, dish in index.dishes.items() for held in dish.waiting
        }
        return ShelvedGallery(
            gallery=gallery,
            proposals=tuple(self._exemplar(dish_id, held) for (dish_id, _), held in waiting.items()),
            refs=refs,
        )

    def _exemplar(self, dish_id: str, held: HeldExemplar) -> Exemplar:
        return Exemplar(
            dish_id=dish_id,
            exemplar_id=held.ref.exemplar_id,
            vectors=decode_vectors(self._store.attachments.get(held.ref.vectors_sha256)),
            learnt=held.origin is ExemplarOrigin.LEARNT,
        )
