"""The pull loop: reads the log, brings every read model up to date, and rebuilds one while the others run.

One thread serves all read models (decision P1). Models that stand at the same position share one read of the
log; each is written in a transaction of its own together with its tracking row, so one that fails stops
alone, is shown in
`health()`, and is tried again with growing pauses. No event is ever skipped.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from engine.application.log import EventLog
from engine.domain.errors import ProjectionError
from projections.batches import BATCH_EVENTS, Batch, batches, next_batch
from projections.collection_pause import collection_paused
from projections.database import writing
from projections.projection import Projection
from projections.rows import Rows
from projections.tracking import (
    SUFFIX,
    Anchor,
    Role,
    Track,
    advance,
    create_tables,
    drop_tables,
    find,
    find_locked,
    prepare_tracking,
    swap_in,
)

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
IDLE_WAIT_S = 1
"""How long the loop waits for the log at most before it looks for retries and for the order to stop."""

_FEW_EVENTS = 100
"""Up to here the collector of cycles costs nothing worth pausing it for."""

_log = logging.getLogger(__name__)


class RunState(StrEnum):
    """What a read model is doing."""

    LIVE = "live"
    CATCHING_UP = "catching_up"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionHealth:
    """How one read model is. `lag` counts positions, which on PostgreSQL may be more than events.

    `rebuild_position` is how far the shadow of a running rebuild has come, else None. `error` is the newest
    error since the model last moved, '' for none; `failures` counts the attempts that ended in it.
    """

    name: str
    schema_version: str
    state: RunState
    position: int
    lag: int
    events_applied: int
    error: str
    failures: int
    retry_in_s: float
    rebuild_position: int | None


@dataclass(slots=True, kw_only=True)
class _Feed:
    """One read model with how far it is. `turn` is held by whoever moves it."""

    projection: Projection
    topics: frozenset[str]
    track: Track
    turn: threading.Lock = field(default_factory=threading.Lock)
    rebuilding: threading.Lock = field(default_factory=threading.Lock)
    rebuild_position: int | None = None
    events_applied: int = 0
    error: str = ""
    failures: int = 0
    retry_at_s: float = 0.0


class ProjectionRunner:
    """Keeps read models up to date with the log."""

    def __init__(
        self,
        log: EventLog,
        engine: Engine,
        projections: Sequence[Projection],
        *,
        batch_events: int = BATCH_EVENTS,
        first_pause_s: float = FIRST_PAUSE_S,
        gather_s: float = 0.0,
    ) -> None:
        """Create missing tables; drop and replay a model whose schema version or log has changed.

        Args:
            engine: from `open_read_models`; the caller disposes of it after `stop`.
            batch_events: most events in one transaction.
            first_pause_s: pause after a first failure; it doubles with each further one, up to
                LONGEST_PAUSE_S.
            gather_s: pause after each round that came up to the log, so that a busy log is read in larger pieces
                and its writer is not slowed down by its readers. Whoever waits for a position ends it.
        """
        if len({projection.name for projection in projections}) != len(projections):
            raise ProjectionError("Two read models have the same name; give each its own.")
        self._log = log
        self._engine = engine
        self._batch_events = batch_events
        self._first_pause_s = first_pause_s
        self._gather_s = gather_s
        self._moved = threading.Condition()
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._thread: threading.Thread | None = None
        # SQLite lets one connection write at a time: a rebuild waits here instead of polling for the file's
        # lock.
        self._write_turn = threading.Lock()
        with writing(engine) as connection:
            prepare_tracking(connection)
        self._feeds = {projection.name: self._open(projection) for projection in projections}

    # --- running --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread that follows the log."""
        if self._thread is not None:
            raise ProjectionError("The projections run already; stop them before you start them again.")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._follow, name="projections", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand and end the thread; takes at most about IDLE_WAIT_S when idle."""
        self._stopping.set()
        self._hurry.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def catch_up(self) -> int:
        """Apply all that the log holds now, in the caller's thread, and return the position reached.

        Raises:
            ProjectionError: a read model failed; the others are up to date.
        """
        while self._advance_all():
            pass
        failed = [f"{feed.projection.name}: {feed.error}" for feed in self._feeds.values() if feed.error]
        if failed:
            raise ProjectionError(f"Not all read models could be brought up to date. {'; '.join(failed)}")
        return self.position

    # --- questions ------------------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The position up to which every read model is complete."""
        return min((feed.track.position for feed in self._feeds.values()), default=0)

    def lag(self) -> dict[str, int]:
        """Return how many positions each read model is behind the log."""
        head = self._log.head_position()
        return {name: max(0, head - feed.track.position) for name, feed in self._feeds.items()}

    def wait_until(self, position: int, timeout_s: float, names: Collection[str] = ()) -> bool:
        """Wait until read models have applied a position, so that one reads one's own writes.

        Args:
            names: the read models that are about to be asked; all if empty.
        Returns:
            False when the time is over, or at once when one of them has failed.
        """
        feeds = [self._feed(name) for name in names] if names else list(self._feeds.values())

        def decided() -> bool:
            return any(feed.error for feed in feeds) or reached()

        def reached() -> bool:
            return all(feed.track.position >= position for feed in feeds)

        with self._moved:
            if not decided():
                self._hurry.set()
            self._moved.wait_for(decided, timeout_s)
            return reached()

    def health(self) -> tuple[ProjectionHealth, ...]:
        """Return how each read model is."""
        head = self._log.head_position()
        now_s = time.monotonic()
        return tuple(
            ProjectionHealth(
                name=name,
                schema_version=feed.projection.schema_version,
                state=RunState.FAILED
                if feed.error
                else RunState.LIVE
                if head - feed.track.position <= self._batch_events
                else RunState.CATCHING_UP,
                position=feed.track.position,
                lag=max(0, head - feed.track.position),
                events_applied=feed.events_applied,
                error=feed.error,
                failures=feed.failures,
                retry_in_s=max(0.0, feed.retry_at_s - now_s) if feed.error else 0.0,
                rebuild_position=feed.rebuild_position,
            )
            for name, feed in self._feeds.items()
        )

    # --- rebuilding -----------------------------------------------------------------------------------------

    def rebuild(self, name: str, progress: Callable[[int, int], None] | None = None) -> int:
        """Build a read model anew from the whole log while it goes on serving, then swap it in.

        Runs in the caller's thread. Until the swap, queries see the old tables; from then on the new ones.

        Args:
            progress: told the position reached and the log's head after each batch.
        Returns:
            The position of the new tables.
        Raises:
            ProjectionError: the name is unknown, another rebuild of it runs, or an event cannot be applied;
                the live
                tables then stay as they are.
        """
        feed = self._feed(name)
        if not feed.rebuilding.acquire(blocking=False):
            raise ProjectionError(f"A rebuild of {name} runs already; wait for it.", projection=name)
        try:
            with self._write_turn, writing(self._engine) as connection:
                shadow = create_tables(connection, feed.projection, Role.SHADOW)
            try:
                # Until the rest fits in one batch; that one is applied while the live model waits.
                while self._log.head_position() - shadow.position > self._batch_events:
                    shadow = self._extend(feed, shadow, progress)
                return self._swap(feed, shadow, progress)
            except Exception:
                self._discard(feed, shadow)
                raise
        finally:
            feed.rebuild_position = None
            feed.rebuilding.release()

    def _extend(self, feed: _Feed, shadow: Track, progress: Callable[[int, int], None] | None) -> Track:
        head = self._log.head_position()
        for batch in batches(self._log, shadow.position, head, feed.topics, self._batch_events):
            shadow = self._apply_to_shadow(feed, shadow, batch)
            feed.rebuild_position = shadow.position
            if progress is not None:
                progress(shadow.position, head)
        return shadow

    def _swap(self, feed: _Feed, shadow: Track, progress: Callable[[int, int], None] | None) -> int:
        with feed.turn:
            swapped = False
            while not swapped:
                shadow = self._extend(feed, shadow, progress)
                with self._write_turn, writing(self._engine) as connection:
                    # Another process may have moved the live model on; the new one must not fall back behind
                    # it.
                    live = find_locked(connection, feed.projection, Role.LIVE)
                    if live is None or live.position <= shadow.position:
                        self._claim(connection, feed, shadow, shadow.position, shadow.anchor)
                        try:
                            swap_in(connection, feed.projection)
                        except OperationalError as error:
                            name = feed.projection.name
                            raise ProjectionError(
                                f"The tables of {name} are being read (by a verification?) and cannot be swapped now; "
                                "rebuild it again later.",
                                projection=name,
                            ) from error
                        swapped = True
            self._note_progress(feed, shadow, 0)
        return shadow.position

    def _apply_to_shadow(self, feed: _Feed, shadow: Track, batch: Batch) -> Track:
        anchor = Anchor.of(batch.events[-1]) if batch.events else shadow.anchor
        with self._write_turn, writing(self._engine) as connection:
            self._claim(connection, feed, shadow, batch.until, anchor)
            feed.projection.apply(batch.events, Rows(connection, SUFFIX[Role.SHADOW]))
        return Track(generation=shadow.generation, position=batch.until, anchor=anchor)

    def _claim(self, connection: Connection, feed: _Feed, shadow: Track, until: int, anchor: Anchor) -> None:
        if not advance(connection, feed.projection, Role.SHADOW, shadow, until, anchor):
            name = feed.projection.name
            raise ProjectionError(
                f"Another process has begun to rebuild {name}; this rebuild gives way to it.", projection=name
            )

    def _discard(self, feed: _Feed, shadow: Track) -> None:
        try:
            with self._write_turn, writing(self._engine) as connection:
                present = find_locked(connection, feed.projection, Role.SHADOW)
                if present is not None and present.generation == shadow.generation:
                    drop_tables(connection, feed.projection, Role.SHADOW)
        except DBAPIError:
            _log.warning("the shadow of %s stays until its next rebuild", feed.projection.name, exc_info=True)

    # --- following the log ----------------------------------------------------------------------------------

    def _follow(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._advance_all():
                    if self._gather_s and self._log.head_position() - self.position < _FEW_EVENTS:
                        self._hurry.wait(self._gather_s)
                        self._hurry.clear()
                    continue
                healthy = [feed.track.position for feed in self._feeds.values() if not feed.error]
                if healthy:
                    self._log.wait_beyond(min(healthy), IDLE_WAIT_S)
                else:
                    self._stopping.wait(self._first_pause_s)
            except Exception:
                # The log itself cannot be read, so every model waits.
                _log.exception("the event log cannot be read; the projections try again")
                self._stopping.wait(self._first_pause_s)

    def _advance_all(self) -> bool:
        """Apply one batch to each read model that is behind and may run; tell whether any has moved."""
        head = self._log.head_position()
        now_s = time.monotonic()
        by_position: dict[int, list[_Feed]] = {}
        for feed in self._feeds.values():
            if feed.track.position < head and (not feed.error or feed.retry_at_s <= now_s):
                by_position.setdefault(feed.track.position, []).append(feed)
        moved = False
        for position, feeds in by_position.items():
            if head - position < _FEW_EVENTS:
                moved |= self._advance_together(feeds, position, head)
            else:
                with collection_paused():
                    moved |= self._advance_together(feeds, position, head)
        return moved

    def _advance_together(self, feeds: Sequence[_Feed], position: int, head: int) -> bool:
        topics = frozenset[str]().union(*(feed.topics for feed in feeds))
        try:
            batch = next_batch(self._log, position, head, topics, self._batch_events)
        except Exception as error:
            for feed in feeds:
                self._note_failure(feed, error)
            return False
        moved = False
        for feed in feeds:
            moved |= self._apply(feed, batch)
        return moved

    def _apply(self, feed: _Feed, batch: Batch) -> bool:
        with feed.turn:
            if feed.track.position != batch.after:
                return True  # a rebuild was swapped in meanwhile
            wanted = [recorded for recorded in batch.events if type(recorded.event) in feed.projection.event_types]
            anchor = Anchor.of(batch.events[-1]) if batch.events else feed.track.anchor
            try:
                with self._write_turn, writing(self._engine) as connection:
                    mine = advance(connection, feed.projection, Role.LIVE, feed.track, batch.until, anchor)
                    if mine:
                        feed.projection.apply(wanted, Rows(connection))
                        track = Track(generation=feed.track.generation, position=batch.until, anchor=anchor)
                    else:
                        track = self._moved_by_others(connection, feed)
            except Exception as error:
                self._note_failure(feed, error)
                return False
            self._note_progress(feed, track, len(wanted) if mine else 0)
            return True

    def _moved_by_others(self, connection: Connection, feed: _Feed) -> Track:
        track = find(connection, feed.projection, Role.LIVE)
        if track is None:
            name, version = feed.projection.name, feed.projection.schema_version
            raise ProjectionError(
                f"Schema version {version} of {name} was replaced by another process; "
                "restart this one with the same software version.",
                projection=name,
            )
        return track

    def _note_progress(self, feed: _Feed, track: Track, events: int) -> None:
        with self._moved:
            feed.track = track
            feed.events_applied += events
            feed.error = ""
            feed.failures = 0
            self._moved.notify_all()

    def _note_failure(self, feed: _Feed, error: Exception) -> None:
        lines = str(error).splitlines() or [""]
        with self._moved:
            pause_s = min(self._first_pause_s * 2**feed.failures, LONGEST_PAUSE_S)
            feed.failures += 1
            feed.error = f"{type(error).__name__}: {lines[0]}"
            feed.retry_at_s = time.monotonic() + pause_s
            self._moved.notify_all()
        _log.error(
            "%s stands still at position %d, tries again in %.0f s: %s",
            feed.projection.name,
            feed.track.position,
            pause_s,
            feed.error,
        )

    # --- opening --------------------------------------------------------------------------------------------

    def _feed(self, name: str) -> _Feed:
        feed = self._feeds.get(name)
        if feed is None:
            raise ProjectionError(
                f"There is no read model {name!r}; there are {', '.join(sorted(self._feeds))}.",
                projection=name,
            )
        return feed

    def _open(self, projection: Projection) -> _Feed:
        topics = frozenset(event_type.TOPIC for event_type in projection.event_types)
        head = self._log.head_position()
        with writing(self._engine) as connection:
            track = find(connection, projection, Role.LIVE)
            if track is not None and (track.position > head or not track.anchor.holds_in(self._log)):
                _log.warning("%s was built from another log; it is built anew", projection.name)
                track = None
            if track is None:
                track = create_tables(connection, projection, Role.LIVE)
        return _Feed(projection=projection, topics=topics, track=track)
