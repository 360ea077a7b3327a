"""Measures how well labelled photographs are read, for `canteen evaluate`; nothing is stored."""

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.acceptance import policy_without_own
from api.settings import Settings
from api.street_files import read_dishes, read_menus
from engine.domain.errors import SettingsError
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.curves import draw_curves
from recognition.evaluation.enrolment import PHOTOS_PER_DISH, EnrolledDishes, Enrolment, LeaveOut
from recognition.evaluation.evaluation import (
    Evaluation,
    Told,
    enrol_all,
    judge_all,
    measure_all,
    measure_recognition,
    plain,
    see_all,
)
from recognition.evaluation.robustness import Curve, measure_robustness
from recognition.evaluation.seeing import SeenPhoto, SittingPhoto, by_canteen
from recognition.evaluation.trays import JudgedTray
from recognition.evaluation.worst import draw_worst
from recognition.labels import LabelledPhoto, read_labels
from recognition.tray import TrayReader

FROM_TRAYS: Final = "trays"
"""`--enrol trays`: the labelled photographs are each other's gallery."""

ASSUMED_PRICES: Final = "assumed: 300 fen for the first dish id in alphabetical order, 100 more for each next, to 1200"
"""Neighbouring ids differ, so that a dish under another's name costs something else."""

Bar = Callable[[str], AbstractContextManager[Told]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to measure.

    `enrol` is None for detector figures only, `trays`, or a file of labels; `gallery_images` the folder of that
    file's photographs, of which `as_staff` takes the portion that enrolling finds by itself. `menus` is a file of
    priced menus, of which those of `meal_period` count. `robustness_photos` is how many photographs are distorted, 0
    for none; `curves` where the picture of that goes.
    """

    labels: Path
    images: Path
    enrol: str | None
    gallery_images: Path | None
    as_staff: bool
    leave_out: str | None
    photos_per_dish: int | None
    menu: tuple[str, ...]
    menus: Path | None
    meal_period: str
    prices: Path | None
    partly_labelled: bool
    worst: Path | None
    robustness_photos: int
    curves: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The figures, and the pictures that were drawn."""

    evaluation: Evaluation
    robustness: tuple[Curve, ...]
    drawn: tuple[Path, ...]

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it; shares become value, hits and sample size."""
        figures: dict[str, Any] = plain(self.evaluation)
        return figures | {"robustness": plain(self.robustness), "drawn": [str(path) for path in self.drawn]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """What is sold at each canteen ('' if there is one), None for everything; fen of every dish, None if unknown."""

    canteens: tuple[str, ...]
    menus: Mapping[str, Collection[str]] | None
    prices: Mapping[str, Mapping[str, int]] | None


def evaluate_labels(settings: Settings, question: Question, bar: Bar) -> Answer:
    """Read all labelled photographs as a canteen would and compare.

    Args:
        bar: opens a progress bar with a title.
    Raises:
        LabelsInvalidError: labels or photographs cannot be used.
        SettingsError: options that do not go together, or a folder that cannot be written to.
    """
    check_question(question)
    labels = read_labels(question.labels)
    sold = sold_dishes(question, labels)
    photos = by_canteen(labels, sold.canteens)
    reader = TrayReader.load(settings.models_dir, threads=settings.recognition_threads)
    policy = policy_without_own(settings)
    with bar("看照片 · reading the photographs") as told:
        seen = see_all(reader, photos, question.images, partly_labelled=question.partly_labelled, told=told)
    if question.enrol is None:
        evaluation = measure_all(reader, seen, None, partly_labelled=question.partly_labelled)
        return Answer(evaluation=evaluation, robustness=(), drawn=())
    dishes = enrolled_dishes(question, reader, photos, sold, bar)
    trays = judge_all(seen, dishes, policy)
    recognition = measure_recognition(trays, dishes, policy, *_prices(sold, trays))
    return Answer(
        evaluation=measure_all(reader, seen, recognition, partly_labelled=question.partly_labelled),
        robustness=_robustness(question, reader, seen, dishes, policy, bar),
        drawn=_drawn(question, trays),
    )


def check_question(question: Question) -> None:
    if question.leave_out not in (None, LeaveOut.MEAL):
        raise SettingsError(f"--leave-out {question.leave_out}: only whole meals can be left out. Write 'meal'.")
    if question.enrol is None and (question.worst or question.robustness_photos or question.leave_out):
        raise SettingsError(
            "--worst, --robustness and --leave-out need dishes to compare with. Add --enrol trays or --enrol "
            "GALLERY.json."
        )
    if question.leave_out and question.enrol != FROM_TRAYS:
        raise SettingsError("--leave-out goes with --enrol trays: a gallery of its own has no meals to leave out.")
    if question.as_staff and question.enrol in (None, FROM_TRAYS):
        raise SettingsError("--as-staff goes with --enrol GALLERY.json: photographs of one dish each.")
    if question.menu and question.menus:
        raise SettingsError("Give the menu either with --menu or with --menus.")
    if bool(question.menus) != bool(question.meal_period):
        raise SettingsError("--menus and --period go together: a file of menus holds those of several meals.")


def enrolled_dishes(
    question: Question, reader: TrayReader, photos: Sequence[SittingPhoto], sold: Sold, bar: Bar
) -> EnrolledDishes:
    images, leave_out, at_most = question.images, LeaveOut.PHOTOGRAPH, question.photos_per_dish
    if question.leave_out:
        leave_out, at_most = LeaveOut.MEAL, at_most or PHOTOS_PER_DISH
    if question.enrol != FROM_TRAYS:
        gallery = Path(question.enrol or "")
        photos = by_canteen(read_labels(gallery), sold.canteens)
        images, leave_out = question.gallery_images or gallery.parent, LeaveOut.NOTHING
    enrolment = Enrolment(leave_out=leave_out, photos_per_dish=at_most, menus=sold.menus, as_staff=question.as_staff)
    with bar("登记菜品 · enrolling the dishes") as told:
        return enrol_all(reader, photos, images, enrolment, told)


def sold_dishes(question: Question, labels: Sequence[LabelledPhoto]) -> Sold:
    prices = None if question.prices is None else {"": _read_prices(question.prices)}
    if question.menus is None:
        _refuse_unlabelled(question, labels)
        return Sold(canteens=(), menus={"": question.menu} if question.menu else None, prices=prices)
    read = read_menus(question.menus, read_dishes(question.menus.with_name("dishes.toml")))
    # Which size a portion is is not labelled, so only the dishes themselves count.
    menus = {
        canteen: [item for item in content.items if not item.size_of]
        for (canteen, period), content in read.items()
        if period == question.meal_period
    }
    if not menus:
        periods = ", ".join(sorted({period for _, period in read}))
        raise SettingsError(f"{question.menus} has no menu of {question.meal_period!r}. It has: {periods}.")
    if question.prices is not None:
        raise SettingsError("--menus holds prices; leave --prices out.")
    return Sold(
        canteens=tuple(menus),
        menus={canteen: {item.dish_id for item in items} for canteen, items in menus.items()},
        prices={canteen: {item.dish_id: item.price_fen for item in items} for canteen, items in menus.items()},
    )


def _refuse_unlabelled(question: Question, labels: Sequence[LabelledPhoto]) -> None:
    """A dish of the menu that nobody labelled or enrolled is a slip of the pen."""
    known = {portion.dish_id for photo in labels for portion in photo.portions}
    if question.enrol is not None and question.enrol != FROM_TRAYS:
        known |= {portion.dish_id for photo in read_labels(Path(question.enrol)) for portion in photo.portions}
    strange = [dish_id for dish_id in question.menu if dish_id not in known]
    if strange:
        raise SettingsError(
            f"--menu names {', '.join(strange)}, which no label does. Labelled are: {', '.join(sorted(known))}."
        )


def _read_prices(path: Path) -> dict[str, int]:
    try:
        prices = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Give a file of prices.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML: {error}. Write lines such as `hongshaorou = 1000` (fen).") from error
    wrong = [dish for dish, fen in prices.items() if type(fen) is not int or fen < 0]
    if wrong:
        raise SettingsError(f"{path}: {wrong[0]} has no price in whole fen. Write `{wrong[0]} = 1000`.")
    return prices


def _prices(sold: Sold, trays: Sequence[JudgedTray]) -> tuple[Mapping[str, Mapping[str, int]], str]:
    if sold.prices is not None:
        return sold.prices, "given"
    dish_ids = sorted({dish_id for tray in trays for dish_id in {*tray.truth, *tray.menu}})
    return {"": {dish_id: 300 + 100 * (place % 10) for place, dish_id in enumerate(dish_ids)}}, ASSUMED_PRICES


def _robustness(
    question: Question,
    reader: TrayReader,
    seen: Sequence[SeenPhoto],
    dishes: EnrolledDishes,
    policy: AcceptancePolicy,
    bar: Bar,
) -> tuple[Curve, ...]:
    if not question.robustness_photos:
        return ()
    step = max(1, len(seen) / question.robustness_photos)
    photos = [seen[int(number * step)].photo for number in range(min(question.robustness_photos, len(seen)))]
    with bar("改变条件 · distorting photographs") as told:
        curves = measure_robustness(
            reader, photos, question.images, dishes, policy, partly_labelled=question.partly_labelled, told=told
        )
    if question.curves is not None:
        _write(question.curves, draw_curves(curves))
    return curves


def _drawn(question: Question, trays: Sequence[JudgedTray]) -> tuple[Path, ...]:
    if question.worst is None:
        return ()
    try:
        return tuple(draw_worst(trays, question.images, question.worst))
    except OSError as error:
        raise _unwritable(question.worst, error) from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SettingsError:
    return SettingsError(f"{path} cannot be written ({error.strerror}). Give another place.")
