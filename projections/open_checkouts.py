"""Open checkouts: tray sessions that are not paid or voided yet, and paid ones whose tray still stands there.

Serves the boards of lanes and the voiding of sessions that nobody goes on with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import Column, ColumnElement, Connection, Engine, Index, MetaData, Table, select

from engine.application.log import RecordedEvent
from engine.domain.bill import ItemStatus
from engine.domain.errors import ProjectionError
from engine.domain.events import (
    BillPaid,
    CardPaid,
    CashPaid,
    CheckoutVoided,
    DinerIdentified,
    DishAdded,
    DishCorrected,
    DishRemoved,
    Event,
    FacePaid,
    QrPaid,
    TrayRemoved,
    TrayScanned,
    WalletPaid,
)
from engine.domain.ids import checkout_stream
from projections.database import INTEGER, TEXT, reading
from projections.rows import Rows

_OPEN = Table(
    "open_checkouts",
    MetaData(),
    Column("checkout_id", TEXT, primary_key=True),
    Column("canteen_id", TEXT, nullable=False),
    Column("lane_id", TEXT, nullable=False),
    Column("business_day", TEXT, nullable=False),
    Column("meal_period", TEXT, nullable=False),
    Column("situation", TEXT, nullable=False),
    Column("unsettled_items", TEXT, nullable=False),
    Column("scan_number", INTEGER, nullable=False),
    Column("placed_at_ms", INTEGER, nullable=False),
    Column("last_at_ms", INTEGER, nullable=False),
    Index("open_checkouts_by_last", "last_at_ms"),
)
_CHECKOUT_PREFIX = len(checkout_stream(""))


class Situation(StrEnum):
    """Where a session stands."""

    UNPAID = "unpaid"
    PAID = "paid"


@dataclass(slots=True, kw_only=True)
class _Session:
    """A session while a batch is applied; `unsettled` are the items that a person still has to settle."""

    canteen_id: str
    lane_id: str
    business_day: str
    meal_period: str
    situation: str
    unsettled: set[int]
    scan_number: int
    placed_at_ms: int
    last_at_ms: int


class OpenCheckoutsProjection:
    """Keeps one row per session that is not over."""

    name: ClassVar[str] = "open_checkouts"
    schema_version: ClassVar[str] = "1"
    tables: ClassVar[tuple[Table, ...]] = (_OPEN,)
    event_types: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            TrayScanned,
            DishCorrected,
            DishAdded,
            DishRemoved,
            DinerIdentified,
            FacePaid,
            CardPaid,
            WalletPaid,
            QrPaid,
            CashPaid,
            TrayRemoved,
            CheckoutVoided,
        }
    )

    def apply(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        """Follow the sessions of a batch in memory; those that begin and end in it leave no trace."""
        begun: set[str] = set()
        continued: set[str] = set()
        for recorded in events:
            checkout_id = recorded.stream[_CHECKOUT_PREFIX:]
            event = recorded.event
            if isinstance(event, TrayScanned) and event.scan_number == 1:
                begun.add(checkout_id)
            elif checkout_id not in begun:
                continued.add(checkout_id)
        sessions = {row[0]: _session(row) for row in rows.load(_OPEN, "checkout_id", sorted(continued))}
        stored = set(sessions)
        for recorded in events:
            checkout_id = recorded.stream[_CHECKOUT_PREFIX:]
            event = recorded.event
            if isinstance(event, TrayScanned):
                sessions[checkout_id] = _scanned(event)
            elif isinstance(event, TrayRemoved | CheckoutVoided):
                if sessions.pop(checkout_id, None) is None:
                    raise _unknown(recorded)
            else:
                session = sessions.get(checkout_id)
                if session is None:
                    raise _unknown(recorded)
                session.last_at_ms = event.at_ms
                if isinstance(event, BillPaid):
                    session.situation = Situation.PAID.value
                    session.unsettled.clear()
                elif isinstance(event, DishCorrected | DishRemoved):
                    session.unsettled.discard(event.item_id)
        rows.delete(_OPEN, sorted(stored.difference(sessions)))
        rows.replace(_OPEN, [_row(checkout_id, session) for checkout_id, session in sessions.items()])

    def control_totals(self, connection: Connection) -> None:
        """Hold no money."""


def _scanned(event: TrayScanned) -> _Session:
    site = event.site
    return _Session(
        canteen_id=site.canteen_id,
        lane_id=site.lane_id,
        business_day=site.business_day,
        meal_period=site.meal_period,
        situation=Situation.UNPAID.value,
        unsettled={item.item_id for item in event.items if item.status is not ItemStatus.ACCEPTED},
        scan_number=event.scan_number,
        placed_at_ms=event.placed_at_ms,
        last_at_ms=event.at_ms,
    )


def _session(row: tuple[object, ...]) -> _Session:
    fields = dict(zip(_OPEN.columns.keys()[1:], row[1:], strict=True))
    unsettled = str(fields.pop("unsettled_items"))
    return _Session(**fields, unsettled={int(item) for item in unsettled.split()})  # type: ignore[arg-type]


def _row(checkout_id: str, session: _Session) -> tuple[object, ...]:
    return (
        checkout_id,
        session.canteen_id,
        session.lane_id,
        session.business_day,
        session.meal_period,
        session.situation,
        " ".join(str(item) for item in sorted(session.unsettled)),
        session.scan_number,
        session.placed_at_ms,
        session.last_at_ms,
    )


def _unknown(recorded: RecordedEvent) -> ProjectionError:
    return ProjectionError(
        f"No scan comes before {recorded.topic}, at position {recorded.position} in {recorded.stream}. "
        "Nothing was changed; look at that event.",
        position=recorded.position,
        stream=recorded.stream,
    )


# --- questions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckoutRow:
    """One session that is not over. `unsettled_items` are the ids of items that a person has to settle first."""

    checkout_id: str
    canteen_id: str
    lane_id: str
    business_day: str
    meal_period: str
    situation: Situation
    unsettled_items: tuple[int, ...]
    scan_number: int
    placed_at_ms: int
    last_at_ms: int

    @property
    def held(self) -> bool:
        """Whether the bill cannot be paid yet."""
        return bool(self.unsettled_items)


MAX_SESSIONS_PER_PAGE = 1_000


class OpenCheckoutsView:
    """Answers which trays stand on the counters."""

    def __init__(self, engine: Engine) -> None:
        """Ask over connections of the read models' database."""
        self._engine = engine

    def idle_since(self, at_ms: int, *, limit: int = MAX_SESSIONS_PER_PAGE) -> tuple[OpenCheckoutRow, ...]:
        """List unpaid sessions in which nothing has happened after an instant, longest idle first.

        Paid ones are not among them: they cannot be voided, only their tray is still to be removed.
        """
        idle = (_OPEN.c.last_at_ms <= at_ms, _OPEN.c.situation == Situation.UNPAID.value)
        return self._rows(idle, limit)

    def at_lanes(
        self, canteen_id: str, lane_id: str = "", *, limit: int = MAX_SESSIONS_PER_PAGE
    ) -> tuple[OpenCheckoutRow, ...]:
        """List the sessions at one lane, or at all lanes of a canteen, longest without an event first."""
        there = [_OPEN.c.canteen_id == canteen_id]
        if lane_id:
            there.append(_OPEN.c.lane_id == lane_id)
        return self._rows(there, limit)

    def _rows(self, conditions: Sequence[ColumnElement[bool]], limit: int) -> tuple[OpenCheckoutRow, ...]:
        asked = (
            select(_OPEN)
            .where(*conditions)
            .order_by(_OPEN.c.last_at_ms, _OPEN.c.checkout_id)
            .limit(min(limit, MAX_SESSIONS_PER_PAGE))
        )
        with reading(self._engine, _OPEN) as connection:
            found = connection.execute(asked).all()
        return tuple(
            OpenCheckoutRow(
                checkout_id=row.checkout_id,
                canteen_id=row.canteen_id,
                lane_id=row.lane_id,
                business_day=row.business_day,
                meal_period=row.meal_period,
                situation=Situation(row.situation),
                unsettled_items=tuple(int(item) for item in row.unsettled_items.split()),
                scan_number=row.scan_number,
                placed_at_ms=row.placed_at_ms,
                last_at_ms=row.last_at_ms,
            )
            for row in found
        )
