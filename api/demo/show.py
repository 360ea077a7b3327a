"""What the demo prints: bills as they are paid, the three read models, times, and whether everything agrees."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from api.checking import Checked
from api.demo.lunch import LunchPlan
from api.demo.terminal import Finished, TerminalTotals
from api.street_files import Street
from engine.domain.money import yuan

TENDERS: Final = {"face": "刷脸", "card": "刷卡", "wallet": "账户", "qr": "扫码", "cash": "现金"}
_HEADING_EVERY: Final = 24
_DISHES_WIDTH: Final = 40
_BAR_WIDTH: Final = 40


def introduce(out: Console, data_dir: Path, port: int) -> None:
    """Say what is about to happen."""
    out.rule("[bold]曹杨新村街道 · 社区食堂的一顿午餐[/]  A street's lunch")
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
            self._out.print(
                _line("时间", "食堂", "台", "菜品", "合计", "优惠", "补贴", "实付", "方式", "说明", style="bold")
            )
        self._lines += 1
        minute = (done.at_ms - self._plan.day_start_ms) // 60_000
        clock = f"{minute // 60:02d}:{minute % 60:02d}"
        visit, bill = done.visit, done.bill
        place = (clock, self._canteens[visit.canteen_id], visit.lane_id.rpartition("-")[2])
        if bill is None or bill["status"] == "voided":
            self._out.print(_line(*place, "—", "", "", "", "", "", done.remark, style="yellow"))
        else:
            self._out.print(
                _line(
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
            )
        self._progress.update(self._task, advance=1, description=f"午餐 lunch {clock}")


def _saved(amount_fen: int) -> str:
    return f"-{yuan(amount_fen)}" if amount_fen else ""


def _line(*cells: str, style: str) -> Text:
    """Lay cells out in columns; a Chinese character is two columns wide."""
    widths = (5, 20, 2, _DISHES_WIDTH, 6, 6, 6, 6, 4, 28)
    right_aligned = {4, 5, 6, 7}
    line = Text(style=style, no_wrap=True, overflow="ellipsis")
    for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        text = Text(cell)
        text.truncate(width, overflow="ellipsis")
        padding = " " * (width - text.cell_len)
        line.append(padding + text.plain if number in right_aligned else text.plain + padding)
        line.append("  ")
    line.rstrip()
    return line


def totals(out: Console, street: Street, rows: Sequence[Mapping[str, Any]]) -> None:
    """Show the checkout totals by canteen and tender."""
    names = {profile.canteen_id: profile.name_zh for profile in street.canteens}
    table = _table("营业统计 · Checkout totals (yuan)", "食堂 canteen", "方式 tender")
    for heading in ("单 bills", "份 items", "合计 gross", "优惠 discount", "补贴 subsidy", "实付 own", "退款 refunded"):
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
    out.print(table)


def ledger(out: Console, told: Mapping[str, Any]) -> None:
    """Show the ledger's accounts and what funders owe."""
    accounts = _table("账簿 · Ledger (yuan); debits minus credits are zero over all accounts", "account")
    for heading in ("debit", "credit", "balance"):
        accounts.add_column(heading, justify="right")
    for row in told["accounts"]:
        accounts.add_row(row["account"], yuan(row["debit_fen"]), yuan(row["credit_fen"]), yuan(row["balance_fen"]))
    accounts.add_section()
    sums = [sum(row[column] for row in told["accounts"]) for column in ("debit_fen", "credit_fen", "balance_fen")]
    accounts.add_row("sum", *(yuan(amount_fen) for amount_fen in sums))
    out.print(accounts)
    claims = _table("补贴应收 · What funders owe", "出资方 funder", "食堂 canteen", "月 month")
    for heading in ("人数 persons", "人次 person-times", "金额 amount"):
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
    out.print(claims)


def queues(out: Console, street: Street, told: Mapping[str, Mapping[str, Any]]) -> None:
    """Show each canteen's lunch curve by five minutes with the estimated wait, and where service time goes."""
    for profile in street.canteens:
        metrics = told[profile.canteen_id]
        waits = metrics["estimated_waits"]
        most = max((wait["arrivals"] for wait in waits), default=0)
        table = _table(f"{profile.name_zh} · arrivals by 5 minutes, wait is estimated", "from", "arrivals")
        for heading in ("", "lanes open", "rho", "wait s", "lanes for 60 s"):
            table.add_column(heading, justify="left" if not heading else "right")
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
        out.print(table)
        times = "   ".join(
            f"{spent['measure']} p50 {_seconds(spent['p50_ms'])} p95 {_seconds(spent['p95_ms'])}"
            for spent in metrics["service_times"]
            if spent["sessions"]
        )
        out.print(f"  service time: {times}", highlight=False)


def _seconds(span_ms: int | None) -> str:
    return "-" if span_ms is None else f"{span_ms / 1000:.1f} s"


def timings(out: Console, reading_us: Sequence[int], told: TerminalTotals) -> None:
    """Show how long recognition and checkout took."""
    table = _table("用时 · How long it took on this machine (ms)", "what")
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
    out.print(table)


def _percentile(ranked: Sequence[int], share: int) -> int:
    return ranked[min(len(ranked) - 1, len(ranked) * share // 100)]


def outcomes(out: Console, told: TerminalTotals) -> None:
    """Show what became of the trays, compared with the truth about each picture."""
    counted = "   ".join(f"{what} {number}" for what, number in sorted(told.outcomes.items()))
    refused = "   ".join(f"{code} {number}" for code, number in sorted(told.refusals.items()))
    out.print(f"  outcomes: {counted}", highlight=False)
    out.print(f"  refused as they should be: {refused or 'nothing'}", highlight=False)


def agreement(out: Console, checked: Checked, rows: Sequence[Mapping[str, Any]], told: TerminalTotals) -> bool:
    """Compare terminals, read models and log to the fen; return whether all agree."""
    table = _table("核对 · Do all agree, to the fen?", "", "bills")
    parts = ("gross", "discount", "subsidy", "own", "refunded")
    for part in parts:
        table.add_column(part, justify="right")
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
    out.print(table)
    agreed = checked.agrees and all(sums == log_sums for sums in (terminals, api_sums, *(sums for _, sums in counted)))
    for model in checked.models.models:
        said = "agrees" if model.agrees else f"[bold red]{model.differing_rows} rows differ[/]"
        out.print(f"  {model.name}: rebuilt beside the live one, {model.rows_compared:,} rows, {said}", highlight=False)
    chain = checked.chain
    out.print(
        f"  hash chain over {chain.events:,} events: {'intact' if chain.intact else chain.finding}", highlight=False
    )
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


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings:
        table.add_column(heading)
    return table
