"""Parameters that several operations share."""

from typing import Any, Final

from api.routes import examples
from api.routes.call import ID_PATTERN, IDEMPOTENCY_KEY_PATTERN
from api.routes.operation import Parameter

IDEMPOTENCY_KEY: Final = Parameter(
    name="Idempotency-Key",
    place="header",
    description=(
        "Names this wish (a UUID, say). The same key with the same body is done once and answered again with "
        "`Idempotent-Replayed: true`; with another body it is refused."
    ),
    schema={"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
    example=examples.COMMAND_ID,
    required=True,
)


def path_id(name: str, description: str, example: str) -> Parameter:
    """Return an id in the path."""
    return Parameter(
        name=name,
        place="path",
        description=description,
        schema={"type": "string", "pattern": ID_PATTERN},
        example=example,
        required=True,
    )


def path_day(name: str) -> Parameter:
    """Return a day in the path."""
    return Parameter(
        name=name,
        place="path",
        description="the business day",
        schema={"type": "string", "format": "date"},
        example="2026-11-24",
        required=True,
    )


def filter_by(name: str, description: str, example: Any, schema: dict[str, Any] | None = None) -> Parameter:
    """Return an optional value of the query."""
    return Parameter(
        name=name,
        place="query",
        description=description,
        schema=schema or {"type": "string", "maxLength": 64},
        example=example,
    )


FROM_DAY: Final = filter_by("from_day", "first day, inclusive", "2026-11-01", {"type": "string", "format": "date"})
UNTIL_DAY: Final = filter_by("until_day", "last day, inclusive", "2026-11-30", {"type": "string", "format": "date"})
CANTEEN: Final = filter_by("canteen_id", "one canteen; all if left out", "lanxi")
LANE: Final = filter_by("lane_id", "one lane; all if left out", "lanxi-1")
MEAL_PERIOD: Final = filter_by("meal_period", "one meal period; all if left out", "lunch")
