"""Bodies that are read into the domain's own types lose no field on the way."""

import msgspec
import pytest

from api.request_errors import BodyInvalidError
from api.strict_reading import read_strictly
from engine.domain.benefit_rule import BenefitRule
from tests.support.served_canteen import RULE


def body(**changes: object) -> bytes:
    return msgspec.json.encode({**RULE, **changes})


def test_a_rule_is_read_as_it_was_sent() -> None:
    rule = read_strictly(body(), BenefitRule)
    assert (rule.rule_id, rule.reduction.amount_fen) == ("caoyang-15-3", 300)
    assert read_strictly(msgspec.json.encode(rule), BenefitRule) == rule


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"effective_untill": "2020-12-31"}, "$.effective_untill"),
        ({"threshold": {"amount_fen": 1500, "bases": "net"}}, "$.threshold.bases"),
        ({"caps": [{"period": "day", "measure": "times", "limit": 1, "per": "canteen"}]}, r"$.caps[0].per"),
    ],
)
def test_a_misspelt_field_is_refused_by_its_path(change: dict[str, object], path: str) -> None:
    with pytest.raises(BodyInvalidError) as refusal:
        read_strictly(body(**change), BenefitRule)
    assert refusal.value.details["fields"] == [path]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", body(stage="first"), body(kind="gift")])
def test_what_does_not_fit_is_refused(content: bytes) -> None:
    with pytest.raises(BodyInvalidError):
        read_strictly(content, BenefitRule)
