"""One tray session over HTTP: read the tray, settle what is unsure, show who one is, pay, take the tray, refund."""

import hashlib
from dataclasses import replace
from typing import Any, Final

import msgspec
from starlette.responses import Response

from api import request_errors, schemas
from api.recent_trays import RecentTray
from api.request_errors import BodyInvalidError
from api.routes import examples
from api.routes.call import Call, Form, answered, form_fields
from api.routes.operation import EVERY_ROLE, MULTIPART, Content, Operation, Parameter
from api.routes.parameters import path_id
from engine.domain import commands, errors
from engine.domain.actor import Role
from engine.domain.events import ReadingSource, VoidCause
from engine.domain.reading import Box, TrayReading
from engine.domain.resident import CredentialKind

_FORM_OVERHEAD_BYTES: Final = 16 * 1024
_TAG: Final = "checkouts"
_AT_COUNTER: Final = frozenset({Role.TERMINAL, Role.CASHIER, Role.MANAGER, Role.ADMIN})
_MAY_REFUND: Final = frozenset({Role.CASHIER, Role.FINANCE, Role.MANAGER, Role.ADMIN})
_NOTHING_READ: Final = TrayReading(photo_sha256="", width_px=0, height_px=0, sightings=(), models=())

_TERMINAL_SCAN = msgspec.json.Decoder(schemas.TerminalScan)
_CORRECTION = msgspec.json.Decoder(schemas.Correction)
_ADDED_ITEM = msgspec.json.Decoder(schemas.AddedItem)
_REMOVED_ITEM = msgspec.json.Decoder(schemas.RemovedItem)
_IDENTIFICATION = msgspec.json.Decoder(schemas.Identification)
_PAYMENT: msgspec.json.Decoder[schemas.AnyPayment] = msgspec.json.Decoder(schemas.AnyPayment)
_TRAY_TAKEN = msgspec.json.Decoder(schemas.TrayTaken)
_VOIDING = msgspec.json.Decoder(schemas.Voiding)
_REFUND = msgspec.json.Decoder(schemas.Refund)


async def scan_tray(call: Call) -> Response:
    checkout_id = call.path_id("checkout_id")
    if call.has_media_type(MULTIPART):
        return await _scan_photo(call, checkout_id)
    sent = await call.json(_TERMINAL_SCAN)
    canteen_id, lane_id = _lane(call, sent.canteen_id, sent.lane_id)
    command = commands.ScanTray(
        command_id=call.command_id,
        at_ms=call.at_ms(sent.occurred_at_ms, sent.placed_at_ms),
        by=call.key.actor,
        checkout_id=checkout_id,
        canteen_id=canteen_id,
        lane_id=lane_id,
        placed_at_ms=sent.placed_at_ms,
        source=ReadingSource.TERMINAL,
        menu_version=sent.menu_version,
        reading=sent.reading.to_reading(),
    )
    return await _scanned(call, command, call.identity)


async def _scan_photo(call: Call, checkout_id: str) -> Response:
    command_id = call.command_id
    # The place in the queue is taken before the body is read, so that waiting photographs are bounded as well.
    with call.container.recogniser.place():
        form = await call.form(call.container.settings.photo_limit_bytes + _FORM_OVERHEAD_BYTES, max_files=1)
        sent = form_fields(form.fields, schemas.PhotoScan)
        photo = _photo(form)
        canteen_id, lane_id = _lane(call, sent.canteen_id, sent.lane_id)
        draft = commands.ScanTray(
            command_id=command_id,
            at_ms=call.at_ms(sent.occurred_at_ms, sent.placed_at_ms),
            by=call.key.actor,
            checkout_id=checkout_id,
            canteen_id=canteen_id,
            lane_id=lane_id,
            placed_at_ms=sent.placed_at_ms,
            source=ReadingSource.SERVER,
            menu_version=None,
            reading=_NOTHING_READ,
        )
        # Reading the same photograph again gives other timings, so the request is known by what was sent.
        identity = msgspec.json.encode(
            (
                draft.by.actor_id,
                checkout_id,
                canteen_id,
                lane_id,
                sent.placed_at_ms,
                sent.occurred_at_ms,
                hashlib.sha256(photo).hexdigest(),
            )
        )
        before = await call.container.recall(draft, identity)
        if before is not None:
            return answered(before.value, replayed=True)
        dish_ids = await call.container.dishes_sold(canteen_id, lane_id, draft.at_ms)
        reading = await call.container.recogniser.read(canteen_id, photo, dish_ids)
    return await _scanned(call, replace(draft, reading=reading), identity, photo)


async def _scanned(
    call: Call, command: commands.ScanTray, identity: bytes | None, photo: bytes | None = None
) -> Response:
    answer = await call.container.submit(command, identity)
    if not answer.repeated:
        if photo is not None:
            boxes = {item["item_id"]: Box(**item["box"]) for item in answer.value["items"] if item["box"] is not None}
            tray = RecentTray(canteen_id=command.canteen_id, photo=photo, boxes=boxes)
            call.container.recent_trays.remember(command.checkout_id, tray)
        call.container.lanes.remember(command.checkout_id, command.canteen_id, command.lane_id)
        call.container.metrics.scanned(command.source.value, answer.value["status"])
    return answered(answer.value, replayed=answer.repeated)


async def correct_item(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    sent = await call.json(_CORRECTION)
    view = await _view(call, checkout_id, sent.item_id)
    command = commands.CorrectDish(
        command_id=call.command_id,
        at_ms=call.at_ms(sent.occurred_at_ms),
        by=call.key.diner,
        checkout_id=checkout_id,
        item_id=sent.item_id,
        dish_id=sent.dish_id,
        pieces=sent.pieces,
        reason=sent.reason,
        view=view,
    )
    return await _corrected(call, command, "corrected")


async def _view(call: Call, checkout_id: str, item_id: int) -> commands.PortionView | None:
    """Return how the item looks, if its photograph is at hand. A correction never waits for, nor fails by, learning."""
    tray = call.container.recent_trays.find(checkout_id)
    box = tray.boxes.get(item_id) if tray is not None else None
    if tray is None or box is None:
        return None
    try:
        with call.container.recogniser.place():
            return await call.container.recogniser.view(tray, box)
    except (errors.RecognitionError, errors.StoreError, errors.NotFoundError, request_errors.RecognitionBusyError):
        return None


async def add_item(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    sent = await call.json(_ADDED_ITEM)
    command = commands.AddDish(
        command_id=call.command_id,
        at_ms=call.at_ms(sent.occurred_at_ms),
        by=call.key.diner,
        checkout_id=checkout_id,
        dish_id=sent.dish_id,
        pieces=sent.pieces,
        reason=sent.reason,
    )
    return await _corrected(call, command, "added")


async def remove_item(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    item_id = call.path_number("item_id", most=10_000)
    sent = await call.json(_REMOVED_ITEM)
    command = commands.RemoveDish(
        command_id=call.command_id,
        at_ms=call.at_ms(sent.occurred_at_ms),
        by=call.key.diner,
        checkout_id=checkout_id,
        item_id=item_id,
        reason=sent.reason,
    )
    return await _corrected(call, command, "removed")


async def _corrected(call: Call, command: commands.Command, kind: str) -> Response:
    answer = await call.container.submit(command, call.identity)
    if not answer.repeated:
        call.container.metrics.corrected(kind)
    return answered(answer.value, replayed=answer.repeated)


async def identify_diner(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    sent = await call.json(_IDENTIFICATION)
    vault = call.container.vault
    return await call.carry_out(
        commands.IdentifyDiner(
            command_id=call.command_id,
            at_ms=call.at_ms(sent.occurred_at_ms),
            by=call.key.actor,
            checkout_id=checkout_id,
            credential_id=vault.credential_id(sent.credential.kind, sent.credential.number),
        )
    )


async def pay_checkout(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    paid = await call.carry_out(_payment(call, checkout_id, await call.json(_PAYMENT)))
    call.container.recent_trays.forget(checkout_id)
    return paid


def _payment(call: Call, checkout_id: str, sent: schemas.AnyPayment) -> commands.PayCheckout:
    command_id = call.command_id
    at_ms = call.at_ms(sent.occurred_at_ms, sent.pay_started_at_ms)
    by = call.key.actor
    amount_fen = sent.amount_fen
    pay_started_at_ms = sent.pay_started_at_ms
    match sent:
        case schemas.FacePayment():
            return commands.PayByFace(
                command_id=command_id,
                at_ms=at_ms,
                by=by,
                checkout_id=checkout_id,
                amount_fen=amount_fen,
                pay_started_at_ms=pay_started_at_ms,
                credential_id=call.container.vault.credential_id(CredentialKind.FACE, sent.token),
            )
        case schemas.CardPayment():
            return commands.PayByCard(
                command_id=command_id,
                at_ms=at_ms,
                by=by,
                checkout_id=checkout_id,
                amount_fen=amount_fen,
                pay_started_at_ms=pay_started_at_ms,
                acquirer=sent.acquirer,
                acquirer_reference=sent.reference,
            )
        case schemas.QrPayment():
            return commands.PayByQr(
                command_id=command_id,
                at_ms=at_ms,
                by=by,
                checkout_id=checkout_id,
                amount_fen=amount_fen,
                pay_started_at_ms=pay_started_at_ms,
                acquirer=sent.acquirer,
                acquirer_reference=sent.reference,
            )
        case schemas.CashPayment():
            return commands.PayByCash(
                command_id=command_id,
                at_ms=at_ms,
                by=by,
                checkout_id=checkout_id,
                amount_fen=amount_fen,
                pay_started_at_ms=pay_started_at_ms,
                received_fen=sent.received_fen,
            )
        case schemas.WalletPayment():
            return commands.PayByWallet(
                command_id=command_id,
                at_ms=at_ms,
                by=by,
                checkout_id=checkout_id,
                amount_fen=amount_fen,
                pay_started_at_ms=pay_started_at_ms,
            )


async def remove_tray(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    sent = await call.json(_TRAY_TAKEN)
    return await call.carry_out(
        commands.RemoveTray(
            command_id=call.command_id,
            at_ms=call.at_ms(sent.occurred_at_ms),
            by=call.key.actor,
            checkout_id=checkout_id,
        )
    )


async def void_checkout(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    sent = await call.json(_VOIDING)
    by = call.key.diner
    voided = await call.carry_out(
        commands.VoidCheckout(
            command_id=call.command_id,
            at_ms=call.at_ms(sent.occurred_at_ms),
            by=by,
            checkout_id=checkout_id,
            cause=VoidCause.STAFF if by.is_staff else VoidCause.DINER,
            reason=sent.reason,
        )
    )
    call.container.recent_trays.forget(checkout_id)
    return voided


async def refund_checkout(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    sent = await call.json(_REFUND)
    return await call.carry_out(
        commands.RefundCheckout(
            command_id=call.command_id,
            at_ms=call.at_ms(sent.occurred_at_ms),
            by=call.key.actor,
            checkout_id=checkout_id,
            item_ids=sent.item_ids,
            reason=sent.reason,
        )
    )


async def get_checkout(call: Call) -> Response:
    checkout_id = await _own_checkout(call)
    return answered(await call.container.bill(checkout_id))


def _lane(call: Call, canteen_id: str, lane_id: str) -> tuple[str, str]:
    """Return where the tray stands: what was sent, or else what the key is bound to."""
    key = call.key
    canteen_id = canteen_id or key.canteen_id
    lane_id = lane_id or key.lane_id
    if not canteen_id or not lane_id:
        raise BodyInvalidError("canteen_id and lane_id are needed, because the key is not bound to a lane.")
    key.refuse_other_lane(canteen_id, lane_id)
    return canteen_id, lane_id


async def _own_checkout(call: Call) -> str:
    """Return the checkout of the path, once it is sure that the key may act on its lane."""
    checkout_id = call.path_id("checkout_id")
    if call.key.canteen_id:
        lane = await call.container.lane_of(checkout_id)
        if lane is not None:
            call.key.refuse_other_lane(*lane)
    return checkout_id


def _photo(form: Form) -> bytes:
    photos = form.files.get("photo", [])
    if len(photos) != 1 or len(form.files) != 1:
        raise BodyInvalidError("Send exactly one photograph, as the file 'photo'.")
    return photos[0]


_CHECKOUT: Final = path_id(
    "checkout_id",
    "the tray session, chosen by the terminal (a UUID; version 7 keeps the store's index local)",
    examples.CHECKOUT_ID,
)
_ITEM: Final = Parameter(
    name="item_id",
    place="path",
    description="the item's number on the bill",
    schema={"type": "integer", "minimum": 0, "maximum": 10_000},
    example=1,
    required=True,
)
_BILL: Final = Content(shape=schemas.Bill, example=examples.BILL)
_PAID: Final = Content(shape=schemas.Bill, example=examples.PAID_BILL)
_NOT_OPEN: Final = (
    errors.NothingScannedError,
    errors.AlreadyPaidError,
    errors.CheckoutVoidedError,
    request_errors.OtherLaneError,
)
_WRITE: Final = (errors.ClockInFutureError,)
_PHOTO_PROBLEMS: Final = (
    errors.PhotoUnreadableError,
    errors.PhotoTooLargeError,
    errors.PhotoUnusableError,
    errors.InferenceFailedError,
    errors.GalleryMismatchError,
    request_errors.RecognitionBusyError,
    request_errors.BodyTooSlowError,
)


def _about_checkout(**fields: Any) -> Operation:
    defaults: dict[str, Any] = {"method": "POST", "tag": _TAG, "parameters": (_CHECKOUT,), "answer": _BILL}
    return Operation(**{**defaults, **fields})


OPERATIONS: Final = (
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/scans",
        handle=scan_tray,
        at_every_tray=True,
        roles=_AT_COUNTER,
        summary="识别餐盘 · Read a tray",
        description=(
            "Send a photograph to be read here, or a reading that the terminal made itself with the version of "
            "the menu "
            "that it used. The bill is `held` while a dish is uncertain or unknown, `ready` otherwise. A second scan "
            "replaces the first until the tray is paid."
        ),
        takes=(
            Content(
                shape=schemas.PhotoScan,
                example={
                    "lane_id": "lanxi-1",
                    "canteen_id": "lanxi",
                    "placed_at_ms": examples.AT_MS,
                    "photo": "(JPEG)",
                },
                media_type=MULTIPART,
                files=("photo",),
            ),
            Content(shape=schemas.TerminalScan, example=examples.TERMINAL_SCAN),
        ),
        problems=(
            *_WRITE,
            *_PHOTO_PROBLEMS,
            errors.UnknownCanteenError,
            errors.UnknownLaneError,
            errors.OutsideMealPeriodError,
            errors.NoMenuError,
            errors.StaleMenuError,
            errors.DishNotOnMenuError,
            errors.EmptyTrayError,
            errors.AlreadyPaidError,
            errors.CheckoutVoidedError,
            errors.IllegalTransitionError,
            errors.InvalidValueError,
            request_errors.OtherLaneError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/payment",
        handle=pay_checkout,
        at_every_tray=True,
        roles=_AT_COUNTER,
        summary="付款 · Pay",
        description=(
            "Pays the whole bill by face, card, wallet, QR or cash, in one durable append with the wallet and "
            "the use of "
            "benefits. `amount_fen` has to be what is due, or nothing is charged. Benefits do not depend on the tender."
        ),
        takes=(
            Content(
                shape=schemas.AnyPayment,
                example={
                    "tender": "card",
                    "amount_fen": 1000,
                    "pay_started_at_ms": examples.AT_MS + 5000,
                    "acquirer": "unionpay",
                    "reference": "20261124-000017",
                },
            ),
        ),
        answer=_PAID,
        problems=(
            *_WRITE,
            *_NOT_OPEN,
            errors.CheckoutHeldError,
            errors.WrongAmountError,
            errors.InvalidValueError,
            errors.InsufficientFundsError,
            errors.PayerMismatchError,
            errors.NotPermittedError,
            errors.IdentificationRequiredError,
            errors.CredentialUnknownError,
            errors.CredentialExpiredError,
            errors.CredentialBlockedError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/identification",
        handle=identify_diner,
        at_every_tray=True,
        roles=_AT_COUNTER,
        summary="出示凭证 · Show a credential",
        description=(
            "Tells who the diner is, so that benefits are applied. The number is turned into a keyed hash at "
            "once; it is "
            "neither stored nor logged."
        ),
        takes=(Content(shape=schemas.Identification, example={"credential": examples.CREDENTIAL}),),
        problems=(
            *_WRITE,
            *_NOT_OPEN,
            errors.CredentialUnknownError,
            errors.CredentialExpiredError,
            errors.CredentialBlockedError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/corrections",
        handle=correct_item,
        roles=_AT_COUNTER,
        summary="更正菜品 · Correct a dish",
        description=(
            "Says what an item is. A terminal's diner may choose among the look-alikes; staff may name any dish."
        ),
        takes=(Content(shape=schemas.Correction, example={"item_id": 1, "dish_id": "hongshaorou"}),),
        problems=(
            *_WRITE,
            *_NOT_OPEN,
            errors.UnknownItemError,
            errors.DishNotOnMenuError,
            errors.DishWithoutPriceError,
            errors.NotPermittedError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/items",
        handle=add_item,
        roles=_AT_COUNTER,
        summary="补录菜品 · Add a dish",
        description="Adds an item that the camera did not see, at its menu price.",
        takes=(Content(shape=schemas.AddedItem, example={"dish_id": "mifan", "reason": "under the bowl"}),),
        problems=(
            *_WRITE,
            *_NOT_OPEN,
            errors.DishNotOnMenuError,
            errors.DishWithoutPriceError,
            errors.InvalidValueError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/items/{item_id}/removal",
        handle=remove_item,
        roles=_AT_COUNTER,
        summary="删除菜品 · Take a dish off",
        description="Takes an item off the bill. Only staff may; the last item cannot go (void the checkout instead).",
        parameters=(_CHECKOUT, _ITEM),
        takes=(Content(shape=schemas.RemovedItem, example={"reason": "a cup, not a dish"}),),
        problems=(
            *_WRITE,
            *_NOT_OPEN,
            errors.UnknownItemError,
            errors.NotPermittedError,
            errors.IllegalTransitionError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/removal",
        handle=remove_tray,
        at_every_tray=True,
        roles=_AT_COUNTER,
        summary="取走餐盘 · Tray taken",
        description="Says that the paid tray left the counter. Saying so twice changes nothing.",
        takes=(Content(shape=schemas.TrayTaken, example={"occurred_at_ms": examples.AT_MS + 20_000}),),
        answer=Content(shape=schemas.Bill, example={**examples.PAID_BILL, "status": "closed"}),
        problems=(
            *_WRITE,
            errors.NothingScannedError,
            errors.CheckoutVoidedError,
            errors.IllegalTransitionError,
            request_errors.OtherLaneError,
        ),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/void",
        handle=void_checkout,
        roles=_AT_COUNTER,
        summary="作废 · Void",
        description="Ends an unpaid checkout: by the diner if a terminal asks, by staff otherwise.",
        takes=(Content(shape=schemas.Voiding, example={"reason": "diner changed their mind"}),),
        answer=Content(shape=schemas.Bill, example=examples.VOIDED_BILL),
        problems=(*_WRITE, *_NOT_OPEN),
    ),
    _about_checkout(
        path="/v1/checkouts/{checkout_id}/refunds",
        handle=refund_checkout,
        roles=_MAY_REFUND,
        summary="退款 · Refund",
        description=(
            "Gives back what was paid for some items, or for all. The original postings are reversed, each "
            "funder's share "
            "and the use of caps included; thresholds are tested again on what remains."
        ),
        takes=(Content(shape=schemas.Refund, example={"item_ids": [1], "reason": "cold"}),),
        answer=Content(shape=schemas.Bill, example=examples.REFUNDED_BILL),
        problems=(
            *_WRITE,
            errors.NothingScannedError,
            errors.IllegalTransitionError,
            errors.CheckoutVoidedError,
            errors.RefundExceedsPaymentError,
            errors.UnknownItemError,
            errors.InvalidValueError,
            request_errors.OtherLaneError,
        ),
    ),
    _about_checkout(
        method="GET",
        path="/v1/checkouts/{checkout_id}",
        handle=get_checkout,
        roles=EVERY_ROLE,
        summary="查询账单 · One bill",
        description="The bill as it is now. A terminal sees its own lane's only.",
        problems=(errors.UnknownCheckoutError, request_errors.OtherLaneError),
    ),
)
