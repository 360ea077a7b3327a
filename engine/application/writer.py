"""Group commit: one thread decides commands in order and stores many of them in one durable transaction."""

import asyncio
import hashlib
import logging
import traceback
from collections import deque
from collections.abc import Sequence
from concurrent import futures
from dataclasses import dataclass
from threading import Thread
from time import monotonic_ns
from typing import Any, TypeVar

from eventsourcing.persistence import StoredEvent

from engine.application.append_rules import check_head
from engine.application.body_digest import body_digest
from engine.application.chain import CHAIN_START
from engine.application.command_queue import Answer, CommandQueue, Outcome, WaitingCommand, deliver
from engine.application.decision import Decision, Handlers
from engine.application.expected_streams import ExpectedStreams, expected_streams
from engine.application.outcome import decode_outcome, encode_answer, encode_refusal
from engine.application.recorder import AppendConflictError, BatchUnstorableError, DatabaseAwayError
from engine.application.state_cache import BatchStates, Change, StateCache, VersionedState
from engine.application.store import EventStore
from engine.application.stored_rows import Ahead, Appended, BatchAppend, CommandAppend, LogHead, SnapshotRow
from engine.deciders.stream_type import StreamType
from engine.domain.commands import Command
from engine.domain.errors import (
    CanteenError,
    CommandIdReusedError,
    CommandRejectedError,
    StoreCorruptError,
    StoreError,
    StoreUnavailableError,
)

State = TypeVar("State")

QUEUE_LIMIT = 2_048
BATCH_LIMIT = 128
CACHED_STREAMS = 20_000
OPTIMISTIC_ATTEMPTS = 2

_TIMED_COMMITS = 512
_US_PER_S = 1_000_000
_EMPTY_LOG = LogHead(0, 0, CHAIN_START)

_Settled = dict[WaitingCommand, Outcome]

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStats:
    """What the writer has done since it started. Times are of the last 512 batches, from taking to storing."""

    accepting: bool
    queue_depth: int
    queue_limit: int
    batches: int
    commands: int
    repeats: int
    refusals: int
    conflicts: int
    failures: int
    cached_streams: int
    batch_p50_us: int
    batch_p95_us: int


@dataclass(slots=True)
class _Counts:
    batches: int = 0
    commands: int = 0
    repeats: int = 0
    refusals: int = 0
    conflicts: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class _Decided:
    waiting: WaitingCommand
    append: CommandAppend
    outcome: dict[str, Any] | CommandRejectedError
    attachments: dict[str, bytes]
    snapshots: tuple[SnapshotRow, ...]


class CommandWriter:
    """Decides and stores commands. Callers wait on `submit` (asyncio) or `execute` (any thread) until it is durable."""

    def __init__(
        self,
        store: EventStore,
        handlers: Handlers,
        *,
        queue_limit: int = QUEUE_LIMIT,
        batch_limit: int = BATCH_LIMIT,
        cached_streams: int = CACHED_STREAMS,
        expected: ExpectedStreams = expected_streams,
    ) -> None:
        """Prepare a writer; nothing runs before `start`.

        Args:
            queue_limit: commands that may wait before others are turned away.
            batch_limit: commands in one transaction.
            cached_streams: states kept in memory between commands.
            expected: names the streams to load together before a batch is decided.
        """
        self._store = store
        self._handlers = handlers
        self._batch_limit = batch_limit
        self._expected = expected
        self._queue = CommandQueue(queue_limit)
        self._cache = StateCache(cached_streams)
        self._head = _EMPTY_LOG
        self._thread: Thread | None = None
        self._corruption: StoreCorruptError | None = None
        self._counts = _Counts()
        self._batch_times_us: deque[int] = deque(maxlen=_TIMED_COMMITS)
        self._command_us = 0

    def start(self) -> None:
        """Start deciding. A log that does not end where its newest record says is not written to.

        Raises:
            StoreUnavailableError: the log cannot be read.
        """
        end = self._store.reader.log_end()
        try:
            self._head = check_head(end, _EMPTY_LOG)
        except StoreCorruptError as corruption:
            self._corruption = corruption
            return
        self._queue.open()
        self._thread = Thread(target=self._run, name="command-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Take no more commands, finish those in the queue, and end the thread."""
        self._queue.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    async def submit(self, command: Command, body: bytes | None = None) -> Answer:
        """Have a command decided and wait, without blocking the event loop, until its outcome is durable.

        Args:
            body: identity of what the client asked for, see `body_digest`.
        Raises:
            CommandRejectedError: the rules refuse it, now or when its id was first used.
            CommandIdReusedError: its id was used with another body.
            QueueFullError: too many commands wait.
            StoreUnavailableError: the database is locked, full or away.
            StoreCorruptError: the log is damaged, nothing is written.
            StoreError: a fault of this program.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._enqueue(WaitingCommand(command, body_digest(self._store.pepper, command, body), future, loop))
        return await future

    def execute(self, command: Command, body: bytes | None = None) -> Answer:
        """Do as `submit` does, blocking the calling thread."""
        future: futures.Future[Answer] = futures.Future()
        self._enqueue(WaitingCommand(command, body_digest(self._store.pepper, command, body), future, None))
        return future.result()

    def state(self, stream_type: StreamType[State], stream: str) -> State:
        """Return a stream's state as it is stored now, read on a private connection."""
        return self._store.state(stream_type, stream)

    def stats(self) -> WriterStats:
        """Return what the writer has done so far."""
        times_us = sorted(self._batch_times_us.copy()) or [0]
        counts = self._counts
        return WriterStats(
            accepting=self._queue.is_open and self._corruption is None,
            queue_depth=len(self._queue),
            queue_limit=self._queue.limit,
            batches=counts.batches,
            commands=counts.commands,
            repeats=counts.repeats,
            refusals=counts.refusals,
            conflicts=counts.conflicts,
            failures=counts.failures,
            cached_streams=len(self._cache),
            batch_p50_us=times_us[len(times_us) // 2],
            batch_p95_us=times_us[len(times_us) * 95 // 100],
        )

    def _enqueue(self, waiting: WaitingCommand) -> None:
        if self._corruption is not None:
            raise _again(self._corruption)
        if not self._queue.put(waiting, self._retry_after_s):
            raise StoreUnavailableError("The writer is not running. Try again with the same id.")

    def _retry_after_s(self) -> int:
        return 1 + self._queue.limit * self._command_us // _US_PER_S

    # --- in the writer's thread ---------------------------------------------------------------------------------

    def _run(self) -> None:
        while batch := self._queue.take(self._batch_limit):
            started_ns = monotonic_ns()
            # A command whose id comes twice is looked at again once the first has been stored.
            while batch:
                firsts, batch = _first_of_each_id(batch)
                deliver(self._settle(firsts))
            batch_us = (monotonic_ns() - started_ns) // 1_000
            self._batch_times_us.append(batch_us)
            self._command_us = max(1, batch_us)

    def _settle(self, batch: list[WaitingCommand]) -> _Settled:
        """Return the outcome of every command in a batch; whatever goes wrong, nobody waits for ever."""
        settled: _Settled = {}
        try:
            if self._corruption is None:
                self._store_batch(batch, settled)
        except StoreCorruptError as corruption:
            self._corruption = corruption
            _LOGGER.critical("writing stops: %s", corruption.message)
        except Exception as error:
            self._cache.clear()
            _log_fault("a batch", error)
        for waiting in batch:
            if waiting not in settled:
                self._counts.failures += 1
                settled[waiting] = _fault() if self._corruption is None else _again(self._corruption)
        return settled

    def _store_batch(self, batch: list[WaitingCommand], settled: _Settled) -> bool:
        """Look up, decide and store a batch; False if the database is away, so that trying more is useless."""
        try:
            for _ in range(OPTIMISTIC_ATTEMPTS):
                if self._store_if_unchanged(batch, settled):
                    return True
            self._store_under_lock(batch, settled)
        except BatchUnstorableError as error:
            waiting_still = [waiting for waiting in batch if waiting not in settled]
            if len(waiting_still) > 1:
                return self._store_one_by_one(waiting_still, settled)
            self._refuse(batch, settled, f"The store cannot take it ({error}). Make room or mend the value.")
        except (DatabaseAwayError, StoreUnavailableError) as error:
            self._refuse(batch, settled, f"The store does not answer ({error}). Try again with the same id.")
            return False
        return True

    def _store_one_by_one(self, batch: list[WaitingCommand], settled: _Settled) -> bool:
        for index, waiting in enumerate(batch):
            if not self._store_batch([waiting], settled):
                self._refuse(batch[index:], settled, "The store does not answer. Try again with the same id.")
                return False
        return True

    def _store_if_unchanged(self, batch: list[WaitingCommand], settled: _Settled) -> bool:
        """Decide before taking the lock; False, with nothing written, if another process changed a stream it read."""
        plan = self._plan(batch, settled)
        if plan is None:
            return True

        def unless_stale(ahead: Ahead) -> BatchAppend:
            self._catch_up(ahead)
            if ahead.foreign_streams is None or not plan.states.read.isdisjoint(ahead.foreign_streams):
                raise AppendConflictError
            return plan.batch()

        try:
            appended = self._store.recorder.append(self._head, unless_stale)
        except BaseException as error:
            self._cache.evict(plan.states.read)  # a lost connection may hide that the batch was stored
            if not isinstance(error, AppendConflictError):
                raise
            self._counts.conflicts += 1
            return False
        self._stored(plan, appended, settled)
        return True

    def _store_under_lock(self, batch: list[WaitingCommand], settled: _Settled) -> None:
        """Decide while no other process can write, so that there is nothing left to conflict with."""
        plan: _Plan | None = None

        def decide(ahead: Ahead) -> BatchAppend | None:
            nonlocal plan
            self._catch_up(ahead)
            plan = self._plan(batch, settled)
            return None if plan is None else plan.batch()

        try:
            appended = self._store.recorder.append(self._head, decide)
        except BaseException:
            self._cache.clear()
            raise
        if plan is not None:
            self._stored(plan, appended, settled)

    def _plan(self, batch: list[WaitingCommand], settled: _Settled) -> "_Plan | None":
        """Decide what is neither stored nor settled yet; None if nothing is left to store."""
        unknown = self._look_up([waiting for waiting in batch if waiting not in settled], settled)
        missing = {
            stream for waiting in unknown for stream in self._expected(waiting.command) if stream not in self._cache
        }
        states = BatchStates(self._cache, _Prefetched(self._store, missing))
        decided: list[_Decided] = []
        for waiting in unknown:
            try:
                decided.append(self._decide_one(waiting, states))
            except StoreCorruptError:
                raise
            except StoreError as error:
                self._counts.failures += 1
                settled[waiting] = error
            except Exception as error:
                self._counts.failures += 1
                _log_fault(type(waiting.command).__name__, error)
                settled[waiting] = _fault()
        return _Plan(decided, states) if decided else None

    def _look_up(self, batch: list[WaitingCommand], settled: _Settled) -> list[WaitingCommand]:
        """Settle the commands whose ids are stored, and return the others."""
        rows = self._store.reader.known_commands([waiting.command.command_id for waiting in batch])
        known = {row.command_id: row for row in rows}
        unknown: list[WaitingCommand] = []
        for waiting in batch:
            row = known.get(waiting.command.command_id)
            if row is None:
                unknown.append(waiting)
            elif row.body_digest != waiting.body_digest:
                settled[waiting] = CommandIdReusedError(
                    "This id was used before for something else. Use a new id for a new wish.",
                    command_id=row.command_id,
                )
            else:
                self._counts.repeats += 1
                outcome = decode_outcome(row.outcome)
                settled[waiting] = (
                    outcome
                    if isinstance(outcome, CommandRejectedError)
                    else Answer(value=outcome, repeated=True, position=row.last_position)
                )
        return unknown

    def _decide_one(self, waiting: WaitingCommand, states: BatchStates) -> _Decided:
        command = waiting.command
        try:
            decision = self._handlers[type(command)](command, states)
        except CommandRejectedError as refusal:
            append = CommandAppend(command.command_id, waiting.body_digest, encode_refusal(refusal), command.at_ms, ())
            return _Decided(waiting, append, refusal.with_traceback(None), {}, ())
        _check_attachments(decision)
        changes = states.plan(decision)
        append = CommandAppend(
            command.command_id,
            waiting.body_digest,
            encode_answer(decision.answer),
            command.at_ms,
            self._stored_events(changes),
        )
        snapshots = tuple(row for change in changes if (row := self._store.loader.due(change)) is not None)
        states.apply(changes)
        return _Decided(waiting, append, decision.answer, decision.attachments, snapshots)

    def _stored_events(self, changes: Sequence[Change]) -> tuple[StoredEvent, ...]:
        stored: list[StoredEvent] = []
        for change in changes:
            version = change.before.version
            for event in change.events:
                version += 1
                topic, state = self._store.codec.encode(event)
                stored.append(StoredEvent(change.stream, version, topic, state))
        return tuple(stored)

    def _stored(self, plan: "_Plan", appended: Appended | None, settled: _Settled) -> None:
        if appended is None:
            return
        self._head = appended.head
        plan.states.stored()
        self._counts.batches += 1
        self._counts.commands += len(plan.decided)
        for each, position in zip(plan.decided, appended.last_positions, strict=True):
            if isinstance(each.outcome, CommandRejectedError):
                self._counts.refusals += 1
                settled[each.waiting] = each.outcome
            else:
                settled[each.waiting] = Answer(value=each.outcome, repeated=False, position=position)

    def _catch_up(self, ahead: Ahead) -> None:
        """Forget what other processes have changed; what is loaded from here on includes it."""
        if ahead.foreign_streams is None:
            self._cache.clear()
        else:
            self._cache.evict(ahead.foreign_streams)
        self._head = ahead.head

    def _refuse(self, batch: Sequence[WaitingCommand], settled: _Settled, message: str) -> None:
        for waiting in batch:
            if waiting not in settled:
                self._counts.failures += 1
                settled[waiting] = StoreUnavailableError(message)


@dataclass(frozen=True, slots=True)
class _Plan:
    """Decided commands on their way into the log."""

    decided: list[_Decided]
    states: BatchStates

    def batch(self) -> BatchAppend:
        return BatchAppend(
            tuple(each.append for each in self.decided),
            {sha256: body for each in self.decided for sha256, body in each.attachments.items()},
            tuple({row.stream: row for each in self.decided for row in each.snapshots}.values()),
        )


class _Prefetched:
    """Loads states for one batch, from rows that were read together where the guess was right."""

    def __init__(self, store: EventStore, streams: set[str]) -> None:
        self._store = store
        self._rows = store.reader.stream_rows(streams) if streams else {}

    def __call__(self, stream_type: StreamType[Any], stream: str) -> VersionedState:
        return self._store.load(stream_type, stream, self._rows.get(stream))


def _first_of_each_id(batch: list[WaitingCommand]) -> tuple[list[WaitingCommand], list[WaitingCommand]]:
    firsts: dict[str, WaitingCommand] = {}
    rest = [w for w in batch if firsts.setdefault(w.command.command_id, w) is not w]
    return list(firsts.values()), rest


def _check_attachments(decision: Decision) -> None:
    for sha256, body in decision.attachments.items():
        if hashlib.sha256(body).hexdigest() != sha256:
            raise ValueError("an attachment is not named by its sha256")


def _again(corruption: StoreCorruptError) -> StoreCorruptError:
    return StoreCorruptError(corruption.message, **corruption.details)


def _fault() -> CanteenError:
    return StoreError("A fault of this program: the command was not stored. Report it with the server's log.")


def _log_fault(what: str, error: Exception) -> None:
    """Log where a fault happened, without its message and values, which may be personal."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    _LOGGER.error("%s failed with %s at %s", what, type(error).__name__, where)
