from dataclasses import replace
from typing import Any

import pytest

from engine.deciders.acceptance import ACCEPTANCE, Acceptance, decide_publication
from engine.domain.acceptance import Calibration
from engine.domain.commands import PublishAcceptancePolicy
from engine.domain.errors import InvalidValueError
from engine.domain.events import AcceptancePolicyPublished
from engine.domain.reading import ModelRef
from tests.unit.engine.examples import ADMIN, NOON_MS, POLICY
from tests.unit.engine.given import given

DETECTOR, EMBEDDER = ModelRef(name="dish_detector", sha256="d" * 64), ModelRef(name="dish_embedder", sha256="e" * 64)
CALIBRATION = Calibration(
    labels_sha256="a" * 64,
    trays=100,
    right=80,
    silent_errors=0,
    strange_portions=300,
    strange_accepted=9,
    models=(DETECTOR, EMBEDDER),
)
SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": ADMIN, "canteen_id": "lanxi", "limits": POLICY.limits}


def publish(**changes: Any) -> PublishAcceptancePolicy:
    return PublishAcceptancePolicy(command_id="p", **{**SAID, "calibration": CALIBRATION, **changes})


def published(version: int, **changes: Any) -> AcceptancePolicyPublished:
    return AcceptancePolicyPublished(version=version, **{**SAID, "calibration": CALIBRATION, **changes})


def test_limits_are_published_in_versions_and_the_same_again_changes_nothing() -> None:
    stricter = replace(POLICY.limits, accept_bps=5000)

    given(ACCEPTANCE).when(lambda state: decide_publication(state, publish())).then(published(1))
    given(ACCEPTANCE, published(1)).when(lambda state: decide_publication(state, publish())).then()
    given(ACCEPTANCE, published(1)).when(lambda state: decide_publication(state, publish(limits=stricter))).then(
        published(2, limits=stricter)
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("likeness_pct", 101),
        ("likeness_pct", -1),
        ("accept_bps", 0),
        ("accept_bps", 10_001),
        ("known_bps", -1),
        ("detector_bps", 10_001),
        ("most_equal", 0),
        ("most_portions", 31),
    ],
)
def test_limits_outside_their_range_are_refused_by_name(field: str, value: int) -> None:
    wrong = replace(POLICY.limits, **{field: value})

    given(ACCEPTANCE).when(lambda state: decide_publication(state, publish(limits=wrong))).then_refused(
        InvalidValueError, field=field
    )


def test_a_policy_is_named_by_canteen_and_version() -> None:
    state = given(ACCEPTANCE, published(1), published(2)).state
    policy = state.policy_for((EMBEDDER, DETECTOR))

    assert (policy.policy_id, policy.limits) == ("lanxi-v2", POLICY.limits)


@pytest.mark.parametrize("models", [(), (DETECTOR,), (DETECTOR, replace(EMBEDDER, sha256="f" * 64))])
def test_limits_measured_with_other_models_are_not_used(models: tuple[ModelRef, ...]) -> None:
    assert given(ACCEPTANCE, published(1)).state.policy_for(models) is None


def test_limits_that_were_not_measured_hold_for_all_models_and_a_new_canteen_has_none() -> None:
    assert given(ACCEPTANCE, published(1, calibration=None)).state.policy_for(()) is not None
    assert Acceptance().policy_for((DETECTOR, EMBEDDER)) is None
