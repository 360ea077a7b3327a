"""The plan of a demo's lunch: the same for the same seed, with one peak, and only with what people really have."""

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from api.demo.lunch import (
    LUNCH_FROM_MINUTE,
    LUNCH_UNTIL_MINUTE,
    PEAK_MINUTE,
    LunchPlan,
    plan_lunch,
    read_credentials,
    read_trays,
)
from api.street_files import read_canteens
from engine.domain.bill import Tender
from engine.domain.calendar import instant_ms
from engine.domain.errors import SettingsError
from engine.domain.resident import CredentialKind

FIXTURES = Path(__file__).parents[3] / "fixtures"
CANTEENS = read_canteens(FIXTURES / "street" / "street.toml")
TRAYS = read_trays(FIXTURES / "trays")
RESIDENTS = read_credentials(FIXTURES / "street" / "residents.csv")
DAY_START_MS = instant_ms(date(2026, 11, 24), 0, CANTEENS[0].utc_offset_minutes)


def plan(visits_per_lane: int = 200, seed: int = 1) -> LunchPlan:
    return plan_lunch(CANTEENS, TRAYS, RESIDENTS, day_start_ms=DAY_START_MS, visits_per_lane=visits_per_lane, seed=seed)


def test_the_same_seed_is_the_same_lunch_and_another_is_another() -> None:
    assert plan(20, seed=7) == plan(20, seed=7)
    assert plan(20, seed=7) != plan(20, seed=8)


def test_every_lane_has_its_visits_in_order_of_arrival_within_lunch() -> None:
    lunch = plan(30)
    lanes = {lane.lane_id: profile.canteen_id for profile in CANTEENS for lane in profile.lanes}
    assert lunch.by_lane.keys() == lanes.keys()
    assert lunch.visits == 30 * len(lanes)
    for lane_id, visits in lunch.by_lane.items():
        arrivals = [visit.arrives_at_ms for visit in visits]
        assert arrivals == sorted(arrivals)
        assert lunch.from_ms <= arrivals[0]
        assert arrivals[-1] < lunch.until_ms
        assert {visit.canteen_id for visit in visits} == {lanes[lane_id]}


def test_arrivals_have_one_peak() -> None:
    """Ten-minute counts rise to the fullest slot, which is around the peak, and fall after it."""
    minutes = [
        (visit.arrives_at_ms - DAY_START_MS) / 60_000 for visits in plan(1000).by_lane.values() for visit in visits
    ]
    slots = Counter(int(minute - LUNCH_FROM_MINUTE) // 10 for minute in minutes)
    counts = [slots[number] for number in range((LUNCH_UNTIL_MINUTE - LUNCH_FROM_MINUTE) // 10)]
    fullest = counts.index(max(counts))
    assert abs(LUNCH_FROM_MINUTE + 10 * fullest + 5 - PEAK_MINUTE) <= 10
    assert counts[: fullest + 1] == sorted(counts[: fullest + 1])
    assert counts[fullest:7] == sorted(counts[fullest:7], reverse=True)
    assert counts[fullest] > 4 * max(counts[0], counts[-1])


def test_people_pay_only_with_what_they_have() -> None:
    visits = [visit for visits in plan(300).by_lane.values() for visit in visits]
    assert {visit.tender for visit in visits} == set(Tender)
    for visit in visits:
        if visit.tender is Tender.FACE:
            assert visit.credential is not None
            assert visit.credential.kind is CredentialKind.FACE
        if visit.tender is Tender.WALLET:
            assert visit.credential is not None
    assert any(visit.credential is None for visit in visits)
    assert any(visit.loses_acknowledgement for visit in visits)
    assert any(visit.asks_refund for visit in visits)


def test_a_day_begins_at_local_midnight() -> None:
    assert DAY_START_MS % 86_400_000 == 16 * 3_600_000  # midnight in Shanghai is 16:00 UTC


def test_trays_come_with_the_truth_about_them(tmp_path: Path) -> None:
    entry = {
        "file": "lanxi/a.jpg",
        "canteen": "lanxi",
        "dishes": [
            {"dish": "mifan", "box": [1.4, 2.6, 30, 40]},
            {"dish": "ludan", "box": [5, 6, 7, 8], "off_menu": True},
        ],
    }
    (tmp_path / "labels.json").write_text(json.dumps([entry]))
    (photo,) = read_trays(tmp_path)["lanxi"]
    assert photo.path == tmp_path / "lanxi" / "a.jpg"
    assert [(portion.dish_id, portion.off_menu) for portion in photo.portions] == [("mifan", False), ("ludan", True)]
    assert photo.portions[0].box.top_px == 3


def test_trays_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"labels\.json does not exist"):
        read_trays(tmp_path)
