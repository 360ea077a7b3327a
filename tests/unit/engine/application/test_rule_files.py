import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.application.rule_files import read_rules
from engine.domain.bill import BenefitKind
from engine.domain.errors import CanteenError, InvalidRuleError, SettingsError
from engine.domain.resident import CredentialKind
from engine.policies.benefits import compute_bill
from tests.unit.engine.examples import facts, lines, occasion

RULES = Path(__file__).parents[4] / "fixtures" / "rules"
STREET = Path(__file__).parents[4] / "fixtures" / "street" / "street.toml"


def worked_examples() -> list[Any]:
    return [
        pytest.param(path.stem, example, id=f"{path.stem}: {example['what']}")
        for path in sorted(RULES.glob("*.toml"))
        for example in tomllib.loads(path.read_text(encoding="utf-8"))["example"]
    ]


@pytest.mark.parametrize(("file", "example"), worked_examples())
def test_the_worked_examples_beside_the_rules_come_out_as_they_say(file: str, example: dict[str, Any]) -> None:
    rules = [rule for name in example.get("rules", [file]) for rule in read_rules(RULES / f"{name}.toml")]
    cards = example.get("cards")
    diner = None if cards is None else facts(registered_cards=tuple(CredentialKind(card) for card in cards))

    bill = compute_bill(
        lines(example["gross_fen"]),
        rules,
        occasion(canteen_id=example["canteen_id"], business_day=example["day"]),
        diner,
        (),
    )

    assert (bill.own_fen, bill.discount_fen, bill.subsidy_fen) == (
        example["own_fen"],
        example.get("discount_fen", 0),
        example.get("subsidy_fen", 0),
    )


def test_the_rules_name_canteens_and_the_street_as_the_fixture_street_does() -> None:
    street = tomllib.loads(STREET.read_text(encoding="utf-8"))
    canteens = {canteen["id"] for canteen in street["canteens"]}
    (caoyang,) = read_rules(RULES / "caoyang-2020-09.toml")
    (jingan,) = read_rules(RULES / "jingan-2025.toml")

    assert set(caoyang.scope.canteen_ids) == canteens
    assert caoyang.scope.streets == (street["street"]["id"],)
    assert set(jingan.scope.canteen_ids) < canteens


def test_the_two_rules_are_a_subsidy_of_the_street_and_a_discount_of_the_canteen() -> None:
    (caoyang,) = read_rules(RULES / "caoyang-2020-09.toml")
    (jingan,) = read_rules(RULES / "jingan-2025.toml")

    assert (caoyang.kind, [part.funder_id for part in caoyang.funders]) == (BenefitKind.SUBSIDY, ["street-caoyang"])
    assert (jingan.kind, jingan.funders) == (BenefitKind.DISCOUNT, ())
    assert caoyang.effective_from == date(2020, 9, 1)


RULE = """
[[rule]]
rule_id = "r"
version = 1
title_zh = "减"
title_en = "off"
source = "s"
kind = "discount"
stage = 1
effective_from = 2026-01-01
reduction = { kind = "fixed", amount_fen = 100 }
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "rules.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_several_rules_of_one_file_keep_their_order(write: Write) -> None:
    path = write(RULE + RULE.replace("version = 1", "version = 2") + RULE.replace('"r"', '"a"'))

    assert [(rule.rule_id, rule.version) for rule in read_rules(path)] == [("r", 1), ("r", 2), ("a", 1)]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (RULE + "capz = []\n", InvalidRuleError, ("rule 1 (r)", "`capz`")),
        (RULE.replace("amount_fen = 100", "amount_fen = 100, atmost = 5"), InvalidRuleError, ("`reduction.atmost`",)),
        (
            RULE + 'caps = [{ period = "day", measure = "times", limit = 1, per = "x" }]\n',
            InvalidRuleError,
            ("`caps.[0].per`",),
        ),
        (RULE.replace("version = 1", 'version = "1"'), InvalidRuleError, ("rule 1 (r)", "`int`", "`version`")),
        (RULE.replace("amount_fen = 100", "amount_fen = 1.5"), InvalidRuleError, ("`int`", "`reduction.amount_fen`")),
        (RULE.replace("amount_fen = 100", "amount_fen = true"), InvalidRuleError, ("`reduction.amount_fen`",)),
        (RULE.replace('"discount"', '"gift"'), InvalidRuleError, ("'gift'", "`kind`")),
        (RULE.replace('source = "s"\n', ""), InvalidRuleError, ("rule 1 (r)", "`source`")),
        (RULE.replace('rule_id = "r"\n', ""), InvalidRuleError, ("rule 1 (without rule_id)", "`rule_id`")),
        (RULE + RULE.replace("stage = 1", 'stage = "x"').replace('"r"', '"q"'), InvalidRuleError, ("rule 2 (q)",)),
        (RULE.replace("amount_fen = 100", "amount_fen = 0"), InvalidRuleError, ("rule 1 (r)", "amount_fen must be")),
        (RULE + RULE, InvalidRuleError, ("'r' version 1 stands twice",)),
        (RULE + "[settings]\nx = 1\n", SettingsError, ("'settings'",)),
        ("rule = 3\n", SettingsError, ("no rule",)),
        ("rule = [3]\n", InvalidRuleError, ("rule 1 (without rule_id)", "Expected `object`")),
        ("", SettingsError, ("no rule",)),
        ("[[rule\n", SettingsError, ("not readable as TOML",)),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_file_rule_and_key(
    write: Write, text: str, error: type[CanteenError], said: tuple[str, ...]
) -> None:
    path = write(text)

    with pytest.raises(error) as caught:
        read_rules(path)

    assert str(path) in caught.value.message
    for words in said:
        assert words in caught.value.message


def test_a_file_that_does_not_exist_or_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml cannot be read"):
        read_rules(tmp_path / "gone.toml")
    (tmp_path / "photo.toml").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(SettingsError, match=r"photo\.toml is not readable as TOML"):
        read_rules(tmp_path / "photo.toml")
