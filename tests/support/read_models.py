"""Looks into the tables of read models, past their views."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Table, select

from projections.database import reading
from projections.projection import Projection


def stored_rows(engine: Engine, projections: Sequence[Projection]) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, in the order of their keys."""
    tables = [table for projection in projections for table in projection.tables]
    with reading(engine, *tables) as connection:
        return {table.name: [tuple(row) for row in connection.execute(_all(table))] for table in tables}


def _all(table: Table) -> Any:
    return select(table).order_by(*table.primary_key.columns)
