"""Small valid values with defaults, so that a test names only what it is about."""

from dataclasses import replace
from datetime import date
from typing import Any

from engine.domain.acceptance import AcceptanceLimits
from engine.domain.actor import Actor, Role
from engine.domain.benefit_rule import (
    BenefitRule,
    FunderPart,
    Reduction,
    ReductionKind,
    Threshold,
)
from engine.domain.bill import BenefitKind
from engine.domain.calendar import MealPeriod
from engine.domain.canteen import CanteenProfile, Lane, Site
from engine.domain.menu import MenuItem
from engine.domain.reading import Box, Candidate, DishSighting, ModelRef, TrayReading
from engine.domain.resident import CredentialKind, EntitlementFacts
from engine.policies.acceptance import AcceptancePolicy
from engine.policies.benefits import Occasion, PricedLine

DINER = Actor(role=Role.DINER, actor_id="lanxi-1")
TERMINAL = Actor(role=Role.TERMINAL, actor_id="lanxi-1")
CASHIER = Actor(role=Role.CASHIER, actor_id="cashier-7")
ADMIN = Actor(role=Role.ADMIN, actor_id="admin-1")
SYSTEM = Actor(role=Role.SYSTEM, actor_id="timeouts")

DAY = date(2026, 11, 24)
"""A Tuesday."""
NOON_MS = 1_795_492_800_000
"""12:00 in UTC+8 on DAY."""
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

SITE = Site(canteen_id="lanxi", lane_id="lanxi-1", business_day=DAY.isoformat(), meal_period="lunch")

MENU_PRICES_FEN = {"mifan": 100, "doufu": 350, "bocai": 400, "paigu": 1000, "yu": 1200, "tang": 200}
MENU = {
    dish_id: MenuItem(dish_id=dish_id, name_zh=f"菜{dish_id}", name_en=f"dish {dish_id}", price_fen=price_fen)
    for dish_id, price_fen in MENU_PRICES_FEN.items()
}

POLICY = AcceptancePolicy(
    policy_id="test-1",
    limits=AcceptanceLimits(
        likeness_pct=50, accept_bps=3500, known_bps=3500, detector_bps=4000, most_equal=3, most_portions=8
    ),
)

CARDS = (CredentialKind.ELDER_CARD, CredentialKind.SOCIAL_CARD)


def profile(canteen_id: str = "lanxi", **changes: Any) -> CanteenProfile:
    """A canteen of the fixture street with two lanes and three meal periods."""
    said: dict[str, Any] = {
        "canteen_id": canteen_id,
        "name_zh": "食堂",
        "name_en": "Canteen",
        "street": "caoyang",
        "district": "普陀区",
        "city": "上海市",
        "utc_offset_minutes": 480,
        "lanes": tuple(
            Lane(lane_id=f"{canteen_id}-{number}", name_zh=f"{number}号", name_en=f"Lane {number}") for number in (1, 2)
        ),
        "meal_periods": (
            MealPeriod(period_id="breakfast", name_zh="早餐", name_en="Breakfast", from_minute=390, until_minute=540),
            MealPeriod(period_id="lunch", name_zh="午餐", name_en="Lunch", from_minute=630, until_minute=810),
            MealPeriod(period_id="dinner", name_zh="晚餐", name_en="Dinner", from_minute=990, until_minute=1110),
        ),
    }
    return CanteenProfile(**{**said, **changes})


def occasion(**changes: Any) -> Occasion:
    """Lunch at one canteen of the street."""
    said: dict[str, Any] = {
        "canteen_id": "lanxi",
        "street": "caoyang",
        "district": "普陀区",
        "business_day": DAY,
        "meal_period": "lunch",
    }
    return Occasion(**{**said, **changes})


def facts(**changes: Any) -> EntitlementFacts:
    """A person of 70 with both cards registered."""
    said: dict[str, Any] = {"birth_date": date(1956, 3, 1), "registered_cards": CARDS}
    return EntitlementFacts(**{**said, **changes})


def fixed(amount_fen: int, **changes: Any) -> BenefitRule:
    """A subsidy of a fixed amount, paid by the street."""
    said: dict[str, Any] = {
        "rule_id": "fixed",
        "version": 1,
        "title_zh": "减",
        "title_en": "off",
        "source": "made up for a test",
        "kind": BenefitKind.SUBSIDY,
        "stage": 20,
        "effective_from": date(2020, 9, 1),
        "reduction": Reduction(kind=ReductionKind.FIXED, amount_fen=amount_fen),
        "funders": (FunderPart(funder_id="street", residual=True),),
    }
    return BenefitRule(**{**said, **changes})


def percent_off(rate_bps: int, **changes: Any) -> BenefitRule:
    """A discount of a rate, borne by the canteen."""
    said: dict[str, Any] = {
        "rule_id": "percent",
        "kind": BenefitKind.DISCOUNT,
        "stage": 10,
        "reduction": Reduction(kind=ReductionKind.PERCENTAGE, rate_bps=rate_bps),
        "funders": (),
    }
    return fixed(0, **{**said, **changes})


def spend_15_save_3(**changes: Any) -> BenefitRule:
    """满15减3 on gross."""
    return fixed(300, **{"rule_id": "spend-15-save-3", "threshold": Threshold(amount_fen=1500), **changes})


def lines(*prices_fen: int) -> tuple[PricedLine, ...]:
    """Lines numbered from 1."""
    return tuple(
        PricedLine(item_id=number, dish_id=f"dish-{number}", price_fen=price_fen)
        for number, price_fen in enumerate(prices_fen, start=1)
    )


def sighting(*dishes: str, best_bps: int = 9000, second_bps: int = 2000, detector_bps: int = 9000) -> DishSighting:
    """One portion that looks like the first dish; the others follow with `second_bps`."""
    return DishSighting(
        box=Box(left_px=0, top_px=0, right_px=100, bottom_px=100),
        detector_bps=detector_bps,
        candidates=tuple(
            Candidate(dish_id=dish_id, similarity_bps=second_bps if rank else best_bps)
            for rank, dish_id in enumerate(dishes)
        ),
    )


def unsure(*dishes: str) -> DishSighting:
    """One portion that may be any of these dishes."""
    return sighting(*dishes, best_bps=6000, second_bps=5800)


def unknown_portion() -> DishSighting:
    """One portion that looks like nothing on the menu."""
    return sighting("mifan", best_bps=1000)


def _placed(number: int, seen: DishSighting) -> DishSighting:
    left_px = seen.box.left_px + 150 * number
    return replace(seen, box=replace(seen.box, left_px=left_px, right_px=left_px + 100))


def reading(*sightings: DishSighting) -> TrayReading:
    """A reading of one photograph, its portions side by side."""
    return TrayReading(
        photo_sha256="ab" * 32,
        width_px=1280,
        height_px=960,
        sightings=tuple(_placed(number, seen) for number, seen in enumerate(sightings)),
        models=(ModelRef(name="detector", sha256="cd" * 32),),
    )
