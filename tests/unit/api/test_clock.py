"""The only clock and the only source of ids."""

import uuid

from api.clock import Clock, monotonic_ns, new_secret, wall_clock_ms


def test_the_real_clock_tells_the_time() -> None:
    before_ms = wall_clock_ms()
    assert before_ms <= Clock().now_ms() <= wall_clock_ms()


def test_a_made_up_clock_starts_where_it_is_told_and_runs_at_its_speed() -> None:
    clock = Clock(start_ms=1_000_000, speed=1000)
    began_ns, first_ms = monotonic_ns(), clock.now_ms()
    while monotonic_ns() - began_ns < 3_000_000:
        pass
    assert first_ms >= 1_000_000
    assert clock.now_ms() - first_ms >= 3000


def test_ids_are_uuids_of_version_7_that_differ_and_sort_by_their_time() -> None:
    before_ms = wall_clock_ms()
    ids = [Clock(start_ms=0).new_id() for _ in range(1000)]
    after_ms = wall_clock_ms()
    assert len(set(ids)) == 1000
    for written in ids:
        read = uuid.UUID(written)
        assert (read.version, read.variant, str(read)) == (7, uuid.RFC_4122, written)
        assert before_ms <= read.int >> 80 <= after_ms
    assert [written[:13] for written in ids] == sorted(written[:13] for written in ids)


def test_secrets_are_random() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret(16)) == 16
