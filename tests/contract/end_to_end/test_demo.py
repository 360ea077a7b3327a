"""`canteen demo` as a newcomer runs it: real server, real models, rendered trays; one canteen to save time."""

import io
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from api.checking import check_store
from api.demo import show
from api.demo.run import INTERRUPTED
from api.demo.terminal import TerminalTotals
from api.settings import Settings
from projections.checkout_totals import CheckoutTotalsView
from projections.database import open_read_models
from tests.contract.end_to_end.conftest import PlayedDemo, play
from tests.support.command_line import CANTEEN, FIXTURES, await_live, free_port, run_command, start_command


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def agreement(data_dir: Path, totals: TerminalTotals) -> tuple[bool, str]:
    """Compare a demo's store as the demo itself does at its end."""
    checked = check_store(Settings(data_dir=data_dir), lambda _at, _end: None)
    out = Console(file=io.StringIO(), width=200)
    agreed = show.agreement(out, checked, totals_of(data_dir), totals)
    assert isinstance(out.file, io.StringIO)
    return agreed, out.file.getvalue()


def test_a_demo_ends_with_zero_after_all_agreed_and_leaves_no_server(played_demo: PlayedDemo) -> None:
    said = played_demo.ran.expect(0).out
    assert "全部一致 everything agrees" in said
    assert "9/9" in said
    assert "✗" not in said
    for model in ("checkout_totals", "subsidy_ledger", "queue_metrics", "open_checkouts", "hash chain"):
        assert f"✓ {model}" in said
    assert re.search(r"recognition: photograph to reading +\d+ +\d+ +\d+ +\d+", said)
    assert re.search(r"payment over HTTP: request to durable +\d+ +\d+ +\d+ +\d+", said)
    assert played_demo.ran.err == ""
    assert not listens(played_demo.port)


def test_a_finished_demo_can_be_checked_by_anybody(played_demo: PlayedDemo) -> None:
    run_command("verify", "--data-dir", played_demo.data_dir).expect(0)


def test_an_earlier_demo_is_not_overwritten_unless_told(played_demo: PlayedDemo, street: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "demo"
    shutil.copytree(played_demo.data_dir, data_dir)
    before = (data_dir / "canteen.sqlite3").read_bytes()
    ran = play(street, data_dir, free_port()).ran.expect(1)
    assert "holds the store of an earlier demo" in ran.err
    assert "--fresh" in ran.err
    assert (data_dir / "canteen.sqlite3").read_bytes() == before


def test_a_busy_port_is_said_before_an_earlier_demo_is_deleted(
    played_demo: PlayedDemo, street: Path, tmp_path: Path
) -> None:
    data_dir = tmp_path / "demo"
    shutil.copytree(played_demo.data_dir, data_dir)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ran = play(street, data_dir, port, "--fresh").ran.expect(1)
    assert f"Port {port} is in use" in ran.err
    assert "--port" in ran.err
    assert (data_dir / "canteen.sqlite3").exists()


def test_fresh_deletes_stores_and_nothing_else(street: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "canteen.sqlite3").write_bytes(b"")
    ran = play(street, tmp_path, free_port(), "--fresh").ran.expect(1)
    assert "letters" in ran.err
    assert (tmp_path / "canteen.sqlite3").exists()


def test_fixtures_that_are_not_there_are_named(tmp_path: Path) -> None:
    ran = play(tmp_path / "nowhere", tmp_path / "demo", free_port()).ran.expect(1)
    assert "nowhere" in ran.err
    assert not (tmp_path / "demo").exists()


def test_a_row_that_was_changed_between_lunch_and_comparison_makes_the_comparison_fail(
    played_demo: PlayedDemo, tmp_path: Path
) -> None:
    data_dir = tmp_path / "demo"
    shutil.copytree(played_demo.data_dir, data_dir)
    totals = counted_by_terminals(data_dir)
    assert agreement(data_dir, totals)[0]
    with closing(sqlite3.connect(data_dir / "read-models.sqlite3")) as models, models:
        assert models.execute("UPDATE queue_metrics_buckets SET arrivals = arrivals + 1").rowcount > 0
    agreed, said = agreement(data_dir, totals)
    assert not agreed
    assert "✗ queue_metrics" in said
    assert "不一致 something disagrees" in said


def test_terminals_that_took_a_fen_more_than_the_log_says_make_the_comparison_fail(played_demo: PlayedDemo) -> None:
    totals = counted_by_terminals(played_demo.data_dir)
    totals.money_fen["own"] += 1
    agreed, said = agreement(played_demo.data_dir, totals)
    assert not agreed
    assert re.search(r"terminals .*✗", said)


def counted_by_terminals(data_dir: Path) -> TerminalTotals:
    """What terminals that agree with the read models would have counted."""
    (row,) = totals_of(data_dir)
    money = {name: row[f"{name}_fen"] for name in ("gross", "discount", "subsidy", "own")}
    return TerminalTotals(
        outcomes=Counter({"bills paid": row["bills"]}),
        money_fen=Counter(money | {"refunded": row["refunded_own_fen"]}),
    )


def totals_of(data_dir: Path) -> list[dict[str, Any]]:
    engine = open_read_models(Settings(data_dir=data_dir).views_url)
    try:
        return [asdict(row) for row in CheckoutTotalsView(engine).totals()]
    finally:
        engine.dispose()


@pytest.fixture
def two_dishes(street: Path, tmp_path: Path) -> Path:
    """Fixtures with photographs of two dishes only, which load fast."""
    folder = tmp_path / "fixtures"
    shutil.copytree(street, folder, symlinks=True)
    (folder / "photos" / CANTEEN).unlink()
    (folder / "photos" / CANTEEN).mkdir()
    for dish_id in ("mifan", "hongshaorou"):
        (folder / "photos" / CANTEEN / dish_id).symlink_to(FIXTURES / "photos" / CANTEEN / dish_id)
    return folder


@contextmanager
def playing(fixtures: Path, data_dir: Path, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a demo and do not wait for its end."""
    early_lunch = ("--visits", 1, "--speed", 600, "--seed", 346)  # the last diner comes at 11:20
    process = start_command(
        *("demo", "--fixtures", fixtures, "--data-dir", data_dir, "--port", port, *early_lunch, *more),
        environment={},
        output=output_of(data_dir),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def output_of(data_dir: Path) -> Path:
    return data_dir.with_suffix(".output")


@pytest.mark.timeout(360)
def test_ctrl_c_ends_a_demo_that_serves_on_and_its_server(two_dishes: Path, tmp_path: Path) -> None:
    port, data_dir = free_port(), tmp_path / "demo"
    with playing(two_dishes, data_dir, port) as process:
        for _ in range(3600):
            if "serving on until Ctrl-C" in output_of(data_dir).read_text():
                break
            assert process.poll() is None, output_of(data_dir).read_text()
            time.sleep(0.05)
        await_live(process, port, output_of(data_dir))
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(90) == 0, output_of(data_dir).read_text()
    assert "Traceback" not in output_of(data_dir).read_text()
    assert not listens(port)
    run_command("verify", "--data-dir", data_dir).expect(0)


def test_a_demo_that_is_ended_in_the_middle_leaves_no_server_and_does_not_say_that_all_agreed(
    two_dishes: Path, tmp_path: Path
) -> None:
    port, data_dir = free_port(), tmp_path / "demo"
    with playing(two_dishes, data_dir, port, "--once") as process:
        await_live(process, port, output_of(data_dir))
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == INTERRUPTED, output_of(data_dir).read_text()
    said = output_of(data_dir).read_text()
    assert "Traceback" not in said
    assert "everything agrees" not in said
    assert not listens(port)
