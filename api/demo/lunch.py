"""The plan of one lunch: who comes when to which lane, with which tray, and how they mean to pay. Drawn from a seed."""

import csv
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from engine.domain.bill import Tender
from engine.domain.canteen import CanteenProfile
from engine.domain.errors import SettingsError
from engine.domain.reading import Box
from engine.domain.resident import CredentialKind

LUNCH_FROM_MINUTE: Final = 11 * 60
LUNCH_UNTIL_MINUTE: Final = 12 * 60 + 40
PEAK_MINUTE: Final = 11 * 60 + 45
_PEAK_SPREAD_MINUTES: Final = 17
_OFF_PEAK_SHARE: Final = 0.12

_TENDERS: Final = (
    (Tender.FACE, 34),
    (Tender.WALLET, 24),
    (Tender.QR, 20),
    (Tender.CARD, 12),
    (Tender.CASH, 10),
)
_CARDS: Final = (
    ("elder_card", CredentialKind.ELDER_CARD),
    ("social_card", CredentialKind.SOCIAL_CARD),
    ("wallet_qr", CredentialKind.QR),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What really is on a tray; `off_menu` dishes are not sold at this canteen today."""

    dish_id: str
    box: Box
    off_menu: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayPhoto:
    """One photograph with the truth about it."""

    path: Path
    portions: tuple[Portion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a diner holds out."""

    kind: CredentialKind
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One diner at one lane. Times are milliseconds; `credential` is None for somebody who shows nothing."""

    arrives_at_ms: int
    canteen_id: str
    lane_id: str
    photo: TrayPhoto
    credential: Credential | None
    tender: Tender
    deciding_ms: int
    paying_ms: int
    loses_acknowledgement: bool
    asks_refund: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LunchPlan:
    """All visits of a lunch by lane, in order of arrival."""

    day_start_ms: int
    from_ms: int
    until_ms: int
    by_lane: Mapping[str, tuple[Visit, ...]] = field(default_factory=dict)

    @property
    def visits(self) -> int:
        """How many diners come."""
        return sum(len(visits) for visits in self.by_lane.values())


def read_trays(folder: Path) -> dict[str, tuple[TrayPhoto, ...]]:
    """Read the labelled tray photographs by canteen (layout: fixtures/README.md).

    Raises:
        SettingsError: there are none.
    """
    labels = folder / "labels.json"
    if not labels.is_file():
        raise SettingsError(f"{labels} does not exist. Give the folder of the fixtures with --fixtures.")
    trays: dict[str, list[TrayPhoto]] = {}
    for entry in json.loads(labels.read_text(encoding="utf-8")):
        portions = tuple(
            Portion(
                dish_id=dish["dish"],
                box=Box(
                    **dict(
                        zip(
                            ("left_px", "top_px", "right_px", "bottom_px"),
                            map(round, dish["box"]),
                            strict=True,
                        )
                    )
                ),
                off_menu=bool(dish.get("off_menu", False)),
            )
            for dish in entry["dishes"]
        )
        trays.setdefault(entry["canteen"], []).append(TrayPhoto(path=folder / entry["file"], portions=portions))
    return {canteen: tuple(photos) for canteen, photos in trays.items()}


def read_credentials(path: Path) -> tuple[tuple[tuple[Credential, ...], Credential | None], ...]:
    """Read what each made-up resident can show: cards and codes, and a face or None."""
    residents = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            cards = tuple(Credential(kind=kind, number=row[column]) for column, kind in _CARDS if row[column])
            face = Credential(kind=CredentialKind.FACE, number=row["face_token"]) if row["face_token"] else None
            residents.append((cards, face))
    return tuple(residents)


def plan_lunch(
    profiles: Sequence[CanteenProfile],
    trays: Mapping[str, Sequence[TrayPhoto]],
    residents: Sequence[tuple[tuple[Credential, ...], Credential | None]],
    *,
    day_start_ms: int,
    visits_per_lane: int,
    seed: int,
) -> LunchPlan:
    """Draw a lunch with one visible peak around 11:45 and a thin flow before and after it."""
    # Not for secrets: the same seed has to give the same lunch.
    draw = random.Random(seed)
    by_lane: dict[str, tuple[Visit, ...]] = {}
    for profile in profiles:
        for lane in profile.lanes:
            arrivals = sorted(_arrival_minute(draw) for _ in range(visits_per_lane))
            by_lane[lane.lane_id] = tuple(
                _visit(draw, day_start_ms, minute, profile, lane.lane_id, trays[profile.canteen_id], residents)
                for minute in arrivals
            )
    return LunchPlan(
        day_start_ms=day_start_ms,
        from_ms=day_start_ms + LUNCH_FROM_MINUTE * 60_000,
        until_ms=day_start_ms + LUNCH_UNTIL_MINUTE * 60_000,
        by_lane=by_lane,
    )


def _arrival_minute(draw: random.Random) -> float:
    while True:
        if draw.random() < _OFF_PEAK_SHARE:
            return draw.uniform(LUNCH_FROM_MINUTE, LUNCH_UNTIL_MINUTE)
        minute = draw.gauss(PEAK_MINUTE, _PEAK_SPREAD_MINUTES)
        if LUNCH_FROM_MINUTE <= minute < LUNCH_UNTIL_MINUTE:
            return minute


def _visit(
    draw: random.Random,
    day_start_ms: int,
    minute: float,
    profile: CanteenProfile,
    lane_id: str,
    trays: Sequence[TrayPhoto],
    residents: Sequence[tuple[tuple[Credential, ...], Credential | None]],
) -> Visit:
    (tender,) = draw.choices([t for t, _ in _TENDERS], weights=[w for _, w in _TENDERS])
    cards, face = draw.choice(residents)
    credential: Credential | None = draw.choice(cards) if cards else None
    if tender is Tender.FACE:
        if face is None:
            tender = Tender.WALLET if credential else Tender.QR
        else:
            credential = face
    elif tender is not Tender.WALLET and draw.random() < 0.4:
        credential = None
    if tender is Tender.WALLET and credential is None:
        tender = Tender.CASH
    paying_ms = {
        Tender.FACE: 2_000,
        Tender.CARD: 4_500,
        Tender.WALLET: 2_500,
        Tender.QR: 5_000,
        Tender.CASH: 11_000,
    }
    return Visit(
        arrives_at_ms=day_start_ms + round(minute * 60_000),
        canteen_id=profile.canteen_id,
        lane_id=lane_id,
        photo=draw.choice(trays),
        credential=credential,
        tender=tender,
        deciding_ms=round(draw.lognormvariate(math.log(4_000), 0.45)),
        paying_ms=round(paying_ms[tender] * draw.uniform(0.7, 1.5)),
        loses_acknowledgement=draw.random() < 0.03,
        asks_refund=draw.random() < 0.015,
    )
