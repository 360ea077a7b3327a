"""Limits from which a portion is billed without a person looking, and what they were measured on.

Certainty and likeness are basis points of cosine similarity; how sure the detector is, basis points of its score.
"""

from dataclasses import dataclass

from engine.domain.reading import ModelRef


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceLimits:
    """Everything that the rule of acceptance can be set to.

    `likeness_pct` is the share of likeness in a portion's certainty, the rest is its lead over the nearest rival;
    `accept_bps` the least certainty that is billed, `known_bps` the least likeness of a dish that is named at all,
    `detector_bps` the least score of a box that is surely a portion. `most_equal` portions of one dish and
    `most_portions` in all are usual on a tray.
    """

    likeness_pct: int
    accept_bps: int
    known_bps: int
    detector_bps: int
    most_equal: int
    most_portions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What limits were measured on. Counts are of trays that had no part in choosing the limits they were judged by.

    `strange_portions` are portions whose dish was taken off the menu and the gallery; of these
    `strange_accepted` were named as another dish all the same. `models` are those that saw the trays.
    """

    labels_sha256: str
    trays: int
    right: int
    silent_errors: int
    strange_portions: int
    strange_accepted: int
    models: tuple[ModelRef, ...]
