"""Read the fixture trays with the shipped models: `python -m recognition.training.synthetic.measure_fixtures`.

Prints how many portions are found and named rightly, and how the scores of right, wrong and off-menu portions lie.
"""

import argparse
import json
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.domain.bill import ItemStatus
from engine.domain.reading import Box, DishSighting
from engine.policies.acceptance import margin_policy
from recognition.gallery import Exemplar, Gallery
from recognition.tray import TrayReader

FOUND_OVERLAP = 0.3
EXACT_OVERLAP = 0.5
LIMITS_BPS = (5000, 5500, 6000, 6500, 7000, 7500, 8000)
DETECTOR_ACCEPTS_BPS = margin_policy(LIMITS_BPS[0]).detector_bps


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A labelled portion with the sighting that found it, if any."""

    file: str
    dish_id: str
    off_menu: bool
    covered: bool
    overlap: float
    sighting: DishSighting | None


def main() -> None:
    """Read all trays and print the figures."""
    parser = argparse.ArgumentParser(description="Measure how well the fixture trays are read.")
    parser.add_argument("--fixtures", type=Path, default=Path("fixtures"))
    parser.add_argument("--list", action="store_true", help="name every portion that was missed or mistaken")
    arguments = parser.parse_args()
    reader = TrayReader.load(threads=2)
    menus = tomllib.loads((arguments.fixtures / "street/menus.toml").read_text(encoding="utf-8"))["menus"]
    lunch = {
        menu["canteen"]: {item["dish_id"] for item in menu["items"]} for menu in menus if menu["meal_period"] == "lunch"
    }
    galleries = {canteen: _enrol(reader, arguments.fixtures / "photos" / canteen) for canteen in lunch}
    trays = json.loads((arguments.fixtures / "trays/labels.json").read_text(encoding="utf-8"))
    matches: list[Match] = []
    spare: list[tuple[str, DishSighting]] = []
    outcomes: dict[str, int] = defaultdict(int)
    bills: dict[tuple[int, bool, str], int] = defaultdict(int)
    for tray in trays:
        photo = (arguments.fixtures / "trays" / tray["file"]).read_bytes()
        reading = reader.read(photo, galleries[tray["canteen"]], lunch[tray["canteen"]])
        seen = [s for s in reading.sightings if s.detector_bps >= DETECTOR_ACCEPTS_BPS]
        own, left = pair(tray["file"], tray["dishes"], seen)
        matches += own
        spare += [(tray["file"], sighting) for sighting in left]
        off_menu = any(match.off_menu for match in own)
        for limit_bps in LIMITS_BPS:
            bills[limit_bps, off_menu, outcome(tray["dishes"], reading.sightings, limit_bps)] += 1
        outcomes["exact count"] += not left and all(match.sighting for match in own)
        outcomes["trays"] += 1
        outcomes["whole list right"] += (
            not left and all(m.sighting and m.sighting.candidates[0].dish_id == m.dish_id for m in own) and bool(own)
        )
    _report(matches, spare, outcomes, listed=arguments.list)
    _report_bills(bills)


def _enrol(reader: TrayReader, folder: Path) -> Gallery:
    exemplars = []
    for dish in sorted(path for path in folder.iterdir() if path.is_dir()):
        photos = [path.read_bytes() for path in sorted(dish.glob("*.jpg"))]
        for enrolled in reader.enrol(photos):
            if not enrolled.portion_found:
                print(f"no portion found on an enrolment photograph of {folder.name}/{dish.name}")
            exemplars.append(Exemplar(dish_id=dish.name, exemplar_id=enrolled.exemplar_id, vectors=enrolled.vectors))
    return Gallery(reader.embedder_sha256, exemplars)


def pair(
    file: str, dishes: list[dict[str, object]], seen: list[DishSighting]
) -> tuple[list[Match], list[DishSighting]]:
    """Give every labelled portion the sighting that overlaps it most; what is left over is spare."""
    left = list(seen)
    matches = []
    for dish in dishes:
        box = dish["box"]
        if not isinstance(box, list):
            raise TypeError(f"{file}: a box must be a list of four numbers")
        best = max(left, key=lambda sighting: overlap(sighting.box, box), default=None)
        share = overlap(best.box, box) if best else 0.0
        if best is None or share < FOUND_OVERLAP:
            best, share = None, 0.0
        else:
            left.remove(best)
        matches.append(
            Match(
                file=file,
                dish_id=str(dish["dish"]),
                off_menu=bool(dish.get("off_menu")),
                covered=bool(dish.get("covered")),
                overlap=share,
                sighting=best,
            )
        )
    return matches, left


def overlap(box: Box, label: list[int]) -> float:
    """Return intersection over union, in [0, 1]."""
    width = min(box.right_px, label[2]) - max(box.left_px, label[0])
    height = min(box.bottom_px, label[3]) - max(box.top_px, label[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    own = (box.right_px - box.left_px) * (box.bottom_px - box.top_px)
    other = (label[2] - label[0]) * (label[3] - label[1])
    return both / (own + other - both)


def outcome(dishes: list[dict[str, object]], sightings: tuple[DishSighting, ...], limit_bps: int) -> str:
    """Say what the acceptance policy does with a whole tray at a limit: nothing, hand it over, or bill it."""
    if not sightings:
        return "nothing seen"
    if any(status is not ItemStatus.ACCEPTED for status in margin_policy(limit_bps).judge_tray(sightings)):
        return "handed over"
    billed = sorted(sighting.candidates[0].dish_id for sighting in sightings)
    return "right" if billed == sorted(str(dish["dish"]) for dish in dishes) else "WRONG"


def _report_bills(bills: dict[tuple[int, bool, str], int]) -> None:
    results = ("right", "WRONG", "handed over", "nothing seen")
    for off_menu, title in ((False, "trays of dishes on the menu"), (True, "trays with a dish off the menu")):
        print(f"\n{title:32s}" + "".join(f"{result:>14s}" for result in results))
        for limit_bps in LIMITS_BPS:
            counts = (bills[limit_bps, off_menu, result] for result in results)
            print(f"accepted from {limit_bps:<18d}" + "".join(f"{count:14d}" for count in counts))


def _report(
    matches: list[Match], spare: list[tuple[str, DishSighting]], outcomes: dict[str, int], *, listed: bool
) -> None:
    found = [match for match in matches if match.sighting]
    plain = [match for match in matches if not match.off_menu and not match.covered]
    print(f"portions {len(matches)}  found {len(found)}  recall {len(found) / len(matches):.3f}")
    print(f"recall at IoU {EXACT_OVERLAP}: {sum(m.overlap >= EXACT_OVERLAP for m in matches) / len(matches):.3f}")
    print(f"recall without covered and off-menu: {sum(bool(m.sighting) for m in plain) / len(plain):.3f}")
    print(f"precision {len(found) / max(1, len(found) + len(spare)):.3f}  spare boxes {len(spare)}")
    named = [m for m in found if not m.off_menu]
    right = [m for m in named if m.sighting and m.sighting.candidates[0].dish_id == m.dish_id]
    print(f"top-1 of found portions on the menu: {len(right)}/{len(named)} = {len(right) / len(named):.3f}")
    for what, count in outcomes.items():
        print(f"{what}: {count}")
    wrong = [m for m in named if m not in right]
    strange = [m for m in found if m.off_menu]
    print("\npercentiles 0 5 25 50 75 95 100")
    for title, group in (("right", right), ("wrong", wrong), ("off-menu", strange)):
        sightings = [m.sighting for m in group if m.sighting]
        _row(f"{title} ({len(sightings)}) best", [s.candidates[0].similarity_bps for s in sightings])
        _row(f"{title} second", [s.candidates[1].similarity_bps for s in sightings])
        _row(f"{title} 2*best-second", [_margin_bps(s) for s in sightings])
        _row(f"{title} detector", [s.detector_bps for s in sightings])
    _row("spare detector", [sighting.detector_bps for _, sighting in spare])
    _row("spare 2*best-second", [_margin_bps(sighting) for _, sighting in spare])
    if listed:
        for m in matches:
            if m.sighting is None:
                print(f"missed {m.file} {m.dish_id}{' (covered)' if m.covered else ''}")
            elif m.sighting.candidates[0].dish_id != m.dish_id:
                names = [f"{c.dish_id} {c.similarity_bps}" for c in m.sighting.candidates[:3]]
                print(f"named {m.file} {m.dish_id}{' (off-menu)' if m.off_menu else ''} as {', '.join(names)}")
        for file, sighting in spare:
            print(f"spare {file} {sighting.box} {sighting.detector_bps} {sighting.candidates[0].dish_id}")


def _margin_bps(sighting: DishSighting) -> int:
    """Return 2 x best - second likeness without the policy's limits, so that the scores' spread shows."""
    return 2 * sighting.candidates[0].similarity_bps - sighting.candidates[1].similarity_bps


def _row(title: str, values: list[int]) -> None:
    if values:
        print(f"{title:28s}", " ".join(f"{int(v):6d}" for v in np.percentile(values, (0, 5, 25, 50, 75, 95, 100))))


if __name__ == "__main__":
    main()
