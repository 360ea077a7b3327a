"""Answers and refusals are remembered as what they were."""

import pytest

from engine.application.outcome import decode_outcome, encode_answer, encode_refusal
from engine.domain import errors
from engine.domain.errors import CommandRejectedError, InvalidRuleError, WrongAmountError


def refusal_types(of: type[CommandRejectedError] = CommandRejectedError) -> list[type[CommandRejectedError]]:
    return [of, *(found for subclass in of.__subclasses__() for found in refusal_types(subclass))]


@pytest.mark.parametrize("answer", [{}, {"due_fen": 1_230, "items": [{"name_zh": "红烧肉"}], "diner": None}])
def test_an_answer_comes_back_equal(answer: dict[str, object]) -> None:
    assert decode_outcome(encode_answer(answer)) == answer


@pytest.mark.parametrize("refusal_type", refusal_types(), ids=lambda refusal_type: refusal_type.code)
def test_every_refusal_comes_back_as_its_own_type(refusal_type: type[CommandRejectedError]) -> None:
    again = decode_outcome(encode_refusal(refusal_type("No. Do that.", due_fen=5, dish_ids=["a", "b"], lane="x")))
    assert type(again) is refusal_type
    assert (again.message, again.details) == ("No. Do that.", {"due_fen": 5, "dish_ids": ["a", "b"], "lane": "x"})


def test_codes_of_refusals_are_unique() -> None:
    codes = [refusal_type.code for refusal_type in refusal_types()]
    assert len(set(codes)) == len(codes)


def test_a_refusal_of_a_newer_version_is_still_a_refusal() -> None:
    again = decode_outcome(b'{"refusal":"something_new","message":"No."}')
    assert type(again) is CommandRejectedError


def test_details_of_a_remembered_refusal_can_be_read_by_programs() -> None:
    again = decode_outcome(encode_refusal(WrongAmountError("Ask for the amount due.", due_fen=1_230)))
    assert isinstance(again, errors.CommandRejectedError)
    assert again.details["due_fen"] == 1_230
    assert issubclass(InvalidRuleError, errors.InvalidValueError)
