from datetime import date, timedelta
from typing import Any

import pytest

from engine.deciders.credential import CREDENTIAL, Issued, decide_block, decide_issue, require_valid
from engine.domain.commands import BlockCredential, IssueCredential
from engine.domain.errors import (
    CommandRejectedError,
    CredentialBlockedError,
    CredentialExpiredError,
    CredentialTakenError,
    CredentialUnknownError,
    InvalidValueError,
)
from engine.domain.events import CredentialBlocked, CredentialIssued
from engine.domain.resident import CredentialKind
from tests.unit.engine.examples import ADMIN, DAY, NOON_MS
from tests.unit.engine.given import Given, given

SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": ADMIN}


def card(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "credential_id": "k-1",
        "kind": CredentialKind.ELDER_CARD,
        "resident_id": "r-1",
        "valid_until": DAY,
        "consent_id": "",
    }
    return {**SAID, **said, **changes}


def issue(**changes: Any) -> IssueCredential:
    return IssueCredential(command_id="i", **card(**changes))


BLOCK = BlockCredential(command_id="b", **SAID, credential_id="k-1", reason="lost")
ISSUED = CredentialIssued(**card())
BLOCKED = CredentialBlocked(**SAID, credential_id="k-1", reason="lost")


def test_a_card_is_issued_once_and_the_same_again_changes_nothing() -> None:
    given(CREDENTIAL).when(lambda s: decide_issue(s, issue())).then(ISSUED)
    given(CREDENTIAL, ISSUED).when(lambda s: decide_issue(s, issue())).then()


def test_a_card_may_be_renewed_for_the_same_person() -> None:
    next_year = DAY + timedelta(days=365)

    state = (
        given(CREDENTIAL, ISSUED)
        .when(lambda s: decide_issue(s, issue(valid_until=next_year)))
        .then(CredentialIssued(**card(valid_until=next_year)))
    )

    assert require_valid(state, next_year).resident_id == "r-1"


def test_a_card_of_somebody_else_is_not_handed_on() -> None:
    given(CREDENTIAL, ISSUED).when(lambda s: decide_issue(s, issue(resident_id="r-2"))).then_refused(
        CredentialTakenError
    )


def test_a_face_needs_a_consent_and_a_new_consent_is_recorded() -> None:
    face = {"kind": CredentialKind.FACE, "valid_until": None}

    given(CREDENTIAL).when(lambda s: decide_issue(s, issue(**face))).then_refused(InvalidValueError)
    given(CREDENTIAL, CredentialIssued(**card(**face, consent_id="consent-1"))).when(
        lambda s: decide_issue(s, issue(**face, consent_id="consent-2"))
    ).then(CredentialIssued(**card(**face, consent_id="consent-2")))


def test_a_card_is_blocked_for_good() -> None:
    given(CREDENTIAL, ISSUED).when(lambda s: decide_block(s, BLOCK)).then(BLOCKED)
    given(CREDENTIAL, ISSUED, BLOCKED).when(lambda s: decide_block(s, BLOCK)).then()
    given(CREDENTIAL, ISSUED, BLOCKED).when(lambda s: decide_issue(s, issue())).then_refused(CredentialBlockedError)
    given(CREDENTIAL).when(lambda s: decide_block(s, BLOCK)).then_refused(CredentialUnknownError)


@pytest.mark.parametrize(
    ("history", "day", "error"),
    [
        (given(CREDENTIAL), DAY, CredentialUnknownError),
        (given(CREDENTIAL, ISSUED), DAY + timedelta(days=1), CredentialExpiredError),
        (given(CREDENTIAL, ISSUED, BLOCKED), DAY, CredentialBlockedError),
        (given(CREDENTIAL, ISSUED, BLOCKED), DAY + timedelta(days=1), CredentialBlockedError),
    ],
)
def test_a_card_that_may_not_be_used_is_refused_by_name(
    history: Given, day: date, error: type[CommandRejectedError]
) -> None:
    with pytest.raises(error) as caught:
        require_valid(history.state, day)
    assert type(caught.value) is error


@pytest.mark.parametrize("valid_until", [DAY, None])
def test_a_card_is_valid_through_its_last_day(valid_until: date | None) -> None:
    state = given(CREDENTIAL, CredentialIssued(**card(valid_until=valid_until))).state

    assert require_valid(state, DAY) == Issued(
        kind=CredentialKind.ELDER_CARD, resident_id="r-1", valid_until=valid_until, consent_id=""
    )
