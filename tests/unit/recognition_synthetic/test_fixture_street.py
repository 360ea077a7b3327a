import csv
import datetime
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from recognition.training.synthetic.plan import plan_trays, read_street
from recognition.training.synthetic.render_fixtures import SEED, TRAY_LIMIT_BYTES

FIXTURES = Path(__file__).parents[3] / "fixtures"
STREET = tomllib.loads((FIXTURES / "street/street.toml").read_text(encoding="utf-8"))
CATEGORIES = {
    dish["dish_id"]: dish["category"]
    for dish in tomllib.loads((FIXTURES / "street/dishes.toml").read_text(encoding="utf-8"))["dishes"]
}
PRICES_FEN = {
    "staple": (100, 100),
    "soup": (200, 200),
    "vegetable": (300, 700),
    "egg_tofu": (200, 600),
    "meat": (800, 1600),
}


@pytest.fixture(scope="module")
def residents() -> list[dict[str, str]]:
    with (FIXTURES / "street/residents.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trays() -> list[dict[str, Any]]:
    labels: list[dict[str, Any]] = json.loads((FIXTURES / "trays/labels.json").read_text(encoding="utf-8"))
    return labels


def test_every_canteen_has_lanes_of_its_own_name_and_a_menu_for_each_meal_period() -> None:
    menus = tomllib.loads((FIXTURES / "street/menus.toml").read_text(encoding="utf-8"))["menus"]
    served = {(menu["canteen"], menu["meal_period"]) for menu in menus}
    assert len(STREET["canteens"]) == 4
    for canteen in STREET["canteens"]:
        assert 2 <= len(canteen["lanes"]) <= 3
        assert all(lane["id"].startswith(canteen["id"] + "-") for lane in canteen["lanes"])
        assert {(canteen["id"], period) for period in STREET["meal_periods"]} <= served


def test_every_price_lies_in_the_range_of_its_category() -> None:
    for menu in tomllib.loads((FIXTURES / "street/menus.toml").read_text(encoding="utf-8"))["menus"]:
        for item in menu["items"]:
            category = CATEGORIES[item["dish_id"]]
            low, high = (200, 300) if item["dish_id"] == "xiaomi-zhou" else PRICES_FEN[category]
            assert low <= item["price_fen"] <= high, item


def test_every_canteen_sells_twelve_to_fourteen_dishes_at_lunch() -> None:
    for canteen in read_street(FIXTURES / "street"):
        assert 12 <= len(canteen.lunch) <= 14


def test_each_canteen_has_a_tray_below_at_and_above_fifteen_yuan() -> None:
    for canteen in read_street(FIXTURES / "street"):
        totals = [
            sum(canteen.lunch[dish] for dish in tray.dishes)
            for tray in plan_trays(canteen, SEED)
            if tray.kind == "ordinary"
        ]
        assert min(totals) < 1500 < max(totals)
        assert 1500 in totals


def test_every_dish_sold_has_three_enrolment_photographs_and_a_box_inside_each() -> None:
    labels = json.loads((FIXTURES / "photos/labels.json").read_text(encoding="utf-8"))
    expected = {
        f"{canteen.canteen_id}/{dish}/{number}.jpg"
        for canteen in read_street(FIXTURES / "street")
        for dish in canteen.sold
        for number in (1, 2, 3)
    }
    assert {label["file"] for label in labels} == expected
    assert {str(path.relative_to(FIXTURES / "photos")) for path in (FIXTURES / "photos").rglob("*.jpg")} == expected
    for label in labels:
        with Image.open(FIXTURES / "photos" / label["file"]) as image:
            assert image.size == (label["width"], label["height"])
        [dish] = label["dishes"]
        assert dish["dish"] == label["file"].split("/")[1]
        left, top, right, bottom = dish["box"]
        assert 0 <= left < right <= label["width"]
        assert 0 <= top < bottom <= label["height"]


def test_tray_labels_agree_with_the_pictures_the_plan_and_the_menu(trays: list[dict[str, Any]]) -> None:
    by_file = {tray["file"]: tray for tray in trays}
    assert len(by_file) == 48
    for canteen in read_street(FIXTURES / "street"):
        for plan in plan_trays(canteen, SEED):
            tray = by_file.pop(f"{canteen.canteen_id}/{plan.name}.jpg")
            path = FIXTURES / "trays" / tray["file"]
            assert path.stat().st_size <= TRAY_LIMIT_BYTES
            with Image.open(path) as image:
                assert image.size == (tray["width"], tray["height"])
            assert sorted(dish["dish"] for dish in tray["dishes"]) == sorted(plan.dishes)
            for dish in tray["dishes"]:
                assert dish.get("off_menu", False) == (dish["dish"] not in canteen.lunch)
                left, top, right, bottom = dish["box"]
                assert 0 <= left < right <= tray["width"]
                assert 0 <= top < bottom <= tray["height"]
    assert not by_file


def test_each_canteen_has_its_trays_for_doubles_strangers_a_napkin_and_nothing(
    trays: list[dict[str, Any]],
) -> None:
    for canteen in STREET["canteens"]:
        own = [tray for tray in trays if tray["canteen"] == canteen["id"]]
        assert [tray["kind"] for tray in own].count("ordinary") == 6
        doubles = [tray for tray in own if tray["kind"] == "double"]
        assert len(doubles) == 2
        for tray in doubles:
            dishes = [dish["dish"] for dish in tray["dishes"]]
            assert len(dishes) == len(set(dishes)) + 1
        strangers = [tray for tray in own if any(dish.get("off_menu") for dish in tray["dishes"])]
        assert [tray["kind"] for tray in strangers] == ["off-menu", "off-menu"]
        assert [sum(bool(dish.get("covered")) for dish in tray["dishes"]) for tray in own].count(1) == 1
        assert [len(tray["dishes"]) for tray in own].count(0) == 1


def test_all_pictures_together_are_smaller_than_twelve_megabytes() -> None:
    pictures = [path for folder in ("photos", "trays") for path in (FIXTURES / folder).rglob("*.jpg")]
    assert sum(path.stat().st_size for path in pictures) < 12_000_000


def test_residents_are_two_hundred_with_unique_ids_names_and_numbers(residents: list[dict[str, str]]) -> None:
    assert len(residents) == 200
    for column in ("external_id", "name", "elder_card", "social_card", "face_token", "wallet_qr"):
        values = [resident[column] for resident in residents if resident[column]]
        assert len(values) == len(set(values)), column
    for resident in residents:
        numbers = [resident[c] for c in ("elder_card", "social_card", "face_token", "wallet_qr") if resident[c]]
        assert numbers, resident["external_id"]
        assert all(number.startswith("DEMO-") for number in numbers)
        assert int(resident["balance_fen"]) >= 0


def test_residents_stand_on_both_sides_of_their_sixtieth_and_eightieth_birthday(
    residents: list[dict[str, str]],
) -> None:
    today: datetime.date = STREET["street"]["reference_day"]
    births = [datetime.date.fromisoformat(resident["birth_date"]) for resident in residents]
    for age in (60, 80):
        birthday = today.replace(year=today.year - age)
        for shift in (-1, 0, 1):
            assert birthday + datetime.timedelta(days=shift) in births
    elders = sum(birth <= today.replace(year=today.year - 60) for birth in births)
    assert 0.40 <= elders / len(births) <= 0.45


def test_cards_are_active_lost_or_expired_exactly_when_there_is_a_card(residents: list[dict[str, str]]) -> None:
    seen = {"elder_card": set[str](), "social_card": set[str]()}
    for resident in residents:
        for card, statuses in seen.items():
            assert bool(resident[card]) == bool(resident[f"{card}_status"]) == bool(resident[f"{card}_valid_until"])
            statuses.add(resident[f"{card}_status"])
    assert all(statuses == {"", "active", "lost", "expired"} for statuses in seen.values())
