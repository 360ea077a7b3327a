"""What the demo prints stands in columns, although a Chinese character is two columns wide."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from api.demo.lunch import Credential, LunchPlan, TrayPhoto, Visit
from api.demo.show import Lunch, lay_out
from api.demo.terminal import Finished
from api.street_files import read_street
from engine.domain.bill import Tender
from engine.domain.resident import CredentialKind

STREET = read_street(Path(__file__).parents[3] / "fixtures" / "street")
DISHES = "番茄炒蛋、紫菜蛋花汤、白米饭、红烧狮子头、清炒菠菜、木耳山药、西兰花、土豆丝"
LONG = (
    "11:40",
    "梅岭北路社区食堂",
    "2",
    DISHES,
    "127.00",
    "-2.25",
    "-3.00",
    "121.75",
    "刷脸",
    "人工确认，余额不足，改付现金",
)
SHORT = ("11:41", "兰溪路", "1", "白米饭", "1.00", "", "", "1.00", "现金", "")


@pytest.mark.parametrize("width", [100, 119, 120, 170, 250])
def test_a_line_fits_the_screen_and_amounts_stand_below_each_other(width: int) -> None:
    long, short = (lay_out(cells, width).plain for cells in (LONG, SHORT))
    assert cell_len(long) <= width
    ends = [cell_len(line[: line.index(".") + 3]) for line in (long, short)]
    assert ends[0] == ends[1]
    assert cell_len(long[: long.index("刷脸")]) == cell_len(short[: short.index("现金")])


def test_dishes_that_do_not_fit_are_cut_with_a_mark_and_a_wide_screen_shows_them_all() -> None:
    assert DISHES not in lay_out(LONG, 120).plain
    assert "…" in lay_out(LONG, 120).plain
    assert DISHES in lay_out(LONG, 250).plain


def printed(width: int, *finished: Finished) -> list[str]:
    out = Console(file=io.StringIO(), width=width)
    lunch = Lunch(out, STREET, LunchPlan(day_start_ms=0, from_ms=0, until_ms=0))
    for each in finished:
        lunch.finished(each)
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue().splitlines()


def visit(tender: Tender) -> Visit:
    return Visit(
        arrives_at_ms=0,
        canteen_id="lanxi",
        lane_id="lanxi-2",
        photo=TrayPhoto(path=Path("tray.jpg"), portions=()),
        credential=Credential(kind=CredentialKind.QR, number="DEMO-QR-0001"),
        tender=tender,
        deciding_ms=0,
        paying_ms=0,
        loses_acknowledgement=False,
        asks_refund=False,
    )


def bill(**changes: Any) -> dict[str, Any]:
    paid = {
        "status": "paid",
        "items": [{"name_zh": name} for name in DISHES.split("、")],
        "gross_fen": 12_700,
        "discount_fen": 225,
        "subsidy_fen": 300,
        "due_fen": 12_175,
        "tender": "wallet",
    }
    return paid | changes


@pytest.mark.parametrize("width", [80, 120, 170])
def test_every_visit_is_one_line_on_every_screen_and_names_nobody(width: int) -> None:
    at_ms = 11 * 3_600_000 + 41 * 60_000
    lines = printed(
        width,
        Finished(visit=visit(Tender.WALLET), at_ms=at_ms, bill=bill(), remark="人工确认，余额不足，改付现金，退一道菜"),
        Finished(visit=visit(Tender.WALLET), at_ms=at_ms, bill=None, remark="没有看到菜品，请放好餐盘"),
        Finished(visit=visit(Tender.WALLET), at_ms=at_ms, bill=bill(status="voided"), remark="已退回"),
    )
    assert len(lines) == 4  # a heading and three visits
    assert all(cell_len(line) <= width for line in lines)
    assert all(line.startswith("11:41  兰溪路长者食堂") for line in lines[1:])
    assert "没有看到菜品" in lines[2]
    assert "DEMO" not in "".join(lines)
