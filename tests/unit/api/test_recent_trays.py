from api.recent_trays import RecentTray, RecentTrays
from engine.domain.reading import Box

BOX = Box(left_px=0, top_px=0, right_px=9, bottom_px=9)


def tray(size_bytes: int = 10) -> RecentTray:
    return RecentTray(canteen_id="lanxi", photo=b"x" * size_bytes, boxes={1: BOX})


def test_a_tray_is_known_until_it_is_forgotten() -> None:
    trays = RecentTrays()
    trays.remember("t1", tray())
    assert trays.find("t1") == tray()
    trays.forget("t1")
    trays.forget("t1")
    assert trays.find("t1") is None


def test_the_oldest_trays_make_room_by_number_and_by_size() -> None:
    few = RecentTrays(max_trays=2)
    for name in ("t1", "t2", "t3"):
        few.remember(name, tray())
    assert [few.find(name) is not None for name in ("t1", "t2", "t3")] == [False, True, True]

    small = RecentTrays(max_bytes=25)
    for name in ("t1", "t2", "t3"):
        small.remember(name, tray())
    assert len(small) == 2
    small.remember("t4", tray(26))
    assert len(small) == 0


def test_a_second_reading_replaces_the_first_and_counts_once() -> None:
    trays = RecentTrays(max_bytes=25)
    for size_bytes in (20, 12, 12):
        trays.remember("t1", tray(size_bytes))
    trays.remember("t2", tray(13))
    assert len(trays) == 2
