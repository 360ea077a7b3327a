"""Reads photographs in a few threads, so that the event loop stays free; what waits is bounded."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from api.clock import monotonic_ns
from api.galleries import GalleryShelf
from api.metrics import Metrics
from api.request_errors import RecognitionBusyError
from engine.domain.reading import TrayReading
from recognition.frame import PhotoLimits, decode_photo
from recognition.tray import EnrolledPhoto, TrayReader

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

        reading, wait_ns = await asyncio.get_running_loop().run_in_executor(self._threads, read)
        self._metrics.photo_read(wait_ns, reading.timings)
        return reading

    async def enrol(self, photos: Sequence[bytes], *, whole_tray: bool) -> list[EnrolledPhoto]:
        """Make photographs of one dish ready for a gallery; see `TrayReader.enrol` for what can go wrong."""

        def enrol() -> list[EnrolledPhoto]:
            return self.reader.enrol(photos, whole_tray=whole_tray)

        return await asyncio.get_running_loop().run_in_executor(self._threads, enrol)

    def close(self) -> None:
        """Finish what is being read."""
        self._threads.shutdown()
