"""Figures of many judged trays: what is found, named, refused and billed. Every share tells its sample size."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from engine.domain.bill import ItemStatus
from engine.domain.reading import Candidate
from engine.policies.acceptance import AcceptancePolicy
from recognition.evaluation.matching import pair_boxes
from recognition.evaluation.seeing import SeenPhoto
from recognition.evaluation.shares import Share, auroc
from recognition.evaluation.trays import JudgedTray, Outcome, first_of
from recognition.gallery import Gallery
from recognition.tray import sightings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorFigures:
    """Boxes against labels at IoU .5, counting boxes from one detector score on."""

    counted_from_bps: int
    recall: Share
    precision: Share
    exact_count: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class NamingFigures:
    """Portions of dishes on the menu whose dish is the first, or among the first three, candidates.

    `whole_trays` are the trays of which all these portions have the right first candidate.
    """

    top1: Share
    top3: Share
    whole_trays: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSetFigures:
    """Every dish of a tray in turn taken off the menu.

    `portions_accepted` of its found portions are billed as another dish, `trays_accepted` of its trays are billed
    as a whole without a person; `dishes` is how many dishes were taken off. `auroc` is how often a portion's own
    2 x best - second similarity exceeds that of a portion without its dish, on labelled boxes.
    """

    dishes: int
    portions_accepted: Share
    trays_accepted: Share
    auroc: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayFigures:
    """What became of whole trays; `list_right` is the list with counts before doubt is handed off (cAcc)."""

    list_right: Share
    right: Share
    silent_error: Share
    handed_off: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class PortionFigures:
    """What is billed without a person, portion by portion, on trays that are handed off as well.

    `wrong_among_accepted` are accepted boxes that name another dish than their label or lie on none;
    `strange_accepted` are portions of dishes that are not on the menu; `unlabelled_accepted` boxes without a label.
    """

    accepted: Share
    wrong_among_accepted: Share
    strange_accepted: Share
    unlabelled_accepted: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class AmountFigures:
    """Billed less true amount.

    `unattended_*` are the trays billed without a person; `unchecked_*` is what would be billed if every first
    candidate were taken for granted. Amounts in fen; trays with a dish without a price are left out.
    """

    prices: str
    unattended_exact: Share
    unattended_error_fen: int
    unattended_true_fen: int
    unchecked_exact: Share
    unchecked_error_fen: int
    unchecked_true_fen: int
    trays_without_price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Labelled boxes of one dish whose first candidate is another; `of` is how many boxes the dish has."""

    dish_id: str
    taken_for: str
    boxes: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DishFigures:
    """One dish on labelled boxes, and how many of its found portions are accepted."""

    dish_id: str
    top1: Share
    found: Share
    accepted: Share


def measure_detector(photos: Sequence[SeenPhoto], counted_from_bps: int) -> DetectorFigures:
    """Measure boxes from a detector score on, in basis points, against labels."""
    labelled = [[portion.box for portion in photo.labelled] for photo in photos]
    counted = [
        [portion.box for portion in photo.portions if portion.detector_bps >= counted_from_bps] for photo in photos
    ]
    found = [len(pair_boxes(labels, boxes)) for labels, boxes in zip(labelled, counted, strict=True)]
    return DetectorFigures(
        counted_from_bps=counted_from_bps,
        recall=Share(sum(found), sum(map(len, labelled))),
        precision=Share(sum(found), sum(map(len, counted))),
        exact_count=Share.counted(
            hits == len(labels) == len(boxes) for hits, labels, boxes in zip(found, labelled, counted, strict=True)
        ),
    )


def measure_naming(trays: Sequence[JudgedTray], *, detected: bool) -> NamingFigures:
    """Measure first candidates on found portions, or on the labelled boxes themselves."""
    by_tray = [
        [
            (tray.truth[place], candidates)
            for place, candidates in (_found_candidates(tray) if detected else enumerate(tray.label_candidates))
            if tray.truth[place] in tray.menu
        ]
        for tray in trays
    ]
    named = list(chain.from_iterable(by_tray))
    return NamingFigures(
        top1=Share.counted(first_of(candidates) == dish_id for dish_id, candidates in named),
        top3=Share.counted(dish_id in {one.dish_id for one in candidates[:3]} for dish_id, candidates in named),
        whole_trays=Share.counted(
            all(first_of(candidates) == dish_id for dish_id, candidates in of_tray) for of_tray in by_tray if of_tray
        ),
    )


def _found_candidates(tray: JudgedTray) -> list[tuple[int, tuple[Candidate, ...]]]:
    return [(place, tray.sightings[index].candidates) for place, index in tray.found.items()]


def measure_trays(trays: Sequence[JudgedTray]) -> TrayFigures:
    """Measure what became of whole trays."""
    outcomes = Counter(tray.outcome for tray in trays)
    return TrayFigures(
        list_right=Share.counted(tray.list_right for tray in trays),
        right=Share(outcomes[Outcome.RIGHT], len(trays)),
        silent_error=Share(outcomes[Outcome.SILENT_ERROR], len(trays)),
        handed_off=Share(outcomes[Outcome.HANDED_OFF], len(trays)),
    )


def measure_portions(trays: Sequence[JudgedTray]) -> PortionFigures:
    """Measure what is accepted portion by portion."""
    accepted = {id(tray): {i for i, status in enumerate(tray.statuses) if _accepted(status)} for tray in trays}
    dish_of = {id(tray): {index: tray.truth[place] for place, index in tray.found.items()} for tray in trays}
    on_label = [(tray, index, dish_id in tray.menu) for tray in trays for index, dish_id in dish_of[id(tray)].items()]
    return PortionFigures(
        accepted=Share.counted(index in accepted[id(tray)] for tray, index, on_menu in on_label if on_menu),
        wrong_among_accepted=Share.counted(
            first_of(tray.sightings[index].candidates) != dish_of[id(tray)].get(index)
            for tray in trays
            for index in sorted(accepted[id(tray)])
        ),
        strange_accepted=Share.counted(index in accepted[id(tray)] for tray, index, on_menu in on_label if not on_menu),
        unlabelled_accepted=Share.counted(
            index in accepted[id(tray)] for tray in trays for index in tray.counted if index not in dish_of[id(tray)]
        ),
    )


def measure_open_set(
    trays: Iterable[tuple[JudgedTray, Gallery]], policy: AcceptancePolicy, *, still_enrolled: bool
) -> OpenSetFigures:
    """Take every dish of every tray off its menu in turn and count what is billed all the same.

    Args:
        trays: each with the gallery that it was judged with.
        still_enrolled: the canteen knows the dish but does not sell it now; otherwise it leaves the gallery too.
    """
    taken_off: set[tuple[str, str]] = set()
    portions: list[bool] = []
    whole: list[bool] = []
    known_bps: list[int] = []
    strange_bps: list[int] = []
    for tray, gallery in trays:
        for dish_id in sorted(tray.menu.intersection(tray.truth)) if not tray.seen.refusal else ():
            taken_off.add((tray.seen.photo.canteen, dish_id))
            rest, menu = gallery if still_enrolled else gallery.without_dish(dish_id), tray.menu - {dish_id}
            places = [place for place, true in enumerate(tray.truth) if true == dish_id]
            on_labels = rest.match(tray.seen.label_embeddings[places], menu)
            strange_bps += [lead_bps(candidates) for candidates in on_labels]
            known_bps += [lead_bps(tray.label_candidates[place]) for place in places]
            sightings = sightings_of(tray.seen.portions, tray.seen.embeddings, rest, menu)
            statuses = [judged.status for judged in policy.judge_tray(sightings)]
            portions += [_accepted(statuses[tray.found[place]]) for place in places if place in tray.found]
            whole.append(bool(statuses) and all(_accepted(status) for status in statuses))
    return OpenSetFigures(
        dishes=len(taken_off),
        portions_accepted=Share.counted(portions),
        trays_accepted=Share.counted(whole),
        auroc=auroc(known_bps, strange_bps),
    )


def lead_bps(candidates: Sequence[Candidate]) -> int:
    """Return 2 x best - second similarity in basis points; what is not there has similarity 0."""
    best, second = [*(one.similarity_bps for one in candidates[:2]), 0, 0][:2]
    return 2 * best - second


def measure_amounts(trays: Sequence[JudgedTray], prices: Mapping[str, Mapping[str, int]], told: str) -> AmountFigures:
    """Compare what is billed with what is on the tray.

    Args:
        prices: fen of every dish, by canteen.
        told: where the prices come from.
    """
    unattended: list[tuple[int, int]] = []
    unchecked: list[tuple[int, int]] = []
    without_price = 0
    for tray in trays:
        fen = prices.get(tray.seen.photo.canteen, {})
        if not fen.keys() >= set(tray.truth):
            without_price += 1
            continue
        true_fen = sum(fen[dish_id] for dish_id in tray.truth)
        if (billed := tray.billed) is not None:
            unattended.append((sum(fen.get(dish_id, 0) * count for dish_id, count in billed.items()), true_fen))
        first = [first_of(tray.sightings[index].candidates) for index in tray.counted]
        unchecked.append((sum(fen.get(dish_id, 0) for dish_id in first), true_fen))
    return AmountFigures(
        prices=told,
        unattended_exact=Share.counted(billed == true for billed, true in unattended),
        unattended_error_fen=sum(abs(billed - true) for billed, true in unattended),
        unattended_true_fen=sum(true for _, true in unattended),
        unchecked_exact=Share.counted(billed == true for billed, true in unchecked),
        unchecked_error_fen=sum(abs(billed - true) for billed, true in unchecked),
        unchecked_true_fen=sum(true for _, true in unchecked),
        trays_without_price=without_price,
    )


def measure_confusions(trays: Sequence[JudgedTray]) -> tuple[Confusion, ...]:
    """Count which dish is taken for which on labelled boxes of dishes on the menu, the most frequent first."""
    boxes: Counter[str] = Counter()
    taken_for: Counter[tuple[str, str]] = Counter()
    for tray in trays:
        for dish_id, candidates in zip(tray.truth, tray.label_candidates, strict=False):
            if dish_id in tray.menu:
                boxes[dish_id] += 1
                taken_for[dish_id, first_of(candidates)] += 1
    wrong = [(count, pair) for pair, count in taken_for.items() if pair[0] != pair[1]]
    return tuple(
        Confusion(dish_id=true, taken_for=other, boxes=count, of=boxes[true])
        for count, (true, other) in sorted(wrong, key=lambda one: (-one[0], one[1]))
    )


def measure_dishes(trays: Sequence[JudgedTray]) -> tuple[DishFigures, ...]:
    """Measure every dish of the menu by itself, the worst named first."""
    named: dict[str, list[bool]] = defaultdict(list)
    found: dict[str, list[bool]] = defaultdict(list)
    accepted: dict[str, list[bool]] = defaultdict(list)
    for tray in trays:
        for place, dish_id in enumerate(tray.truth):
            if dish_id not in tray.menu:
                continue
            found[dish_id].append(place in tray.found)
            if place < len(tray.label_candidates):
                named[dish_id].append(first_of(tray.label_candidates[place]) == dish_id)
            if place in tray.found:
                accepted[dish_id].append(_accepted(tray.statuses[tray.found[place]]))
    dishes = [
        DishFigures(
            dish_id=dish_id,
            top1=Share.counted(named[dish_id]),
            found=Share.counted(found[dish_id]),
            accepted=Share.counted(accepted[dish_id]),
        )
        for dish_id in found
    ]
    return tuple(sorted(dishes, key=lambda dish: (dish.top1.value or 0.0, dish.dish_id)))


def _accepted(status: ItemStatus) -> bool:
    return status is ItemStatus.ACCEPTED
