"""Benefit rules: discounts and subsidies as versioned, effective-dated data."""

from typing import Any, Final

from starlette.responses import Response

from api import schemas
from api.routes.call import Call, answered
from api.routes.operation import JSON, KITCHEN, STAFF, Content, Operation
from api.strict_reading import read_strictly
from engine.deciders.rulebook import RULEBOOK
from engine.domain import commands, errors
from engine.domain.benefit_rule import BenefitRule
from engine.domain.ids import RULEBOOK_STREAM

_TAG: Final = "rules"


async def publish_rule(call: Call) -> Response:
    body = await call.body(call.container.settings.body_limit_bytes, JSON)
    return await call.carry_out(
        commands.PublishBenefitRule(
            command_id=call.command_id,
            at_ms=call.at_ms(None),
            by=call.key.actor,
            rule=read_strictly(body, BenefitRule),
        )
    )


async def list_rules(call: Call) -> Response:
    book = await call.container.read(lambda: call.container.store.state(RULEBOOK, RULEBOOK_STREAM))
    return answered({"rules": book.rules})


_RULE: Final[dict[str, Any]] = {
    "rule_id": "caoyang-15-3",
    "version": 1,
    "title_zh": "满15减3",
    "title_en": "3 yuan off from 15",
    "source": "曹杨新村街道 2020-09",
    "kind": "discount",
    "stage": 1,
    "effective_from": "2020-09-01",
    "reduction": {"kind": "fixed", "amount_fen": 300},
    "eligibility": {"registered_cards": ["elder_card"]},
    "threshold": {"amount_fen": 1500, "basis": "gross", "comparison": ">="},
    "scope": {"canteen_ids": ["lanxi"]},
}

OPERATIONS: Final = (
    Operation(
        method="PUT",
        path="/v1/rules",
        handle=publish_rule,
        roles=KITCHEN,
        tag=_TAG,
        summary="发布优惠规则 · Publish a benefit rule",
        description=(
            "Adds a rule in its next version. A published version never changes; the same again changes nothing. "
            "Unknown "
            "fields are refused, so that a misspelt limit is not no limit."
        ),
        takes=(Content(shape=BenefitRule, example=_RULE),),
        answer=Content(
            shape=schemas.RulePublishedTold,
            example={"rule_id": "caoyang-15-3", "version": 1, "changed": True},
        ),
        problems=(errors.InvalidRuleError,),
    ),
    Operation(
        method="GET",
        path="/v1/rules",
        handle=list_rules,
        roles=STAFF,
        tag=_TAG,
        summary="优惠规则列表 · Benefit rules",
        description="All rules in all versions, in the order in which they were published.",
        answer=Content(shape=schemas.Rules, example={"rules": [_RULE]}),
    ),
)
