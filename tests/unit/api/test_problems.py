"""Every error of the tree has its own row in the table of problems."""

from collections.abc import Iterator

import msgspec
import pytest

from api import request_errors
from api.problems import PROBLEM_KINDS, kind_of, problem_response
from engine.domain import errors

OURS = {errors.__name__, request_errors.__name__}


def tree(error_type: type[errors.CanteenError] = errors.CanteenError) -> Iterator[type[errors.CanteenError]]:
    yield error_type
    for subclass in error_type.__subclasses__():
        if subclass.__module__ in OURS:
            yield from tree(subclass)


ALL = sorted(set(tree()), key=lambda error_type: error_type.__name__)


@pytest.mark.parametrize("error_type", ALL)
def test_every_class_of_error_has_a_row(error_type: type[errors.CanteenError]) -> None:
    kind = PROBLEM_KINDS[error_type]
    assert kind.code == error_type.code
    assert 400 <= kind.status < 600
    assert any("一" <= letter <= "鿿" for letter in kind.title_zh)
    assert kind.title_en.isascii()


def test_the_table_names_no_class_that_is_not_in_the_tree() -> None:
    assert set(PROBLEM_KINDS) == set(ALL)


def test_codes_and_titles_tell_errors_apart() -> None:
    codes = [error_type.code for error_type in ALL]
    assert len(set(codes)) == len(codes)


def test_what_may_succeed_later_says_when() -> None:
    status, headers, _ = problem_response(errors.QueueFullError("full", retry_after_s=7), "/v1/x")
    assert (status, headers["retry-after"]) == (503, "7")
    status, headers, _ = problem_response(errors.StoreUnavailableError("locked"), "/v1/x")
    assert (status, headers["retry-after"]) == (503, "1")
    assert "retry-after" not in problem_response(errors.WrongAmountError("no"), "/v1/x")[1]


def test_a_problem_holds_what_rfc_9457_asks_and_what_a_program_needs() -> None:
    _, headers, body = problem_response(errors.WrongAmountError("Pay 12.", due_fen=1200), "/v1/checkouts/a/payment")
    assert headers["content-type"] == "application/problem+json"
    assert msgspec.json.decode(body) == {
        "type": "/problems/wrong_amount",
        "title": "金额与应付不符",
        "title_en": "The amount is not what is due",
        "status": 409,
        "detail": "Pay 12.",
        "code": "wrong_amount",
        "instance": "/v1/checkouts/a/payment",
        "details": {"due_fen": 1200},
    }


def test_an_error_of_another_module_is_told_as_what_it_is_derived_from() -> None:
    class Elsewhere(errors.NotFoundError):
        code = "elsewhere"

    assert kind_of(Elsewhere) is PROBLEM_KINDS[errors.NotFoundError]
