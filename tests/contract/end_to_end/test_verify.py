"""`canteen verify` notices what was changed behind the program's back, names the place, and changes nothing itself."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.end_to_end.conftest import man_counters
from tests.support.command_line import LANES, Installation, run_command


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0, statement


def ask(database: Path, question: str) -> object:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(question).fetchone()[0]


@pytest.fixture(scope="module")
def paid_store(loaded_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The street after one paid bill, with its read models up to date; it is copied, never used."""
    data_dir = tmp_path_factory.mktemp("paid") / "store"
    shutil.copytree(loaded_store, data_dir)
    with Installation(data_dir=data_dir).serving() as served:
        man_counters(served)
        assert served.scan("visit", key="terminal").is_success
        paid = served.post("/v1/checkouts/visit/payment", served.payment("cash", 1500), key="terminal")
        assert paid.status_code == 200, paid.text
    return data_dir


@pytest.fixture
def installation(paid_store: Path, tmp_path: Path) -> Installation:
    shutil.copytree(paid_store, tmp_path / "store")
    return Installation(data_dir=tmp_path / "store")


@pytest.fixture
def log(installation: Installation) -> Path:
    return installation.data_dir / "canteen.sqlite3"


def test_an_untouched_store_agrees(installation: Installation, log: Path) -> None:
    ran = installation.run("verify").expect(0)
    assert ran.out.count("✓") == 5
    assert "✗" not in ran.out


def test_an_edited_event_is_named_by_position_and_no_server_starts(installation: Installation, log: Path) -> None:
    position = ask(log, "SELECT rowid FROM stored_events WHERE topic LIKE 'canteen.CashPaid%'")
    change(
        log,
        "UPDATE stored_events SET state = CAST(replace(CAST(state AS TEXT), '1500', '1400') AS BLOB)"
        f" WHERE rowid = {position}",
    )
    models = installation.data_dir / "read-models.sqlite3"
    kept = ask(models, "SELECT sum(gross_fen) FROM checkout_totals_by_tender")
    ran = installation.run("verify").expect(1)
    assert f"broken from position {position}" in ran.out
    assert f"log, position {position}:" in ran.out
    assert "restore a backup" in ran.out
    assert ask(models, "SELECT sum(gross_fen) FROM checkout_totals_by_tender") == kept
    served = installation.run("serve").expect(1)
    assert f"from position {position}" in served.err


def test_events_cut_off_at_the_end_are_noticed(installation: Installation, log: Path) -> None:
    last = ask(log, "SELECT max(rowid) FROM stored_events")
    change(log, f"DELETE FROM stored_events WHERE rowid = {last}")
    ran = installation.run("verify").expect(1)
    assert f"position {last}" in ran.out


def test_a_whole_command_cut_off_at_the_end_is_noticed_because_read_models_know_it(
    installation: Installation, log: Path
) -> None:
    """The log that is left fits its chain; only who has read further can tell."""
    whole = ask(log, "SELECT max(rowid) FROM stored_events")
    change(
        log,
        "DELETE FROM stored_events WHERE rowid > (SELECT max(last_position) FROM commands"
        " WHERE sequence < (SELECT max(sequence) FROM commands))",
        "DELETE FROM commands WHERE sequence = (SELECT max(sequence) FROM commands)",
    )
    models = installation.data_dir / "read-models.sqlite3"
    left = ask(log, "SELECT max(rowid) FROM stored_events")
    for _ in range(2):  # a check does not do away with what it found
        ran = installation.run("verify").expect(1)
        assert f"checkout_totals knows the log up to position {whole}, but the log ends at {left}" in ran.out
    refused = installation.run("serve").expect(1)
    assert "Nothing was served" in refused.err
    assert ask(models, "SELECT sum(bills) FROM checkout_totals_by_tender") == 1


def test_an_older_log_that_was_restored_on_purpose_is_served_once_the_read_models_are_rebuilt(
    installation: Installation, log: Path
) -> None:
    change(
        log,
        "DELETE FROM stored_events WHERE rowid > (SELECT max(last_position) FROM commands"
        " WHERE sequence < (SELECT max(sequence) FROM commands))",
        "DELETE FROM commands WHERE sequence = (SELECT max(sequence) FROM commands)",
    )
    installation.run("rebuild").expect(0)
    installation.run("verify").expect(0)
    with installation.serving() as served:
        assert served.request("GET", "/v1/checkouts/visit").json()["status"] == "ready"


def test_an_edited_row_of_a_read_model_is_named_and_a_rebuild_mends_it(installation: Installation, log: Path) -> None:
    models = installation.data_dir / "read-models.sqlite3"
    change(models, "UPDATE checkout_totals_by_tender SET gross_fen = gross_fen + 1")
    ran = installation.run("verify").expect(1)
    assert "checkout_totals" in ran.out
    assert LANES[0] in ran.out
    assert "canteen rebuild checkout_totals" in ran.out
    assert ran.out.count("✓") == 4
    rebuilt = installation.run("rebuild", "checkout_totals").expect(0)
    assert "✓ checkout_totals" in rebuilt.out
    installation.run("verify").expect(0)


def test_a_read_model_that_does_not_exist_is_refused_with_those_that_do(installation: Installation) -> None:
    ran = installation.run("rebuild", "checkout_total").expect(1)
    assert "checkout_totals" in ran.err


@pytest.mark.parametrize("command", [("verify",), ("rebuild",), ("recognise", "tray.jpg", "--canteen", "lanxi")])
def test_a_mistyped_folder_is_refused_instead_of_becoming_a_store(command: tuple[str, ...], tmp_path: Path) -> None:
    ran = run_command(*command, "--data-dir", tmp_path / "typo").expect(1)
    assert "There is no store" in ran.err
    assert not (tmp_path / "typo").exists()
