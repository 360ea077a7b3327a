"""The dishes of a canteen: enrolling, learning from corrections, taking back, re-embedding.

Vectors and crops are stored in the same append as the event that names them, so that no gallery has holes.
"""

from collections.abc import Iterable
from typing import Any

from engine.application.decision import Decision, States, StreamAppend
from engine.deciders import canteen, gallery
from engine.deciders.gallery import GALLERY, GalleryIndex
from engine.domain import commands, ids
from engine.domain.errors import InvalidValueError
from engine.domain.events import DishEnrolled, Event


class GalleryHandlers:
    """Handlers of everything that changes a gallery on purpose; corrections change it beside a checkout."""

    def enrol(self, command: commands.EnrolDish, states: States) -> Decision:
        """Enrol views of a dish."""
        canteen.require_profile(states.get(canteen.CANTEEN, ids.canteen_stream(command.canteen_id)), command.canteen_id)
        state = _gallery(states, command.canteen_id)
        events = gallery.decide_enrolment(state, command)
        enrolled = [ref for event in events if isinstance(event, DishEnrolled) for ref in event.exemplars]
        named = {sha256 for ref in enrolled for sha256 in (ref.vectors_sha256, ref.crop_sha256)}
        return _decided(
            command.canteen_id,
            state,
            events,
            {"dish_id": command.dish_id, "enrolled": len(enrolled)},
            attached(command.attachments, named),
        )

    def confirm(self, command: commands.ConfirmExemplars, states: States) -> Decision:
        """Adopt proposed views."""
        state = _gallery(states, command.canteen_id)
        events = gallery.decide_confirmation(state, command)
        return _decided(command.canteen_id, state, events, {"dish_id": command.dish_id})

    def remove(self, command: commands.RemoveExemplars, states: States) -> Decision:
        """Withdraw views."""
        state = _gallery(states, command.canteen_id)
        events = gallery.decide_removal(state, command)
        return _decided(command.canteen_id, state, events, {"dish_id": command.dish_id})

    def undo(self, command: commands.UndoGalleryChange, states: States) -> Decision:
        """Take back one change."""
        state = _gallery(states, command.canteen_id)
        return _decided(command.canteen_id, state, gallery.decide_undo(state, command), {"undone": command.version})

    def reembed(self, command: commands.ReembedGallery, states: States) -> Decision:
        """Replace all vectors."""
        state = _gallery(states, command.canteen_id)
        events = gallery.decide_reembedding(state, command)
        named = {each.vectors_sha256 for each in command.exemplars} if events else set()
        answer = {"embedder_sha256": command.embedder_sha256, "exemplars": len(command.exemplars) if events else 0}
        return _decided(command.canteen_id, state, events, answer, attached(command.attachments, named))


def attached(attachments: dict[str, bytes], named: Iterable[str]) -> dict[str, bytes]:
    """Return exactly the attachments that events name.

    Raises:
        InvalidValueError: one is missing.
    """
    named = set(named)
    missing = sorted(named - attachments.keys())
    if missing:
        raise InvalidValueError("Vectors or crops are missing: " + ", ".join(missing) + ". Send them along.")
    return {sha256: body for sha256, body in attachments.items() if sha256 in named}


def _gallery(states: States, canteen_id: str) -> GalleryIndex:
    return states.get(GALLERY, ids.gallery_stream(canteen_id))


def _decided(
    canteen_id: str,
    state: GalleryIndex,
    events: tuple[Event, ...],
    answer: dict[str, Any],
    attachments: dict[str, bytes] | None = None,
) -> Decision:
    stream = ids.gallery_stream(canteen_id)
    return Decision(
        appends=(StreamAppend(stream_type=GALLERY, stream=stream, events=events),) if events else (),
        answer={
            "canteen_id": canteen_id,
            **answer,
            "version": state.version + len(events),
            "changed": bool(events),
        },
        attachments=attachments or {},
    )
