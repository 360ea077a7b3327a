"""Reads photographs in a few threads, so that the event loop stays free; what waits is bounded."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from api.clock import monotonic_ns
from api.exemplars import portion_view
from api.galleries import GalleryShelf
from api.metrics import Metrics
from api.recent_trays import RecentTray
from api.request_errors import RecognitionBusyError
from engine.domain.commands import PortionView
from engine.domain.reading import Box, TrayReading
from recognition.frame import PhotoLimits, decode_photo
from recognition.gallery import encode_vectors
from recognition.lookalikes import LookAlikes, find_look_alikes
from recognition.tray import EnrolledPhoto, PortionChoice, TrayReader

T = TypeVar("T")

RETRY_AFTER_S: Final = 1


class Recogniser:
    """The tray reader behind a bounded queue."""

    def __init__(
        self,
        reader: TrayReader,
        galleries: GalleryShelf,
        metrics: Metrics,
        *,
        workers: int,
        queue_limit: int,
        photo_limits: PhotoLimits,
    ) -> None:
        """Prepare the threads.

        Args:
            workers: photographs read at the same time.
            queue_limit: requests with photographs in hand, those being read included.
        """
        self.reader = reader
        self._galleries = galleries
        self._metrics = metrics
        self._queue_limit = queue_limit
        self._photo_limits = photo_limits
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="recognition")
        self.in_hand = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place in the queue for one request. Used on the event loop only.

        Raises:
            RecognitionBusyError: all places are taken.
        """
        if self.in_hand >= self._queue_limit:
            raise RecognitionBusyError(
                f"{self.in_hand} photographs are being read. Try again with the same Idempotency-Key.",
                retry_after_s=RETRY_AFTER_S,
            )
        self.in_hand += 1
        try:
            yield
        finally:
            self.in_hand -= 1

    async def read(self, canteen_id: str, photo: bytes, dish_ids: Collection[str]) -> TrayReading:
        """Read a tray against a canteen's gallery; see `TrayReader.read` for what can go wrong."""
        waiting_since_ns = monotonic_ns()

        def read() -> tuple[TrayReading, int]:
            wait_ns = monotonic_ns() - waiting_since_ns
            frame = decode_photo(photo, limits=self._photo_limits)
            return self.reader.read_frame(frame, self._galleries.gallery(canteen_id), dish_ids), wait_ns

        reading, wait_ns = await self._in_thread(read)
        self._metrics.photo_read(wait_ns, reading.timings)
        return reading

    async def enrol(self, photos: Sequence[bytes], portion: PortionChoice) -> list[EnrolledPhoto]:
        """Make photographs of one dish ready for a gallery; see `TrayReader.enrol` for what can go wrong."""
        return await self._in_thread(lambda: self.reader.enrol(photos, portion=portion))

    async def view(self, tray: RecentTray, box: Box) -> PortionView:
        """Measure one portion of a tray that was read before against the canteen's gallery.

        Raises:
            RecognitionError: the photograph, the gallery or a model cannot be used.
        """

        def view() -> PortionView:
            frame = decode_photo(tray.photo, limits=self._photo_limits)
            return portion_view(self.reader, frame, box, self._galleries.shelved(tray.canteen_id))

        return await self._in_thread(view)

    async def look_alikes(self, canteen_id: str, dish_ids: Collection[str] | None) -> list[LookAlikes]:
        """Estimate how surely a canteen's dishes are told apart; see `find_look_alikes`.

        Raises:
            GalleryMismatchError: the gallery belongs to another embedder.
        """
        return await self._in_thread(lambda: find_look_alikes(self._galleries.gallery(canteen_id), dish_ids))

    async def vectors_of_crops(self, crops: Iterable[bytes]) -> list[bytes]:
        """Make the stored form of the vectors of kept crops, with the embedder in use; `crops` is read in a thread.

        Raises:
            RecognitionError: a crop or the embedder cannot be used.
        """
        return await self._in_thread(lambda: [encode_vectors(self.reader.vectors_of_crop(crop)) for crop in crops])

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Finish what is being read."""
        self._threads.shutdown()
