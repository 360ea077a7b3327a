"""Canteens and their menus."""

from dataclasses import asdict
from typing import Any, Final

import msgspec
from starlette.responses import Response

from api import request_errors, schemas
from api.routes import examples
from api.routes.call import Call, answered
from api.routes.operation import ADMINISTRATION, EVERY_ROLE, KITCHEN, Content, Operation
from api.routes.parameters import path_day, path_id
from engine.domain import commands, errors
from engine.domain.calendar import MealPeriod
from engine.domain.canteen import CanteenProfile, Lane

_TAG: Final = "canteens"

_CANTEEN = msgspec.json.Decoder(schemas.CanteenSent)
_MENU = msgspec.json.Decoder(schemas.MenuSent)


async def list_canteens(call: Call) -> Response:
    mine = [
        asdict(profile)
        for profile in call.container.canteens.all()
        if not call.key.canteen_id or call.key.canteen_id == profile.canteen_id
    ]
    return answered({"canteens": mine})


async def open_canteen(call: Call) -> Response:
    sent = await call.json(_CANTEEN)
    profile = CanteenProfile(
        canteen_id=sent.canteen_id,
        name_zh=sent.name_zh,
        name_en=sent.name_en,
        street=sent.street,
        district=sent.district,
        city=sent.city,
        utc_offset_minutes=sent.utc_offset_minutes,
        lanes=tuple(Lane(**_fields(lane)) for lane in sent.lanes),
        meal_periods=tuple(MealPeriod(**_fields(period)) for period in sent.meal_periods),
    )
    call.key.refuse_other_canteen(profile.canteen_id)
    command = commands.OpenCanteen(
        command_id=call.command_id, at_ms=call.at_ms(None), by=call.key.actor, profile=profile
    )
    answer = await call.container.submit(command, call.identity)
    if not answer.repeated:
        # The next request may name this canteen before the log's follower has come to it.
        call.container.canteens.remember(profile)
    return answered(answer.value, replayed=answer.repeated)


async def publish_menu(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    business_day = call.path_day("day")
    meal_period = call.path_id("meal_period")
    content = (await call.json(_MENU)).to_content()
    return await call.carry_out(
        commands.PublishMenu(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            canteen_id=canteen_id,
            business_day=business_day,
            meal_period=meal_period,
            items=content.items,
            set_meals=content.set_meals,
            inclusions=content.inclusions,
        )
    )


async def get_menu(call: Call) -> Response:
    canteen_id = _own_canteen(call)
    business_day = call.path_day("day")
    meal_period = call.path_id("meal_period")
    call.container.canteens.profile(canteen_id)
    menu = await call.container.menu(canteen_id, business_day, meal_period)
    if menu.version == 0:
        raise errors.NotFoundError(
            f"No menu is published for {canteen_id} on {business_day.isoformat()}, {meal_period}. Publish it first."
        )
    return answered(
        {
            "canteen_id": canteen_id,
            "business_day": business_day.isoformat(),
            "meal_period": meal_period,
            "version": menu.version,
            "items": menu.items,
            "set_meals": menu.set_meals,
            "inclusions": menu.inclusions,
        }
    )


def _own_canteen(call: Call) -> str:
    canteen_id = call.path_id("canteen_id")
    call.key.refuse_other_canteen(canteen_id)
    return canteen_id


def _fields(sent: msgspec.Struct) -> dict[str, Any]:
    return msgspec.structs.asdict(sent)


_CANTEEN_ID: Final = path_id("canteen_id", "the canteen", "lanxi")
_DAY: Final = path_day("day")
_PERIOD: Final = path_id("meal_period", "the meal period", "lunch")

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/v1/canteens",
        handle=list_canteens,
        roles=EVERY_ROLE,
        tag=_TAG,
        summary="食堂列表 · Canteens",
        description="All canteens with lanes and meal periods; a bound key sees its own.",
        answer=Content(shape=schemas.Canteens, example={"canteens": [examples.CANTEEN]}),
    ),
    Operation(
        method="POST",
        path="/v1/canteens",
        handle=open_canteen,
        roles=ADMINISTRATION,
        tag=_TAG,
        summary="开设食堂 · Open a canteen",
        description="Opens a canteen or changes it as a whole. The same again changes nothing.",
        takes=(Content(shape=schemas.CanteenSent, example=examples.CANTEEN),),
        answer=Content(shape=schemas.CanteenOpenedTold, example={"canteen_id": "lanxi", "changed": True}),
        problems=(errors.InvalidValueError,),
    ),
    Operation(
        method="GET",
        path="/v1/canteens/{canteen_id}/menus/{day}/{meal_period}",
        handle=get_menu,
        roles=EVERY_ROLE,
        tag=_TAG,
        summary="查询菜单 · One menu",
        description="The menu in force. A terminal that reads trays itself sends its version with each reading.",
        parameters=(_CANTEEN_ID, _DAY, _PERIOD),
        answer=Content(
            shape=schemas.Menu,
            example={
                "canteen_id": "lanxi",
                "business_day": "2026-11-24",
                "meal_period": "lunch",
                "version": 1,
                "items": examples.MENU_ITEMS,
                "set_meals": examples.SET_MEALS,
                "inclusions": examples.INCLUSIONS,
            },
        ),
        problems=(errors.UnknownCanteenError, errors.NotFoundError, request_errors.OtherLaneError),
    ),
    Operation(
        method="PUT",
        path="/v1/canteens/{canteen_id}/menus/{day}/{meal_period}",
        handle=publish_menu,
        roles=KITCHEN,
        tag=_TAG,
        summary="发布菜单 · Publish a menu",
        description=(
            "Puts a menu in force as the next version. Taken as a whole or not at all; the same again changes nothing. "
            "Set meals and inclusions are given where they are cheaper for the diner; each portion is used once. A "
            "dish in sizes stands once per size."
        ),
        parameters=(_CANTEEN_ID, _DAY, _PERIOD),
        takes=(Content(shape=schemas.MenuSent, example=examples.MENU),),
        answer=Content(
            shape=schemas.MenuPublishedTold,
            example={
                "canteen_id": "lanxi",
                "business_day": "2026-11-24",
                "meal_period": "lunch",
                "version": 1,
                "changed": True,
            },
        ),
        problems=(
            errors.UnknownCanteenError,
            errors.DishWithoutPriceError,
            errors.InvalidValueError,
            request_errors.OtherLaneError,
        ),
    ),
)
