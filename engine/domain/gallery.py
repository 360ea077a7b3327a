"""Words about the photographs that a canteen's dishes are known by.

An *enrolled* exemplar was shown on purpose. A *learnt* one is a portion on a tray that a person named; it is *proposed*
first and *adopted* when enough speaks for it. Either can be withdrawn and put back.
"""

from dataclasses import dataclass
from enum import StrEnum


class ExemplarOrigin(StrEnum):
    """How a gallery came by an exemplar."""

    ENROLLED = "enrolled"
    LEARNT = "learnt"


class AdoptionGround(StrEnum):
    """What made a proposed exemplar good enough to be matched with."""

    STAFF = "staff"
    AGREEMENT = "agreement"
    MANAGER = "manager"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeExemplar:
    """How alike a portion and one exemplar are, in basis points of their cosine."""

    dish_id: str
    exemplar_id: str
    similarity_bps: int
