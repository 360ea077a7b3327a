"""Does every read model say what the log says?

Two independent checks. Each model is replayed from the log into an empty scratch database up to exactly the position of
the live one, and all rows are compared, value by value. And the money of all bills is counted once more by a plain loop
over the log that shares no code with the models, and must agree to the fen with what each model has.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, text

from engine.application.log import EventLog
from engine.domain.errors import ProjectionError
from engine.domain.events import BillPaid, CardPaid, CashPaid, FacePaid, PaymentRefunded, QrPaid, WalletPaid
from projections.batches import batches
from projections.database import open_read_models, reading, writing
from projections.projection import ControlTotals, Projection
from projections.rows import Rows
from projections.tracking import Role, create_tables, find, prepare_tracking

Progress = Callable[[str, int, int], None]
"""Told what is being checked (a model's name, or 'log'), the position reached, and the position to reach."""

MOST_DIFFERENCES = 100
"""Differences listed per model; they are counted beyond that."""
_SCRATCH_SCHEMA = "read_models_scratch"
_ROWS_PER_FETCH = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row that is not the same in the live table and in the one built from the log; None where there is no row."""

    table: str
    key: tuple[int | str, ...]
    live: tuple[int | str, ...] | None
    rebuilt: tuple[int | str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVerification:
    """One model up to `position`. `problem` is '' unless the model could not be built or contradicts itself."""

    name: str
    position: int
    rows_compared: int
    differing_rows: int
    differences: tuple[Difference, ...]
    totals: ControlTotals | None
    counted: ControlTotals | None
    problem: str

    @property
    def totals_agree(self) -> bool:
        """Whether the money is the same as in the plain count; a model without money agrees."""
        return self.totals == self.counted

    @property
    def agrees(self) -> bool:
        """Whether everything is as the log says, bit for bit and to the fen."""
        return not self.problem and self.differing_rows == 0 and self.totals_agree


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReport:
    """What the check of all models came to."""

    models: tuple[ModelVerification, ...]

    @property
    def agrees(self) -> bool:
        """Whether every model agrees with the log."""
        return all(model.agrees for model in self.models)


def verify(
    log: EventLog, engine: Engine, projections: Sequence[Projection], progress: Progress | None = None
) -> VerificationReport:
    """Check all read models against the log while they go on serving.

    Needs room for a second copy of the read models: a temporary file beside SQLite's, or a schema of its own on
    PostgreSQL. Only one check can run at a time on PostgreSQL.

    Raises:
        ProjectionError: a model has not been built yet.
    """
    told = progress or (lambda _name, _position, _until: None)
    with writing(engine) as connection:
        prepare_tracking(connection)
    for projection in projections:
        with reading(engine) as connection:
            if find(connection, projection, Role.LIVE) is None:
                raise ProjectionError(
                    f"{projection.name} has not been built in schema version {projection.schema_version}; "
                    "start the server or rebuild it first.",
                    projection=projection.name,
                )
    return VerificationReport(models=tuple(_verify_one(log, engine, projection, told) for projection in projections))


def find_strangers(log: EventLog, engine: Engine, projections: Sequence[Projection]) -> tuple[str, ...]:
    """Say, in a line each, which read models know events that the log does not have: its end was cut off or exchanged.

    Ask before a runner is made on them: it drops and replays what does not fit, and the evidence with it.
    """
    with writing(engine) as connection:
        prepare_tracking(connection)
    with reading(engine) as connection:
        tracks = [(projection.name, find(connection, projection, Role.LIVE)) for projection in projections]
    # The head is read after the read models' positions: a running server may append and apply meanwhile.
    head = log.head_position()
    return tuple(
        f"{name} knows the log up to position {track.position}, but the log ends at {head}: its end is missing. "
        "Restore a backup before anything else is started on it."
        if track.position > head
        else f"{name} was built from another log: position {track.anchor.position} holds another event than it read."
        for name, track in tracks
        if track is not None and (track.position > head or not track.anchor.holds_in(log))
    )


def count_bills(log: EventLog, until: int, progress: Progress | None = None) -> ControlTotals:
    """Count the money of all bills up to a position straight from the events."""
    bills = 0
    paid = {"gross_fen": 0, "discount_fen": 0, "subsidy_fen": 0, "own_fen": 0}
    refunded = dict(paid)
    topics = frozenset(
        event_type.TOPIC for event_type in (FacePaid, CardPaid, WalletPaid, QrPaid, CashPaid, PaymentRefunded)
    )
    for batch in batches(log, 0, until, topics):
        for recorded in batch.events:
            match recorded.event:
                case BillPaid(bill=bill):
                    bills += 1
                    for name in paid:
                        paid[name] += getattr(bill, name)
                case PaymentRefunded(reversal=reversal):
                    for name in refunded:
                        refunded[name] += getattr(reversal, name)
        if progress is not None:
            progress("log", batch.until, until)
    return ControlTotals(bills=bills, **paid, **{f"refunded_{name}": fen for name, fen in refunded.items()})


def _verify_one(log: EventLog, engine: Engine, projection: Projection, told: Progress) -> ModelVerification:
    with reading(engine, *projection.tables) as live:
        track = find(live, projection, Role.LIVE)
        assert track is not None
        problem, totals, counted = "", None, None
        rows_compared, differing_rows = 0, 0
        differences: list[Difference] = []
        try:
            totals = projection.control_totals(live)
            if totals is not None:
                counted = count_bills(log, track.position, told)
        except ProjectionError as error:
            problem = error.message
        # A model that contradicts itself is compared all the same: that tells which of its rows are wrong.
        try:
            with _scratch(engine) as scratch:
                _replay(log, scratch, projection, track.position, told)
                with reading(scratch, *projection.tables) as rebuilt:
                    for table in projection.tables:
                        for pair in _pairs(table, live, rebuilt):
                            rows_compared += 1
                            if pair.live != pair.rebuilt:
                                differing_rows += 1
                                if len(differences) < MOST_DIFFERENCES:
                                    differences.append(pair)
        except ProjectionError as error:
            problem = error.message
    return ModelVerification(
        name=projection.name,
        position=track.position,
        rows_compared=rows_compared,
        differing_rows=differing_rows,
        differences=tuple(differences),
        totals=totals,
        counted=counted,
        problem=problem,
    )


def _replay(log: EventLog, scratch: Engine, projection: Projection, until: int, told: Progress) -> None:
    topics = frozenset(event_type.TOPIC for event_type in projection.event_types)
    with writing(scratch) as connection:
        prepare_tracking(connection)
        create_tables(connection, projection, Role.LIVE)
    for batch in batches(log, 0, until, topics):
        with writing(scratch) as connection:
            projection.apply(batch.events, Rows(connection))
        told(projection.name, batch.until, until)


@contextmanager
def _scratch(engine: Engine) -> Iterator[Engine]:
    """Lend an empty database of the same kind, and remove it afterwards."""
    if engine.dialect.name == "postgresql":
        scratch = open_read_models(engine.url.render_as_string(hide_password=False), _SCRATCH_SCHEMA)
        drop = text(f'DROP SCHEMA IF EXISTS "{_SCRATCH_SCHEMA}" CASCADE')
        try:
            with writing(scratch) as connection:
                connection.execute(drop)
            yield scratch
            with writing(scratch) as connection:
                connection.execute(drop)
        finally:
            scratch.dispose()
        return
    beside = Path(str(engine.url.database)).resolve().parent
    with TemporaryDirectory(prefix="read-models-", dir=beside) as directory:
        scratch = open_read_models(f"sqlite:///{directory}/scratch.sqlite")
        try:
            yield scratch
        finally:
            scratch.dispose()


def _pairs(table: Table, live: Connection, rebuilt: Connection) -> Iterator[Difference]:
    """Walk both tables in the order of their keys and give each key's row on both sides, equal or not."""
    key_width = len(table.primary_key.columns)
    left_rows, right_rows = _ordered(table, live), _ordered(table, rebuilt)
    left, right = next(left_rows, None), next(right_rows, None)
    while left is not None or right is not None:
        left_key = None if left is None else left[:key_width]
        right_key = None if right is None else right[:key_width]
        if right_key is None or (left_key is not None and left_key < right_key):
            assert left_key is not None
            yield Difference(table=table.name, key=left_key, live=left, rebuilt=None)
            left = next(left_rows, None)
        elif left_key is None or right_key < left_key:
            yield Difference(table=table.name, key=right_key, live=None, rebuilt=right)
            right = next(right_rows, None)
        else:
            yield Difference(table=table.name, key=left_key, live=left, rebuilt=right)
            left, right = next(left_rows, None), next(right_rows, None)


def _ordered(table: Table, connection: Connection) -> Iterator[tuple[Any, ...]]:
    asked = select(table).order_by(*table.primary_key.columns)
    result = connection.execution_options(yield_per=_ROWS_PER_FETCH).execute(asked)
    for row in result:
        yield tuple(row)
