"""The commands `canteen gallery ...` and `canteen enrol-dish`: what a canteen's dishes look like, seen and changed."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.local_api import use_local_api
from api.settings import Settings
from api.street_loading import StreetLoader
from engine.domain.errors import SettingsError
from engine.domain.menu import MenuItem

gallery = typer.Typer(
    no_args_is_help=True,
    help=(
        "What the dishes of a canteen look like: list, history, undo, look-alikes, what waits to be learnt, and new "
        "vectors after the recognition model was replaced."
    ),
)

_OUT: Final = Console()
_KINDS_ZH: Final = {
    "enrolled": "录入",
    "proposed": "待学习",
    "adopted": "已学习",
    "withdrawn": "撤下",
    "restored": "恢复",
    "re_embedded": "重建",
}
_STATES_ZH: Final = {"used": "使用中", "waiting": "待学习", "to_confirm": "待确认", "withdrawn": "已撤下"}

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where the store lies; default CANTEEN_DATA_DIR or var/.", show_default=False),
]
OfCanteen = Annotated[str, typer.Option("--canteen", help="Whose gallery.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in a few words; it is kept.")]


def enrol_dish(
    photos: Annotated[list[Path], typer.Argument(help="1 to 5 photographs of the dish.")],
    canteen: Annotated[str, typer.Option(help="The canteen that sells it.")],
    dish: Annotated[str, typer.Option(help="The dish's id, such as hongshaorou.")],
    name_zh: Annotated[str, typer.Option(help="Its Chinese name.")],
    name_en: Annotated[str, typer.Option(help="Its English name; default the id.", show_default=False)] = "",
    variant: Annotated[str, typer.Option(help="Portion or crockery shown, such as 小份 or bowl.")] = "",
    portion: Annotated[
        str,
        typer.Option(
            help="What of each photograph is the dish: the largest portion, the whole photograph, a number in reading "
            "order, or a box in pixels.",
            metavar="largest|whole|N|LEFT,TOP,RIGHT,BOTTOM",
        ),
    ] = "largest",
    data_dir: DataDir = None,
) -> None:
    """Show a canteen what a dish looks like; it can be read from the next tray on, without training."""
    item = MenuItem(dish_id=dish, name_zh=name_zh, name_en=name_en or dish, price_fen=0)
    answer = _use(data_dir, lambda loader: loader.enrol_dish(canteen, item, photos, variant=variant, portion=portion))
    _OUT.print(
        f"[green]✓[/] {escape(name_zh)}: {answer['enrolled']} new photographs at {escape(canteen)}, "
        f"version {answer['version']} of its gallery"
    )
    _show_look_alikes(answer["look_alikes"])


@gallery.command("list")
def list_gallery(canteen: OfCanteen, data_dir: DataDir = None) -> None:
    """List the dishes with their photographs: since when, by whom, in which portion, used or not."""
    told = _use(data_dir, lambda loader: loader.gallery(canteen))
    table = Table(title=f"{canteen} · version {told['version']}")
    for heading in ("菜品 dish", "样图 photograph", "状态 state", "规格 variant", "时间 since (UTC)", "by", "version"):
        table.add_column(heading)
    for dish in told["dishes"]:
        for exemplar in dish["exemplars"]:
            table.add_row(
                escape(f"{dish['name_zh']} {dish['dish_id']}"),
                exemplar["exemplar_id"],
                f"{_STATES_ZH[exemplar['state']]} {exemplar['state']}",
                escape(exemplar["variant"]),
                _moment(exemplar["at_ms"]),
                escape(f"{exemplar['by_role']} {exemplar['by_id']}"),
                str(exemplar["version"]),
            )
    _OUT.print(table)
    if not told["current"]:
        _OUT.print(
            f"[bold red]✗[/] made with another embedder model: run `canteen gallery re-embed --canteen {canteen}`",
            soft_wrap=True,
        )


@gallery.command("history")
def gallery_history(
    canteen: OfCanteen,
    after: Annotated[int, typer.Option(help="Only changes after this version.", min=0)] = 0,
    data_dir: DataDir = None,
) -> None:
    """Show what changed, oldest first; each change can be undone by its version."""

    async def all_changes(loader: StreetLoader) -> list[dict[str, Any]]:
        changes: list[dict[str, Any]] = []
        version = after
        while page := (await loader.gallery(canteen, "/history", after=version))["changes"]:
            changes += page
            version = page[-1]["version"]
        return changes

    table = Table(title=canteen)
    for heading in ("version", "变更 change", "菜品 dish", "样图 photographs", "时间 at (UTC)", "by", "because"):
        table.add_column(heading)
    for change in _use(data_dir, all_changes):
        undone = f"undoes {change['undoes_version']}: " if change["undoes_version"] else ""
        table.add_row(
            str(change["version"]),
            f"{_KINDS_ZH[change['kind']]} {change['kind']}",
            escape(change["dish_id"]),
            "\n".join(change["exemplar_ids"]),
            _moment(change["at_ms"]),
            escape(f"{change['by_role']} {change['by_id']}"),
            escape(undone + change["because"]),
        )
    _OUT.print(table)


@gallery.command("undo")
def undo_change(
    version: Annotated[int, typer.Argument(help="The change to take back; see `canteen gallery history`.", min=1)],
    canteen: OfCanteen,
    reason: Why,
    data_dir: DataDir = None,
) -> None:
    """Take one change back: what it brought is withdrawn, what it withdrew is put back."""
    answer = _use(data_dir, lambda loader: loader.change_gallery(canteen, "undo", version=version, reason=reason))
    _OUT.print(f"[green]✓[/] change {version} is taken back by version {answer['version']}")


@gallery.command("remove")
def remove_photographs(
    dish: Annotated[str, typer.Argument(help="The dish's id.")],
    canteen: OfCanteen,
    reason: Why,
    photographs: Annotated[
        list[str] | None, typer.Option("--photograph", help="Which ones; default all of the dish.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Match trays with these photographs no longer; can be undone."""
    answer = _use(
        data_dir,
        lambda loader: loader.change_gallery(
            canteen, "removals", dish_id=dish, exemplar_ids=photographs or [], reason=reason
        ),
    )
    _OUT.print(f"[green]✓[/] version {answer['version']}" if answer["changed"] else "nothing to remove")


@gallery.command("confirm")
def confirm_photographs(
    dish: Annotated[str, typer.Argument(help="The dish's id.")],
    photographs: Annotated[list[str], typer.Argument(help="What waits; see `canteen gallery list`.")],
    canteen: OfCanteen,
    data_dir: DataDir = None,
) -> None:
    """Learn photographs that a correction proposed and that contradict the gallery."""
    answer = _use(
        data_dir,
        lambda loader: loader.change_gallery(canteen, "confirmations", dish_id=dish, exemplar_ids=photographs),
    )
    _OUT.print(f"[green]✓[/] version {answer['version']}" if answer["changed"] else "nothing waits under these ids")


@gallery.command("lookalikes")
def look_alikes(canteen: OfCanteen, data_dir: DataDir = None) -> None:
    """Tell which dishes are mistaken for each other, and which photograph would help."""
    told = _use(data_dir, lambda loader: loader.gallery(canteen, "/look-alikes"))
    _show_look_alikes(told["look_alikes"])


@gallery.command("re-embed")
def re_embed(
    canteen: Annotated[
        str, typer.Option("--canteen", help="Whose gallery; --all for every one.", show_default=False)
    ] = "",
    everywhere: Annotated[bool, typer.Option("--all", help="All canteens.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Make the vectors of all photographs again with the embedder model in use; needed once after it was replaced.

    A gallery is done as a whole or not at all. Restart a running server afterwards if it was started before the model
    was replaced.
    """
    if bool(canteen) == everywhere:
        raise SettingsError("Name a canteen with --canteen, or all with --all.")

    async def re_embed_them(loader: StreetLoader) -> list[dict[str, Any]]:
        named = await loader.canteen_ids() if everywhere else [canteen]
        return [await loader.change_gallery(each, "re-embedding") for each in named]

    for answer in _use(data_dir, re_embed_them):
        done = f"{answer['exemplars']} photographs" if answer["changed"] else "nothing to do"
        _OUT.print(f"[green]✓[/] {escape(answer['canteen_id'])}: {done}")


def _show_look_alikes(pairs: Sequence[dict[str, Any]]) -> None:
    for pair in pairs:
        _OUT.print(f"[yellow]![/] {escape(pair['message_zh'])}\n  {escape(pair['message_en'])}", soft_wrap=True)
    if not pairs:
        _OUT.print("[green]✓[/] 菜品都能分清 · no dishes are easily mistaken for each other")


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _use(data_dir: Path | None, work: Any) -> Any:
    settings = Settings.from_environment(os.environ)
    return use_local_api(replace(settings, data_dir=data_dir) if data_dir is not None else settings, work)
