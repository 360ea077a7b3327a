"""What is said to staff about dishes that are easily mistaken for each other."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.deciders.gallery import EnrolledDish
from recognition.lookalikes import LookAlikes

ENOUGH_BPS: Final = 9_500
"""Pairs that are told apart more surely need no photograph."""
MAX_PAIRS: Final = 10


def look_alikes_told(pairs: Sequence[LookAlikes], dishes: Mapping[str, EnrolledDish]) -> list[dict[str, Any]]:
    """Return the pairs that are told apart too rarely, the least sure first, each with a message."""
    return [_told(pair, dishes) for pair in pairs if pair.told_apart_bps < ENOUGH_BPS][:MAX_PAIRS]


def _told(pair: LookAlikes, dishes: Mapping[str, EnrolledDish]) -> dict[str, Any]:
    one, other, weaker = dishes[pair.dish_id], dishes[pair.other_dish_id], dishes[pair.weaker_dish_id]
    share = f"{pair.told_apart_bps / 100:.0f}"
    assumed_zh = "，其中一道菜只有一张照片，为估计值" if pair.estimated else ""
    assumed_en = "; a dish has one photograph only, so it is a guess" if pair.estimated else ""
    return {
        "dish_id": pair.dish_id,
        "other_dish_id": pair.other_dish_id,
        "told_apart_bps": pair.told_apart_bps,
        "trials": pair.trials,
        "won": pair.won,
        "estimated": pair.estimated,
        "weaker_dish_id": pair.weaker_dish_id,
        "message_zh": (
            f"{one.name_zh}和{other.name_zh}约有 {share}% 能分清（依据 {pair.trials} 张照片{assumed_zh}）："
            f"请为{weaker.name_zh}补拍一张照片。"
        ),
        "message_en": (
            f"{one.name_en} and {other.name_en} are told apart in {share} % of cases (from {pair.trials} "
            f"photographs{assumed_en}): add a photograph of {weaker.name_en}."
        ),
    }
