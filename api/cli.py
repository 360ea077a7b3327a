"""The command `canteen`: serve, check, load and read trays. Settings come from CANTEEN_* variables (api/README.md)."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
import uvicorn
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from api.app import create_app
from api.calibrating import calibrate_labels, show_calibration
from api.checking import Checked, check_store, rebuild_models
from api.container import Container
from api.demo.run import DemoOptions, play_demo
from api.doubt_words import DOUBT_WORDS
from api.evaluating import Question, evaluate_labels
from api.evaluation_tables import show_evaluation
from api.gallery_commands import enrol_dish, gallery
from api.installation import ADMIN_KEY_FILE
from api.local_api import use_local_api
from api.reading_photos import PhotoReading, read_photos
from api.settings import Settings
from api.street_files import read_canteens, read_dishes, read_menus
from api.street_loading import LoadingRefusedError, StreetLoader
from engine.domain.errors import CanteenError, SettingsError, UnknownCanteenError
from engine.domain.money import yuan
from projections.catalogue import build_projections
from recognition.calibration.choosing import Aim

app = typer.Typer(
    name="canteen",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help=(
        "社区食堂结算系统 · Checkout of community canteens: a photograph of a tray becomes a bill, benefits are taken "
        "off, and the payment is kept for ever in a log that only grows."
    ),
    epilog=(
        "Begin with [bold]canteen demo[/bold]. For a street of your own: [bold]canteen import[/bold] canteens, menus, "
        "rules and residents, show each dish with [bold]canteen enrol-dish[/bold], then [bold]canteen serve[/bold]. "
        "Settings are environment variables CANTEEN_* (api/README.md); commands that change something may run while "
        "the server does."
    ),
)
importing = typer.Typer(
    no_args_is_help=True,
    help=(
        "Load canteens, menus, rules and residents from files, in this order. The same file again changes nothing. "
        "What is wrong is refused with its place; examples of all files lie in fixtures/."
    ),
)
app.add_typer(importing, name="import")
app.add_typer(gallery, name="gallery")
app.command("enrol-dish")(enrol_dish)

_OUT: Final = Console()
_ERR: Final = Console(stderr=True)
_READ_MODELS: Final = tuple(projection.name for projection in build_projections())
_STREET: Final = Path("fixtures/street")
_FINDINGS_SHOWN: Final = 50

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the store lies; default CANTEEN_DATA_DIR or var/.", show_default=False),
]
Day = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="Business day; default today at the canteen.",
        show_default=False,
    ),
]


def main() -> None:
    """Run the command line; an error of ours is a message and exit status 1, not a traceback."""
    try:
        app()
    except LoadingRefusedError as error:
        _fail("拒绝 · refused", error.message, error.findings)
    except CanteenError as error:
        _fail(error.code, error.message)


def _fail(what: str, message: str, findings: Sequence[str] = ()) -> NoReturn:
    # A path or a message may hold what looks like markup.
    _ERR.print(f"[bold red]{what}[/] {escape(message)}", highlight=False, soft_wrap=True)
    for finding in findings[:_FINDINGS_SHOWN]:
        _ERR.print(f"  {escape(finding)}", highlight=False, soft_wrap=True)
    if len(findings) > _FINDINGS_SHOWN:
        _ERR.print(f"  ... and {len(findings) - _FINDINGS_SHOWN} more")
    sys.exit(1)


# --- serving and checking ---------------------------------------------------------------------------------------


@app.command()
def serve(data_dir: DataDir = None) -> None:
    """Serve the HTTP API (and its documentation under /docs) until Ctrl-C.

    The first start writes a master key and the first administrator's key (admin.key) into the data directory.
    """
    # What ends a service in order: the server finishes the requests in hand, then everything is closed below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = _settings(data_dir)
    with _bound(settings.host, settings.port) as listening:
        container = Container(settings)
        with _bar("检查日志 · checking the log") as told:
            container.start(progress=told)
        try:
            address = f"http://{settings.host}:{listening.getsockname()[1]}"
            _OUT.print(
                f"[green]✓[/] {address}  documentation: {address}/docs  administrator's key: in "
                f"{escape(str(settings.data_dir / ADMIN_KEY_FILE))}  Ctrl-C ends.",
                highlight=False,
                soft_wrap=True,
            )
            config = uvicorn.Config(
                create_app(container),
                log_level="warning",
                access_log=False,
                lifespan="off",  # the container was started above, with a progress bar
                timeout_graceful_shutdown=5,
            )
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            container.stop()


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """Take the address before anything is opened, so that a second server on it does no work in vain."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"{host}:{port} cannot be used ({error.strerror}). Stop what listens there, or set CANTEEN_PORT or "
                "CANTEEN_HOST to something else."
            ) from error
        yield listening


@app.command()
def demo(
    once: Annotated[
        bool, typer.Option("--once", help="End after the lunch; exit status 0 only if all totals agree.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the store of an earlier demo first.")] = False,
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demo's store is created.")] = Path("var/demo"),
    fixtures: Annotated[Path, typer.Option(help="The fixture street and its photographs.")] = Path("fixtures"),
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65_535)] = 8000,
    speed: Annotated[
        int, typer.Option(help="How many times faster than life the lunch is played.", min=1, max=600)
    ] = 40,
    visits: Annotated[int, typer.Option(help="Diners per lane.", min=1, max=2_000)] = 40,
    seed: Annotated[int, typer.Option(help="Another seed is another lunch.")] = 20261124,
) -> None:
    """Play a lunch: a fresh store, the fixture street, a server, terminals that post trays, and a comparison of all."""
    options = DemoOptions(
        once=once,
        fresh=fresh,
        data_dir=data_dir,
        fixtures=fixtures,
        port=port,
        speed=speed,
        visits_per_lane=visits,
        seed=seed,
    )
    raise typer.Exit(play_demo(options, _OUT))


@app.command()
def verify(data_dir: DataDir = None) -> None:
    """Check the hash chain, and rebuild every read model from the log beside the live one and compare.

    Exit status 1 if anything disagrees. May run while the server does.
    """
    with _bar("检查 · checking") as told:
        checked = check_store(_settings(data_dir), told)
    show_check(checked, _OUT)
    raise typer.Exit(0 if checked.agrees else 1)


def show_check(checked: Checked, out: Console) -> None:
    """Print what a check came to, a line per model, and below it every difference that was found."""
    table = Table(title="核对 · Does everything say what the log says?")
    for heading in ("what", "up to position", "compared", "result"):
        table.add_column(heading, justify="right" if heading in {"up to position", "compared"} else "left")
    chain = checked.chain
    table.add_row(
        "hash chain",
        f"{chain.head_position:,}",
        f"{chain.events:,} events",
        "[green]✓ intact[/]" if chain.intact else f"[bold red]✗ broken from position {chain.first_bad_position}[/]",
    )
    for model in checked.models.models:
        table.add_row(
            model.name,
            f"{model.position:,}",
            f"{model.rows_compared:,} rows",
            "[green]✓ agrees[/]" if model.agrees else "[bold red]✗ differs[/]",
        )
    out.print(table)
    for finding in checked.findings:
        out.print(f"[bold red]✗[/] {escape(finding)}", highlight=False, soft_wrap=True)


@app.command()
def rebuild(
    models: Annotated[
        list[str] | None, typer.Argument(help=f"Which: {', '.join(_READ_MODELS)}; all if none is named.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Drop read models and build them again from the log; a running server goes on answering meanwhile."""
    with _bar("重建 · rebuilding") as told:
        for name, position in rebuild_models(_settings(data_dir), models or (), told):
            _OUT.print(f"[green]✓[/] {name} up to position {position:,}")


# --- trays ------------------------------------------------------------------------------------------------------


@app.command()
def recognise(
    photos: Annotated[list[Path], typer.Argument(help="Photographs of trays (JPEG, PNG, WebP).")],
    canteen: Annotated[str, typer.Option(help="Whose dishes and menu.")],
    day: Day = None,
    period: Annotated[
        str, typer.Option(help="Meal period; default the one that is served now.", show_default=False)
    ] = "",
    save: Annotated[Path | None, typer.Option(help="Draw the boxes and write the pictures into this folder.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Read photographs and print dishes, confidences and prices; nothing is billed or stored."""
    failed = False
    for reading in read_photos(_settings(data_dir), photos, canteen, _date(day), period, save):
        _show_reading(reading)
        failed = failed or reading.problem is not None
    raise typer.Exit(1 if failed else 0)


def _show_reading(reading: PhotoReading) -> None:
    if reading.problem is not None:
        said = f"[bold red]✗[/] {escape(str(reading.photo))}: {escape(reading.problem.message)}"
        _OUT.print(said, highlight=False, soft_wrap=True)
        return
    _OUT.print(f"[bold]{escape(str(reading.photo))}[/]  ({reading.took_ms} ms)", highlight=False, soft_wrap=True)
    _OUT.print(_reading_table(reading))
    if reading.drawn_to is not None:
        _OUT.print(f"drawn: {escape(str(reading.drawn_to))}", highlight=False, soft_wrap=True)


def _reading_table(reading: PhotoReading) -> Table:
    table = Table()
    for heading, justify in (
        ("菜品 dish", "left"),
        ("判断 status", "left"),
        ("把握 %", "right"),
        ("元", "right"),
        ("相似 look-alikes", "left"),
    ):
        table.add_column(heading, justify="right" if justify == "right" else "left")
    colours = {"accepted": "green", "uncertain": "yellow", "unknown": "red"}
    for item in reading.items:
        alike = "，".join(f"{name} {bps // 100}%" for name, bps in item.look_alikes[:3])
        table.add_row(
            escape(item.name) or "?",
            f"[{colours[item.status.value]}]{item.status.value}[/] {DOUBT_WORDS[item.doubt]}".rstrip(),
            str(item.confidence_bps // 100),
            yuan(item.price_fen) if item.name else "",
            escape(alike),
        )
    table.add_section()
    for title, off_fen in reading.offers:
        table.add_row(escape(title), "", "", yuan(-off_fen), "")
    held = any(item.status.value != "accepted" for item in reading.items)
    table.add_row(
        "合计 total",
        "[yellow]held for a person[/]" if held else "[green]ready[/]",
        "",
        yuan(reading.total_fen),
        "",
    )
    return table


@app.command()
def evaluate(
    labels: Annotated[Path, typer.Argument(help="Labelled photographs (layout: recognition/evaluation/README.md).")],
    images: Annotated[Path, typer.Option(help="The folder that the labels' files lie in.")],
    enrol: Annotated[
        str | None,
        typer.Option(
            help="What the trays are compared with: 'trays' for each other, or a file of labels whose boxes are "
            "enrolled. Without it only the detector is measured.",
            metavar="trays|GALLERY.json",
            show_default=False,
        ),
    ] = None,
    gallery_images: Annotated[
        Path | None, typer.Option(help="The folder of the gallery's files; default beside it.", show_default=False)
    ] = None,
    as_staff: Annotated[
        bool,
        typer.Option("--as-staff", help="Enrol of the gallery's photographs what `enrol-dish` would, not the boxes."),
    ] = False,
    leave_out: Annotated[
        str | None,
        typer.Option(
            help="'meal': enrol from other meals only, at most 3 photographs of a dish. Without it a tray is only "
            "left out of its own gallery.",
            metavar="meal",
            show_default=False,
        ),
    ] = None,
    photos_per_dish: Annotated[
        int | None,
        typer.Option(help="Enrol at most so many photographs of a dish.", min=1, max=1000, show_default=False),
    ] = None,
    menu: Annotated[
        str, typer.Option(help="The dishes on sale; default all that are enrolled.", metavar="DISH,...")
    ] = "",
    menus: Annotated[
        Path | None,
        typer.Option(
            help="Priced menus of canteens (menus.toml); the first folder of each photograph names its canteen.",
            show_default=False,
        ),
    ] = None,
    period: Annotated[str, typer.Option(help="Which meal's menus of --menus.")] = "",
    prices: Annotated[
        Path | None, typer.Option(help="Prices (TOML): a line `dish = fen` for each.", show_default=False)
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Limits of acceptance (`calibrate --out`); default those of the installation.", show_default=False
        ),
    ] = None,
    partly_labelled: Annotated[
        bool, typer.Option("--partly-labelled", help="Not all food is labelled: leave out boxes that lie on no label.")
    ] = False,
    worst: Annotated[
        Path | None, typer.Option(help="Draw the worst trays into this folder.", show_default=False)
    ] = None,
    robustness: Annotated[
        bool, typer.Option("--robustness", help="Read again turned, in bad light, blurred, covered, under glare.")
    ] = False,
    robustness_photos: Annotated[
        int, typer.Option(help="How many photographs, evenly chosen, are read under every condition.", min=1)
    ] = 40,
    curves: Annotated[
        Path | None, typer.Option(help="Draw the curves of --robustness into this PNG.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON, with sample sizes.")] = False,
) -> None:
    """Measure on labelled photographs what is found, named, billed wrongly and left to a person; stores nothing."""
    question = Question(
        labels=labels,
        images=images,
        enrol=enrol,
        gallery_images=gallery_images,
        as_staff=as_staff,
        leave_out=leave_out,
        photos_per_dish=photos_per_dish,
        menu=tuple(filter(None, menu.split(","))),
        menus=menus,
        meal_period=period,
        prices=prices,
        partly_labelled=partly_labelled,
        worst=worst,
        robustness_photos=robustness_photos if robustness else 0,
        curves=curves,
    )
    settings = _settings(None)
    if policy is not None:
        settings = replace(settings, acceptance_limits=policy)
    answer = evaluate_labels(settings, question, _bar)
    if json:
        _OUT.print_json(data=answer.plain())
    else:
        show_evaluation(answer, _OUT)


@app.command()
def calibrate(
    labels: Annotated[Path, typer.Argument(help="Labelled trays (layout: recognition/evaluation/README.md).")],
    images: Annotated[Path, typer.Option(help="The folder that the labels' files lie in.")],
    enrol: Annotated[
        str,
        typer.Option(
            help="What the trays are compared with: 'trays' for each other, or a file of labels whose boxes are "
            "enrolled.",
            metavar="trays|GALLERY.json",
        ),
    ] = "trays",
    gallery_images: Annotated[
        Path | None, typer.Option(help="The folder of the gallery's files; default beside it.", show_default=False)
    ] = None,
    as_staff: Annotated[
        bool, typer.Option("--as-staff", help="Enrol the portion that is found on each photograph of --enrol.")
    ] = False,
    leave_out: Annotated[
        str | None,
        typer.Option(
            help="'meal': enrol from other meals only, at most 3 photographs of a dish.",
            metavar="meal",
            show_default=False,
        ),
    ] = None,
    photos_per_dish: Annotated[
        int, typer.Option(help="Enrol at most so many photographs of a dish.", min=1, max=1000)
    ] = 3,
    menus: Annotated[
        Path | None, typer.Option(help="Priced menus of canteens (menus.toml); see evaluate.", show_default=False)
    ] = None,
    period: Annotated[str, typer.Option(help="Which meal's menus of --menus.")] = "",
    partly_labelled: Annotated[
        bool,
        typer.Option("--partly-labelled", help="Not all food is labelled: judge what is found by its dish."),
    ] = False,
    max_silent: Annotated[float, typer.Option(help="Share of trays that may be billed wrongly.", min=0, max=1)] = 0.003,
    max_strange: Annotated[
        float, typer.Option(help="Share of portions off the menu that may be taken for another dish.", min=0, max=1)
    ] = 0.05,
    weights: Annotated[
        bool, typer.Option("--weights", help="Choose the share of likeness too; needs hundreds of trays.")
    ] = False,
    galleries: Annotated[
        int, typer.Option(help="Try the trays on so many choices of enrolled photographs.", min=1, max=20)
    ] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the limits into this file.", show_default=False)] = None,
    canteen: Annotated[str, typer.Option(help="The canteen to publish for.")] = "",
    publish: Annotated[bool, typer.Option("--publish", help="Put the limits in force at the canteen.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Find on labelled trays from when on trays can be billed without asking, within a limit for silent errors.

    Exit status 1 if nothing within the limits was found; it is not published then.
    """
    if publish and not canteen:
        raise SettingsError("--publish needs --canteen: whose limits are they?")
    question = Question(
        labels=labels,
        images=images,
        enrol=enrol,
        gallery_images=gallery_images,
        as_staff=as_staff,
        leave_out=leave_out,
        photos_per_dish=photos_per_dish,
        menu=(),
        menus=menus,
        meal_period=period,
        prices=None,
        partly_labelled=partly_labelled,
        worst=None,
        robustness_photos=0,
        curves=None,
    )
    aim = Aim(max_silent=max_silent, max_strange=max_strange)
    settings = _settings(data_dir)
    found = calibrate_labels(settings, question, aim, weigh=weights, galleries=galleries, out=out, bar=_bar)
    if json:
        _OUT.print_json(data=found.plain())
    else:
        show_calibration(found, _OUT)
    if not found.choice.aim_met:
        raise typer.Exit(1)
    if publish:
        answer = use_local_api(settings, lambda loader: loader.publish_acceptance(canteen, found.measured))
        _ERR.print(f"[green]✓[/] {escape(canteen)}: version {answer['version']} in force")


# --- import -----------------------------------------------------------------------------------------------------


@importing.command("canteens")
def import_canteens(
    file: Annotated[Path, typer.Argument(help="street.toml: the street, its meal periods, canteens and lanes.")] = (
        _STREET / "street.toml"
    ),
    data_dir: DataDir = None,
) -> None:
    """Open the canteens of a street with their lanes and meal periods, or change them to what the file says."""
    canteens = read_canteens(file)
    use_local_api(_settings(data_dir), lambda loader: loader.load_canteens(canteens))
    _OUT.print(f"[green]✓[/] {len(canteens)} canteens")


@importing.command("menus")
def import_menus(
    file: Annotated[Path, typer.Argument(help="menus.toml; dishes.toml with the names lies beside it.")] = (
        _STREET / "menus.toml"
    ),
    day: Day = None,
    data_dir: DataDir = None,
) -> None:
    """Put the menus of a file in force for one day; a dish without a price refuses its whole menu.

    A menu that is refused does not hold up the others: what was in force for its meal stays. Exit status 1 then.
    """
    menus = read_menus(file, read_dishes(file.with_name("dishes.toml")))

    async def load(loader: StreetLoader) -> list[str]:
        refused = []
        for (canteen_id, meal_period), menu in menus.items():
            try:
                business_day = _date(day) or await loader.today_at(canteen_id)
                await loader.load_menu(canteen_id, business_day, meal_period, menu)
            except (LoadingRefusedError, UnknownCanteenError) as error:
                refused.append(error.message)
        return refused

    refused = use_local_api(_settings(data_dir), load)
    _OUT.print(f"[green]✓[/] {len(menus) - len(refused)} menus")
    if refused:
        _fail("拒绝 · refused", f"{len(refused)} menus; the others are in force.", refused)


@importing.command("rules")
def import_rules(
    files: Annotated[list[Path], typer.Argument(help="Benefit rules (TOML).")], data_dir: DataDir = None
) -> None:
    """Publish benefit rules with their effective dates; a published version never changes."""

    async def load(loader: StreetLoader) -> int:
        return sum([await loader.load_rules(file) for file in files])

    _OUT.print(f"[green]✓[/] {use_local_api(_settings(data_dir), load)} rules")


@importing.command("residents")
def import_residents(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8; columns: fixtures/street/README.md.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check; write nothing.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Import residents with credentials and opening balances; if one line is wrong, nothing is written."""
    told = use_local_api(_settings(data_dir), lambda loader: loader.load_residents(file, dry_run=dry_run))
    _OUT.print_json(data=told)


# --- parts ------------------------------------------------------------------------------------------------------


def _settings(data_dir: Path | None) -> Settings:
    settings = Settings.from_environment(os.environ)
    return replace(settings, data_dir=data_dir) if data_dir is not None else settings


def _date(day: datetime | None) -> date | None:
    return None if day is None else day.date()


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar while something long runs."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_ERR, transient=True, disable=not _ERR.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


if __name__ == "__main__":
    main()
