"""Read models over HTTP: they say what was paid, agree with each other, and know one's own writes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.served_canteen import CANTEEN, LANE, ServedCanteen, code_of, furnish, new_id, serving


@pytest.fixture(scope="module")
def lunch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCanteen]:
    """A server after a small lunch: an elder's discount, cash, a face, a refund, a void, and two trays left open."""
    with serving(tmp_path_factory.mktemp("lunch")) as served:
        furnish(served)
        elder = served.ready("hongshaorou", "xilanhua")
        served.identify(elder, "elder_card", "EC-1")
        served.pay(elder, "card", 1200)
        cash = served.ready("hongshaorou", "mifan")
        served.pay(cash, "cash", 1100, received_fen=2000)
        face = served.ready("mifan")
        served.pay(face, "face", 100, token="FACE-2")
        for paid in (elder, cash, face):
            served.post(f"/v1/checkouts/{paid}/removal", {})
        served.post(f"/v1/checkouts/{cash}/refunds", {"item_ids": [2], "reason": "cold"}, role="cashier")
        voided = served.ready("ludan")
        served.post(f"/v1/checkouts/{voided}/void", {"reason": "changed mind"})
        served.ready("tudousi")
        served.scan(new_id(), reading=served.reading("hongshaorou", similarity_bps=5000))
        yield served


def rows(lunch: ServedCanteen, query: str) -> list[dict[str, Any]]:
    answer = lunch.get(f"/v1/totals?{query}", role="finance")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found


def test_totals_add_up_and_gross_is_own_and_subsidy_and_discount(lunch: ServedCanteen) -> None:
    (total,) = rows(lunch, "")
    assert (total["bills"], total["voids"], total["refunds"]) == (3, 1, 1)
    assert (total["gross_fen"], total["discount_fen"], total["own_fen"]) == (2700, 300, 2400)
    assert (total["refunded_gross_fen"], total["refunded_own_fen"]) == (100, 100)


@pytest.mark.parametrize(
    "by", ["canteen_id", "lane_id,tender", "tender", "dish_id", "meal_period,business_day", "canteen_id,dish_id"]
)
def test_every_split_sums_to_the_whole(lunch: ServedCanteen, by: str) -> None:
    (total,) = rows(lunch, "")
    split = rows(lunch, f"by={by}")
    for name in ("gross_fen", "discount_fen", "subsidy_fen", "own_fen", "refunded_own_fen"):
        assert sum(row[name] for row in split) == total[name]
    for row in split:
        assert row["gross_fen"] == row["own_fen"] + row["subsidy_fen"] + row["discount_fen"]
        assert len(row["values"]) == by.count(",") + 1


def test_totals_are_filtered(lunch: ServedCanteen) -> None:
    assert [row["bills"] for row in rows(lunch, "tender=cash")] == [1]
    assert [row["bills"] for row in rows(lunch, "from_day=2026-11-25")] == [0]
    assert [row["bills"] for row in rows(lunch, f"canteen_id={CANTEEN}&lane_id={LANE}&meal_period=lunch")] == [3]


def test_a_payment_is_in_the_totals_of_the_next_question(served: ServedCanteen) -> None:
    for _ in range(5):
        before = rows(served, "tender=qr")[0]["bills"]
        assert served.pay(served.ready("mifan"), "qr", 100).status_code == 200
        assert rows(served, "tender=qr")[0]["bills"] == before + 1


def test_the_ledger_balances(lunch: ServedCanteen) -> None:
    ledger = lunch.get("/v1/ledger", role="finance").json()
    assert sum(account["balance_fen"] for account in ledger["accounts"]) == 0
    assert {account["account"] for account in ledger["accounts"]} >= {"takings", "sales", "prepaid"}
    (day,) = ledger["prepaid"]
    assert day["closing_fen"] == day["opening_fen"] + day["top_ups_fen"] - day["spend_fen"] + day["refunds_fen"]
    assert (day["top_ups_fen"], day["spend_fen"]) == (15_150, 100)


def test_the_ledger_of_one_canteen_balances_too_and_holds_no_prepaid_statement(lunch: ServedCanteen) -> None:
    ledger = lunch.get(f"/v1/ledger?canteen_id={CANTEEN}", role="finance").json()
    assert sum(account["balance_fen"] for account in ledger["accounts"]) == 0
    assert ledger["prepaid"] == []


def test_queue_metrics_tell_arrivals_service_times_and_waits(lunch: ServedCanteen) -> None:
    path = f"/v1/metrics/queue?canteen_id={CANTEEN}&business_day=2026-11-24"
    metrics = lunch.get(path, role="manager").json()
    assert sum(bucket["arrivals"] for bucket in metrics["buckets"]) >= 6
    assert sum(bucket["hand_offs"] for bucket in metrics["buckets"]) == 1
    assert sum(bucket["voids"] for bucket in metrics["buckets"]) == 1
    assert {times["measure"] for times in metrics["service_times"]} >= {"recognise", "interact", "pay"}
    assert metrics["estimated_waits"]
    assert all(wait["lanes_needed"] >= 1 for wait in metrics["estimated_waits"] if wait["arrivals"])


def test_open_checkouts_are_those_that_nobody_finished(lunch: ServedCanteen) -> None:
    found = lunch.get(f"/v1/open-checkouts?canteen_id={CANTEEN}&lane_id={LANE}", role="cashier").json()["checkouts"]
    unpaid = [row for row in found if row["situation"] == "unpaid"]
    assert sorted(row["unsettled_items"] for row in unpaid) == [[], [1]]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/totals?by=colour",
        "/v1/totals?by=tender,tender",
        "/v1/totals?from_day=yesterday",
        f"/v1/totals?canteen_id={'x' * 65}",
        "/v1/metrics/queue",
        f"/v1/metrics/queue?canteen_id={CANTEEN}&business_day=2026-11-24&target_wait_s=0",
        f"/v1/metrics/queue?canteen_id={CANTEEN}&business_day=2026-11-24&target_wait_s=soon",
        "/v1/open-checkouts",
        "/v1/events?after=-1",
        "/v1/events?topics=canteen.Nothing.v1",
    ],
)
def test_a_question_that_makes_no_sense_is_refused(lunch: ServedCanteen, path: str) -> None:
    assert code_of(lunch.get(path)) == "parameter_invalid"
