from typing import Any

import pytest

from engine.deciders.access_key import ACCESS_KEY, decide_key_issue, decide_key_revocation
from engine.deciders.resident import RESIDENT, decide_registration, require_registered
from engine.domain.actor import Role
from engine.domain.commands import IssueAccessKey, RegisterResident, RevokeAccessKey
from engine.domain.errors import InvalidValueError, NotFoundError, UnknownResidentError
from engine.domain.events import AccessKeyIssued, AccessKeyRevoked, ResidentChanged, ResidentRegistered
from engine.domain.resident import PersonRecord
from tests.unit.engine.examples import ADMIN, NOON_MS, facts
from tests.unit.engine.given import given

SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": ADMIN}
RECORD = PersonRecord(external_id="CY-1", name="不该出现", facts=facts())
REGISTER = RegisterResident(command_id="r", **SAID, resident_id="r-1", record=RECORD)
REGISTERED = ResidentRegistered(**SAID, resident_id="r-1", sealed=b"one")


def test_a_person_is_registered_once_and_changed_afterwards_sealed_each_time() -> None:
    given(RESIDENT).when(lambda s: decide_registration(s, REGISTER, b"one")).then(REGISTERED)
    state = (
        given(RESIDENT, REGISTERED)
        .when(lambda s: decide_registration(s, REGISTER, b"two"))
        .then(ResidentChanged(**SAID, resident_id="r-1", sealed=b"two"))
    )

    assert require_registered(state, "r-1") == b"two"
    with pytest.raises(UnknownResidentError):
        require_registered(RESIDENT.initial, "r-2")


def issue(role: Role = Role.TERMINAL, lane_id: str = "lanxi-1") -> IssueAccessKey:
    return IssueAccessKey(
        command_id="i",
        **SAID,
        key_id="key-1",
        role=role,
        canteen_id="lanxi",
        lane_id=lane_id,
        label="lane 1",
        secret_sha256="aa" * 32,
    )


REVOKE = RevokeAccessKey(command_id="v", **SAID, key_id="key-1", reason="terminal replaced")
ISSUED = AccessKeyIssued(
    **SAID,
    key_id="key-1",
    role=Role.TERMINAL,
    canteen_id="lanxi",
    lane_id="lanxi-1",
    label="lane 1",
    secret_sha256="aa" * 32,
)
REVOKED = AccessKeyRevoked(**SAID, key_id="key-1", reason="terminal replaced")


def test_a_key_is_issued_once_and_revoked_for_good() -> None:
    given(ACCESS_KEY).when(lambda s: decide_key_issue(s, issue())).then(ISSUED)
    state = given(ACCESS_KEY, ISSUED).when(lambda s: decide_key_revocation(s, REVOKE)).then(REVOKED)
    assert (state.revoked, state.role, state.lane_id) == (True, Role.TERMINAL, "lanxi-1")

    given(ACCESS_KEY, ISSUED, REVOKED).when(lambda s: decide_key_revocation(s, REVOKE)).then()
    given(ACCESS_KEY, ISSUED).when(lambda s: decide_key_issue(s, issue())).then_refused(InvalidValueError)
    given(ACCESS_KEY, ISSUED, REVOKED).when(lambda s: decide_key_issue(s, issue())).then_refused(InvalidValueError)
    given(ACCESS_KEY).when(lambda s: decide_key_revocation(s, REVOKE)).then_refused(NotFoundError)


@pytest.mark.parametrize("role", [Role.DINER, Role.SYSTEM])
def test_no_key_is_issued_to_diners_or_to_the_system(role: Role) -> None:
    given(ACCESS_KEY).when(lambda s: decide_key_issue(s, issue(role))).then_refused(InvalidValueError)


def test_a_terminals_key_belongs_to_one_lane_and_a_persons_key_need_not() -> None:
    given(ACCESS_KEY).when(lambda s: decide_key_issue(s, issue(lane_id=""))).then_refused(InvalidValueError)
    given(ACCESS_KEY).when(lambda s: decide_key_issue(s, issue(Role.CASHIER, ""))).then_types(AccessKeyIssued)
