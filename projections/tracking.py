"""How far each read model has come, and which of its tables are in use; written together with the rows.

Each read model has one `live` row and, during a rebuild, one `shadow` row. A batch may be applied only by the
one who moves the row from the position he started at (compare and set), so that neither a crash nor a second
process can apply an event twice.
"""

import json
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    delete,
    insert,
    inspect,
    select,
    text,
    update,
)

from engine.application.log import EventLog, RecordedEvent
from projections.database import INTEGER, TEXT
from projections.projection import Projection
from projections.rows import physical_table


class Role(StrEnum):
    """Which set of tables a tracking row speaks of."""

    LIVE = "live"
    SHADOW = "shadow"


SWAP_WAIT_S = 5

SUFFIX = {Role.LIVE: "", Role.SHADOW: "__shadow"}

_TRACKING = Table(
    "tracking",
    MetaData(),
    Column("projection", TEXT, primary_key=True),
    Column("schema_version", TEXT, primary_key=True),
    Column("role", TEXT, primary_key=True),
    Column("generation", INTEGER, nullable=False),
    Column("position", INTEGER, nullable=False),
    Column("anchor_position", INTEGER, nullable=False),
    Column("anchor_stream", TEXT, nullable=False),
    Column("anchor_version", INTEGER, nullable=False),
    Column("anchor_at_ms", INTEGER, nullable=False),
    Column("table_names", TEXT, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The newest event that a model has seen. If the log holds another one there, it is not the same log."""

    position: int = 0
    stream: str = ""
    version: int = 0
    at_ms: int = 0

    @classmethod
    def of(cls, recorded: RecordedEvent) -> "Anchor":
        """Take note of one event."""
        return cls(
            position=recorded.position,
            stream=recorded.stream,
            version=recorded.version,
            at_ms=recorded.event.at_ms,
        )

    def holds_in(self, log: EventLog) -> bool:
        """Tell whether the log has this event at its position."""
        if self.position == 0:
            return True
        return [Anchor.of(recorded) for recorded in log.read_after(self.position - 1, 1)] == [self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One tracking row: applied up to `position`; `generation` counts the builds of the tables."""

    generation: int
    position: int
    anchor: Anchor


def prepare_tracking(connection: Connection) -> None:
    """Create what is missing, once, even if several processes start at the same time."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('canteen.read_models'))"))
        schema = connection.execute(text("SELECT setting FROM pg_settings WHERE name = 'search_path'")).scalar_one()
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    _TRACKING.create(connection, checkfirst=True)


def find(connection: Connection, projection: Projection, role: Role) -> Track | None:
    """Read how far a model in its present schema version has come."""
    row = connection.execute(select(_TRACKING).where(*_is(projection, role))).one_or_none()
    if row is None:
        return None
    anchor = Anchor(
        position=row.anchor_position,
        stream=row.anchor_stream,
        version=row.anchor_version,
        at_ms=row.anchor_at_ms,
    )
    return Track(generation=row.generation, position=row.position, anchor=anchor)


def find_locked(connection: Connection, projection: Projection, role: Role) -> Track | None:
    """Read how far a model has come and keep others from moving it until this transaction ends."""
    connection.execute(update(_TRACKING).where(*_is(projection, role)).values(position=_TRACKING.c.position))
    return find(connection, projection, role)


def advance(
    connection: Connection, projection: Projection, role: Role, track: Track, until: int, anchor: Anchor
) -> bool:
    """Move the position from where `track` has it to `until`; False if somebody else has moved it."""
    moved = connection.execute(
        update(_TRACKING)
        .where(
            *_is(projection, role),
            _TRACKING.c.generation == track.generation,
            _TRACKING.c.position == track.position,
        )
        .values(
            position=until,
            anchor_position=anchor.position,
            anchor_stream=anchor.stream,
            anchor_version=anchor.version,
            anchor_at_ms=anchor.at_ms,
        )
    )
    return moved.rowcount == 1


def create_tables(connection: Connection, projection: Projection, role: Role) -> Track:
    """Drop what this role has of a model, create its tables empty, and track them from position 0."""
    generation = 1 + max((*_generations(connection, projection), 0))
    drop_tables(connection, projection, role)
    for table in projection.tables:
        physical_table(table, SUFFIX[role], generation).create(connection)
    connection.execute(
        insert(_TRACKING).values(
            projection=projection.name,
            schema_version=projection.schema_version,
            role=role.value,
            generation=generation,
            position=0,
            anchor_position=0,
            anchor_stream="",
            anchor_version=0,
            anchor_at_ms=0,
            table_names=json.dumps([table.name for table in projection.tables]),
        )
    )
    return Track(generation=generation, position=0, anchor=Anchor())


def drop_tables(connection: Connection, projection: Projection, role: Role) -> None:
    """Drop the tables that a model has in a role, those of its other schema versions too."""
    of_role = (_TRACKING.c.projection == projection.name) & (_TRACKING.c.role == role.value)
    names = {table.name for table in projection.tables}
    for stored in connection.execute(select(_TRACKING.c.table_names).where(of_role)).scalars():
        names.update(json.loads(stored))
    present = set(inspect(connection).get_table_names())
    for name in sorted(names):
        if name + SUFFIX[role] in present:
            Table(name + SUFFIX[role], MetaData()).drop(connection)
    connection.execute(delete(_TRACKING).where(of_role))


def swap_in(connection: Connection, projection: Projection) -> None:
    """Put the shadow tables in the place of the live ones; all in the caller's transaction.

    On PostgreSQL this waits for whoever reads the live tables; everybody who comes later waits behind it, so it
    gives up after SWAP_WAIT_S.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{SWAP_WAIT_S}s'"))
    drop_tables(connection, projection, Role.LIVE)
    for table in projection.tables:
        connection.execute(text(f'ALTER TABLE "{table.name}{SUFFIX[Role.SHADOW]}" RENAME TO "{table.name}"'))
    connection.execute(update(_TRACKING).where(*_is(projection, Role.SHADOW)).values(role=Role.LIVE.value))


def _generations(connection: Connection, projection: Projection) -> list[int]:
    return list(
        connection.execute(select(_TRACKING.c.generation).where(_TRACKING.c.projection == projection.name)).scalars()
    )


def _is(projection: Projection, role: Role) -> tuple[ColumnElement[bool], ...]:
    return (
        _TRACKING.c.projection == projection.name,
        _TRACKING.c.schema_version == projection.schema_version,
        _TRACKING.c.role == role.value,
    )
