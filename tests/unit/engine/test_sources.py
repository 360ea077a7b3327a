"""The engine's own sources: examples in docstrings run, and no float can enter."""

import ast
import doctest
import importlib
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[3] / "engine"
SOURCES = sorted(ENGINE.rglob("*.py"))


def module_name(path: Path) -> str:
    relative = path.relative_to(ENGINE.parent).with_suffix("")
    return ".".join(part for part in relative.parts if part != "__init__")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_the_examples_in_docstrings_come_out_as_they_say(path: Path) -> None:
    failed, _ = doctest.testmod(importlib.import_module(module_name(path)))

    assert failed == 0


def test_the_arithmetic_of_money_and_the_rule_of_acceptance_have_examples() -> None:
    for name in ("engine.domain.money", "engine.domain.calendar", "engine.policies.acceptance"):
        found = doctest.DocTestFinder().find(importlib.import_module(name))
        assert sum(len(test.examples) for test in found) > 0, name


def floats_in(tree: ast.AST) -> list[int]:
    """Lines with a float literal, a true division, or the name float."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Name) and node.id == "float")
    ]


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_the_engine_knows_no_float(path: Path) -> None:
    assert floats_in(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("line", ["x = 0.5", "y = a / b", "y /= 2", "def f(a: float) -> int: ...", "z = float(a)"])
def test_the_search_for_floats_finds_each_kind(line: str) -> None:
    assert floats_in(ast.parse(line)) == [1]
