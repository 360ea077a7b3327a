"""What a canteen's dishes look like: show them, look at them, take back, confirm, tell look-alikes, re-embed."""

import hashlib
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.responses import Response

from api import request_errors, schemas
from api.exemplars import attach, exemplar_ref
from api.look_alike_words import look_alikes_told
from api.request_errors import BodyInvalidError
from api.routes import examples
from api.routes.call import Call, answered, form_fields, identity_of
from api.routes.operation import KITCHEN, MULTIPART, STAFF, Content, Operation
from api.routes.parameters import filter_by, path_id
from engine.application.log import RecordedEvent
from engine.deciders.gallery import GALLERY, GalleryIndex, HeldExemplar
from engine.domain import commands, errors, events
from engine.domain.ids import gallery_stream
from engine.domain.reading import Box
from recognition.tray import PortionChoice, WhichPortion

MAX_PHOTOS: Final = 5
MAX_CHANGES: Final = 200
_FORM_OVERHEAD_BYTES: Final = 16 * 1024
_TAG: Final = "galleries"

_CONFIRMATION = msgspec.json.Decoder(schemas.ExemplarConfirmation)
_REMOVAL = msgspec.json.Decoder(schemas.ExemplarRemoval)
_UNDO = msgspec.json.Decoder(schemas.GalleryUndo)


# --- changes ----------------------------------------------------------------------------------------------------


async def enrol_dish(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    command_id = call.command_id
    recogniser = call.container.recogniser
    with recogniser.place():
        form = await call.form(
            MAX_PHOTOS * call.container.settings.photo_limit_bytes + _FORM_OVERHEAD_BYTES,
            max_files=MAX_PHOTOS,
        )
        sent = form_fields(form.fields, schemas.DishEnrolment)
        photos = form.files.get("photos", [])
        if not photos or len(form.files) != 1:
            raise BodyInvalidError(f"Send 1 to {MAX_PHOTOS} photographs of the dish, each as a file 'photos'.")
        draft = commands.EnrolDish(
            command_id=command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            canteen_id=canteen_id,
            dish_id=sent.dish_id,
            name_zh=sent.name_zh,
            name_en=sent.name_en,
            variant=sent.variant,
            embedder_sha256=recogniser.reader.embedder_sha256,
            exemplars=(),
            attachments={},
        )
        photo_hashes = [hashlib.sha256(photo).hexdigest() for photo in photos]
        identity = msgspec.json.encode((call.key.key_id, canteen_id, sent, photo_hashes))
        answer = await call.container.recall(draft, identity)
        if answer is None:
            call.container.canteens.profile(canteen_id)
            enrolled = await recogniser.enrol(photos, _portion_choice(sent.portion))
            attachments: dict[str, bytes] = {}
            refs = tuple(exemplar_ref(seen, attachments) for seen in enrolled)
            answer = await call.container.submit(replace(draft, exemplars=refs, attachments=attachments), identity)
            # The next photograph is read with the new dish, even before the log's follower has come to it.
            call.container.galleries.refresh(canteen_id, draft.embedder_sha256)
    return answered(
        {**answer.value, "look_alikes": await _look_alikes(call, canteen_id, {sent.dish_id})}, replayed=answer.repeated
    )


async def confirm_exemplars(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    sent = await call.json(_CONFIRMATION)
    return await _changed(
        call,
        commands.ConfirmExemplars(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            canteen_id=canteen_id,
            dish_id=sent.dish_id,
            exemplar_ids=sent.exemplar_ids,
        ),
    )


async def remove_exemplars(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    sent = await call.json(_REMOVAL)
    return await _changed(
        call,
        commands.RemoveExemplars(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            canteen_id=canteen_id,
            dish_id=sent.dish_id,
            exemplar_ids=sent.exemplar_ids,
            reason=sent.reason,
        ),
    )


async def undo_gallery_change(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    sent = await call.json(_UNDO)
    return await _changed(
        call,
        commands.UndoGalleryChange(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            canteen_id=canteen_id,
            version=sent.version,
            reason=sent.reason,
        ),
    )


async def re_embed_gallery(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    call.identity = identity_of(call.key.key_id, call.request.scope["path"], b"")
    recogniser = call.container.recogniser
    draft = commands.ReembedGallery(
        command_id=call.command_id,
        at_ms=call.at_ms(None),
        by=call.key.actor,
        canteen_id=canteen_id,
        embedder_sha256=recogniser.reader.embedder_sha256,
        exemplars=(),
        attachments={},
    )
    before = await call.container.recall(draft, call.identity)
    if before is not None:
        return answered(before.value, replayed=True)
    state = await _gallery(call, canteen_id)
    if state.embedder_sha256 == draft.embedder_sha256:
        return await _changed(call, draft)
    held = [(dish_id, each) for dish_id, dish in state.dishes.items() for each in dish.exemplars]
    stored = call.container.store.attachments
    with recogniser.place():
        vectors = await recogniser.vectors_of_crops(stored.get(each.ref.crop_sha256) for _, each in held)
    attachments: dict[str, bytes] = {}
    exemplars = tuple(
        events.ReembeddedExemplar(
            dish_id=dish_id, exemplar_id=each.ref.exemplar_id, vectors_sha256=attach(attachments, of_each)
        )
        for (dish_id, each), of_each in zip(held, vectors, strict=True)
    )
    answer = await _changed(call, replace(draft, exemplars=exemplars, attachments=attachments))
    call.container.galleries.refresh(canteen_id, draft.embedder_sha256)
    return answer


async def _changed(
    call: Call,
    command: commands.ConfirmExemplars
    | commands.RemoveExemplars
    | commands.UndoGalleryChange
    | commands.ReembedGallery,
) -> Response:
    call.container.canteens.profile(command.canteen_id)
    answer = await call.container.submit(command, call.identity)
    # The next photograph is read without what was taken back, even before the log's follower has come to it.
    call.container.galleries.refresh(command.canteen_id)
    return answered(answer.value, replayed=answer.repeated)


# --- questions --------------------------------------------------------------------------------------------------


async def get_gallery(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    call.container.canteens.profile(canteen_id)
    state = await _gallery(call, canteen_id)
    return answered(
        {
            "canteen_id": canteen_id,
            "version": state.version,
            "embedder_sha256": state.embedder_sha256,
            "current": state.embedder_sha256 in {"", call.container.recogniser.reader.embedder_sha256},
            "dishes": [
                {
                    "dish_id": dish_id,
                    "name_zh": dish.name_zh,
                    "name_en": dish.name_en,
                    "exemplars": [_exemplar_told(held) for held in dish.exemplars],
                }
                for dish_id, dish in sorted(state.dishes.items())
            ],
        }
    )


async def get_gallery_history(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    call.container.canteens.profile(canteen_id)
    after = call.query_number("after", 0, least=0, most=2**31)
    stream = gallery_stream(canteen_id)
    recorded = await call.container.read(lambda: call.container.store.log.read_stream(stream, after))
    return answered(
        {"canteen_id": canteen_id, "changes": [told for each in recorded[:MAX_CHANGES] for told in _change_told(each)]}
    )


async def get_look_alikes(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    call.container.canteens.profile(canteen_id)
    with call.container.recogniser.place():
        return answered({"canteen_id": canteen_id, "look_alikes": await _look_alikes(call, canteen_id, None)})


async def get_crop(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    sha256 = call.path_id("crop_sha256")
    state = await _gallery(call, canteen_id)
    if not any(held.ref.crop_sha256 == sha256 for dish in state.dishes.values() for held in dish.exemplars):
        raise errors.NotFoundError("The gallery has no such picture. Look at its list.")
    crop = await call.container.read(lambda: call.container.store.attachments.get(sha256))
    # What a hash names never changes; it is for the eyes of this caller only.
    headers = {"content-type": "image/jpeg", "cache-control": "private, max-age=86400, immutable"}
    return Response(crop, headers=headers)


# --- parts ------------------------------------------------------------------------------------------------------


async def _gallery(call: Call, canteen_id: str) -> GalleryIndex:
    return await call.container.read(lambda: call.container.store.state(GALLERY, gallery_stream(canteen_id)))


async def _look_alikes(call: Call, canteen_id: str, dish_ids: set[str] | None) -> list[dict[str, Any]]:
    pairs = await call.container.recogniser.look_alikes(canteen_id, dish_ids)
    return look_alikes_told(pairs, (await _gallery(call, canteen_id)).dishes)


def _portion_choice(sent: str) -> PortionChoice:
    """Read which portion was meant; the schema has checked the form."""
    if sent in {WhichPortion.LARGEST, WhichPortion.WHOLE}:
        return WhichPortion(sent)
    numbers = [int(number) for number in sent.split(",")]
    if len(numbers) == 1:
        return numbers[0]
    left, top, right, bottom = numbers
    return Box(left_px=left, top_px=top, right_px=right, bottom_px=bottom)


def _exemplar_told(held: HeldExemplar) -> dict[str, Any]:
    waiting = "to_confirm" if held.needs_manager else "waiting"
    return {
        "exemplar_id": held.ref.exemplar_id,
        "state": "withdrawn" if held.withdrawn else "used" if held.adopted else waiting,
        "origin": held.origin,
        "variant": held.variant,
        "at_ms": held.at_ms,
        "by_role": held.by.role,
        "by_id": held.by.actor_id,
        "version": held.changed_in,
        "crop_sha256": held.ref.crop_sha256,
    }


def _change_told(recorded: RecordedEvent) -> list[dict[str, Any]]:
    event = recorded.event
    told: dict[str, Any] = {
        "version": recorded.version,
        "at_ms": event.at_ms,
        "by_role": event.by.role,
        "by_id": event.by.actor_id,
        "dish_id": "",
        "exemplar_ids": [],
        "because": "",
        "undoes_version": 0,
    }
    match event:
        case events.DishEnrolled():
            names = [ref.exemplar_id for ref in event.exemplars]
            return [
                told | {"kind": "enrolled", "dish_id": event.dish_id, "exemplar_ids": names, "because": event.variant}
            ]
        case events.ExemplarProposed():
            names = [event.exemplar.exemplar_id]
            because = "needs_manager" if event.needs_manager else ""
            return [told | {"kind": "proposed", "dish_id": event.dish_id, "exemplar_ids": names, "because": because}]
        case events.ExemplarsAdopted():
            names = list(event.exemplar_ids)
            return [
                told | {"kind": "adopted", "dish_id": event.dish_id, "exemplar_ids": names, "because": event.ground}
            ]
        case events.ExemplarsWithdrawn() | events.ExemplarsRestored():
            kind = "withdrawn" if isinstance(event, events.ExemplarsWithdrawn) else "restored"
            told |= {"kind": kind, "dish_id": event.dish_id, "exemplar_ids": list(event.exemplar_ids)}
            return [told | {"because": event.reason, "undoes_version": event.undoes_version}]
        case events.GalleryReembedded():
            return [told | {"kind": "re_embedded", "because": event.embedder_sha256}]
        case _:
            return []


def _own_canteen(call: Call) -> str:
    canteen_id = call.path_id("canteen_id")
    call.key.refuse_other_canteen(canteen_id)
    return canteen_id


_CANTEEN_ID: Final = path_id("canteen_id", "the canteen", "lanxi")
_EXEMPLAR_ID: Final = "9f86d081884c7d659a2feaa0c55ad015"
_LOOK_ALIKES: Final[dict[str, Any]] = {
    "dish_id": "hongshaorou",
    "other_dish_id": "tudou-niurou",
    "told_apart_bps": 7100,
    "trials": 6,
    "won": 5,
    "estimated": False,
    "weaker_dish_id": "tudou-niurou",
    "message_zh": "红烧肉和土豆烧牛肉约有 71% 能分清（依据 6 张照片）：请为土豆烧牛肉补拍一张照片。",
    "message_en": (
        "Braised pork belly and Beef with potatoes are told apart in 71 % of cases (from 6 photographs): add a "
        "photograph of Beef with potatoes."
    ),
}
_CHANGED: Final = {"canteen_id": "lanxi", "dish_id": "hongshaorou", "version": 18, "changed": True}
_OF_CANTEEN: Final = (errors.UnknownCanteenError, request_errors.OtherLaneError)


def _about_gallery(path: str, **fields: Any) -> Operation:
    defaults: dict[str, Any] = {"tag": _TAG, "parameters": (_CANTEEN_ID,), "problems": _OF_CANTEEN}
    return Operation(path=f"/v1/canteens/{{canteen_id}}{path}", **{**defaults, **fields})


OPERATIONS: Final = (
    _about_gallery(
        "/dishes",
        method="POST",
        handle=enrol_dish,
        roles=KITCHEN,
        summary="录入菜品照片 · Enrol a dish",
        description=(
            f"Shows what a dish looks like in this canteen, with 1 to {MAX_PHOTOS} photographs of the dish alone or of "
            "a whole tray. From then on it is a candidate wherever it is on the menu. The same photograph again "
            "changes nothing. The answer names the dishes that it may be mistaken for."
        ),
        takes=(
            Content(
                shape=schemas.DishEnrolment,
                example={
                    "dish_id": "hongshaorou",
                    "name_zh": "红烧肉",
                    "name_en": "Braised pork belly",
                    "variant": "小份",
                    "portion": "largest",
                    "photos": ["(JPEG)"],
                },
                media_type=MULTIPART,
                files=("photos",),
            ),
        ),
        answer=Content(
            shape=schemas.DishEnrolledTold,
            example={
                "canteen_id": "lanxi",
                "dish_id": "hongshaorou",
                "enrolled": 1,
                "version": 17,
                "changed": True,
                "look_alikes": [_LOOK_ALIKES],
            },
        ),
        problems=(
            *_OF_CANTEEN,
            errors.EnrolmentError,
            errors.InvalidValueError,
            errors.InferenceFailedError,
            request_errors.RecognitionBusyError,
            request_errors.BodyTooSlowError,
        ),
    ),
    _about_gallery(
        "/gallery",
        method="GET",
        handle=get_gallery,
        roles=STAFF,
        summary="菜品样图列表 · The gallery",
        description=(
            "All dishes that the canteen has shown, with each photograph: who added it when, in which portion or "
            "crockery, and whether trays are matched with it. What waits for a manager is `to_confirm`."
        ),
        answer=Content(
            shape=schemas.GalleryTold,
            example={
                "canteen_id": "lanxi",
                "version": 17,
                "embedder_sha256": examples.SHA256,
                "current": True,
                "dishes": [
                    {
                        "dish_id": "hongshaorou",
                        "name_zh": "红烧肉",
                        "name_en": "Braised pork belly",
                        "exemplars": [
                            {
                                "exemplar_id": _EXEMPLAR_ID,
                                "state": "used",
                                "origin": "enrolled",
                                "variant": "小份",
                                "at_ms": examples.AT_MS,
                                "by_role": "manager",
                                "by_id": "k7",
                                "version": 17,
                                "crop_sha256": examples.SHA256,
                            }
                        ],
                    }
                ],
            },
        ),
    ),
    _about_gallery(
        "/gallery/crops/{crop_sha256}",
        method="GET",
        handle=get_crop,
        roles=STAFF,
        summary="菜品样图 · One picture of a dish",
        description="What was taken of a photograph when it was enrolled or learnt: the dish alone, as a JPEG.",
        parameters=(_CANTEEN_ID, path_id("crop_sha256", "sha256 of the picture", examples.SHA256)),
        answer=Content(shape=str, example="(JPEG)", media_type="image/jpeg"),
        problems=(errors.NotFoundError, request_errors.OtherLaneError),
    ),
    _about_gallery(
        "/gallery/history",
        method="GET",
        handle=get_gallery_history,
        roles=STAFF,
        summary="样图变更记录 · What changed in the gallery",
        description=f"The changes of the gallery after a version, oldest first, at most {MAX_CHANGES} at once.",
        parameters=(
            _CANTEEN_ID,
            filter_by("after", "version to begin after", 0, {"type": "integer", "minimum": 0, "default": 0}),
        ),
        answer=Content(
            shape=schemas.GalleryHistoryTold,
            example={
                "canteen_id": "lanxi",
                "changes": [
                    {
                        "version": 17,
                        "kind": "enrolled",
                        "at_ms": examples.AT_MS,
                        "by_role": "manager",
                        "by_id": "k7",
                        "dish_id": "hongshaorou",
                        "exemplar_ids": [_EXEMPLAR_ID],
                        "because": "小份",
                        "undoes_version": 0,
                    }
                ],
            },
        ),
    ),
    _about_gallery(
        "/gallery/look-alikes",
        method="GET",
        handle=get_look_alikes,
        roles=STAFF,
        summary="易混淆菜品 · Dishes that look alike",
        description=(
            "Pairs of dishes that are told apart in fewer than 95 % of cases, estimated by leaving each enrolled "
            "photograph out in turn; `trials` says from how many. The worst first, at most 10."
        ),
        answer=Content(
            shape=schemas.GalleryLookAlikesTold, example={"canteen_id": "lanxi", "look_alikes": [_LOOK_ALIKES]}
        ),
        problems=(*_OF_CANTEEN, errors.GalleryMismatchError, request_errors.RecognitionBusyError),
    ),
    _about_gallery(
        "/gallery/undo",
        method="POST",
        handle=undo_gallery_change,
        roles=KITCHEN,
        summary="撤销样图变更 · Take back a change of the gallery",
        description=(
            "Takes back one change by its version: what it brought is withdrawn, what it withdrew is put back. "
            "Undoing the undoing puts an enrolment back."
        ),
        takes=(Content(shape=schemas.GalleryUndo, example={"version": 17, "reason": "wrong dish on the photographs"}),),
        answer=Content(
            shape=schemas.GalleryUndoneTold,
            example={"canteen_id": "lanxi", "undone": 17, "version": 18, "changed": True},
        ),
        problems=(
            *_OF_CANTEEN,
            errors.NotFoundError,
            errors.IllegalTransitionError,
            errors.InvalidValueError,
        ),
    ),
    _about_gallery(
        "/gallery/removals",
        method="POST",
        handle=remove_exemplars,
        roles=KITCHEN,
        summary="移除样图 · Remove photographs of a dish",
        description="Trays are no longer matched with these photographs, or with any of the dish if none is named.",
        takes=(
            Content(
                shape=schemas.ExemplarRemoval,
                example={"dish_id": "hongshaorou", "exemplar_ids": [_EXEMPLAR_ID], "reason": "blurred"},
            ),
        ),
        answer=Content(shape=schemas.GalleryChangedTold, example=_CHANGED),
        problems=(*_OF_CANTEEN, errors.NotFoundError),
    ),
    _about_gallery(
        "/gallery/confirmations",
        method="POST",
        handle=confirm_exemplars,
        roles=KITCHEN,
        summary="确认学习样图 · Confirm what is to be learnt",
        description=(
            "Trays are matched with these proposed photographs from now on. Needed where a correction contradicts the "
            "gallery: the portion looks much more like another dish than like the one that was named."
        ),
        takes=(
            Content(
                shape=schemas.ExemplarConfirmation,
                example={"dish_id": "hongshaorou", "exemplar_ids": [_EXEMPLAR_ID]},
            ),
        ),
        answer=Content(shape=schemas.GalleryChangedTold, example=_CHANGED),
        problems=(*_OF_CANTEEN, errors.NotFoundError, errors.NotPermittedError),
    ),
    _about_gallery(
        "/gallery/re-embedding",
        method="POST",
        handle=re_embed_gallery,
        roles=KITCHEN,
        summary="更换识别模型后重建样图 · Re-embed the gallery",
        description=(
            "Makes the vectors of all photographs again from their kept pictures with the embedder model in use, in "
            "one append: all or nothing. Needed once after the model was replaced; otherwise it changes nothing."
        ),
        answer=Content(
            shape=schemas.GalleryReembeddedTold,
            example={
                "canteen_id": "lanxi",
                "embedder_sha256": examples.SHA256,
                "exemplars": 45,
                "version": 19,
                "changed": True,
            },
        ),
        problems=(
            *_OF_CANTEEN,
            errors.IllegalTransitionError,
            errors.EnrolmentError,
            errors.InferenceFailedError,
            request_errors.RecognitionBusyError,
        ),
    ),
)
