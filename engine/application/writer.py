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
from engine.application.stored_rows import BatchAppend, CommandAppend, LogHead, SnapshotRow
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
MAX_ATTEMPTS = 3

_TIMED_COMMITS = 512
_US_PER_S = 1_000_000
_EMPTY_LOG = LogHead(0, 0, CHAIN_START)

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

    def _settle(self, batch: list[WaitingCommand]) -> list[tuple[WaitingCommand, Outcome]]:
        """Return the outcome of every command in a batch; whatever goes wrong, nobody waits for ever."""
        settled: list[tuple[WaitingCommand, Outcome]] = []
        try:
            if self._corruption is None:
                self._store_batch(batch, settled)
        except StoreCorruptError as corruption:
            self._corruption = corruption
            _LOGGER.critical("writing stops: %s", corruption.message)
        except Exception as error:
            self._cache.clear()
            _log_fault("a batch", error)
        waiting_still = {id(waiting): waiting for waiting in batch}
        for waiting, _ in settled:
            waiting_still.pop(id(waiting), None)
        for waiting in waiting_still.values():
            self._counts.failures += 1
            settled.append((waiting, _again(self._corruption) if self._corruption is not None else _fault()))
        return settled

    def _store_batch(self, batch: list[WaitingCommand], settled: list[tuple[WaitingCommand, Outcome]]) -> bool:
        """Look up, decide and append a batch; False if the database is away, so that trying more is useless."""
        for _ in range(MAX_ATTEMPTS):
            try:
                batch = self._look_up(batch, settled)
                prefetched = self._prefetch(batch)
            except StoreUnavailableError as error:
                self._refuse(batch, settled, error.message)
                return False
            states = BatchStates(self._cache, prefetched)
            decided = self._decide(batch, states, settled)
            if not decided:
                return True
            batch = [each.waiting for each in decided]
            try:
                self._append(decided, states, settled)
            except AppendConflictError as conflict:
                self._counts.conflicts += 1
                self._catch_up(conflict)
            except DatabaseAwayError as error:
                self._cache.evict(states.read)
                self._refuse(batch, settled, f"The store does not answer ({error}). Try again with the same id.")
                return False
            except BatchUnstorableError as error:
                self._cache.evict(states.read)
                return self._store_one_by_one(batch, settled, error)
            else:
                return True
        self._refuse(batch, settled, "Other processes change the same streams. Try again with the same id.")
        return True

    def _store_one_by_one(
        self, batch: list[WaitingCommand], settled: list[tuple[WaitingCommand, Outcome]], error: BatchUnstorableError
    ) -> bool:
        if len(batch) == 1:
            self._refuse(batch, settled, f"The store has no room for it ({error}). Free space, then try again.")
            return True
        for index, waiting in enumerate(batch):
            if not self._store_batch([waiting], settled):
                self._refuse(batch[index + 1 :], settled, "The store does not answer. Try again with the same id.")
                return False
        return True

    def _look_up(
        self, batch: list[WaitingCommand], settled: list[tuple[WaitingCommand, Outcome]]
    ) -> list[WaitingCommand]:
        """Settle the commands whose ids are stored, and return the others."""
        known = {
            row.command_id: row for row in self._store.reader.known_commands([w.command.command_id for w in batch])
        }
        if not known:
            return batch
        unknown: list[WaitingCommand] = []
        for waiting in batch:
            row = known.get(waiting.command.command_id)
            if row is None:
                unknown.append(waiting)
            elif row.body_digest != waiting.body_digest:
                settled.append(
                    (
                        waiting,
                        CommandIdReusedError(
                            "This id was used before for something else. Use a new id for a new wish.",
                            command_id=row.command_id,
                        ),
                    )
                )
            else:
                self._counts.repeats += 1
                outcome = decode_outcome(row.outcome)
                settled.append(
                    (
                        waiting,
                        outcome
                        if isinstance(outcome, CommandRejectedError)
                        else Answer(value=outcome, repeated=True, position=row.last_position),
                    )
                )
        return unknown

    def _prefetch(self, batch: list[WaitingCommand]) -> "_Prefetched":
        missing = {
            stream for waiting in batch for stream in self._expected(waiting.command) if stream not in self._cache
        }
        return _Prefetched(self._store, missing)

    def _decide(
        self, batch: list[WaitingCommand], states: BatchStates, settled: list[tuple[WaitingCommand, Outcome]]
    ) -> list[_Decided]:
        decided: list[_Decided] = []
        for waiting in batch:
            try:
                decided.append(self._decide_one(waiting, states))
            except StoreCorruptError:
                raise
            except StoreError as error:
                self._counts.failures += 1
                settled.append((waiting, error))
            except Exception as error:
                self._counts.failures += 1
                _log_fault(type(waiting.command).__name__, error)
                settled.append((waiting, _fault()))
        return decided

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

    def _append(
        self, decided: list[_Decided], states: BatchStates, settled: list[tuple[WaitingCommand, Outcome]]
    ) -> None:
        appended = self._store.recorder.append(
            BatchAppend(
                tuple(each.append for each in decided),
                {sha256: body for each in decided for sha256, body in each.attachments.items()},
                tuple({row.stream: row for each in decided for row in each.snapshots}.values()),
                frozenset(states.read),
                self._head,
            )
        )
        self._head = appended.head
        self._cache.evict(appended.foreign_streams)
        states.stored()
        self._counts.batches += 1
        self._counts.commands += len(decided)
        for each, position in zip(decided, appended.last_positions, strict=True):
            if isinstance(each.outcome, CommandRejectedError):
                self._counts.refusals += 1
                settled.append((each.waiting, each.outcome))
            else:
                settled.append((each.waiting, Answer(value=each.outcome, repeated=False, position=position)))

    def _catch_up(self, conflict: AppendConflictError) -> None:
        """Forget what other processes have changed; what is loaded from here on includes it."""
        if conflict.head is not None:
            self._cache.evict(conflict.streams)
            self._head = conflict.head
            return
        end = self._store.reader.log_end()
        self._cache.clear()
        self._head = LogHead(end.head_sequence, end.head_position, end.head_hash)

    def _refuse(
        self, batch: Sequence[WaitingCommand], settled: list[tuple[WaitingCommand, Outcome]], message: str
    ) -> None:
        self._counts.failures += len(batch)
        settled.extend((waiting, StoreUnavailableError(message)) for waiting in batch)


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
