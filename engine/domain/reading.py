"""What a camera believes about a tray. A reading is never a fact: a policy decides what to do with it.

Numbers are integers: pixels of the decoded photograph, basis points (10,000 = certain), microseconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """The extent of the food (not of its bowl's rim), in pixels of the upright photograph."""

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One dish a portion may be, with its similarity (cosine x 10,000; may be negative)."""

    dish_id: str
    similarity_bps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DishSighting:
    """One portion seen on the tray; candidates are today's dishes, best first, at most five.

    `off_menu_bps` is the similarity of the most alike dish that the canteen knows but does not sell now, 0 if none.
    """

    box: Box
    detector_bps: int
    candidates: tuple[Candidate, ...]
    off_menu_bps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model by name and by the sha256 (hex) of its file."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingTimings:
    """How long each stage of one reading took, in microseconds."""

    decode_us: int = 0
    detect_us: int = 0
    embed_us: int = 0
    match_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrayReading:
    """All portions seen on one photograph, top to bottom, left to right."""

    photo_sha256: str
    width_px: int
    height_px: int
    sightings: tuple[DishSighting, ...]
    models: tuple[ModelRef, ...]
    timings: ReadingTimings = ReadingTimings()
