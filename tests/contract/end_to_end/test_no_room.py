"""No room on the disk, or the store locked by somebody else: 503 and Retry-After, nothing half done, and it goes on."""

import resource
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from tests.contract.end_to_end.conftest import man_counters
from tests.support.command_line import Installation, Served, new_id

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def assert_try_again(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "store_unavailable"
    assert int(answer.headers["retry-after"]) >= 1


def pay(served: Served, checkout_id: str, command_id: str) -> httpx.Response:
    path = f"/v1/checkouts/{checkout_id}/payment"
    return served.post(path, served.payment("cash", 1500), key="terminal", command_id=command_id)


def ready(served: Served) -> str:
    checkout_id = new_id()
    assert served.scan(checkout_id, key="terminal").json()["status"] == "ready"
    return checkout_id


@contextmanager
def full_disk(served: Served) -> Iterator[None]:
    """Let no file of the server grow any more, as on a disk without room."""
    resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(served.process.pid, resource.RLIMIT_FSIZE, UNLIMITED)


@contextmanager
def locked(installation: Installation) -> Iterator[None]:
    """Hold the lock of the log's file, as a stuck backup does."""
    with closing(sqlite3.connect(installation.data_dir / "canteen.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_full_disk_is_503_nothing_is_half_written_and_the_server_goes_on_once_there_is_room(
    installation: Installation,
) -> None:
    with installation.serving() as served:
        man_counters(served)
        checkouts = {new_id(): ready(served) for _ in range(8)}
        with full_disk(served), ThreadPoolExecutor(8) as threads:
            for answer in threads.map(lambda each: pay(served, *each[::-1]), checkouts.items()):
                assert_try_again(answer)
            assert_try_again(served.scan(new_id(), key="terminal"))
            for checkout_id in checkouts.values():
                assert served.request("GET", f"/v1/checkouts/{checkout_id}").json()["status"] == "ready"
        for command_id, checkout_id in checkouts.items():
            paid = pay(served, checkout_id, command_id)
            assert (paid.status_code, paid.json()["status"]) == (200, "paid")
        (row,) = served.request("GET", "/v1/totals").json()["rows"]
        assert (row["bills"], row["own_fen"]) == (8, 12_000)
        assert served.request("GET", "/health").json()["status"] == "ok"
    installation.run("verify").expect(0)


def test_a_store_locked_by_another_process_is_503_and_works_later(installation: Installation) -> None:
    quick = Installation(data_dir=installation.data_dir, environment={"CANTEEN_LOCK_TIMEOUT_S": "1"})
    with quick.serving() as served:
        man_counters(served)
        checkout_id, command_id = ready(served), new_id()
        with locked(installation):
            assert_try_again(pay(served, checkout_id, command_id))
            # Whoever only reads is not held up.
            assert served.request("GET", f"/v1/checkouts/{checkout_id}").json()["status"] == "ready"
        paid = pay(served, checkout_id, command_id)
        assert (paid.status_code, paid.json()["status"]) == (200, "paid")
    installation.run("verify").expect(0)


def test_a_command_on_a_locked_store_says_so(installation: Installation, street: Path) -> None:
    quick = Installation(data_dir=installation.data_dir, environment={"CANTEEN_LOCK_TIMEOUT_S": "1"})
    with locked(installation):
        ran = quick.run("import", "canteens", street / "street" / "street.toml").expect(1)
    assert "store_unavailable" in ran.err
    assert "locked" in ran.err


def test_a_second_server_on_a_busy_port_says_so_before_it_touches_the_store(installation: Installation) -> None:
    with installation.serving() as served:
        port = str(served.http.base_url.port)
        second = Installation(data_dir=installation.data_dir / "new", environment={"CANTEEN_PORT": port})
        ran = second.run("serve").expect(1)
        assert f"127.0.0.1:{port}" in ran.err
        assert "in use" in ran.err
        assert "CANTEEN_PORT" in ran.err
        assert ran.out == ""
        assert not second.data_dir.exists()
        assert served.http.get("/live").is_success
