"""The trays that went worst, drawn for a person: what was read, what was missed, and what should have been read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from engine.domain.bill import ItemStatus
from recognition.drawing import LabelledBox, SightingStatus, draw_reading
from recognition.evaluation.seeing import open_frame
from recognition.evaluation.trays import JudgedTray, Outcome, first_of

WORST_DRAWN: Final = 20


def worst_first(trays: Sequence[JudgedTray]) -> list[JudgedTray]:
    """Return the trays on which anything is wrong, silent errors first, then by how much is wrong.

    A tray that is handed off although all of it is right is not among them.
    """
    faulty = [tray for tray in trays if not tray.list_right or tray.outcome is Outcome.SILENT_ERROR]
    return sorted(faulty, key=lambda tray: (tray.outcome is not Outcome.SILENT_ERROR, -_faults(tray)))


def draw_worst(trays: Sequence[JudgedTray], images: Path, folder: Path) -> list[Path]:
    """Draw at most twenty of the worst trays into a folder, numbered from the worst on; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    readable = [tray for tray in worst_first(trays) if not tray.seen.refusal]
    for number, tray in enumerate(readable[:WORST_DRAWN], start=1):
        frame, _ = open_frame(tray.seen.photo.label, images)
        stem = tray.seen.photo.label.file.rpartition(".")[0].replace("/", "-")
        path = folder / f"{number:02d}-{tray.outcome.value}-{stem}.jpg"
        path.write_bytes(draw_reading(frame, labelled_boxes(tray)))
        drawn.append(path)
    return drawn


def labelled_boxes(tray: JudgedTray) -> list[LabelledBox]:
    """Label every sighting with what it was taken for, and with what it should have been where that differs."""
    truth_of = {index: tray.truth[place] for place, index in tray.found.items()}
    boxes = []
    for index, (sighting, status) in enumerate(zip(tray.sightings, tray.statuses, strict=True)):
        taken_for, truth = first_of(sighting.candidates), truth_of.get(index)
        alike = f"{sighting.candidates[0].similarity_bps // 100}% " if sighting.candidates else ""
        should = "" if truth == taken_for else f" 应为 {truth}" if truth else " 无标注"
        boxes.append(
            LabelledBox(
                box=sighting.box,
                status=SightingStatus(status.value),
                title=taken_for if taken_for and status is not ItemStatus.UNKNOWN else "未识别",
                details=f"{alike}框 {sighting.detector_bps // 100}%{should}",
            )
        )
    missed = [portion for place, portion in enumerate(tray.seen.labelled) if place not in tray.found]
    return boxes + [
        LabelledBox(box=portion.box, status=SightingStatus.UNKNOWN, title=f"漏检 {portion.dish_id}")
        for portion in missed
    ]


def _faults(tray: JudgedTray) -> int:
    missed_or_spare = len(tray.seen.labelled) + len(tray.counted) - 2 * len(tray.found)
    misnamed = sum(
        first_of(tray.sightings[index].candidates) != tray.truth[place]
        for place, index in tray.found.items()
        if tray.truth[place] in tray.menu
    )
    return missed_or_spare + misnamed
