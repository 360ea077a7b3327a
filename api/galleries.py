"""The enrolled dishes of each canteen, ready for matching: built from the log's attachments, kept until they change."""

import threading

from engine.application.store import EventStore
from engine.deciders.gallery import GALLERY, GalleryIndex
from engine.domain.ids import gallery_stream
from recognition.gallery import Exemplar, Gallery, decode_vectors


class GalleryShelf:
    """One gallery per canteen. `gallery` and `refresh` may be called from any thread."""

    def __init__(self, store: EventStore, embedder_sha256: str) -> None:
        self._store = store
        self._embedder_sha256 = embedder_sha256
        self._galleries: dict[str, Gallery] = {}
        self._stale: set[str] = set()
        self._lock = threading.Lock()

    def refresh(self, canteen_id: str) -> None:
        """Have a canteen's gallery brought up to date before it is used next."""
        with self._lock:
            self._stale.add(canteen_id)

    def gallery(self, canteen_id: str) -> Gallery:
        """Return a canteen's gallery as it is stored now; empty if no dish is enrolled. Reads the store if need be.

        Raises:
            GalleryMismatchError: the vectors were made by another embedder than the one in use.
        """
        with self._lock:
            known = self._galleries.get(canteen_id)
            if known is not None and canteen_id not in self._stale:
                return known
            # Cleared before reading, so that what is enrolled meanwhile marks the gallery again.
            self._stale.discard(canteen_id)
        gallery = self._build(canteen_id, known)
        with self._lock:
            self._galleries[canteen_id] = gallery
        return gallery

    def _build(self, canteen_id: str, known: Gallery | None) -> Gallery:
        index: GalleryIndex = self._store.state(GALLERY, gallery_stream(canteen_id))
        embedder_sha256 = index.embedder_sha256 or self._embedder_sha256
        start = Gallery(embedder_sha256) if known is None else known
        held = {(exemplar.dish_id, exemplar.exemplar_id) for exemplar in start.exemplars}
        added = [
            Exemplar(
                dish_id=dish_id,
                exemplar_id=exemplar.exemplar_id,
                vectors=decode_vectors(self._store.attachments.get(exemplar.vectors_sha256)),
            )
            for dish_id, dish in index.dishes.items()
            for exemplar in dish.exemplars
            if (dish_id, exemplar.exemplar_id) not in held
        ]
        return start.with_exemplars(added) if added else start
