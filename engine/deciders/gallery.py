"""The dishes that a canteen has enrolled."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.deciders.stream_type import StreamType
from engine.domain.commands import EnrolDish
from engine.domain.errors import InvalidValueError
from engine.domain.events import DishEnrolled, Event, ExemplarRef

MAX_EXEMPLARS_PER_DISH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledDish:
    """One dish with its exemplars, oldest first."""

    name_zh: str
    name_en: str
    exemplars: tuple[ExemplarRef, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryIndex:
    """All enrolled dishes of a canteen by id; their vectors come from one embedder."""

    embedder_sha256: str = ""
    dishes: Mapping[str, EnrolledDish] = field(default_factory=dict)


def decide_enrolment(state: GalleryIndex, command: EnrolDish) -> tuple[DishEnrolled, ...]:
    """Add exemplars to a dish; one that is enrolled already, or given twice, is left out.

    Raises:
        InvalidValueError: vectors of another embedder, no exemplar, or too many.
    """
    if not command.exemplars:
        raise InvalidValueError("Give at least one photograph of the dish.")
    if not command.dish_id or "/" in command.dish_id:
        raise InvalidValueError("dish_id must be a short name without '/'.")
    if state.embedder_sha256 and state.embedder_sha256 != command.embedder_sha256:
        raise InvalidValueError(
            "The canteen's gallery was made by another embedder. Re-embed it before you enrol more."
        )
    known = state.dishes.get(command.dish_id)
    known_ids = {exemplar.exemplar_id for exemplar in known.exemplars} if known else set()
    given = {exemplar.exemplar_id: exemplar for exemplar in command.exemplars}
    added = tuple(exemplar for exemplar_id, exemplar in given.items() if exemplar_id not in known_ids)
    if not added:
        return ()
    if len(known_ids) + len(added) > MAX_EXEMPLARS_PER_DISH:
        raise InvalidValueError(f"A dish has at most {MAX_EXEMPLARS_PER_DISH} exemplars.")
    return (
        DishEnrolled(
            at_ms=command.at_ms,
            by=command.by,
            canteen_id=command.canteen_id,
            dish_id=command.dish_id,
            name_zh=command.name_zh,
            name_en=command.name_en,
            embedder_sha256=command.embedder_sha256,
            exemplars=added,
        ),
    )


def evolve(state: GalleryIndex, event: Event) -> GalleryIndex:
    """Return the gallery after an event."""
    match event:
        case DishEnrolled():
            known = state.dishes.get(event.dish_id)
            exemplars = (*known.exemplars, *event.exemplars) if known else event.exemplars
            dish = EnrolledDish(name_zh=event.name_zh, name_en=event.name_en, exemplars=exemplars)
            return GalleryIndex(embedder_sha256=event.embedder_sha256, dishes={**state.dishes, event.dish_id: dish})
        case _:
            return state


GALLERY: StreamType[GalleryIndex] = StreamType(initial=GalleryIndex(), evolve=evolve)
