"""A canteen: one site with its lanes and meal periods."""

from dataclasses import dataclass

from engine.domain.calendar import MealPeriod


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One settlement counter."""

    lane_id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CanteenProfile:
    """What is known of a site; belongs to a street, a district and a city, which scope the benefit rules."""

    canteen_id: str
    name_zh: str
    name_en: str
    street: str
    district: str
    city: str
    utc_offset_minutes: int
    lanes: tuple[Lane, ...]
    meal_periods: tuple[MealPeriod, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where and when something at a lane happened; stands in every event of a tray session."""

    canteen_id: str
    lane_id: str
    business_day: str
    meal_period: str
