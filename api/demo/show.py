"""What the demo prints: bills as they are paid, the three read models, times, and whether everything agrees."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from api.checking import Checked
from api.demo.lunch import LunchPlan
from api.demo.terminal import Finished, TerminalTotals
from api.street_files import Street
from engine.domain.money import yuan

TENDERS: Final = {"face": "刷脸", "card": "刷卡", "wallet": "账户", "qr": "扫码", "cash": "现金"}
_MONEY_HEADINGS: Final = ("合计\ngross", "优惠\ndiscount", "补贴\nsubsidy", "实付\nown", "退款\nrefunded")
_MEASURES: Final = {
    "recognise": "识别",
    "interact": "确认",
    "pay": "付款",
    "service": "合计",
    "occupied": "占台",
}
_ACCOUNTS: Final = {
    "sales": "销售",
    "takings": "收款",
    "prepaid": "预存款",
    "prepaid_money": "预存资金",
    "wallet_settlement": "账户结算",
    "discount_expense": "优惠支出",
    "funder_receivable": "补贴应收",
}
_HEADING_EVERY: Final = 24
_WIDTHS: Final = (5, 16, 2, 0, 6, 5, 5, 6, 4, 0)
"""Columns of a visit's line; 0 shares what is left of the screen."""
_RIGHT_ALIGNED: Final = frozenset({4, 5, 6, 7})
_GAP: Final = 2
_DISHES_SHARE: Final = 0.62
_NARROWEST: Final = 100
_BAR_WIDTH: Final = 40


def introduce(out: Console, data_dir: Path, port: int) -> None:
    """Say what is about to happen."""
    out.rule("[bold]曹杨新村街道 · 社区食堂的一顿午餐[/]  A street's lunch")
    out.print(
        "餐盘拍照识菜，结算优惠与补贴，刷脸、刷卡、账户、扫码或现金付款，最后逐分核对。",
        highlight=False,
    )
    out.print(
        f"A fresh store in [bold]{data_dir}[/]; a server on [bold]127.0.0.1:{port}[/]; terminals post photographs of "
        "trays and payments over HTTP. The pictures are rendered by the project, the people are made up.",
        highlight=False,
    )


@contextmanager
def loading(out: Console) -> Iterator[Callable[[str, int, int], None]]:
    """Show how far loading is, a bar for each kind of thing."""
    with _progress(out) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, whole: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=whole)
            progress.update(tasks[what], completed=done, total=whole)

        yield told


@contextmanager
def checking(out: Console) -> Iterator[Callable[[int, int], None]]:
    """Show how far the comparison is."""
    with _progress(out, transient=True) as progress:
        task = progress.add_task("核对日志 checking the log", total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


def _progress(out: Console, *, transient: bool = False) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(_BAR_WIDTH),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=out,
        transient=transient,
    )


class Lunch:
    """Prints each finished visit as a line, with a progress bar below that shows the canteen's time."""

    def __init__(self, out: Console, street: Street, plan: LunchPlan) -> None:
        self._out = out
        self._plan = plan
        self._canteens = {profile.canteen_id: profile.name_zh for profile in street.canteens}
        self._progress = _progress(out)
        self._lines = 0
        self._task = self._progress.add_task("午餐 lunch", total=plan.visits)

    def __enter__(self) -> "Lunch":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def finished(self, done: Finished) -> None:
        """Print one visit."""
        if self._lines % _HEADING_EVERY == 0:
            self._print("时间", "食堂", "台", "菜品", "合计", "优惠", "补贴", "实付", "方式", "说明", style="bold")
        self._lines += 1
        minute = (done.at_ms - self._plan.day_start_ms) // 60_000
        clock = f"{minute // 60:02d}:{minute % 60:02d}"
        visit, bill = done.visit, done.bill
        place = (clock, self._canteens[visit.canteen_id], visit.lane_id.rpartition("-")[2])
        if bill is None or bill["status"] == "voided":
            self._print(*place, f"— {done.remark}", "", "", "", "", "", "", style="yellow")
        else:
            self._print(
                *place,
                "、".join(item["name_zh"] for item in bill["items"]),
                yuan(bill["gross_fen"]),
                _saved(bill["discount_fen"]),
                _saved(bill["subsidy_fen"]),
                yuan(bill["due_fen"]),
                TENDERS[bill["tender"]],
                done.remark,
                style="",
            )
        self._progress.update(self._task, advance=1, description=f"午餐 lunch {clock}")

    def _print(self, *cells: str, style: str) -> None:
        line = lay_out(cells, self._out.width)
        line.stylize(style)
        self._out.print(line, no_wrap=True, overflow="crop", crop=True)


def _saved(amount_fen: int) -> str:
    return f"-{yuan(amount_fen)}" if amount_fen else ""


def lay_out(cells: Sequence[str], width: int) -> Text:
    """Lay a visit's cells out in columns on a screen of a width; a Chinese character is two columns wide."""
    spare = max(width, _NARROWEST) - sum(_WIDTHS) - _GAP * (len(_WIDTHS) - 1)
    dishes_width = round(spare * _DISHES_SHARE)
    shared = iter((dishes_width, spare - dishes_width))
    line = Text()
    for number, (cell, wanted) in enumerate(zip(cells, _WIDTHS, strict=True)):
        column_width = wanted or next(shared)
        text = Text(cell)
        text.truncate(column_width, overflow="ellipsis")
        text.align("right" if number in _RIGHT_ALIGNED else "left", column_width)
        line.append_text(text)
        line.append(" " * _GAP)
    line.rstrip()
    return line


def totals(out: Console, street: Street, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show the checkout totals by canteen and tender."""
    names = {profile.canteen_id: profile.name_zh for profile in street.canteens}
    table = _table("食堂\ncanteen", "方式\ntender")
    for heading in ("单\nbills", "份\nitems", *_MONEY_HEADINGS):
        table.add_column(heading, justify="right")
    before = ""
    for row in rows:
        canteen_id, tender = row["values"]
        if before and canteen_id != before:
            table.add_section()
        table.add_row(
            names[canteen_id] if canteen_id != before else "",
            TENDERS.get(tender, tender),
            str(row["bills"]),
            str(row["items"]),
            *(yuan(row[f"{part}_fen"]) for part in ("gross", "discount", "subsidy", "own", "refunded_own")),
        )
        before = canteen_id
    _show(out, "营业统计 · Checkout totals (yuan)", table)


def ledger(out: Console, told: Mapping[str, Any]) -> None:
    """Show the ledger's accounts and what funders owe."""
    accounts = _table("账户\naccount", "")
    for heading in ("借\ndebit", "贷\ncredit", "余额\nbalance"):
        accounts.add_column(heading, justify="right")
    for row in told["accounts"]:
        name = row["account"]
        accounts.add_row(
            _ACCOUNTS.get(name, ""), name, yuan(row["debit_fen"]), yuan(row["credit_fen"]), yuan(row["balance_fen"])
        )
    accounts.add_section()
    sums = [sum(row[column] for row in told["accounts"]) for column in ("debit_fen", "credit_fen", "balance_fen")]
    accounts.add_row("合计", "sum", *(yuan(amount_fen) for amount_fen in sums))
    _show(out, "账簿 · Ledger (yuan); debits and credits are equal over all accounts", accounts)
    claims = _table("出资方\nfunder", "食堂\ncanteen", "月\nmonth")
    for heading in ("人数\npersons", "人次\nperson-times", "金额\namount"):
        claims.add_column(heading, justify="right")
    for row in told["claims"]:
        claims.add_row(
            row["funder_id"],
            row["canteen_id"],
            row["month"],
            str(row["persons"]),
            str(row["person_times"]),
            yuan(row["amount_fen"]),
        )
    _show(out, "补贴应收 · What funders owe (yuan)", claims)


def queues(out: Console, street: Street, told: Mapping[str, Mapping[str, Any]]) -> None:
    """Show each canteen's lunch curve by five minutes with the estimated wait, and where service time goes."""
    for profile in street.canteens:
        waits = told[profile.canteen_id]["estimated_waits"]
        most = max((wait["arrivals"] for wait in waits), default=0)
        table = _table("从\nfrom", "到达\narrivals", "")
        for heading in ("开放\nlanes open", "负荷\nload", "等候 秒\nwait s", "60 秒内需开\nlanes for 60 s"):
            table.add_column(heading, justify="right")
        for wait in waits:
            minute = wait["from_ms"] // 60_000 + profile.utc_offset_minutes
            load = "" if wait["load"] is None else f"{wait['load']:.2f}"
            bar = "█" * round(wait["arrivals"] * 24 / most) if most else ""
            table.add_row(
                f"{minute // 60 % 24:02d}:{minute % 60:02d}",
                str(wait["arrivals"]),
                f"[cyan]{bar}[/]",
                str(wait["lanes_open"]),
                f"[bold red]{load}[/]" if wait["saturated"] else load,
                f"{wait['estimated_wait_ms'] / 1000:.0f}",
                str(wait["lanes_needed"]),
            )
        _show(out, f"{profile.name_zh} · {profile.name_en}: arrivals by 5 minutes; the wait is estimated", table)
    _service_times(out, street, told)


def _service_times(out: Console, street: Street, told: Mapping[str, Mapping[str, Any]]) -> None:
    table = _table("食堂\ncanteen")
    for measure in _MEASURES:
        table.add_column(f"{_MEASURES[measure]}\n{measure}", justify="right")
    for profile in street.canteens:
        spent = {times["measure"]: times for times in told[profile.canteen_id]["service_times"] if times["sessions"]}
        table.add_row(profile.name_zh, *(_span(spent.get(measure)) for measure in _MEASURES))
    _show(out, "每单用时 · Seconds per tray at the counter, p50 / p95", table)


def _span(times: Mapping[str, Any] | None) -> str:
    return "-" if times is None else f"{times['p50_ms'] / 1000:.1f} / {times['p95_ms'] / 1000:.1f}"


def timings(out: Console, reading_us: Sequence[int], told: TerminalTotals) -> None:
    """Show how long recognition and checkout took."""
    table = _table("what")
    for heading in ("n", "p50", "p95", "max"):
        table.add_column(heading, justify="right")
    for what, spans in (
        ("recognition: photograph to reading", [span // 1000 for span in reading_us]),
        ("scan over HTTP: upload to bill", told.scan_ms),
        ("payment over HTTP: request to durable", told.payment_ms),
    ):
        ranked = sorted(spans)
        if ranked:
            table.add_row(what, str(len(ranked)), *(str(_percentile(ranked, share)) for share in (50, 95, 100)))
    _show(out, "用时 · How long it took on this machine (ms)", table)


def _percentile(ranked: Sequence[int], share: int) -> int:
    return ranked[min(len(ranked) - 1, len(ranked) * share // 100)]


def outcomes(out: Console, told: TerminalTotals) -> None:
    """Show what became of the trays, compared with the truth about each picture."""
    table = _table("what")
    table.add_column("n", justify="right")
    for what, number in sorted(told.outcomes.items()):
        table.add_row(what, str(number))
    table.add_section()
    for code, number in sorted(told.refusals.items()):
        table.add_row(f"refused: {code}", str(number))
    _show(out, "结果 · What became of the trays, and what was refused", table)


def agreement(out: Console, checked: Checked, rows: Sequence[Mapping[str, Any]], told: TerminalTotals) -> bool:
    """Compare terminals, read models and log to the fen; return whether all agree."""
    table = _table("")
    parts = ("gross", "discount", "subsidy", "own", "refunded")
    for heading in ("单\nbills", *_MONEY_HEADINGS):
        table.add_column(heading, justify="right")
    table.add_column("")
    money = told.money_fen
    terminals = (told.outcomes["bills paid"], *(money[part] for part in parts))
    counted = [
        (
            model.name,
            (
                model.totals.bills,
                model.totals.gross_fen,
                model.totals.discount_fen,
                model.totals.subsidy_fen,
                model.totals.own_fen,
                model.totals.refunded_own_fen,
            ),
        )
        for model in checked.models.models
        if model.totals is not None
    ]
    api_sums = tuple(
        sum(row[column] for row in rows)
        for column in ("bills", "gross_fen", "discount_fen", "subsidy_fen", "own_fen", "refunded_own_fen")
    )
    log = next((model.counted for model in checked.models.models if model.counted is not None), None)
    log_sums = (
        ()
        if log is None
        else (log.bills, log.gross_fen, log.discount_fen, log.subsidy_fen, log.own_fen, log.refunded_own_fen)
    )
    for name, sums in (("event log", log_sums), ("terminals", terminals), ("GET /v1/totals", api_sums), *counted):
        same = sums == log_sums
        table.add_row(
            name,
            str(sums[0]) if sums else "-",
            *(yuan(amount_fen) for amount_fen in sums[1:]),
            "[green]✓[/]" if same else "[bold red]✗[/]",
        )
    _show(out, "核对 · Do all agree, to the fen? (yuan)", table)
    agreed = checked.agrees and all(sums == log_sums for sums in (terminals, api_sums, *(sums for _, sums in counted)))
    for model in checked.models.models:
        out.print(
            f"  {'[green]✓[/]' if model.agrees else '[bold red]✗[/]'} {model.name}: {model.rows_compared:,} rows, "
            "rebuilt from the log beside the live ones",
            highlight=False,
        )
    chain = checked.chain
    out.print(
        f"  {'[green]✓[/]' if chain.intact else '[bold red]✗[/]'} hash chain: {chain.events:,} events", highlight=False
    )
    for finding in checked.findings:
        out.print(f"  [bold red]✗[/] {escape(finding)}", highlight=False, soft_wrap=True)
    out.print()
    out.print("[bold green]✓ 全部一致 everything agrees[/]" if agreed else "[bold red]✗ 不一致 something disagrees[/]")
    return agreed


def invite(out: Console, base_url: str, data_dir: Path, manager_key: str) -> None:
    """Say what can be looked at while the server goes on."""
    out.rule("服务继续运行，按 Ctrl-C 结束 · serving on until Ctrl-C")
    out.print(
        f"  API documentation  {base_url}/docs\n"
        f"  a manager's key    {manager_key}\n"
        f"  curl -H 'Authorization: Bearer {manager_key}' '{base_url}/v1/totals?by=canteen_id'\n"
        f"  canteen verify --data-dir {data_dir}",
        highlight=False,
        soft_wrap=True,
    )


def _show(out: Console, title: str, table: Table) -> None:
    # A title of the table itself would be folded to the table's width.
    out.print()
    out.print(f"[bold]{escape(title)}[/]", highlight=False)
    out.print(table)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading)
    return table
