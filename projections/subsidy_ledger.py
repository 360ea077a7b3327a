"""Subsidy ledger: double entry over every bill, refund and wallet movement.

Amounts are signed fen: debit > 0, credit < 0. Every event is one transaction and sums to zero; one that does
not stops the model (ProjectionError). A refund posts its reversal to the accounts of the sale with the
opposite sign.

| event | debit | credit |
|---|---|---|
| payment | takings (own money, by tender), funder_receivable (each funder, by rule), discount_expense (by
rule) | sales | | refund | sales | the same accounts, as far as they are reversed |
| top-up | prepaid_money (by source) | prepaid (the resident's) |
| wallet charged | prepaid (the resident's) | wallet_settlement (to the canteen) |
| wallet refunded | wallet_settlement (from the canteen) | prepaid (the resident's) |

So per canteen, takings by face and wallet + wallet_settlement = 0, and prepaid is what residents may still
spend. Sales and refunds count on the bill's business day, wallet movements on the local day on which they
happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Engine,
    Index,
    MetaData,
    Select,
    Table,
    case,
    func,
    literal_column,
    select,
    text,
)

from engine.application.log import RecordedEvent
from engine.domain.bill import BenefitKind, Bill, Tender
from engine.domain.calendar import business_day
from engine.domain.errors import ProjectionError
from engine.domain.events import (
    BillPaid,
    CardPaid,
    CashPaid,
    Event,
    FacePaid,
    PaymentRefunded,
    QrPaid,
    WalletCharged,
    WalletPaid,
    WalletRefunded,
    WalletToppedUp,
)
from engine.domain.ids import checkout_stream
from projections.database import INTEGER, TEXT, reading
from projections.projection import ControlTotals
from projections.rows import Rows

_METADATA = MetaData()


class Account(StrEnum):
    """Where money is, or whom it is owed to or by."""

    TAKINGS = "takings"
    FUNDER_RECEIVABLE = "funder_receivable"
    DISCOUNT_EXPENSE = "discount_expense"
    SALES = "sales"
    PREPAID = "prepaid"
    PREPAID_MONEY = "prepaid_money"
    WALLET_SETTLEMENT = "wallet_settlement"


class Movement(StrEnum):
    """What kind of event moved the money."""

    SALE = "sale"
    REFUND = "refund"
    TOP_UP = "top_up"
    WALLET_CHARGE = "wallet_charge"
    WALLET_REFUND = "wallet_refund"


_ENTRIES = Table(
    "subsidy_ledger_entries",
    _METADATA,
    Column("position", INTEGER, primary_key=True),
    Column("line", INTEGER, primary_key=True),
    Column("movement", TEXT, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("business_day", TEXT, nullable=False),
    Column("canteen_id", TEXT, nullable=False),
    Column("funder_id", TEXT, nullable=False),
    Column("means", TEXT, nullable=False),
    Column("rule_id", TEXT, nullable=False),
    Column("rule_version", INTEGER, nullable=False),
    Column("resident_id", TEXT, nullable=False),
    Column("checkout_id", TEXT, nullable=False),
    Column("amount_fen", INTEGER, nullable=False),
    Index("subsidy_ledger_entries_by_checkout", "checkout_id"),
    Index("subsidy_ledger_entries_by_resident", "resident_id", "position"),
    Index(
        "subsidy_ledger_entries_claimed",
        "business_day",
        sqlite_where=text("account = 'funder_receivable'"),
        postgresql_where=text("account = 'funder_receivable'"),
    ),
)
_DAYS = Table(
    "subsidy_ledger_days",
    _METADATA,
    Column("account", TEXT, primary_key=True),
    Column("business_day", TEXT, primary_key=True),
    Column("canteen_id", TEXT, primary_key=True),
    Column("funder_id", TEXT, primary_key=True),
    Column("means", TEXT, primary_key=True),
    Column("rule_id", TEXT, primary_key=True),
    Column("rule_version", INTEGER, primary_key=True),
    Column("movement", TEXT, primary_key=True),
    Column("entries", INTEGER, nullable=False),
    Column("debit_fen", INTEGER, nullable=False),
    Column("credit_fen", INTEGER, nullable=False),
)
_WALLETS = Table(
    "subsidy_ledger_wallets",
    _METADATA,
    Column("resident_id", TEXT, primary_key=True),
    Column("balance_fen", INTEGER, nullable=False),
)

_CHECKOUT_PREFIX = len(checkout_stream(""))
_TAKINGS = Account.TAKINGS.value
_FUNDER_RECEIVABLE = Account.FUNDER_RECEIVABLE.value
_DISCOUNT_EXPENSE = Account.DISCOUNT_EXPENSE.value
_SALES = Account.SALES.value
_PREPAID = Account.PREPAID.value
_PREPAID_MONEY = Account.PREPAID_MONEY.value
_WALLET_SETTLEMENT = Account.WALLET_SETTLEMENT.value

_OWED = {_SALES, _WALLET_SETTLEMENT}
"""Accounts on which a single bill stands on the credit side; on the others it stands on the debit side."""

_Part = tuple[str, str, str, str, int, int]
"""account, funder_id, means, rule_id, rule_version, amount_fen"""


class SubsidyLedgerProjection:
    """Posts every bill, refund and wallet movement."""

    name: ClassVar[str] = "subsidy_ledger"
    tables: ClassVar[tuple[Table, ...]] = (_ENTRIES, _DAYS, _WALLETS)
    event_types: ClassVar[frozenset[type[Event]]] = frozenset(
        {
            FacePaid,
            CardPaid,
            WalletPaid,
            QrPaid,
            CashPaid,
            PaymentRefunded,
            WalletToppedUp,
            WalletCharged,
            WalletRefunded,
        }
    )

    def __init__(self, utc_offset_minutes: int = 480) -> None:
        """Take the time zone that tells on which day a wallet moved; wallets belong to the street, not to a site."""
        self._utc_offset_minutes = utc_offset_minutes

    @property
    def schema_version(self) -> str:
        """The offset is part of what the rows mean."""
        return f"1 at {self._utc_offset_minutes:+d} min"

    def apply(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        """Post a batch in memory, then write each table once."""
        posting = _Posting(events, rows)
        for recorded in events:
            event = recorded.event
            if isinstance(event, BillPaid):
                posting.post_bill(recorded, event, Movement.SALE, event.tender, event.bill)
            elif isinstance(event, PaymentRefunded):
                posting.post_bill(recorded, event, Movement.REFUND, event.tender, event.reversal)
            elif isinstance(event, WalletToppedUp):
                day = business_day(event.at_ms, self._utc_offset_minutes).isoformat()
                posting.post_top_up(recorded, event, day)
            elif isinstance(event, WalletCharged | WalletRefunded):
                day = business_day(event.at_ms, self._utc_offset_minutes).isoformat()
                posting.post_spending(recorded, event, day)
        rows.insert(_ENTRIES, posting.entries)
        rows.add(_DAYS, [(*key, *sums) for key, sums in posting.days.items()])
        rows.replace(_WALLETS, list(posting.balances.items()))

    def control_totals(self, connection: Connection) -> ControlTotals:
        """Sum up the accounts, after checking that the books balance.

        Raises:
            ProjectionError: debits and credits differ, or entries, days and wallets do not tell the same.
        """
        signed = func.coalesce(func.sum(_DAYS.c.debit_fen - _DAYS.c.credit_fen), 0)
        entries = connection.execute(
            select(_ENTRIES.c.account, func.sum(_ENTRIES.c.amount_fen)).group_by(_ENTRIES.c.account)
        )
        days = connection.execute(select(_DAYS.c.account, signed).group_by(_DAYS.c.account))
        by_account = {account: int(amount) for account, amount in days}
        if by_account != {account: int(amount) for account, amount in entries}:
            raise ProjectionError("Ledger entries and daily balances differ; rebuild subsidy_ledger.")
        if sum(by_account.values()):
            raise ProjectionError("The ledger does not sum to zero; rebuild subsidy_ledger.")
        wallets = connection.execute(select(func.coalesce(func.sum(_WALLETS.c.balance_fen), 0))).scalar_one()
        if int(wallets) != -by_account.get(Account.PREPAID.value, 0):
            raise ProjectionError("Wallets and the prepaid account differ; rebuild subsidy_ledger.")
        moved: dict[tuple[str, str], int] = {}
        for account, movement, amount in connection.execute(
            select(_DAYS.c.account, _DAYS.c.movement, signed).group_by(_DAYS.c.account, _DAYS.c.movement)
        ):
            moved[account, movement] = int(amount)
        bills = connection.execute(
            select(func.coalesce(func.sum(_DAYS.c.entries), 0)).where(
                _DAYS.c.account == Account.SALES.value, _DAYS.c.movement == Movement.SALE.value
            )
        ).scalar_one()

        def sale(account: Account) -> int:
            return moved.get((account.value, Movement.SALE.value), 0)

        def refund(account: Account) -> int:
            return -moved.get((account.value, Movement.REFUND.value), 0)

        return ControlTotals(
            bills=int(bills),
            gross_fen=-sale(Account.SALES),
            discount_fen=sale(Account.DISCOUNT_EXPENSE),
            subsidy_fen=sale(Account.FUNDER_RECEIVABLE),
            own_fen=sale(Account.TAKINGS),
            refunded_gross_fen=-refund(Account.SALES),
            refunded_discount_fen=refund(Account.DISCOUNT_EXPENSE),
            refunded_subsidy_fen=refund(Account.FUNDER_RECEIVABLE),
            refunded_own_fen=refund(Account.TAKINGS),
        )


class _Posting:
    """What one batch adds to the ledger."""

    def __init__(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        reversed_checkouts: set[str] = set()
        residents: set[str] = set()
        for recorded in events:
            event = recorded.event
            if isinstance(event, PaymentRefunded):
                reversed_checkouts.add(recorded.stream[_CHECKOUT_PREFIX:])
            elif isinstance(event, WalletToppedUp | WalletCharged | WalletRefunded):
                residents.add(event.resident_id)
                if isinstance(event, WalletRefunded):
                    reversed_checkouts.add(event.checkout_id)
        self.entries: list[tuple[Any, ...]] = []
        self.days: dict[tuple[Any, ...], list[int]] = {}
        self.balances: dict[str, int] = {
            row[0]: row[1] for row in rows.load(_WALLETS, "resident_id", sorted(residents))
        }
        self._standing: dict[str, dict[_Part, int]] = {checkout_id: {} for checkout_id in reversed_checkouts}
        for row in rows.load(_ENTRIES, "checkout_id", sorted(reversed_checkouts)):
            entry = LedgerEntry.of(row)
            part = (entry.account.value, entry.funder_id, entry.means, entry.rule_id, entry.rule_version, 0)
            standing = self._standing[entry.checkout_id]
            standing[part] = standing.get(part, 0) + entry.amount_fen

    def post_bill(
        self,
        recorded: RecordedEvent,
        event: BillPaid | PaymentRefunded,
        movement: Movement,
        tender: Tender,
        bill: Bill,
    ) -> None:
        """Post a sale, or take a reversal out of it."""
        sign = 1 if movement is Movement.SALE else -1
        parts: list[_Part] = [(_TAKINGS, "", tender.value, "", 0, sign * bill.own_fen)]
        for benefit in bill.benefits:
            rule_id, version = benefit.rule_id, benefit.rule_version
            if benefit.kind is BenefitKind.DISCOUNT:
                parts.append((_DISCOUNT_EXPENSE, "", "", rule_id, version, sign * benefit.amount_fen))
            else:
                for share in benefit.shares:
                    amount_fen = sign * share.amount_fen
                    parts.append((_FUNDER_RECEIVABLE, share.funder_id, "", rule_id, version, amount_fen))
        parts.append((_SALES, "", "", "", 0, -sign * bill.gross_fen))
        site = event.site
        checkout_id = recorded.stream[_CHECKOUT_PREFIX:]
        self._post(recorded, movement, site.business_day, site.canteen_id, event.resident_id, checkout_id, parts)

    def post_top_up(self, recorded: RecordedEvent, event: WalletToppedUp, day: str) -> None:
        """Post money that a resident has paid in."""
        parts: list[_Part] = [
            (_PREPAID_MONEY, "", event.source.value, "", 0, event.amount_fen),
            (_PREPAID, "", "", "", 0, -event.amount_fen),
        ]
        self._post(recorded, Movement.TOP_UP, day, "", event.resident_id, "", parts)
        self._move_balance(recorded, event, event.amount_fen)

    def post_spending(self, recorded: RecordedEvent, event: WalletCharged | WalletRefunded, day: str) -> None:
        """Post prepaid money that went to a canteen, or came back from it."""
        charged = isinstance(event, WalletCharged)
        amount_fen = event.amount_fen if charged else -event.amount_fen
        parts: list[_Part] = [
            (_PREPAID, "", "", "", 0, amount_fen),
            (_WALLET_SETTLEMENT, "", "", "", 0, -amount_fen),
        ]
        movement = Movement.WALLET_CHARGE if charged else Movement.WALLET_REFUND
        self._post(recorded, movement, day, event.canteen_id, event.resident_id, event.checkout_id, parts)
        self._move_balance(recorded, event, -amount_fen)

    def _move_balance(
        self, recorded: RecordedEvent, event: WalletToppedUp | WalletCharged | WalletRefunded, change_fen: int
    ) -> None:
        balance_fen = self.balances.get(event.resident_id, 0) + change_fen
        if balance_fen != event.balance_fen:
            raise _wrong(f"The wallet should hold {balance_fen} fen, but the event says {event.balance_fen}", recorded)
        self.balances[event.resident_id] = balance_fen

    def _post(
        self,
        recorded: RecordedEvent,
        movement: Movement,
        day: str,
        canteen_id: str,
        resident_id: str,
        checkout_id: str,
        parts: list[_Part],
    ) -> None:
        position, name = recorded.position, movement.value
        total_fen = line = 0
        standing = self._standing.get(checkout_id)
        for account, funder_id, means, rule_id, rule_version, amount_fen in parts:
            if not amount_fen:
                continue
            total_fen += amount_fen
            line += 1
            self.entries.append(
                (
                    position,
                    line,
                    name,
                    account,
                    day,
                    canteen_id,
                    funder_id,
                    means,
                    rule_id,
                    rule_version,
                    resident_id,
                    checkout_id,
                    amount_fen,
                )
            )
            key = (account, day, canteen_id, funder_id, means, rule_id, rule_version, name)
            sums = self.days.get(key)
            if sums is None:
                sums = self.days[key] = [0, 0, 0]
            sums[0] += 1
            if amount_fen > 0:
                sums[1] += amount_fen
            else:
                sums[2] -= amount_fen
            if standing is not None:
                part = (account, funder_id, means, rule_id, rule_version, 0)
                standing[part] = left_fen = standing.get(part, 0) + amount_fen
                if (left_fen > 0) if account in _OWED else (left_fen < 0):
                    raise _wrong(f"More is taken back from {account} than was posted to it", recorded)
        if total_fen:
            raise _wrong(f"The transaction does not sum to zero but to {total_fen} fen", recorded)


def _wrong(what: str, recorded: RecordedEvent) -> ProjectionError:
    return ProjectionError(
        f"{what}, at position {recorded.position} in {recorded.stream}. Nothing was posted; look at that event.",
        position=recorded.position,
        stream=recorded.stream,
    )


# --- questions ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One posting; debit > 0, credit < 0. `means` is the tender, or where a top-up came from; '' elsewhere."""

    position: int
    line: int
    movement: Movement
    account: Account
    business_day: str
    canteen_id: str
    funder_id: str
    means: str
    rule_id: str
    rule_version: int
    resident_id: str
    checkout_id: str
    amount_fen: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "LedgerEntry":
        """Read a row of the entries table."""
        fields = dict(zip(_ENTRIES.columns.keys(), row, strict=True))
        return cls(**{**fields, "movement": Movement(row[2]), "account": Account(row[3])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """What one funder owes one canteen for one month (YYYY-MM), after refunds.

    `persons` are different residents, `person_times` bills on which something is left. `rule_id` is '' unless
    rules are told apart; one bill may then count under several.
    """

    funder_id: str
    canteen_id: str
    month: str
    rule_id: str
    rule_version: int
    persons: int
    person_times: int
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidentBenefitRow:
    """What one rule gave one resident, after refunds; `funder_id` is '' for a discount."""

    account: Account
    funder_id: str
    rule_id: str
    rule_version: int
    bills: int
    amount_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """One account of a trial balance; `balance_fen = debit_fen - credit_fen`."""

    account: Account
    debit_fen: int
    credit_fen: int
    balance_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepaidDay:
    """Prepaid money on one day: `opening + top_ups - spend + refunds = closing`."""

    business_day: str
    opening_fen: int
    top_ups_fen: int
    spend_fen: int
    refunds_fen: int
    closing_fen: int


MAX_ENTRIES_PER_PAGE = 500


class SubsidyLedgerView:
    """Answers questions about who pays for what. Days are ISO dates, both inclusive; '' means no limit."""

    def __init__(self, engine: Engine) -> None:
        """Ask over connections of the read models' database."""
        self._engine = engine

    def claims(
        self,
        *,
        from_day: str = "",
        until_day: str = "",
        funder_id: str = "",
        canteen_id: str = "",
        by_rule: bool = False,
    ) -> tuple[ClaimRow, ...]:
        """Count and sum the subsidies by funder, canteen and month."""
        entries = _ENTRIES.c
        month = func.substr(entries.business_day, 1, 7).label("month")
        rule = (entries.rule_id, entries.rule_version) if by_rule else ()
        # A literal, so that the planner knows that the partial index holds all that is asked for.
        claimed = entries.account == literal_column(f"'{Account.FUNDER_RECEIVABLE.value}'")
        conditions = [claimed, *_days(_ENTRIES, from_day, until_day)]
        if funder_id:
            conditions.append(entries.funder_id == funder_id)
        if canteen_id:
            conditions.append(entries.canteen_id == canteen_id)
        by_bill = (
            select(
                entries.funder_id,
                entries.canteen_id,
                month,
                *rule,
                entries.resident_id,
                entries.checkout_id,
                func.sum(entries.amount_fen).label("amount_fen"),
            )
            .where(*conditions)
            .group_by(entries.funder_id, entries.canteen_id, month, *rule, entries.resident_id, entries.checkout_id)
            .having(func.sum(entries.amount_fen) != 0)
            .subquery()
        )
        keys = [by_bill.c.funder_id, by_bill.c.canteen_id, by_bill.c.month]
        if by_rule:
            keys += [by_bill.c.rule_id, by_bill.c.rule_version]
        asked = (
            select(
                *keys,
                func.count(by_bill.c.resident_id.distinct()),
                func.count(),
                func.sum(by_bill.c.amount_fen),
            )
            .group_by(*keys)
            .order_by(*keys)
        )
        with reading(self._engine, _ENTRIES) as connection:
            found = connection.execute(asked).all()
        return tuple(
            ClaimRow(
                funder_id=row[0],
                canteen_id=row[1],
                month=row[2],
                rule_id=row[3] if by_rule else "",
                rule_version=row[4] if by_rule else 0,
                persons=row[-3],
                person_times=row[-2],
                amount_fen=int(row[-1]),
            )
            for row in found
        )

    def resident_benefits(
        self, resident_id: str, *, from_day: str = "", until_day: str = ""
    ) -> tuple[ResidentBenefitRow, ...]:
        """Sum up what one resident was given, rule by rule and funder by funder."""
        entries = _ENTRIES.c
        keys = [entries.account, entries.funder_id, entries.rule_id, entries.rule_version]
        given = (Account.DISCOUNT_EXPENSE.value, Account.FUNDER_RECEIVABLE.value)
        asked = (
            select(*keys, func.count(entries.checkout_id.distinct()), func.sum(entries.amount_fen))
            .where(
                entries.resident_id == resident_id,
                entries.account.in_(given),
                *_days(_ENTRIES, from_day, until_day),
            )
            .group_by(*keys)
            .order_by(*keys)
        )
        with reading(self._engine, _ENTRIES) as connection:
            found = connection.execute(asked).all()
        return tuple(
            ResidentBenefitRow(
                account=Account(row[0]),
                funder_id=row[1],
                rule_id=row[2],
                rule_version=row[3],
                bills=row[4],
                amount_fen=int(row[5]),
            )
            for row in found
        )

    def resident_entries(
        self, resident_id: str, *, after_position: int = 0, limit: int = MAX_ENTRIES_PER_PAGE
    ) -> tuple[LedgerEntry, ...]:
        """List a resident's postings in log order; a page never ends inside a transaction.

        Args:
            after_position: the `position` of the last entry of the page before.
            limit: transactions (not entries) on a page, at most MAX_ENTRIES_PER_PAGE.
        """
        own = (_ENTRIES.c.resident_id == resident_id, _ENTRIES.c.position > after_position)
        positions = (
            select(_ENTRIES.c.position)
            .where(*own)
            .distinct()
            .order_by(_ENTRIES.c.position)
            .limit(min(limit, MAX_ENTRIES_PER_PAGE))
        )
        asked = (
            select(_ENTRIES)
            .where(*own, _ENTRIES.c.position.in_(positions))
            .order_by(_ENTRIES.c.position, _ENTRIES.c.line)
        )
        return self._entries(asked)

    def bill_entries(self, checkout_id: str) -> tuple[LedgerEntry, ...]:
        """List all postings of one bill: its sale, its refunds, and what its wallet paid."""
        asked = (
            select(_ENTRIES).where(_ENTRIES.c.checkout_id == checkout_id).order_by(_ENTRIES.c.position, _ENTRIES.c.line)
        )
        return self._entries(asked)

    def trial_balance(self, *, from_day: str = "", until_day: str = "", canteen_id: str = "") -> tuple[BalanceRow, ...]:
        """Sum up every account; the balances sum to zero, for one canteen too.

        Top-ups belong to no canteen, so for one canteen `prepaid` holds only what was spent there.
        """
        conditions = _days(_DAYS, from_day, until_day)
        if canteen_id:
            conditions.append(_DAYS.c.canteen_id == canteen_id)
        asked = (
            select(_DAYS.c.account, func.sum(_DAYS.c.debit_fen), func.sum(_DAYS.c.credit_fen))
            .where(*conditions)
            .group_by(_DAYS.c.account)
            .order_by(_DAYS.c.account)
        )
        with reading(self._engine, _DAYS) as connection:
            found = connection.execute(asked).all()
        return tuple(
            BalanceRow(
                account=Account(account),
                debit_fen=int(debit_fen),
                credit_fen=int(credit_fen),
                balance_fen=int(debit_fen) - int(credit_fen),
            )
            for account, debit_fen, credit_fen in found
        )

    def prepaid_statement(
        self, *, from_day: str = "", until_day: str = "", resident_id: str = ""
    ) -> tuple[PrepaidDay, ...]:
        """State prepaid money day by day (days on which nothing moved are left out), for all or one resident."""
        table = _ENTRIES if resident_id else _DAYS
        amount = _ENTRIES.c.amount_fen if resident_id else _DAYS.c.debit_fen - _DAYS.c.credit_fen
        conditions = [table.c.account == Account.PREPAID.value]
        if resident_id:
            conditions.append(_ENTRIES.c.resident_id == resident_id)
        by_movement = [
            func.coalesce(func.sum(case((table.c.movement == movement.value, -amount), else_=0)), 0)
            for movement in (Movement.TOP_UP, Movement.WALLET_CHARGE, Movement.WALLET_REFUND)
        ]
        before = select(func.coalesce(func.sum(-amount), 0)).where(*conditions, table.c.business_day < from_day)
        during = (
            select(table.c.business_day, *by_movement)
            .where(*conditions, *_days(table, from_day, until_day))
            .group_by(table.c.business_day)
            .order_by(table.c.business_day)
        )
        with reading(self._engine, table) as connection:
            balance_fen = int(connection.execute(before).scalar_one())
            found = connection.execute(during).all()
        statement = []
        for day, top_ups_fen, charged_fen, refunds_fen in found:
            closing_fen = balance_fen + int(top_ups_fen) + int(charged_fen) + int(refunds_fen)
            statement.append(
                PrepaidDay(
                    business_day=day,
                    opening_fen=balance_fen,
                    top_ups_fen=int(top_ups_fen),
                    spend_fen=-int(charged_fen),
                    refunds_fen=int(refunds_fen),
                    closing_fen=closing_fen,
                )
            )
            balance_fen = closing_fen
        return tuple(statement)

    def _entries(self, asked: Select[Any]) -> tuple[LedgerEntry, ...]:
        with reading(self._engine, _ENTRIES) as connection:
            return tuple(LedgerEntry.of(tuple(row)) for row in connection.execute(asked))


def _days(table: Table, from_day: str, until_day: str) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if from_day:
        conditions.append(table.c.business_day >= from_day)
    if until_day:
        conditions.append(table.c.business_day <= until_day)
    return conditions
