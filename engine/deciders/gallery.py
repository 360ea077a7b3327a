"""The photographs by which a canteen knows its dishes: enrolled, learnt from corrections, withdrawn, put back.

Every event is one version of the gallery, counted from 1. An exemplar remembers the version that changed it last, so a
change can be taken back as long as nothing was done to its exemplars since (decisions D7 and D8).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.deciders.stream_type import StreamType
from engine.domain.actor import Actor, Role
from engine.domain.commands import (
    ConfirmExemplars,
    EnrolDish,
    PortionView,
    ReembedGallery,
    RemoveExemplars,
    UndoGalleryChange,
)
from engine.domain.errors import IllegalTransitionError, InvalidValueError, NotFoundError, NotPermittedError
from engine.domain.events import (
    DishEnrolled,
    Event,
    ExemplarProposed,
    ExemplarRef,
    ExemplarsAdopted,
    ExemplarsRestored,
    ExemplarsWithdrawn,
    GalleryReembedded,
)
from engine.domain.gallery import AdoptionGround, ExemplarOrigin
from engine.policies.learning import Evidence, LearningPolicy

MAX_EXEMPLARS_PER_DISH = 50
MAX_LEARNT_PER_DISH = 12
MAX_PROPOSED_PER_DISH = 20
MAX_VARIANT_CHARACTERS = 40
MAX_REASON_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldExemplar:
    """One view of a dish. `adopted` is true for every enrolled one; `changed_in` is a version of the gallery."""

    ref: ExemplarRef
    origin: ExemplarOrigin
    variant: str
    at_ms: int
    by: Actor
    changed_in: int
    adopted: bool = True
    withdrawn: bool = False
    checkout_id: str = ""
    needs_manager: bool = False

    @property
    def in_use(self) -> bool:
        """Whether trays are matched with it."""
        return self.adopted and not self.withdrawn

    @property
    def waits(self) -> bool:
        """Whether it is proposed and may still be adopted."""
        return not self.adopted and not self.withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledDish:
    """One dish with all its exemplars, oldest first."""

    name_zh: str
    name_en: str
    exemplars: tuple[HeldExemplar, ...]

    @property
    def in_use(self) -> tuple[HeldExemplar, ...]:
        """The exemplars that trays are matched with."""
        return tuple(exemplar for exemplar in self.exemplars if exemplar.in_use)

    @property
    def waiting(self) -> tuple[HeldExemplar, ...]:
        """The exemplars that are proposed."""
        return tuple(exemplar for exemplar in self.exemplars if exemplar.waits)

    def find(self, exemplar_id: str) -> HeldExemplar | None:
        """Return an exemplar by its id, None if the dish has none of it."""
        return next((held for held in self.exemplars if held.ref.exemplar_id == exemplar_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryIndex:
    """All dishes of a canteen by id; their vectors come from one embedder. `version` counts the changes."""

    embedder_sha256: str = ""
    version: int = 0
    dishes: Mapping[str, EnrolledDish] = field(default_factory=dict)


# --- decisions --------------------------------------------------------------------------------------------------


def decide_enrolment(state: GalleryIndex, command: EnrolDish) -> tuple[Event, ...]:
    """Add exemplars to a dish; one that is enrolled already, or given twice, is left out; a withdrawn one comes back.

    Raises:
        InvalidValueError: vectors of another embedder, no exemplar, too many, or a name that cannot be used.
    """
    if not command.exemplars:
        raise InvalidValueError("Give at least one photograph of the dish.")
    if not command.dish_id or "/" in command.dish_id:
        raise InvalidValueError("dish_id must be a short name without '/'.")
    if len(command.variant) > MAX_VARIANT_CHARACTERS:
        raise InvalidValueError(f"variant has more than {MAX_VARIANT_CHARACTERS} characters. Say it in a few words.")
    if state.embedder_sha256 and state.embedder_sha256 != command.embedder_sha256:
        raise InvalidValueError(
            "The canteen's gallery was made by another embedder. Run `canteen gallery re-embed` before you enrol more."
        )
    known = state.dishes.get(command.dish_id)
    given = {exemplar.exemplar_id: exemplar for exemplar in command.exemplars}
    held = {exemplar_id: known.find(exemplar_id) if known else None for exemplar_id in given}
    added = tuple(given[exemplar_id] for exemplar_id, before in held.items() if before is None)
    back = tuple(exemplar_id for exemplar_id, before in held.items() if before is not None and before.withdrawn)
    enrolled = _count(known, ExemplarOrigin.ENROLLED)
    if enrolled + len(added) + len(back) > MAX_EXEMPLARS_PER_DISH and (added or back):
        raise InvalidValueError(
            f"A dish has at most {MAX_EXEMPLARS_PER_DISH} exemplars and this one has {enrolled}. Remove some first."
        )
    said: dict[str, Any] = {
        "at_ms": command.at_ms,
        "by": command.by,
        "canteen_id": command.canteen_id,
        "dish_id": command.dish_id,
    }
    events: list[Event] = []
    if back:
        events.append(ExemplarsRestored(**said, exemplar_ids=back, undoes_version=0, reason="enrolled again"))
    if added:
        events.append(
            DishEnrolled(
                **said,
                name_zh=command.name_zh,
                name_en=command.name_en,
                variant=command.variant,
                embedder_sha256=command.embedder_sha256,
                exemplars=added,
            )
        )
    return tuple(events)


def decide_learning(
    state: GalleryIndex,
    view: PortionView,
    policy: LearningPolicy,
    *,
    at_ms: int,
    by: Actor,
    canteen_id: str,
    lane_id: str,
    checkout_id: str,
    dish_id: str,
) -> tuple[Event, ...]:
    """Propose the view of a portion that a person named, and adopt it if enough speaks for it. Never refuses.

    Nothing is learnt for a dish that nobody enrolled, nor from vectors of another embedder. A portion that is named
    again as another dish is withdrawn from the first.

    Source: decisions D9 and D10.
    """
    if view.embedder_sha256 != state.embedder_sha256:
        return ()
    said: dict[str, Any] = {"at_ms": at_ms, "by": by, "canteen_id": canteen_id}
    events = _withdrawn_elsewhere(state, view, dish_id, said)
    dish = state.dishes.get(dish_id)
    if dish is None or not _count(dish, ExemplarOrigin.ENROLLED):
        return events
    known = dish.find(view.exemplar.exemplar_id)
    if known is not None and not known.waits:
        return events
    own_bps, rival_dish_id, rival_bps = _likenesses(view, dish_id)
    others = _agreeing(dish, view, dish_id, checkout_id, policy)
    evidence = Evidence(
        by_staff=by.is_staff,
        own_bps=own_bps,
        rival_bps=rival_bps,
        agreement_bps=max(others.values(), default=None),
    )
    ground = policy.ground(evidence)
    if known is None:
        waiting = [held.ref.exemplar_id for held in dish.waiting]
        events += (
            ExemplarProposed(
                **said,
                dish_id=dish_id,
                embedder_sha256=view.embedder_sha256,
                exemplar=view.exemplar,
                checkout_id=checkout_id,
                lane_id=lane_id,
                own_bps=own_bps,
                rival_dish_id=rival_dish_id,
                rival_bps=rival_bps,
                needs_manager=policy.needs_manager(evidence),
                learning_policy=policy.policy_id,
                displaced_ids=tuple(waiting[: max(0, len(waiting) + 1 - MAX_PROPOSED_PER_DISH)]),
            ),
        )
    if ground is None:
        return events
    agreed = tuple(others) if ground is AdoptionGround.AGREEMENT else ()
    return (*events, _adopted(dish, dish_id, (*agreed, view.exemplar.exemplar_id), ground, said))


def decide_confirmation(state: GalleryIndex, command: ConfirmExemplars) -> tuple[Event, ...]:
    """Adopt proposed exemplars on a manager's word; those that are in use already are left out."""
    if command.by.role not in {Role.MANAGER, Role.ADMIN}:
        raise NotPermittedError("Only a manager may confirm what a gallery learns.")
    dish = _require_dish(state, command.dish_id)
    _require_exemplars(dish, command.exemplar_ids)
    waiting = tuple(dict.fromkeys(name for name in command.exemplar_ids if _found(dish, name).waits))
    if not waiting:
        return ()
    said = {"at_ms": command.at_ms, "by": command.by, "canteen_id": command.canteen_id}
    return (_adopted(dish, command.dish_id, waiting, AdoptionGround.MANAGER, said),)


def decide_removal(state: GalleryIndex, command: RemoveExemplars) -> tuple[Event, ...]:
    """Withdraw exemplars of a dish, or all of them; those that are withdrawn already are left out."""
    dish = _require_dish(state, command.dish_id)
    _require_exemplars(dish, command.exemplar_ids)
    named = command.exemplar_ids or tuple(held.ref.exemplar_id for held in dish.exemplars)
    gone = tuple(dict.fromkeys(name for name in named if not _found(dish, name).withdrawn))
    if not gone:
        return ()
    return (
        ExemplarsWithdrawn(
            at_ms=command.at_ms,
            by=command.by,
            canteen_id=command.canteen_id,
            dish_id=command.dish_id,
            exemplar_ids=gone,
            undoes_version=0,
            reason=_checked_reason(command.reason),
        ),
    )


def decide_undo(state: GalleryIndex, command: UndoGalleryChange) -> tuple[Event, ...]:
    """Take one change back: what it brought is withdrawn, what it withdrew is put back.

    Raises:
        NotFoundError: the gallery has no such version.
        IllegalTransitionError: everything that it changed was changed again since, or it was a re-embedding.
        InvalidValueError: the dish would have too many exemplars.
    """
    if not 1 <= command.version <= state.version:
        raise NotFoundError(
            f"The gallery has no change {command.version}; its last one is {state.version}. Look at its history."
        )
    events: list[Event] = []
    for dish_id, dish in state.dishes.items():
        touched = [held for held in dish.exemplars if held.changed_in == command.version]
        back = tuple(held.ref.exemplar_id for held in touched if held.withdrawn)
        gone = tuple(held.ref.exemplar_id for held in touched if not held.withdrawn)
        said: dict[str, Any] = {
            "at_ms": command.at_ms,
            "by": command.by,
            "canteen_id": command.canteen_id,
            "dish_id": dish_id,
            "undoes_version": command.version,
            "reason": _checked_reason(command.reason),
        }
        if gone:
            events.append(ExemplarsWithdrawn(**said, exemplar_ids=gone))
        if back:
            _require_room(dish, touched)
            events.append(ExemplarsRestored(**said, exemplar_ids=back))
    if not events:
        raise IllegalTransitionError(
            f"Nothing of change {command.version} can be taken back: it was changed again later, or it was a "
            "re-embedding. Look at the history, and undo the later change first.",
            version=command.version,
        )
    return tuple(events)


def decide_reembedding(state: GalleryIndex, command: ReembedGallery) -> tuple[Event, ...]:
    """Replace the vectors of every exemplar in one event; the same embedder again changes nothing.

    Raises:
        IllegalTransitionError: exemplars came or went while the vectors were made.
    """
    if not state.version or state.embedder_sha256 == command.embedder_sha256:
        return ()
    held = {(dish_id, each.ref.exemplar_id) for dish_id, dish in state.dishes.items() for each in dish.exemplars}
    if held != {(each.dish_id, each.exemplar_id) for each in command.exemplars}:
        raise IllegalTransitionError(
            "The gallery was changed while its vectors were made. Run `canteen gallery re-embed` again."
        )
    return (
        GalleryReembedded(
            at_ms=command.at_ms,
            by=command.by,
            canteen_id=command.canteen_id,
            from_embedder_sha256=state.embedder_sha256,
            embedder_sha256=command.embedder_sha256,
            exemplars=command.exemplars,
        ),
    )


# --- parts ------------------------------------------------------------------------------------------------------


def _withdrawn_elsewhere(
    state: GalleryIndex, view: PortionView, dish_id: str, said: dict[str, Any]
) -> tuple[Event, ...]:
    """Withdraw what was learnt from the same portion under another name."""
    return tuple(
        ExemplarsWithdrawn(
            **said,
            dish_id=other_id,
            exemplar_ids=(view.exemplar.exemplar_id,),
            undoes_version=0,
            reason="named again as another dish",
        )
        for other_id, other in state.dishes.items()
        if other_id != dish_id
        and (learnt := other.find(view.exemplar.exemplar_id)) is not None
        and learnt.origin is ExemplarOrigin.LEARNT
        and not learnt.withdrawn
    )


def _likenesses(view: PortionView, dish_id: str) -> tuple[int, str, int]:
    """Return the likeness to the named dish, the most alike other dish ('' if none), and the likeness to that."""
    own_bps = max((each.similarity_bps for each in view.likenesses if each.dish_id == dish_id), default=0)
    rivals = [(each.similarity_bps, each.dish_id) for each in view.likenesses if each.dish_id != dish_id]
    rival_bps, rival_dish_id = max(rivals, default=(0, ""))
    return own_bps, rival_dish_id, rival_bps


def _agreeing(
    dish: EnrolledDish, view: PortionView, dish_id: str, checkout_id: str, policy: LearningPolicy
) -> dict[str, int]:
    """Return the waiting views of other trays that are alike enough to bear the name out, with their likeness."""
    waiting = {
        held.ref.exemplar_id: held
        for held in dish.waiting
        if held.checkout_id != checkout_id
        and held.ref.photo_sha256 != view.exemplar.photo_sha256
        and not held.needs_manager
    }
    return {
        each.exemplar_id: each.similarity_bps
        for each in view.proposals
        if each.dish_id == dish_id and each.exemplar_id in waiting and each.similarity_bps >= policy.alike_bps
    }


def _adopted(
    dish: EnrolledDish, dish_id: str, exemplar_ids: tuple[str, ...], ground: AdoptionGround, said: dict[str, Any]
) -> ExemplarsAdopted:
    learnt = [held.ref.exemplar_id for held in dish.in_use if held.origin is ExemplarOrigin.LEARNT]
    return ExemplarsAdopted(
        **said,
        dish_id=dish_id,
        exemplar_ids=exemplar_ids,
        ground=ground,
        retired_ids=tuple(learnt[: max(0, len(learnt) + len(exemplar_ids) - MAX_LEARNT_PER_DISH)]),
    )


def _count(dish: EnrolledDish | None, origin: ExemplarOrigin) -> int:
    return len([held for held in dish.in_use if held.origin is origin]) if dish else 0


def _require_room(dish: EnrolledDish, coming_back: Collection[HeldExemplar]) -> None:
    if len(dish.in_use) + len(coming_back) > MAX_EXEMPLARS_PER_DISH + MAX_LEARNT_PER_DISH:
        raise InvalidValueError("The dish would have too many exemplars. Remove some first.")


def _require_dish(state: GalleryIndex, dish_id: str) -> EnrolledDish:
    dish = state.dishes.get(dish_id)
    if dish is None:
        raise NotFoundError(f"The gallery has no dish '{dish_id}'. Look at the list of its dishes.", dish_id=dish_id)
    return dish


def _require_exemplars(dish: EnrolledDish, exemplar_ids: tuple[str, ...]) -> None:
    for exemplar_id in exemplar_ids:
        _found(dish, exemplar_id)


def _found(dish: EnrolledDish, exemplar_id: str) -> HeldExemplar:
    held = dish.find(exemplar_id)
    if held is None:
        raise NotFoundError(
            f"The dish has no exemplar '{exemplar_id}'. Look at the list of the gallery.", exemplar_id=exemplar_id
        )
    return held


def _checked_reason(reason: str) -> str:
    if len(reason) > MAX_REASON_CHARACTERS:
        raise InvalidValueError(f"The reason has more than {MAX_REASON_CHARACTERS} characters. Say it shortly.")
    return reason


# --- evolution --------------------------------------------------------------------------------------------------


def evolve(state: GalleryIndex, event: Event) -> GalleryIndex:
    """Return the gallery after an event."""
    version = state.version + 1
    match event:
        case DishEnrolled():
            known = state.dishes.get(event.dish_id)
            added = tuple(_enrolled(event, ref, version) for ref in event.exemplars)
            dish = EnrolledDish(
                name_zh=event.name_zh,
                name_en=event.name_en,
                exemplars=(*known.exemplars, *added) if known else added,
            )
            return _with_dish(state, event.dish_id, dish, embedder_sha256=event.embedder_sha256)
        case ExemplarProposed():
            dish = state.dishes[event.dish_id]
            kept = _without(dish, event.displaced_ids)
            return _with_dish(state, event.dish_id, replace(dish, exemplars=(*kept, _proposed(event, version))))
        case ExemplarsAdopted():
            dish = replace(
                state.dishes[event.dish_id], exemplars=_without(state.dishes[event.dish_id], event.retired_ids)
            )
            # What was adopted last stands last, so that the oldest learnt one leaves first.
            adopted = {
                name: replace(_found(dish, name), adopted=True, changed_in=version) for name in event.exemplar_ids
            }
            return _with_dish(
                state,
                event.dish_id,
                replace(dish, exemplars=(*_without(dish, event.exemplar_ids), *adopted.values())),
            )
        case ExemplarsWithdrawn():
            return _changed(state, event, lambda held: replace(held, withdrawn=True, changed_in=version))
        case ExemplarsRestored():
            return _changed(state, event, lambda held: replace(held, withdrawn=False, changed_in=version))
        case GalleryReembedded():
            return _reembedded(state, event)
        case _:
            return state


def _enrolled(event: DishEnrolled, ref: ExemplarRef, version: int) -> HeldExemplar:
    return HeldExemplar(
        ref=ref,
        origin=ExemplarOrigin.ENROLLED,
        variant=event.variant,
        at_ms=event.at_ms,
        by=event.by,
        changed_in=version,
    )


def _proposed(event: ExemplarProposed, version: int) -> HeldExemplar:
    return HeldExemplar(
        ref=event.exemplar,
        origin=ExemplarOrigin.LEARNT,
        variant="",
        at_ms=event.at_ms,
        by=event.by,
        changed_in=version,
        adopted=False,
        checkout_id=event.checkout_id,
        needs_manager=event.needs_manager,
    )


def _without(dish: EnrolledDish, exemplar_ids: tuple[str, ...]) -> tuple[HeldExemplar, ...]:
    return tuple(held for held in dish.exemplars if held.ref.exemplar_id not in exemplar_ids)


def _with_dish(
    state: GalleryIndex, dish_id: str, dish: EnrolledDish, *, embedder_sha256: str | None = None
) -> GalleryIndex:
    return GalleryIndex(
        embedder_sha256=state.embedder_sha256 if embedder_sha256 is None else embedder_sha256,
        version=state.version + 1,
        dishes={**state.dishes, dish_id: dish},
    )


def _changed(
    state: GalleryIndex,
    event: ExemplarsWithdrawn | ExemplarsRestored,
    change: Callable[[HeldExemplar], HeldExemplar],
) -> GalleryIndex:
    dish = state.dishes[event.dish_id]
    exemplars = tuple(change(held) if held.ref.exemplar_id in event.exemplar_ids else held for held in dish.exemplars)
    return _with_dish(state, event.dish_id, replace(dish, exemplars=exemplars))


def _reembedded(state: GalleryIndex, event: GalleryReembedded) -> GalleryIndex:
    vectors = {(each.dish_id, each.exemplar_id): each.vectors_sha256 for each in event.exemplars}
    dishes = {
        dish_id: replace(
            dish,
            exemplars=tuple(
                replace(held, ref=replace(held.ref, vectors_sha256=vectors[dish_id, held.ref.exemplar_id]))
                for held in dish.exemplars
            ),
        )
        for dish_id, dish in state.dishes.items()
    }
    return GalleryIndex(embedder_sha256=event.embedder_sha256, version=state.version + 1, dishes=dishes)


GALLERY: StreamType[GalleryIndex] = StreamType(initial=GalleryIndex(), evolve=evolve)
