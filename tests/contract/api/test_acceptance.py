"""From when on a canteen bills without asking: what is in force, and what publishing other limits changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.domain.events import TrayScanned
from engine.policies.acceptance import policy_for_all
from recognition.calibration.limits_file import SHIPPED_LIMITS, read_limits
from tests.support.served_canteen import CANTEEN, SHA, ServedCanteen, code_of, furnish, new_id, serving

PATH = f"/v1/canteens/{CANTEEN}/acceptance-policy"
NOTHING_IS_SURE = {
    "likeness_pct": 50,
    "accept_bps": 9990,
    "known_bps": 0,
    "detector_bps": 4000,
    "most_equal": 2,
    "most_portions": 8,
}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[ServedCanteen]:
    """A server of its own: what a test publishes would hold for the others too."""
    with serving(tmp_path) as served:
        furnish(served)
        yield served


def read_policy_id() -> str:
    return policy_for_all(read_limits(SHIPPED_LIMITS).limits).policy_id


def publish(served: ServedCanteen, body: dict[str, Any]) -> Any:
    return served.request("PUT", PATH, role="admin", json=body)


def calibration(*models: dict[str, str]) -> dict[str, Any]:
    return {
        "labels_sha256": SHA,
        "trays": 100,
        "right": 80,
        "silent_errors": 0,
        "strange_portions": 200,
        "strange_accepted": 4,
        "models": list(models),
    }


def test_without_limits_of_its_own_a_canteen_has_those_of_the_installation(fresh: ServedCanteen) -> None:
    told = fresh.get(PATH).json()
    limits = read_limits(SHIPPED_LIMITS).limits

    assert (told["own_version"], told["calibration"]) == (0, None)
    assert told["limits"]["accept_bps"] == limits.accept_bps
    assert told["policy_id"] == read_policy_id()


def test_published_limits_hold_from_the_next_tray_on_and_the_scan_names_them(fresh: ServedCanteen) -> None:
    before = fresh.scan(new_id()).json()
    first = publish(fresh, {"limits": NOTHING_IS_SURE}).json()
    again = publish(fresh, {"limits": NOTHING_IS_SURE}).json()
    checkout_id = new_id()
    after = fresh.scan(checkout_id).json()

    assert (before["status"], after["status"]) == ("ready", "held")
    assert [(told["version"], told["changed"]) for told in (first, again)] == [(1, True), (1, False)]
    assert (before["items"][0]["doubt"], after["items"][0]["doubt"]) == ("", "not_alike")
    assert fresh.get(PATH).json()["policy_id"] == f"{CANTEEN}-v1"
    recorded = fresh.container.store.log.read_after(0, 1000, [TrayScanned.TOPIC])
    named = [one.event.acceptance_policy for one in recorded if isinstance(one.event, TrayScanned)]
    assert named == [read_policy_id(), f"{CANTEEN}-v1"]


def test_limits_measured_with_other_models_are_kept_but_not_used(fresh: ServedCanteen) -> None:
    other = calibration({"name": "dish_embedder", "sha256": "0" * 64})
    assert publish(fresh, {"limits": NOTHING_IS_SURE, "calibration": other}).json()["version"] == 1

    assert fresh.scan(new_id()).json()["status"] == "ready"
    assert fresh.get(PATH).json()["own_version"] == 0

    of_the_terminal = calibration({"name": "detector", "sha256": SHA})
    assert publish(fresh, {"limits": NOTHING_IS_SURE, "calibration": of_the_terminal}).json()["version"] == 2
    assert fresh.scan(new_id()).json()["status"] == "held"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"limits": {**NOTHING_IS_SURE, "accept_bps": 0}}, "invalid_value"),
        ({"limits": {**NOTHING_IS_SURE, "acept_bps": 5000}}, "body_invalid"),
        ({}, "body_invalid"),
    ],
)
def test_limits_that_cannot_be_are_refused(fresh: ServedCanteen, body: dict[str, Any], code: str) -> None:
    assert code_of(publish(fresh, body)) == code
    assert fresh.get(PATH).json()["own_version"] == 0


def test_a_canteen_that_is_not_open_has_no_policy(fresh: ServedCanteen) -> None:
    path = "/v1/canteens/nowhere/acceptance-policy"

    assert code_of(fresh.get(path)) == "unknown_canteen"
    assert code_of(fresh.request("PUT", path, role="admin", json={"limits": NOTHING_IS_SURE})) == "unknown_canteen"
