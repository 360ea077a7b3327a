"""Checkout totals: what was sold, reduced, paid and refunded, by site, day, meal period, tender and dish.

Amounts before refunds and refunded amounts stand side by side, so `net = amount - refunded`. On every row and
every bill gross = own + subsidy + discount; a payment or refund that breaks it stops the model
(ProjectionError). A refund counts where and when its bill counts. Voided sessions have no tender ('').
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import Column, ColumnElement, Connection, Engine, Index, MetaData, Table, func, select
from sqlalchemy import Row as SqlRow

from engine.application.log import RecordedEvent
from engine.domain.bill import BenefitKind, Bill
from engine.domain.canteen import Site
from engine.domain.errors import ProjectionError
from engine.domain.events import (
    BillPaid,
    CardPaid,
    CashPaid,
    CheckoutVoided,
    Event,
    FacePaid,
    PaymentRefunded,
    QrPaid,
    WalletPaid,
)
from engine.domain.ids import checkout_stream
from projections.database import INTEGER, TEXT, reading
from projections.projection import ControlTotals
from projections.rows import Rows

_METADATA = MetaData()
_SITE = ("canteen_id", "lane_id", "business_day", "meal_period")
_AMOUNTS = (
    "gross_fen",
    "discount_fen",
    "subsidy_fen",
    "own_fen",
    "refunded_gross_fen",
    "refunded_discount_fen",
    "refunded_subsidy_fen",
    "refunded_own_fen",
)


def _table(name: str, key: Iterable[str], others: Iterable[Column[Any]], *indexes: Index) -> Table:
    keys = [Column(column, TEXT, primary_key=True) for column in key]
    return Table(name, _METADATA, *keys, *others, *indexes)


def _amounts(*names: str) -> list[Column[Any]]:
    return [Column(name, INTEGER, nullable=False) for name in names]


_BY_TENDER = _table(
    "checkout_totals_by_tender",
    (*_SITE, "tender"),
    _amounts("bills", "items", "refunds", "refunded_items", "voids", *_AMOUNTS),
)
_BY_DISH = _table(
    "checkout_totals_by_dish",
    (*_SITE, "tender", "dish_id"),
    _amounts("bills", "items", "refunds", "refunded_items", "voids", *_AMOUNTS),
)
_BY_FUNDER = _table(
    "checkout_totals_by_funder",
    (*_SITE, "tender", "funder_id"),
    _amounts("subsidy_fen", "refunded_subsidy_fen"),
)
_BILLS = _table(
    "checkout_totals_bills",
    ("checkout_id",),
    [
        Column("position", INTEGER, nullable=False),
        *[Column(name, TEXT, nullable=False) for name in (*_SITE, "resident_id", "tender", "status")],
        *_amounts("paid_at_ms", "items", "refunded_items", *_AMOUNTS),
    ],
    Index("checkout_totals_bills_by_position", "position"),
    Index("checkout_totals_bills_by_day", "business_day", "canteen_id", "position"),
)
_BILL_COLUMNS = tuple(column.name for column in _BILLS.columns)
_STATUS = _BILL_COLUMNS.index("status")
_REFUNDED_ITEMS = _BILL_COLUMNS.index("refunded_items")
_GROSS = _BILL_COLUMNS.index("gross_fen")

_COUNTS = 5  # bills, items, refunds, refunded_items, voids
_CHECKOUT_PREFIX = len(checkout_stream(""))


class BillStatus(StrEnum):
    """How much of a paid bill still stands."""

    PAID = "paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"


class CheckoutTotalsProjection:
    """Adds up bills, refunds and voids."""

    name: ClassVar[str] = "checkout_totals"
    schema_version: ClassVar[str] = "1"
    tables: ClassVar[tuple[Table, ...]] = (_BY_TENDER, _BY_DISH, _BY_FUNDER, _BILLS)
    event_types: ClassVar[frozenset[type[Event]]] = frozenset(
        {FacePaid, CardPaid, WalletPaid, QrPaid, CashPaid, PaymentRefunded, CheckoutVoided}
    )

    def apply(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        """Add a batch up in memory, then write each table once."""
        by_tender: dict[tuple[str, ...], list[int]] = {}
        by_dish: dict[tuple[str, ...], list[int]] = {}
        by_funder: dict[tuple[str, ...], list[int]] = {}
        new_bills: dict[str, list[Any]] = {}
        refunded_before = {
            recorded.stream[_CHECKOUT_PREFIX:] for recorded in events if type(recorded.event) is PaymentRefunded
        }
        old_bills = {row[0]: list(row) for row in rows.load(_BILLS, "checkout_id", sorted(refunded_before))}
        for recorded in events:
            event = recorded.event
            if isinstance(event, BillPaid):
                key = (*_site_key(event.site), event.tender.value)
                _check(event.bill, recorded)
                _add_bill(by_tender, by_dish, by_funder, key, event.bill)
                checkout_id = recorded.stream[_CHECKOUT_PREFIX:]
                new_bills[checkout_id] = _bill_row(checkout_id, recorded.position, key, event)
            elif isinstance(event, PaymentRefunded):
                key = (*_site_key(event.site), event.tender.value)
                _check(event.reversal, recorded)
                _add_bill(by_tender, by_dish, by_funder, key, event.reversal, refunded=event.item_ids)
                checkout_id = recorded.stream[_CHECKOUT_PREFIX:]
                row = new_bills.get(checkout_id) or old_bills.get(checkout_id)
                if row is None:
                    raise _wrong("A refund has no payment before it", recorded)
                _refund_row(row, event, recorded)
            elif isinstance(event, CheckoutVoided):
                key = (*_site_key(event.site), "")
                by_tender.setdefault(key, [0] * (_COUNTS + len(_AMOUNTS)))[4] += 1
        rows.add(_BY_TENDER, [(*key, *amounts) for key, amounts in by_tender.items()])
        rows.add(_BY_DISH, [(*key, *amounts) for key, amounts in by_dish.items()])
        rows.add(_BY_FUNDER, [(*key, *amounts) for key, amounts in by_funder.items()])
        rows.insert(_BILLS, [tuple(row) for row in new_bills.values()])
        rows.replace(_BILLS, [tuple(row) for row in old_bills.values()])

    def control_totals(self, connection: Connection) -> ControlTotals:
        """Sum up the totals by tender, after checking that bills and dishes sum to the same."""
        by_tender, by_dish, by_bill = (
            connection.execute(select(*[func.coalesce(func.sum(table.c[name]), 0) for name in _AMOUNTS])).one()
            for table in (_BY_TENDER, _BY_DISH, _BILLS)
        )
        if not by_tender == by_dish == by_bill:
            raise ProjectionError("Totals by tender, by dish and by bill differ; rebuild checkout_totals.")
        bills = connection.execute(select(func.coalesce(func.sum(_BY_TENDER.c.bills), 0))).scalar_one()
        amounts = {name: int(amount) for name, amount in zip(_AMOUNTS, by_tender, strict=True)}
        return ControlTotals(bills=int(bills), **amounts)


def _site_key(site: Site) -> tuple[str, str, str, str]:
    return (site.canteen_id, site.lane_id, site.business_day, site.meal_period)


def _add_bill(
    by_tender: dict[tuple[str, ...], list[int]],
    by_dish: dict[tuple[str, ...], list[int]],
    by_funder: dict[tuple[str, ...], list[int]],
    key: tuple[str, ...],
    bill: Bill,
    refunded: Sequence[int] | None = None,
) -> None:
    """Add a bill, or a refund's reversal, to the sums in memory.

    Args:
        refunded: the items given back, None for a bill; a reversal also lists kept items whose share of a benefit has
            changed, and those are no portions.
    """
    count_at, item_at, amount_at, share_at = (0, 1, _COUNTS, 0) if refunded is None else (2, 3, _COUNTS + 4, 1)
    portions = {line.item_id for line in bill.lines} if refunded is None else set(refunded)
    sums = by_tender.get(key)
    if sums is None:
        sums = by_tender[key] = [0] * (_COUNTS + len(_AMOUNTS))
    sums[count_at] += 1
    sums[item_at] += len(portions)
    sums[amount_at] += bill.gross_fen
    sums[amount_at + 1] += bill.discount_fen
    sums[amount_at + 2] += bill.subsidy_fen
    sums[amount_at + 3] += bill.own_fen
    dishes = set()
    for line in bill.lines:
        dish_key = (*key, line.dish_id)
        sums = by_dish.get(dish_key)
        if sums is None:
            sums = by_dish[dish_key] = [0] * (_COUNTS + len(_AMOUNTS))
        if line.item_id in portions:
            sums[item_at] += 1
            if line.dish_id not in dishes:
                dishes.add(line.dish_id)
                sums[count_at] += 1
        sums[amount_at] += line.gross_fen
        sums[amount_at + 1] += line.discount_fen
        sums[amount_at + 2] += line.subsidy_fen
        sums[amount_at + 3] += line.own_fen
    for benefit in bill.benefits:
        for share in benefit.shares:
            by_funder.setdefault((*key, share.funder_id), [0, 0])[share_at] += share.amount_fen


def _check(bill: Bill, recorded: RecordedEvent) -> None:
    """Make sure that gross = own + subsidy + discount everywhere, and that the parts sum to the whole."""
    if bill.gross_fen != bill.own_fen + bill.subsidy_fen + bill.discount_fen:
        raise _wrong("Gross is not own + subsidy + discount", recorded)
    gross_fen = discount_fen = subsidy_fen = 0
    for line in bill.lines:
        if line.gross_fen != line.own_fen + line.subsidy_fen + line.discount_fen:
            raise _wrong(f"On line {line.item_id} gross is not own + subsidy + discount", recorded)
        gross_fen += line.gross_fen
        discount_fen += line.discount_fen
        subsidy_fen += line.subsidy_fen
    if (gross_fen, discount_fen, subsidy_fen) != (bill.gross_fen, bill.discount_fen, bill.subsidy_fen):
        raise _wrong("The lines do not sum to the bill", recorded)
    for benefit in bill.benefits:
        if benefit.kind is BenefitKind.DISCOUNT:
            discount_fen -= benefit.amount_fen
        else:
            subsidy_fen -= benefit.amount_fen
            if benefit.amount_fen != sum(share.amount_fen for share in benefit.shares):
                raise _wrong(f"The funders' shares of {benefit.rule_id} do not sum to it", recorded)
    if discount_fen or subsidy_fen:
        raise _wrong("The benefits do not sum to the bill", recorded)


def _wrong(what: str, recorded: RecordedEvent) -> ProjectionError:
    return ProjectionError(
        f"{what}, at position {recorded.position} in {recorded.stream}. Nothing was counted; look at that event.",
        position=recorded.position,
        stream=recorded.stream,
    )


def _bill_row(checkout_id: str, position: int, key: tuple[str, ...], event: BillPaid) -> list[Any]:
    bill = event.bill
    return [
        checkout_id,
        position,
        *key[:4],
        event.resident_id,
        key[4],
        BillStatus.PAID.value,
        event.at_ms,
        len(bill.lines),
        0,
        bill.gross_fen,
        bill.discount_fen,
        bill.subsidy_fen,
        bill.own_fen,
        *(0, 0, 0, 0),
    ]


def _refund_row(row: list[Any], event: PaymentRefunded, recorded: RecordedEvent) -> None:
    """Note a refund on its bill; what is left must not fall below zero in any part."""
    reversal = event.reversal
    refunded = (reversal.gross_fen, reversal.discount_fen, reversal.subsidy_fen, reversal.own_fen)
    row[_REFUNDED_ITEMS] += len(event.item_ids)
    for index, amount_fen in enumerate(refunded, start=_GROSS):
        row[index + 4] += amount_fen
        if row[index + 4] > row[index]:
            raise _wrong(f"More is refunded than was paid ({_BILL_COLUMNS[index]})", recorded)
    whole = row[_GROSS + 4] == row[_GROSS]
    row[_STATUS] = (BillStatus.REFUNDED if whole else BillStatus.PARTLY_REFUNDED).value


# --- questions ----------------------------------------------------------------------------------------------


class Dimension(StrEnum):
    """By what totals can be split."""

    CANTEEN = "canteen_id"
    LANE = "lane_id"
    BUSINESS_DAY = "business_day"
    MEAL_PERIOD = "meal_period"
    TENDER = "tender"
    DISH = "dish_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which bills are asked for; '' means all. Days are ISO dates, both inclusive."""

    canteen_id: str = ""
    lane_id: str = ""
    from_day: str = ""
    until_day: str = ""
    meal_period: str = ""
    tender: str = ""
    dish_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunderTotal:
    """What one funder owes for the selection, before refunds and what refunds took back."""

    funder_id: str
    subsidy_fen: int
    refunded_subsidy_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutTotalsRow:
    """Sums over the bills with these `values` (in the order of the dimensions asked for).

    `bills` counts paid bills; with a dish, bills that hold the dish. `own_fen` is what diners paid.
    `funders` is empty where dishes are told apart: a line has a subsidy, but funders share the whole bill's.
    """

    values: tuple[str, ...]
    bills: int
    items: int
    refunds: int
    refunded_items: int
    voids: int
    gross_fen: int
    discount_fen: int
    subsidy_fen: int
    own_fen: int
    refunded_gross_fen: int
    refunded_discount_fen: int
    refunded_subsidy_fen: int
    refunded_own_fen: int
    funders: tuple[FunderTotal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BillRow:
    """One paid bill. `position` is the payment's in the log."""

    checkout_id: str
    position: int
    canteen_id: str
    lane_id: str
    business_day: str
    meal_period: str
    resident_id: str
    tender: str
    status: BillStatus
    paid_at_ms: int
    items: int
    refunded_items: int
    gross_fen: int
    discount_fen: int
    subsidy_fen: int
    own_fen: int
    refunded_gross_fen: int
    refunded_discount_fen: int
    refunded_subsidy_fen: int
    refunded_own_fen: int


MAX_BILLS_PER_PAGE = 500


class CheckoutTotalsView:
    """Answers questions about what was sold."""

    def __init__(self, engine: Engine) -> None:
        """Ask over connections of the read models' database."""
        self._engine = engine

    def totals(self, by: Sequence[Dimension] = (), selection: Selection = Selection()) -> tuple[CheckoutTotalsRow, ...]:
        """Sum up the selected bills, split by dimensions and ordered by them; one row if there are none."""
        dishes = Dimension.DISH in by or bool(selection.dish_id)
        table = _BY_DISH if dishes else _BY_TENDER
        dimensions = [table.c[dimension.value] for dimension in by]
        names = ("bills", "items", "refunds", "refunded_items", "voids", *_AMOUNTS)
        sums = [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in names]
        asked = (
            select(*dimensions, *sums).where(*_selected(table, selection)).group_by(*dimensions).order_by(*dimensions)
        )
        with reading(self._engine, *CheckoutTotalsProjection.tables) as connection:
            found = connection.execute(asked).all()
            funders = {} if dishes else _funders(connection, by, selection)
        width = len(by)
        return tuple(
            CheckoutTotalsRow(
                values=tuple(row[:width]),
                funders=tuple(funders.get(tuple(row[:width]), ())),
                **{name: int(amount) for name, amount in zip(names, row[width:], strict=True)},
            )
            for row in found
        )

    def bills(
        self, selection: Selection = Selection(), *, after_position: int = 0, limit: int = MAX_BILLS_PER_PAGE
    ) -> tuple[BillRow, ...]:
        """List the selected bills in the order of their payment (`selection.dish_id` has no meaning here).

        Args:
            after_position: the `position` of the last bill of the page before.
            limit: at most MAX_BILLS_PER_PAGE.
        """
        asked = (
            select(_BILLS)
            .where(_BILLS.c.position > after_position, *_selected(_BILLS, selection))
            .order_by(_BILLS.c.position)
            .limit(min(limit, MAX_BILLS_PER_PAGE))
        )
        with reading(self._engine, _BILLS) as connection:
            return tuple(_bill(row) for row in connection.execute(asked))

    def bill(self, checkout_id: str) -> BillRow | None:
        """Return one paid bill, or None while it is not paid."""
        with reading(self._engine, _BILLS) as connection:
            row = connection.execute(select(_BILLS).where(_BILLS.c.checkout_id == checkout_id)).one_or_none()
        return None if row is None else _bill(row)


def _selected(table: Table, selection: Selection) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for dimension in Dimension:
        wanted = "" if dimension is Dimension.BUSINESS_DAY else getattr(selection, dimension.value)
        if wanted and dimension.value in table.c:
            conditions.append(table.c[dimension.value] == wanted)
    if selection.from_day:
        conditions.append(table.c.business_day >= selection.from_day)
    if selection.until_day:
        conditions.append(table.c.business_day <= selection.until_day)
    return conditions


def _funders(
    connection: Connection, by: Sequence[Dimension], selection: Selection
) -> dict[tuple[str, ...], list[FunderTotal]]:
    dimensions = [_BY_FUNDER.c[dimension.value] for dimension in by]
    asked = (
        select(
            *dimensions,
            _BY_FUNDER.c.funder_id,
            func.sum(_BY_FUNDER.c.subsidy_fen),
            func.sum(_BY_FUNDER.c.refunded_subsidy_fen),
        )
        .where(*_selected(_BY_FUNDER, selection))
        .group_by(*dimensions, _BY_FUNDER.c.funder_id)
        .order_by(*dimensions, _BY_FUNDER.c.funder_id)
    )
    found: dict[tuple[str, ...], list[FunderTotal]] = {}
    for *values, funder_id, subsidy_fen, refunded_fen in connection.execute(asked):
        total = FunderTotal(
            funder_id=funder_id,
            subsidy_fen=int(subsidy_fen),
            refunded_subsidy_fen=int(refunded_fen),
        )
        found.setdefault(tuple(values), []).append(total)
    return found


def _bill(row: SqlRow[Any]) -> BillRow:
    fields = dict(row._mapping)
    return BillRow(**{**fields, "status": BillStatus(fields["status"])})
