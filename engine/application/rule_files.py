"""Reads benefit rules from TOML files: one or several `[[rule]]`, with worked `[[example]]`s beside them.

The keys of a rule are the fields of `engine.domain.benefit_rule.BenefitRule`; fixtures/rules/README.md shows them.
Nothing is guessed: a key that no rule has, a missing key or a value of another type refuses the whole file.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.deciders.rulebook import check_rule
from engine.domain.benefit_rule import BenefitRule
from engine.domain.errors import InvalidRuleError, SettingsError

_KEYS_OF_A_FILE = frozenset({"rule", "example"})


def read_rules(path: Path) -> tuple[BenefitRule, ...]:
    """Read the rules of one file in their order.

    Raises:
        SettingsError: the file is missing, is no TOML, or has no rule; the message names the file.
        InvalidRuleError: a rule has a wrong, missing or unknown key, or contradicts itself; the message names file,
            rule and key.
    """
    content = _read_toml(path)
    unknown = sorted(content.keys() - _KEYS_OF_A_FILE)
    if unknown:
        raise SettingsError(f"{path}: '{unknown[0]}' is not known here. A file of rules has [[rule]] and [[example]].")
    tables = content.get("rule")
    if not isinstance(tables, list) or not tables:
        raise SettingsError(f"{path} has no rule. Write each rule as a table [[rule]].")
    rules = tuple(_convert(path, number, table) for number, table in enumerate(tables, start=1))
    seen: set[tuple[str, int]] = set()
    for rule in rules:
        if (rule.rule_id, rule.version) in seen:
            raise InvalidRuleError(f"{path}: rule '{rule.rule_id}' version {rule.version} stands twice. Remove one.")
        seen.add((rule.rule_id, rule.version))
    return rules


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}). Give the path of a file of rules.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not readable as TOML: {error}.") from error


def _convert(path: Path, number: int, table: Any) -> BenefitRule:
    named = table.get("rule_id") if isinstance(table, dict) else None
    where = f"{path}, rule {number} ({named if isinstance(named, str) else 'without rule_id'})"
    try:
        rule = msgspec.convert(table, BenefitRule)
    except msgspec.ValidationError as error:
        raise InvalidRuleError(f"{where}: {str(error).replace('`$.', '`')}.") from error
    unknown = _unknown_key(table, msgspec.to_builtins(rule))
    if unknown:
        raise InvalidRuleError(f"{where}: a rule has no key `{unknown}`. Check its spelling.")
    try:
        check_rule(rule)
    except InvalidRuleError as error:
        raise InvalidRuleError(f"{where}: {error.message}") from error
    return rule


def _unknown_key(given: Any, understood: Any) -> str:
    """Return the path of the first key that was given but not understood, '' if there is none.

    A converted rule written out again has every key that a rule can have, defaults included.
    """
    if isinstance(given, Mapping):
        for key, value in given.items():
            if key not in understood:
                return str(key)
            if below := _unknown_key(value, understood[key]):
                return f"{key}.{below}"
    elif isinstance(given, Sequence) and not isinstance(given, str):
        for index, (value, counterpart) in enumerate(zip(given, understood, strict=True)):
            if below := _unknown_key(value, counterpart):
                return f"[{index}].{below}"
    return ""
