"""Business days and meal periods. Times are integer milliseconds since 1970 UTC and arrive with the command."""

from dataclasses import dataclass
from datetime import date, timedelta

_MS_PER_DAY = 86_400_000
_MS_PER_MINUTE = 60_000
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MealPeriod:
    """One serving of a day; `from_minute` (inclusive) to `until_minute` (exclusive) after local midnight."""

    period_id: str
    name_zh: str
    name_en: str
    from_minute: int
    until_minute: int


def business_day(at_ms: int, utc_offset_minutes: int) -> date:
    """Return the local calendar day of an instant.

    >>> business_day(0, 480).isoformat()
    '1970-01-01'
    """
    return _EPOCH + timedelta(days=(at_ms + utc_offset_minutes * _MS_PER_MINUTE) // _MS_PER_DAY)


def minute_of_day(at_ms: int, utc_offset_minutes: int) -> int:
    """Return the minutes since local midnight, 0 to 1439.

    >>> minute_of_day(0, 480)
    480
    """
    return (at_ms + utc_offset_minutes * _MS_PER_MINUTE) % _MS_PER_DAY // _MS_PER_MINUTE


def instant_ms(day: date, minute: int, utc_offset_minutes: int) -> int:
    """Return the instant at which a local day reaches `minute`.

    >>> instant_ms(date(1970, 1, 1), 480, 480)
    0
    """
    return (day - _EPOCH).days * _MS_PER_DAY + (minute - utc_offset_minutes) * _MS_PER_MINUTE


def meal_period_at(periods: tuple[MealPeriod, ...], minute: int) -> MealPeriod | None:
    """Return the meal period that serves at a minute of the day, or None between them."""
    for period in periods:
        if period.from_minute <= minute < period.until_minute:
            return period
    return None


def age_on(birth: date, day: date) -> int:
    """Return completed years of life on a day; one born on 29 February has the birthday on 1 March.

    >>> age_on(date(1960, 11, 24), date(2020, 11, 23)), age_on(date(1960, 11, 24), date(2020, 11, 24))
    (59, 60)
    """
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def week_start(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())
