"""Which pictures the fixture street gets: the enrolment photographs and the trays of every canteen."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from recognition.training.synthetic.dishes import RECIPES
from recognition.training.synthetic.scene import seeded

TrayKind = Literal["ordinary", "double", "off-menu", "napkin", "empty"]

# Paid totals that the ordinary trays aim at, fen: below, at and above 15 yuan.
_TARGETS_FEN = (1500, 1400, 1600, 1100, 1500, 2100)
_ROOM = {"white_melamine_tray": 5, "steel_tray": 5, "plates_on_tray": 6, "green_melamine_tray": 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class CanteenPlan:
    """What a canteen sells and serves on; `lunch` maps dish ids to fen, `sold` holds the dishes of all meal periods."""

    canteen_id: str
    crockery: str
    lunch: dict[str, int]
    sold: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayPlan:
    """One tray to be painted; `off_menu` is a dish among `dishes` that the canteen does not sell at lunch."""

    name: str
    kind: TrayKind
    dishes: tuple[str, ...]
    off_menu: str | None = None


def read_street(street_dir: Path) -> list[CanteenPlan]:
    """Read canteens and menus.

    Raises:
        KeyError: a dish on a menu has no recipe.
    """
    street = tomllib.loads((street_dir / "street.toml").read_text(encoding="utf-8"))
    menus = tomllib.loads((street_dir / "menus.toml").read_text(encoding="utf-8"))["menus"]
    plans = []
    for canteen in street["canteens"]:
        own = [menu for menu in menus if menu["canteen"] == canteen["id"]]
        sold = dict.fromkeys(item["dish_id"] for menu in own for item in menu["items"])
        for dish_id in sold:
            if dish_id not in RECIPES:
                raise KeyError(f"{canteen['id']} sells {dish_id}, which has no recipe in dishes.py")
        lunch = next(menu["items"] for menu in own if menu["meal_period"] == "lunch")
        plans.append(
            CanteenPlan(
                canteen_id=canteen["id"],
                crockery=canteen["crockery"],
                lunch={item["dish_id"]: item["price_fen"] for item in lunch},
                sold=tuple(sold),
            )
        )
    return plans


def plan_trays(canteen: CanteenPlan, seed: int) -> list[TrayPlan]:
    """Choose the twelve trays of a canteen: six ordinary, two doubles, two off-menu, one under a napkin, one empty."""
    rng = seeded(seed, canteen.canteen_id, "plan")
    room = _ROOM[canteen.crockery]
    trays = []
    for number, target_fen in enumerate(_TARGETS_FEN, start=1):
        size = int(rng.integers(3, room + 1))
        trays.append(
            TrayPlan(
                name=f"ordinary-{number}",
                kind="ordinary",
                dishes=_near(rng, canteen, size if target_fen > 1200 else 2 + number % 2, target_fen),
            )
        )
    for number in (1, 2):
        dishes = _near(rng, canteen, 3, 1500)
        again = next(dish for dish in dishes if not RECIPES[dish].needs_bowl and (number == 2 or dish != "mifan"))
        trays.append(TrayPlan(name=f"double-{number}", kind="double", dishes=(*dishes, again)))
    elsewhere = [dish for dish in RECIPES if dish not in canteen.lunch]
    for number, strange in enumerate(rng.choice(elsewhere, 2, replace=False), start=1):
        dishes = (*_near(rng, canteen, 3, 1400), str(strange))
        trays.append(TrayPlan(name=f"off-menu-{number}", kind="off-menu", dishes=dishes, off_menu=str(strange)))
    trays.append(TrayPlan(name="napkin", kind="napkin", dishes=_near(rng, canteen, 3, 1500)))
    trays.append(TrayPlan(name="empty", kind="empty", dishes=()))
    return trays


def _near(rng: np.random.Generator, canteen: CanteenPlan, size: int, target_fen: int) -> tuple[str, ...]:
    """Draw a few meals and take the one whose price comes closest; at most one staple and one soup in each."""
    best: tuple[str, ...] = ()
    best_gap = 10**9
    others = [dish for dish in canteen.lunch if dish not in ("mifan", "mantou")]
    for _ in range(60):
        staple = "mantou" if "mantou" in canteen.lunch and rng.random() < 0.25 else "mifan"
        rest = [str(dish) for dish in rng.choice(others, size - 1, replace=False)]
        meal = (staple, *rest)
        gap = abs(sum(canteen.lunch[dish] for dish in meal) - target_fen)
        if gap < best_gap:
            best, best_gap = meal, gap
        if gap == 0:
            break
    return best
