"""What makes two commands of one id the same."""

from dataclasses import replace

import pytest

from engine.application.body_digest import body_digest
from engine.domain.actor import Actor, Role
from engine.domain.commands import PayByWallet, RemoveTray

PEPPER = b"a pepper for tests"
PAY = PayByWallet(
    command_id="c-1",
    at_ms=1,
    by=Actor(role=Role.TERMINAL, actor_id="lane-1"),
    checkout_id="k",
    amount_fen=1_230,
    pay_started_at_ms=0,
)


def test_neither_the_id_nor_the_time_is_part_of_a_body() -> None:
    assert body_digest(PEPPER, PAY) == body_digest(PEPPER, replace(PAY, command_id="c-2", at_ms=99))


@pytest.mark.parametrize(
    "change", [{"amount_fen": 1_231}, {"checkout_id": "l"}, {"by": Actor(role=Role.CASHIER, actor_id="x")}]
)
def test_everything_else_is(change: dict[str, object]) -> None:
    assert body_digest(PEPPER, PAY) != body_digest(PEPPER, replace(PAY, **change))  # type: ignore[arg-type]


def test_a_given_body_stands_for_the_command() -> None:
    assert body_digest(PEPPER, PAY, b"photo") == body_digest(PEPPER, replace(PAY, amount_fen=1), b"photo")
    assert body_digest(PEPPER, PAY, b"photo") != body_digest(PEPPER, PAY, b"other photo")


def test_the_kind_of_command_is_part_of_a_given_body() -> None:
    remove = RemoveTray(command_id="c-1", at_ms=1, by=PAY.by, checkout_id="k")
    assert body_digest(PEPPER, PAY, b"{}") != body_digest(PEPPER, remove, b"{}")


def test_the_digest_cannot_be_computed_without_the_pepper() -> None:
    assert len(body_digest(PEPPER, PAY)) == 32
    assert body_digest(PEPPER, PAY) != body_digest(b"another pepper!!!!", PAY)
