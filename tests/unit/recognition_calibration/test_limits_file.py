from dataclasses import replace
from pathlib import Path

import pytest

from engine.deciders.acceptance import check_limits
from engine.domain.errors import SettingsError
from engine.domain.events import AcceptancePolicyPublished
from engine.domain.reading import ModelRef
from recognition.calibration.limits_file import SHIPPED_LIMITS, MeasuredLimits, read_limits, written_limits
from recognition.model_card import MODELS_DIR, read_model_card
from tests.support.event_examples import EXAMPLES

(PUBLISHED,) = (event for event in EXAMPLES if isinstance(event, AcceptancePolicyPublished))


def measured() -> MeasuredLimits:
    return MeasuredLimits(limits=PUBLISHED.limits, calibration=PUBLISHED.calibration)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    calibration = measured().calibration
    assert calibration is not None
    models = (*calibration.models, ModelRef(name="another", sha256="0" * 64))
    for one in (
        measured(),
        MeasuredLimits(limits=measured().limits),
        MeasuredLimits(limits=measured().limits, calibration=replace(calibration, models=models)),
    ):
        path.write_text(written_limits(one), encoding="utf-8")
        assert read_limits(path) == one


@pytest.mark.parametrize("spoilt", ["likeness_pct = fifty", 'likeness_pct = "50"', "likeness = 50", ""])
def test_a_file_with_a_slip_of_the_pen_is_refused(tmp_path: Path, spoilt: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(written_limits(measured()).replace("likeness_pct = 50", spoilt), encoding="utf-8")

    with pytest.raises(SettingsError, match="holds no limits"):
        read_limits(path)


def test_a_missing_file_is_told_with_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="canteen calibrate --out"):
        read_limits(tmp_path / "none.toml")


def test_the_shipped_limits_can_be_used_and_were_measured_with_the_shipped_models() -> None:
    shipped = read_limits(SHIPPED_LIMITS)
    check_limits(shipped.limits)

    assert shipped.calibration is not None
    cards = [read_model_card(MODELS_DIR / f"{name}.toml").ref for name in ("dish_detector", "dish_embedder")]
    assert list(shipped.calibration.models) == cards, "refit the limits: recognition/calibration/README.md"
