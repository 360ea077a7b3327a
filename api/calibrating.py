"""Finds from when on a canteen can bill without asking, for `canteen calibrate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from api.acceptance import policy_without_own
from api.evaluating import Bar, Question, check_question, enrolled_dishes, sold_dishes
from api.settings import Settings
from engine.domain.acceptance import Calibration
from engine.domain.errors import SettingsError
from recognition.calibration.choosing import Aim, Choice, CurvePoint, choose_limits, upper_bound
from recognition.calibration.limits_file import MeasuredLimits, written_limits
from recognition.calibration.trials import make_trials
from recognition.evaluation.evaluation import plain, see_all
from recognition.evaluation.seeing import by_canteen
from recognition.labels import read_labels
from recognition.tray import TrayReader

_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a calibration came to.

    `galleries` is how often every tray was tried, each time on other enrolled photographs; bounds count it once.
    """

    choice: Choice
    measured: MeasuredLimits
    galleries: int

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {"galleries": self.galleries, **plain(self.choice), "calibration": plain(self.measured.calibration)}


def calibrate_labels(
    settings: Settings, question: Question, aim: Aim, *, weigh: bool, galleries: int, out: Path | None, bar: Bar
) -> Found:
    """Try labelled trays, choose limits, and write them to a file.

    Args:
        weigh: choose the share of likeness in certainty too.
        galleries: how many different choices of enrolled photographs the trays are tried on.
        out: the file of limits, None for none.
        bar: opens a progress bar with a title.
    Raises:
        LabelsInvalidError: labels or photographs cannot be used, or there are too few.
        SettingsError: options that do not go together, or a file that cannot be written.
    """
    check_question(question)
    if question.enrol is None:
        raise SettingsError(
            "Limits follow from likeness. Say what the trays are compared with: --enrol trays|GALLERY.json."
        )
    labels = read_labels(question.labels)
    sold = sold_dishes(question, labels)
    photos = by_canteen(labels, sold.canteens)
    reader = TrayReader.load(settings.models_dir, threads=settings.recognition_threads)
    base = policy_without_own(settings).limits
    with bar("看照片 · reading the photographs") as told:
        seen = see_all(reader, photos, question.images, partly_labelled=question.partly_labelled, told=told)
    dishes = enrolled_dishes(question, reader, photos, sold, bar)
    trials = make_trials(seen, dishes, base, partly_labelled=question.partly_labelled)
    for number in range(1, galleries):
        others = dishes.in_another_order(_SEED + number)
        trials += make_trials(seen, others, base, partly_labelled=question.partly_labelled)
    choice = choose_limits(trials, base, aim, weigh=weigh)
    measured = MeasuredLimits(limits=choice.limits, calibration=_calibration(choice, reader, question.labels))
    if out is not None:
        _write(out, written_limits(measured))
    return Found(choice=choice, measured=measured, galleries=galleries)


def _calibration(choice: Choice, reader: TrayReader, labels: Path) -> Calibration:
    honest = choice.cross_validated
    return Calibration(
        labels_sha256=sha256(labels.read_bytes()).hexdigest(),
        trays=honest.trays,
        right=honest.right,
        silent_errors=honest.silent_errors,
        strange_portions=honest.strange_portions,
        strange_accepted=honest.strange_accepted,
        models=reader.models,
    )


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror}). Give another place with --out.") from error


def show_calibration(found: Found, out: Console) -> None:
    """Print the curve, the chosen limits, and what they are worth on trays that did not choose them."""
    choice, honest = found.choice, found.choice.cross_validated
    out.print(_curve(choice.curve, choice.limits.accept_bps))
    named = _share(choice.unchecked_right, honest.trays)
    out.print(f"全部首选都对的餐盘 · trays whose first candidates are all right (cAcc): {named}")
    table = Table(title="交叉验证 · on trays that had no part in choosing", title_justify="left")
    for heading in ("", "件 count", "占比 share", "95% 上限 at most"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows: Sequence[tuple[str, int, int]] = (
        ("自动且正确 right without a person", honest.right, honest.trays),
        ("交给人 handed to a person", honest.handed_off, honest.trays),
        ("自动但错误 silent error", honest.silent_errors, honest.trays),
        ("不在菜单的菜被当成别的 strange dish accepted", honest.strange_accepted, honest.strange_portions),
    )
    for name, hits, of in rows:
        # The same trays on another gallery are not new trays.
        once = upper_bound(round(hits / found.galleries), max(1, of // found.galleries))
        table.add_row(name, str(hits), _share(hits, of), f"{once:.3f}")
    out.print(table)
    limits = ", ".join(f"{name} {value}" for name, value in plain(choice.limits).items())
    out.print(("[green]✓[/] " if choice.aim_met else "[yellow]目标未达到 · the aim is not met[/] ") + limits)


def _curve(points: Sequence[CurvePoint], chosen_bps: int) -> Table:
    table = Table(title="标准与结果 · limit and outcome, on all trays", title_justify="left")
    for heading in ("标准 limit", "正确 right", "错误 silent error", "交给人 hand-off", "陌生菜 strange accepted"):
        table.add_column(heading, justify="right")
    for point in points:
        seen = point.outcomes
        nearest = abs(point.accept_bps - chosen_bps) <= min(abs(other.accept_bps - chosen_bps) for other in points)
        table.add_row(
            str(point.accept_bps),
            _share(seen.right, seen.trays),
            _share(seen.silent_errors, seen.trays),
            _share(seen.handed_off, seen.trays),
            _share(seen.strange_accepted, seen.strange_portions),
            style="bold" if nearest else "",
        )
        if not seen.right and not seen.strange_accepted:
            break
    return table


def _share(hits: int, of: int) -> str:
    return f"{hits / of:.3f} ({hits}/{of})" if of else "- (0/0)"
