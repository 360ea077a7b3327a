"""What a read model must say of itself. To add one, see the package's README."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from sqlalchemy import Connection, Table

from engine.application.log import RecordedEvent
from engine.domain.events import Event
from projections.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTotals:
    """The money of all bills, as one read model or one plain count has it; refunds stand apart."""

    bills: int
    gross_fen: int
    discount_fen: int
    subsidy_fen: int
    own_fen: int
    refunded_gross_fen: int
    refunded_discount_fen: int
    refunded_subsidy_fen: int
    refunded_own_fen: int


class Projection(Protocol):
    """One read model: a function from the events so far to rows.

    The rows must depend on the events alone, never on how they were cut into batches, so that a rebuild gives
    the same rows bit for bit. Amounts are integers and keys are text or integers; no column is ever null.
    """

    name: ClassVar[str]
    tables: ClassVar[tuple[Table, ...]]
    event_types: ClassVar[frozenset[type[Event]]]

    @property
    def schema_version(self) -> str:
        """Changes with every change of a table or of what a row means; the model is then replayed."""
        ...

    def apply(self, events: Sequence[RecordedEvent], rows: Rows) -> None:
        """Bring the rows up to date with events of `event_types`, in log order, each delivered once.

        Raises:
            ProjectionError: the events contradict the rules that the model relies on; nothing of the batch is
                kept.
        """
        ...

    def control_totals(self, connection: Connection) -> ControlTotals | None:
        """Sum up all bills from the model's own rows, or None for a model without money."""
        ...
