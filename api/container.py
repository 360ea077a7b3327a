"""The composition root: opens everything in order, hands it to the routes, and closes it again.

Starts only if what it would serve is right: a broken chain or a changed model file is a message and no server.
"""

import asyncio
import gc
import hmac
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from sqlalchemy import Engine

from api.acceptance import policy_without_own
from api.access import AccessBook, make_key, read_token
from api.canteens import CanteenBook
from api.clock import Clock, monotonic_ns, new_secret
from api.follower import LogBell, LogFollower
from api.galleries import GalleryShelf
from api.installation import (
    ADMIN_KEY_FILE,
    clock_of,
    derived_key,
    open_installed_store,
    open_person_vault,
    private_file,
)
from api.lanes import LaneBook
from api.metrics import Metrics
from api.processes.void_checkout_on_timeout import VoidCheckoutOnTimeout
from api.recent_trays import RecentTrays
from api.recogniser import Recogniser
from api.settings import Settings
from api.sse import Listeners
from engine.application.body_digest import body_digest
from engine.application.command_queue import Answer
from engine.application.description import Quotation, describe_checkout
from engine.application.handlers import build_handlers
from engine.application.handlers.tray_session import quote
from engine.application.log import RecordedEvent
from engine.application.outcome import decode_outcome
from engine.application.store import EventStore
from engine.application.writer import CommandWriter
from engine.deciders.checkout import CHECKOUT, Empty, OpenCheckout
from engine.deciders.menu import MENU, require_menu
from engine.domain.actor import Actor, Role
from engine.domain.commands import Command, IssueAccessKey
from engine.domain.errors import (
    CommandIdReusedError,
    CommandRejectedError,
    SettingsError,
    StoreCorruptError,
    StoreError,
)
from engine.domain.events import (
    AccessKeyIssued,
    AccessKeyRevoked,
    CanteenChanged,
    CanteenOpened,
    DishEnrolled,
    Event,
    ExemplarProposed,
    ExemplarsAdopted,
    ExemplarsRestored,
    ExemplarsWithdrawn,
    GalleryReembedded,
)
from engine.domain.ids import checkout_stream, menu_stream
from engine.domain.menu import Menu
from projections.catalogue import build_projections
from projections.checkout_totals import CheckoutTotalsView
from projections.database import open_read_models
from projections.open_checkouts import OpenCheckoutsView
from projections.projection import Projection
from projections.queue_metrics import QueueMetricsView
from projections.runner import ProjectionRunner, RunState
from projections.subsidy_ledger import SubsidyLedgerView
from projections.verification import find_strangers
from recognition.frame import PhotoLimits
from recognition.tray import TrayReader

T = TypeVar("T")

SYSTEM: Final = Actor(role=Role.SYSTEM, actor_id="canteen")
_READ_THREADS: Final = 4
_CURRENT_WITHIN_S: Final = 0.5
_GATHER_S: Final = 0.25
_COMPLETE_WITHIN_S: Final = 5.0
_COLLECT_AFTER: Final = (50_000, 50, 100)
_REMEMBERED: Final[tuple[type[Event], ...]] = (
    AccessKeyIssued,
    AccessKeyRevoked,
    CanteenOpened,
    CanteenChanged,
    DishEnrolled,
    ExemplarProposed,
    ExemplarsAdopted,
    ExemplarsWithdrawn,
    ExemplarsRestored,
    GalleryReembedded,
)

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Views:
    """The read models' questions."""

    totals: CheckoutTotalsView
    ledger: SubsidyLedgerView
    queue: QueueMetricsView
    open_checkouts: OpenCheckoutsView


class Container:
    """Everything that one server process holds. `start` before use, `stop` at the end."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or clock_of(settings)
        self.metrics = Metrics()
        self.access = AccessBook()
        self.canteens = CanteenBook()
        self.lanes = LaneBook()
        self.bell = LogBell()
        self.listeners = Listeners()
        self.recent_trays = RecentTrays()

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Open everything and begin to work.

        Args:
            progress: told how far the check of the log is: position and end.
        Raises:
            SettingsError: a setting, a key file or a path cannot be used.
            StoreCorruptError: the log's chain is broken.
            StoreUnavailableError: the database cannot be opened.
            ModelInvalidError: a model is missing or changed.
        """
        closing: list[Callable[[], object]] = []
        try:
            self._start(progress, closing)
        except BaseException:
            for close in reversed(closing):
                close()
            raise
        self._closing = closing

    def _start(self, progress: Callable[[int, int], None] | None, closing: list[Callable[[], object]]) -> None:
        settings = self.settings
        self.acceptance = policy_without_own(settings)
        # Models come first: nothing is touched in the store by a server that could not read a tray.
        reader = TrayReader.load(settings.models_dir, threads=settings.recognition_threads)
        self._key_seed = derived_key(settings, b"access keys")
        self.vault = open_person_vault(settings)
        closing.append(self.vault.close)
        self.store = open_installed_store(settings)
        closing.append(self.store.close)
        if settings.verify_at_start:
            _refuse_broken_log(self.store, progress)
        engine = open_read_models(settings.views_url)
        closing.append(engine.dispose)
        projections = build_projections(settings.utc_offset_minutes)
        # Before the first append: new events would cover the place of those that are missing.
        _refuse_shortened_log(self.store, engine, projections)
        self.writer = CommandWriter(
            self.store,
            build_handlers(self.vault, self.acceptance),
            queue_limit=settings.command_queue_limit,
        )
        self.writer.start()
        closing.append(self.writer.stop)
        if not self.writer.stats().accepting:
            raise StoreCorruptError("The log does not end where its newest record says. Run `canteen verify`.")
        self.reads = ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="reads")
        closing.append(self.reads.shutdown)
        self.galleries = GalleryShelf(self.store, reader.embedder_sha256)
        self.recogniser = Recogniser(
            reader,
            self.galleries,
            self.metrics,
            workers=settings.recognition_workers,
            queue_limit=settings.recognition_queue_limit,
            photo_limits=PhotoLimits(max_bytes=settings.photo_limit_bytes, max_pixels=settings.photo_limit_pixels),
        )
        closing.append(self.recogniser.close)
        self._follow_log(closing)
        self._start_read_models(closing, engine, projections)
        self._issue_first_admin_key()
        self.metrics.watch(self._gauges)
        _collect_rarely(closing)

    def _follow_log(self, closing: list[Callable[[], object]]) -> None:
        follower = LogFollower(
            self.store.log, [event_type.TOPIC for event_type in _REMEMBERED], self._remember, self.bell
        )
        follower.catch_up()
        for canteen_id in self.galleries.canteens_of_other_embedders():
            _LOGGER.warning(
                "Trays of %s cannot be read: its dishes were enrolled with another embedder model. Run "
                "`canteen gallery re-embed --canteen %s`.",
                canteen_id,
                canteen_id,
            )
        follower.start()
        closing.append(follower.stop)

    def _start_read_models(
        self, closing: list[Callable[[], object]], engine: Engine, projections: Sequence[Projection]
    ) -> None:
        self.projections = ProjectionRunner(
            self.store.log,
            engine,
            projections,
            gather_s=_GATHER_S,
        )
        self.projections.start()
        closing.append(self._stop_read_models)
        self.views = Views(
            totals=CheckoutTotalsView(engine),
            ledger=SubsidyLedgerView(engine),
            queue=QueueMetricsView(engine),
            open_checkouts=OpenCheckoutsView(engine),
        )
        self.timeouts = VoidCheckoutOnTimeout(
            self.views.open_checkouts, self.writer, self.clock, timeout_ms=self.settings.checkout_timeout_ms
        )
        self.timeouts.start()
        closing.append(self.timeouts.stop)

    def _stop_read_models(self) -> None:
        """Let the read models come to the end of the log, so that they are complete while nobody serves."""
        try:
            self.projections.wait_until(self.store.log.head_position(), _COMPLETE_WITHIN_S)
        except StoreError:
            _LOGGER.warning("The log cannot be read; the read models are completed at the next start.")
        self.projections.stop()

    def stop(self) -> None:
        """Finish what was accepted and close everything."""
        for close in reversed(self._closing):
            close()

    def _remember(self, recorded: RecordedEvent) -> None:
        match recorded.event:
            case AccessKeyIssued() | AccessKeyRevoked():
                self.access.apply(recorded.event)
            case CanteenOpened(profile=profile) | CanteenChanged(profile=profile):
                self.canteens.remember(profile)
            case DishEnrolled() | GalleryReembedded() as changed:
                self.galleries.refresh(changed.canteen_id, changed.embedder_sha256)
            case ExemplarProposed() | ExemplarsAdopted() | ExemplarsWithdrawn() | ExemplarsRestored() as changed:
                self.galleries.refresh(changed.canteen_id)
            case _:
                pass

    def _issue_first_admin_key(self) -> None:
        """Write a first key for an administrator, unless some key can issue others already."""
        if self.access.has_admin():
            return
        path = self.settings.data_dir / ADMIN_KEY_FILE
        # A key file that a crash left before its key was issued is used; it was never told to anybody else.
        new = read_token(private_file(path, lambda: make_key(new_secret()).token.encode()).decode().strip())
        if new is None:
            raise SettingsError(f"{path} does not hold a key. Remove it; the next start writes a new one.")
        command = IssueAccessKey(
            command_id=f"first-admin/{new.key_id}",
            at_ms=self.clock.now_ms(),
            by=SYSTEM,
            key_id=new.key_id,
            role=Role.ADMIN,
            canteen_id="",
            lane_id="",
            label="first administrator",
            secret_sha256=new.secret_sha256,
        )
        self.writer.execute(command)
        self.remember_key(command)
        _LOGGER.info("The first administrator's key is in %s.", path)

    # --- commands ------------------------------------------------------------------------------------------------

    async def submit(self, command: Command, body: bytes | None = None) -> Answer:
        """Have a command decided and stored; see `CommandWriter.submit`."""
        began_ns = monotonic_ns()
        try:
            return await self.writer.submit(command, body)
        finally:
            self.metrics.command_took(monotonic_ns() - began_ns)

    async def recall(self, command: Command, body: bytes) -> Answer | None:
        """Return what a command came to if its id is stored already, so that nothing is computed twice.

        Raises:
            CommandIdReusedError: the id was used with another body.
            CommandRejectedError: it was refused then.
        """
        rows = await self.read(lambda: self.store.reader.known_commands((command.command_id,)))
        if not rows:
            return None
        (row,) = rows
        if row.body_digest != body_digest(self.store.pepper, command, body):
            raise CommandIdReusedError(
                "This id was used before for something else. Use a new id for a new wish.",
                command_id=command.command_id,
            )
        outcome = decode_outcome(row.outcome)
        if isinstance(outcome, CommandRejectedError):
            raise outcome
        return Answer(value=outcome, repeated=True, position=row.last_position)

    def remember_key(self, command: IssueAccessKey) -> None:
        """Let a key in that was issued by this process, before the log's follower comes to it."""
        self.access.apply(
            AccessKeyIssued(
                at_ms=command.at_ms,
                by=command.by,
                key_id=command.key_id,
                role=command.role,
                canteen_id=command.canteen_id,
                lane_id=command.lane_id,
                label=command.label,
                secret_sha256=command.secret_sha256,
            )
        )

    def key_seed(self, command_id: str) -> bytes:
        """Return the seed of the key that a command issues: the same for the same command, unknown to others."""
        return hmac.digest(self._key_seed, command_id.encode(), "sha256")

    # --- questions -----------------------------------------------------------------------------------------------

    async def read(self, question: Callable[[], T]) -> T:
        """Ask the store or a read model in a thread of its own, so that the event loop stays free."""
        return await asyncio.get_running_loop().run_in_executor(self.reads, question)

    async def bill(self, checkout_id: str) -> dict[str, Any]:
        """Return the bill as it is stored now.

        Raises:
            UnknownCheckoutError: no tray was scanned under this id.
        """

        def quote_of(states: Any, session: OpenCheckout) -> Quotation:
            return quote(states, self.vault, session)

        return await self.read(lambda: describe_checkout(checkout_id, StoredStates(self.store), quote_of))

    async def lane_of(self, checkout_id: str) -> tuple[str, str] | None:
        """Return the canteen and lane of a checkout, or None if nothing was scanned under its id."""
        known = self.lanes.find(checkout_id)
        if known is not None:
            return known
        state = await self.read(lambda: self.store.state(CHECKOUT, checkout_stream(checkout_id)))
        if isinstance(state, Empty):
            return None
        self.lanes.remember(checkout_id, state.site.canteen_id, state.site.lane_id)
        return state.site.canteen_id, state.site.lane_id

    async def dishes_sold(self, canteen_id: str, lane_id: str, at_ms: int) -> frozenset[str]:
        """Return the dishes on the menu that is in force at a lane, before any photograph is looked at.

        Raises:
            UnknownCanteenError, UnknownLaneError, OutsideMealPeriodError, NoMenuError: nothing is sold there then.
        """
        site = self.canteens.site_at(canteen_id, lane_id, at_ms)
        menu = await self.menu(canteen_id, date.fromisoformat(site.business_day), site.meal_period)
        return frozenset(require_menu(menu, site, None).by_dish)

    async def menu(self, canteen_id: str, day: date, meal_period: str) -> Menu:
        """Return a menu; its version is 0 if none was published."""
        return await self.read(lambda: self.store.state(MENU, menu_stream(canteen_id, day, meal_period)))

    def ask_current(self, read_model: str, question: Callable[[], T]) -> T:
        """Ask a read model once it knows all that is stored now, so that one reads one's own writes.

        A model that does not come up in time is asked as it is; `/health` tells its lag. Blocks; see `read`.
        """
        self.projections.wait_until(self.store.log.head_position(), _CURRENT_WITHIN_S, (read_model,))
        return question()

    def health(self) -> dict[str, Any]:
        """Return how everything is. Blocks; see `read`."""
        faults = []
        head_position, chain_head = 0, ""
        try:
            end = self.store.reader.log_end()
            head_position, chain_head = end.head_position, end.head_hash.hex()
            read_models = self.projections.health()
        except StoreError as error:
            faults.append(error.code)
            read_models = ()
        stats = self.writer.stats()
        if not stats.accepting:
            faults.append("writer_stopped")
        faults += [f"read_model_{model.name}_failed" for model in read_models if model.state is RunState.FAILED]
        return {
            "status": "failing" if faults else "ok",
            "faults": faults,
            "store": {
                "database": self.settings.store_url.partition(":")[0],
                "head_position": head_position,
                "chain_head": chain_head,
            },
            "writer": {
                "accepting": stats.accepting,
                "queue_depth": stats.queue_depth,
                "queue_limit": stats.queue_limit,
                "batch_p50_us": stats.batch_p50_us,
                "batch_p95_us": stats.batch_p95_us,
            },
            "read_models": [
                {"name": model.name, "state": model.state.value, "lag": model.lag} for model in read_models
            ],
            "models": self.recogniser.reader.models,
            "recognition": {
                "in_hand": self.recogniser.in_hand,
                "limit": self.settings.recognition_queue_limit,
                "galleries_to_re_embed": self.galleries.canteens_of_other_embedders(),
            },
        }

    def _gauges(self) -> dict[str, tuple[str, int]]:
        stats = self.writer.stats()
        gauges = {
            "command_queue_depth": ("Commands that wait for the writer", stats.queue_depth),
            "writer_accepting": ("1 while commands are taken", int(stats.accepting)),
            "writer_batches": ("Transactions since the start", stats.batches),
            "writer_commands": ("Commands stored since the start", stats.commands),
            "writer_batch_p95_us": ("Time of one transaction, microseconds", stats.batch_p95_us),
            "recognition_in_hand": ("Requests with photographs in hand", self.recogniser.in_hand),
            "event_streams": ("Listeners of the event stream", self.listeners.count),
        }
        for name, lag in self.projections.lag().items():
            gauges[f"projection_lag_{name}"] = ("Positions this read model is behind the log", lag)
        return gauges


class StoredStates:
    """The states of streams as they are stored now (`engine.application.decision.States`)."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    def get(self, stream_type: Any, stream: str) -> Any:
        return self._store.state(stream_type, stream)


def _collect_rarely(closing: list[Callable[[], object]]) -> None:
    """Have Python's cycle collector look at new objects rarely, and at what is loaded by now not at all.

    Cached states and models live long and form no cycles; walking them again and again cost a fifth of all requests.
    """
    before = gc.get_threshold()
    closing.append(lambda: gc.set_threshold(*before))
    closing.append(gc.unfreeze)
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _refuse_broken_log(store: EventStore, progress: Callable[[int, int], None] | None) -> None:
    report = store.verify_chain(progress)
    if not report.intact:
        raise StoreCorruptError(
            f"The log cannot be trusted from position {report.first_bad_position} on: {report.finding} "
            "Nothing was served. Run `canteen verify` and restore a backup.",
            first_bad_position=report.first_bad_position or 0,
        )


def _refuse_shortened_log(store: EventStore, engine: Engine, projections: Sequence[Projection]) -> None:
    strangers = find_strangers(store.log, engine, projections)
    if strangers:
        raise StoreCorruptError(
            " ".join(strangers) + " Nothing was served. If an older backup was restored on purpose, run "
            "`canteen rebuild` and start again.",
            read_models=len(strangers),
        )
