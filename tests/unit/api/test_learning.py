"""A gallery that learns from two hundred corrections, one in twenty of them wrong, on portions of the fixture trays."""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from api.exemplars import exemplar_ref, portion_view
from api.galleries import ShelvedGallery
from engine.deciders.gallery import (
    GALLERY,
    MAX_LEARNT_PER_DISH,
    GalleryIndex,
    HeldExemplar,
    decide_enrolment,
    decide_learning,
)
from engine.domain.actor import Actor, Role
from engine.domain.commands import EnrolDish, PortionView
from engine.domain.gallery import AlikeExemplar, ExemplarOrigin
from engine.domain.reading import Box, Candidate
from engine.policies.learning import LEARNING
from recognition.frame import Frame, decode_photo
from recognition.gallery import Exemplar, Gallery, decode_vectors, likeness_to
from recognition.tray import TrayReader

FIXTURES = Path(__file__).parents[3] / "fixtures"
CANTEEN = "lanxi"
POOR_DISH = "mifan"
"""Enrolled with a single photograph; all other dishes have three."""
CORRECTIONS = 200
ONE_IN_WRONG = 20
CASHIER = Actor(role=Role.CASHIER, actor_id="cashier-7")


@dataclass(frozen=True)
class Portion:
    """A labelled portion on a tray, as its frame shows it."""

    dish_id: str
    frame: Frame
    box: Box


class LearningCanteen:
    """The real decisions on the real vectors, in memory."""

    def __init__(self, reader: TrayReader) -> None:
        self.reader = reader
        self.state: GalleryIndex = GALLERY.initial
        self.attachments: dict[str, bytes] = {}

    def enrol(self, dish_id: str, photos: Sequence[bytes]) -> None:
        refs = tuple(exemplar_ref(seen, self.attachments) for seen in self.reader.enrol(photos))
        command = EnrolDish(
            **_said(),
            dish_id=dish_id,
            name_zh=dish_id,
            name_en=dish_id,
            embedder_sha256=self.reader.embedder_sha256,
            exemplars=refs,
            attachments={},
        )
        self._take(decide_enrolment(self.state, command))

    def correct(self, portion: Portion, dish_id: str) -> None:
        view = portion_view(self.reader, portion.frame, portion.box, self.shelved())
        self.attachments |= view.attachments
        events = decide_learning(
            self.state,
            view,
            LEARNING,
            at_ms=0,
            by=CASHIER,
            canteen_id=CANTEEN,
            lane_id="lanxi-1",
            checkout_id=portion.frame.photo_sha256,
            dish_id=dish_id,
        )
        self._take(events)

    def shelved(self) -> ShelvedGallery:
        used = [self._exemplar(dish_id, held) for dish_id, dish in self.state.dishes.items() for held in dish.in_use]
        waiting = [
            self._exemplar(dish_id, held) for dish_id, dish in self.state.dishes.items() for held in dish.waiting
        ]
        return ShelvedGallery(gallery=Gallery(self.state.embedder_sha256, used), proposals=tuple(waiting), refs={})

    def _exemplar(self, dish_id: str, held: HeldExemplar) -> Exemplar:
        return Exemplar(
            dish_id=dish_id,
            exemplar_id=held.ref.exemplar_id,
            vectors=decode_vectors(self.attachments[held.ref.vectors_sha256]),
            learnt=held.origin is ExemplarOrigin.LEARNT,
        )

    def _take(self, events: tuple[Any, ...]) -> None:
        for event in events:
            self.state = GALLERY.evolve(self.state, event)


def _said() -> dict[str, Any]:
    return {"command_id": "c", "at_ms": 0, "by": CASHIER, "canteen_id": CANTEEN}


def seen_otherwise(portion: Portion, way: int) -> Portion:
    """The same portion on another tray: turned over, in other light."""
    pixels = portion.frame.pixels
    height, width = pixels.shape[:2]
    box = portion.box
    if way & 1:
        pixels = pixels[:, ::-1]
        box = replace(box, left_px=width - box.right_px, right_px=width - box.left_px)
    if way & 2:
        pixels = pixels[::-1]
        box = replace(box, top_px=height - box.bottom_px, bottom_px=height - box.top_px)
    if way & 4:
        pixels = (pixels * 0.8).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels)
    name = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Portion(portion.dish_id, replace(portion.frame, pixels=pixels, photo_sha256=name), box)


def fixture_portions(dish_ids: frozenset[str]) -> list[list[Portion]]:
    """The labelled portions of enrolled dishes, tray by tray."""
    trays = []
    for tray in json.loads((FIXTURES / "trays" / "labels.json").read_text(encoding="utf-8")):
        if not tray["file"].startswith(f"{CANTEEN}/"):
            continue
        frame = decode_photo((FIXTURES / "trays" / tray["file"]).read_bytes())
        scale = frame.width_px / tray["width"]
        trays.append(
            [
                Portion(
                    label["dish"],
                    frame,
                    Box(**dict(zip(_SIDES, [round(x * scale) for x in label["box"]], strict=True))),
                )
                for label in tray["dishes"]
                if label["dish"] in dish_ids
            ]
        )
    return trays


_SIDES = ("left_px", "top_px", "right_px", "bottom_px")


def leads(canteen: LearningCanteen, portions: Sequence[Portion], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how much each portion is nearer to its own dish than to any other."""
    likenesses = canteen.shelved().gallery.likenesses(vectors)
    return np.array(
        [
            likenesses[portion.dish_id][n] - max(of[n] for dish, of in likenesses.items() if dish != portion.dish_id)
            for n, portion in enumerate(portions)
        ]
    )


@pytest.fixture(scope="module")
def reader() -> TrayReader:
    return TrayReader.load(threads=2)


def test_two_hundred_corrections_one_in_twenty_wrong_make_no_tray_worse_and_a_poor_dish_better(
    reader: TrayReader,
) -> None:
    canteen = LearningCanteen(reader)
    for folder in sorted((FIXTURES / "photos" / CANTEEN).iterdir()):
        photos = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
        canteen.enrol(folder.name, photos[:1] if folder.name == POOR_DISH else photos)
    trays = fixture_portions(frozenset(canteen.state.dishes))
    known = [portion for tray in trays[::2] for portion in tray]
    held_out = [portion for tray in trays[1::2] for portion in tray]
    vectors = np.stack([reader.enrol_portion(portion.frame, portion.box).vectors[0] for portion in held_out])
    before = leads(canteen, held_out, vectors)

    draw = random.Random(7)
    views = [seen_otherwise(portion, way) for way in range(8) for portion in known]
    draw.shuffle(views)
    enrolled_before = {dish_id: dish.in_use for dish_id, dish in canteen.state.dishes.items()}
    for number in range(CORRECTIONS):
        portion = views[number % len(views)]
        others = sorted(canteen.state.dishes.keys() - {portion.dish_id})
        wrong = number % ONE_IN_WRONG == ONE_IN_WRONG - 1
        canteen.correct(portion, draw.choice(others) if wrong else portion.dish_id)
    after = leads(canteen, held_out, vectors)

    assert (after > 0).sum() >= (before > 0).sum()
    poor = np.array([portion.dish_id == POOR_DISH for portion in held_out])
    assert poor.any()
    assert after[poor].mean() > before[poor].mean() + 0.02
    for dish_id, dish in canteen.state.dishes.items():
        learnt = [held for held in dish.in_use if held.origin is ExemplarOrigin.LEARNT]
        assert len(learnt) <= MAX_LEARNT_PER_DISH
        assert set(enrolled_before[dish_id]) <= set(dish.in_use)


def test_a_view_is_measured_against_every_dish_and_every_proposal(reader: TrayReader) -> None:
    canteen = LearningCanteen(reader)
    for dish_id in ("mifan", "hongshaorou"):
        canteen.enrol(dish_id, [(FIXTURES / "photos" / CANTEEN / dish_id / "1.jpg").read_bytes()])
    portion = next(each for tray in fixture_portions(frozenset({"mifan"})) for each in tray)
    frame, box = portion.frame, portion.box
    seen = reader.enrol_portion(frame, box)
    proposal = Exemplar(dish_id="mifan", exemplar_id="waits", vectors=seen.vectors)
    view: PortionView = portion_view(reader, frame, box, replace(canteen.shelved(), proposals=(proposal,)))

    likenesses = canteen.shelved().gallery.likenesses(seen.vectors[:1])
    assert view.likenesses == tuple(
        Candidate(dish_id=dish_id, similarity_bps=round(float(likenesses[dish_id][0]) * 10_000))
        for dish_id in ("hongshaorou", "mifan")
    )
    alike_bps = round(float(likeness_to([proposal], seen.vectors[:1])[0]) * 10_000)
    assert view.proposals == (AlikeExemplar(dish_id="mifan", exemplar_id="waits", similarity_bps=alike_bps),)
    assert set(view.attachments) == {view.exemplar.vectors_sha256, view.exemplar.crop_sha256}
