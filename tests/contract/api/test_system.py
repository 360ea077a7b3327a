"""Health, metrics, faults, start and stop."""

import asyncio
import logging
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api import schemas
from api.container import Container
from api.installation import open_installed_store
from api.processes.void_checkout_on_timeout import LEAST_WATCHED_MS
from api.request_errors import KeyRequiredError
from api.settings import Settings
from engine.domain.errors import ModelInvalidError, SettingsError, StoreCorruptError
from projections.catalogue import build_projections
from projections.database import open_read_models
from projections.runner import ProjectionRunner
from tests.support.served_canteen import (
    CANTEEN,
    ServedCanteen,
    code_of,
    enrol_fixture_photos,
    furnish,
    menu_items,
    new_id,
    serving,
)


def test_health_tells_store_writer_lag_models_and_the_head_of_the_chain(served: ServedCanteen) -> None:
    served.scan(new_id())
    answer = served.get("/health", role=None)
    health = msgspec.json.decode(answer.content, type=schemas.Health)
    assert (answer.status_code, health.status, health.faults) == (200, "ok", ())
    assert health.store.head_position == served.container.store.log.head_position()
    assert len(health.store.chain_head) == 64
    assert {model.name for model in health.models} == {"dish_detector", "dish_embedder"}
    assert {model.name for model in health.read_models} == {
        "checkout_totals",
        "subsidy_ledger",
        "queue_metrics",
        "open_checkouts",
    }
    assert health.writer.accepting


def test_health_fails_with_the_reason_once_the_writer_has_stopped(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.container.writer.stop()
        answer = served.get("/health", role=None)
        assert (answer.status_code, answer.json()["faults"]) == (503, ["writer_stopped"])
        assert served.get("/live", role=None).status_code == 200


def value_of(text: str, series: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(series))


def test_metrics_count_requests_commands_trays_and_corrections(served: ServedCanteen) -> None:
    before = served.get("/metrics").text
    checkout_id = new_id()
    served.scan(checkout_id, reading=served.reading("hongshaorou", similarity_bps=5000))
    served.post(f"/v1/checkouts/{checkout_id}/corrections", {"item_id": 1, "dish_id": "ludan"})
    served.pay(checkout_id, "card", 1)
    after = served.get("/metrics").text
    for series, more in (
        ('canteen_requests_total{operation="scan_tray",status="200"}', 1),
        ('canteen_requests_total{operation="pay_checkout",status="409"}', 1),
        ('canteen_scans_total{source="terminal",status="held"}', 1),
        ('canteen_corrections_total{kind="corrected"}', 1),
        ('canteen_problems_total{code="wrong_amount"}', 1),
        ("canteen_command_seconds_count", 3),
    ):
        assert value_of(after, series) - value_of(before, series) == more, series
    for series in (
        "canteen_command_queue_depth",
        "canteen_writer_accepting",
        "canteen_writer_batches",
        "canteen_projection_lag_checkout_totals",
        "canteen_recognition_in_hand",
    ):
        assert f"\n{series}" in after


def test_a_fault_of_the_program_tells_an_id_and_nothing_of_what_was_sent(
    served: ServedCanteen, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(kind: Any, number: str) -> str:
        raise ValueError(f"cannot hash {kind} {number}")

    monkeypatch.setattr(served.container.vault, "credential_id", fail)
    with caplog.at_level(logging.DEBUG):
        answer = served.identify(served.ready(), "elder_card", "SECRET-4711")
    assert (answer.status_code, code_of(answer)) == (500, "unexpected")
    error_id = answer.json()["details"]["error_id"]
    assert "SECRET" not in answer.text
    assert "ValueError" not in answer.text
    (logged,) = [record.getMessage() for record in caplog.records if error_id in record.getMessage()]
    assert "ValueError in identify_diner" in logged
    assert "SECRET" not in caplog.text


def test_no_number_is_logged_whatever_happens(served: ServedCanteen, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        served.identify(served.ready(), "elder_card", "SECRET-4712")
        served.pay(served.ready(), "face", 1000, token="SECRET-4713")
        blocking = {"credential": {"kind": "qr", "number": "SECRET-4714"}, "reason": "lost"}
        served.post("/v1/credentials/block", blocking, role="cashier")
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    server_side = [record.getMessage() for record in ours]
    assert "SECRET" not in " ".join(server_side)


def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        furnish(served)
        keys = dict(served.keys)
        checkout_id = served.ready("mifan")
        served.pay(checkout_id, "card", 100)
        unpaid = served.ready("mifan")
    with serving(tmp_path) as served:
        served.keys.update(keys)
        assert served.get(f"/v1/checkouts/{checkout_id}", role="terminal").json()["status"] == "paid"
        assert served.pay(unpaid, "card", 100).json()["status"] == "paid"
        assert served.get("/v1/totals").json()["rows"][0]["bills"] == 2


def test_read_models_are_complete_once_the_server_has_stopped(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        furnish(served)
        served.pay(served.ready("mifan"), "card", 100)
        settings = served.container.settings
    store = open_installed_store(settings)
    engine = open_read_models(settings.views_url)
    try:
        runner = ProjectionRunner(store.log, engine, build_projections(settings.utc_offset_minutes))
        assert set(runner.lag().values()) == {0}
    finally:
        engine.dispose()
        store.close()


def test_a_second_process_on_the_store_learns_of_canteens_keys_dishes_and_revocations(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        second = Container(Settings(data_dir=tmp_path), served.container.clock)
        second.start()
        try:

            def caught_up() -> None:
                head = served.container.store.log.head_position()
                asyncio.run(asyncio.wait_for(second.bell.wait_beyond(head - 1), 60))

            furnish(served)
            caught_up()
            assert second.canteens.profile(CANTEEN).canteen_id == CANTEEN
            authorization = f"Bearer {served.keys['terminal']}"
            key = second.access.authenticate(authorization)
            assert second.galleries.gallery(CANTEEN).dish_ids == frozenset()
            enrol_fixture_photos(served)
            caught_up()
            assert second.galleries.gallery(CANTEEN).dish_ids == {item["dish_id"] for item in menu_items()}
            served.post(f"/v1/access-keys/{key.key_id}/revocation", {"reason": "stolen"}, role="admin")
            caught_up()
            with pytest.raises(KeyRequiredError):
                second.access.authenticate(authorization)
        finally:
            second.stop()


def test_a_log_that_was_changed_by_hand_is_not_served(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        furnish(served)
        served.pay(served.ready("mifan"), "card", 100)
    log = sqlite3.connect(tmp_path / "canteen.sqlite3")
    with log:
        changed = log.execute(
            "UPDATE stored_events"
            " SET state = CAST(replace(CAST(state AS TEXT), '\"own_fen\":100', '\"own_fen\":1') AS BLOB)"
            " WHERE topic = 'canteen.CardPaid.v1'"
        ).rowcount
    log.close()
    assert changed == 1
    with pytest.raises(StoreCorruptError, match="canteen verify"):
        Container(Settings(data_dir=tmp_path)).start()


def test_a_changed_model_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    with pytest.raises(ModelInvalidError):
        Container(Settings(data_dir=tmp_path / "var", models_dir=tmp_path / "models")).start()
    assert not (tmp_path / "var" / "canteen.sqlite3").exists()


def test_another_master_key_than_the_stores_is_refused_with_a_message(tmp_path: Path) -> None:
    container = Container(Settings(data_dir=tmp_path))
    container.start()
    container.stop()
    (tmp_path / "master.key").write_text("00" * 32)
    with pytest.raises(SettingsError, match="master key"):
        Container(Settings(data_dir=tmp_path)).start()


def test_a_checkout_that_nobody_goes_on_with_is_voided_and_a_paid_one_is_not(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        furnish(served)
        idle, paid = served.ready("mifan"), served.ready("mifan")
        served.pay(paid, "card", 100)
        container = served.container
        container.projections.wait_until(container.store.log.head_position(), 30)
        timeout_ms = container.settings.checkout_timeout_ms
        process = container.timeouts
        later_ms = served.now_ms() + timeout_ms
        assert process.void_idle(later_ms - timeout_ms - 60_000) == ()
        # First seen idle, it is watched; a terminal that was offline may just be sending what belongs to it.
        assert process.void_idle(later_ms) == ()
        assert process.void_idle(later_ms + LEAST_WATCHED_MS) == (idle,)
        assert served.get(f"/v1/checkouts/{idle}").json()["status"] == "voided"
        assert served.get(f"/v1/checkouts/{paid}").json()["status"] == "paid"
        container.projections.wait_until(container.store.log.head_position(), 30)
        assert process.void_idle(later_ms + 2 * LEAST_WATCHED_MS) == ()
        (voided,) = [
            recorded.event
            for recorded in container.store.log.read_stream(f"checkout-{idle}")
            if recorded.topic == "canteen.CheckoutVoided.v1"
        ]
        assert (voided.cause, voided.by.role) == ("timeout", "system")


def test_the_same_app_runs_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    with serving(tmp_path, database_url=postgres_url) as served:
        furnish(served)
        checkout_id = served.ready("hongshaorou", "xilanhua")
        served.identify(checkout_id, "elder_card", "EC-1")
        assert served.pay(checkout_id, "face", 1200, token="FACE-1").json()["balance_fen"] == 3800
        (total,) = served.get("/v1/totals").json()["rows"]
        assert (total["bills"], total["own_fen"], total["discount_fen"]) == (1, 1200, 300)
        assert served.get("/health").json()["store"]["database"] == "postgresql"
