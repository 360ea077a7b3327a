"""A canteen with its lanes and meal periods."""

from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from engine.domain.calendar import business_day, meal_period_at, minute_of_day
from engine.domain.canteen import CanteenProfile, Site
from engine.domain.commands import OpenCanteen
from engine.domain.errors import InvalidValueError, OutsideMealPeriodError, UnknownCanteenError, UnknownLaneError
from engine.domain.events import CanteenChanged, CanteenOpened, Event

MINUTES_PER_DAY = 1440
MAX_LANES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Canteen:
    """`profile` is None until the canteen is opened."""

    profile: CanteenProfile | None = None


def decide_opening(state: Canteen, command: OpenCanteen) -> tuple[Event, ...]:
    """Open a canteen or change it; the same profile again changes nothing.

    Raises:
        InvalidValueError: no lane, a lane twice, or meal periods that overlap or leave the day.
    """
    profile = command.profile
    if not profile.canteen_id or "/" in profile.canteen_id:
        raise InvalidValueError("canteen_id must be a short name without '/'.")
    lane_ids = [lane.lane_id for lane in profile.lanes]
    if not 1 <= len(lane_ids) <= MAX_LANES or len(set(lane_ids)) != len(lane_ids):
        raise InvalidValueError(f"A canteen has 1 to {MAX_LANES} lanes with different ids.")
    ends_at = 0
    for period in profile.meal_periods:
        if not ends_at <= period.from_minute < period.until_minute <= MINUTES_PER_DAY:
            raise InvalidValueError(
                f"Meal period '{period.period_id}' overlaps the one before or leaves the day. Order them by time."
            )
        ends_at = period.until_minute
    if state.profile == profile:
        return ()
    if state.profile is None:
        return (CanteenOpened(at_ms=command.at_ms, by=command.by, profile=profile),)
    return (CanteenChanged(at_ms=command.at_ms, by=command.by, profile=profile),)


def require_profile(state: Canteen, canteen_id: str) -> CanteenProfile:
    """Return the profile of an opened canteen."""
    if state.profile is None:
        raise UnknownCanteenError(f"No canteen is known as '{canteen_id}'. Check the terminal's canteen setting.")
    return state.profile


def site_at(profile: CanteenProfile, lane_id: str, at_ms: int) -> Site:
    """Return lane, business day and meal period of an instant.

    Raises:
        UnknownLaneError, OutsideMealPeriodError: the message names what is there.
    """
    if all(lane.lane_id != lane_id for lane in profile.lanes):
        raise UnknownLaneError(
            f"'{profile.canteen_id}' has no lane '{lane_id}'. Check the terminal's lane setting.",
            lanes=[lane.lane_id for lane in profile.lanes],
        )
    minute = minute_of_day(at_ms, profile.utc_offset_minutes)
    period = meal_period_at(profile.meal_periods, minute)
    if period is None:
        served = ", ".join(
            f"{p.period_id} {_clock(p.from_minute)}-{_clock(p.until_minute)}" for p in profile.meal_periods
        )
        raise OutsideMealPeriodError(f"Nothing is served at {_clock(minute)}. Meal periods: {served}.")
    return Site(
        canteen_id=profile.canteen_id,
        lane_id=lane_id,
        business_day=business_day(at_ms, profile.utc_offset_minutes).isoformat(),
        meal_period=period.period_id,
    )


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def evolve(state: Canteen, event: Event) -> Canteen:
    """Return the canteen after an event."""
    match event:
        case CanteenOpened() | CanteenChanged():
            return Canteen(profile=event.profile)
        case _:
            return state


CANTEEN: StreamType[Canteen] = StreamType(initial=Canteen(), evolve=evolve)
