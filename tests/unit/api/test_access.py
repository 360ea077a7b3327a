"""Keys: made, written, kept as a hash, and compared."""

import pytest

from api.access import AccessBook, AccessKey, NewKey, make_key, read_token, refuse_other_roles
from api.request_errors import KeyRequiredError, OtherLaneError
from engine.domain.actor import Actor, Role
from engine.domain.errors import AccessDeniedError
from engine.domain.events import AccessKeyIssued, AccessKeyRevoked

BY = Actor(role=Role.ADMIN, actor_id="test")


def issued(key: NewKey, role: Role = Role.CASHIER, canteen_id: str = "", lane_id: str = "") -> AccessKeyIssued:
    return AccessKeyIssued(
        at_ms=0,
        by=BY,
        key_id=key.key_id,
        role=role,
        canteen_id=canteen_id,
        lane_id=lane_id,
        label="x",
        secret_sha256=key.secret_sha256,
    )


def revoked(key: NewKey) -> AccessKeyRevoked:
    return AccessKeyRevoked(at_ms=1, by=BY, key_id=key.key_id, reason="x")


def test_a_key_that_was_issued_comes_in_as_its_role() -> None:
    book, key = AccessBook(), make_key(b"a" * 32)
    book.apply(issued(key, Role.FINANCE))
    found = book.authenticate(f"Bearer {key.token}")
    assert (found.role, found.key_id, found.actor) == (
        Role.FINANCE,
        key.key_id,
        Actor(role=Role.FINANCE, actor_id=key.key_id),
    )


def test_one_seed_gives_one_key_and_another_seed_another() -> None:
    assert make_key(b"a" * 32) == make_key(b"a" * 32)
    assert make_key(b"a" * 32) != make_key(b"b" * 32)


def test_a_written_key_is_read_as_what_it_was_made_as() -> None:
    key = make_key(b"a" * 32)
    assert read_token(key.token) == key


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ck_", "Basic x", "Bearer ck_1_2", "Bearer " + "x" * 9999]
)
def test_what_is_no_key_is_refused(header: str | None) -> None:
    with pytest.raises(KeyRequiredError):
        AccessBook().authenticate(header)


def test_unknown_wrong_and_revoked_keys_are_refused_with_the_same_words() -> None:
    book, key, other = AccessBook(), make_key(b"a" * 32), make_key(b"b" * 32)
    book.apply(issued(key))
    gone = make_key(b"c" * 32)
    book.apply(issued(gone))
    book.apply(revoked(gone))
    messages = set()
    for token in (other.token, gone.token, f"ck_{key.key_id}_{other.token.split('_', 2)[2]}"):
        with pytest.raises(KeyRequiredError) as refusal:
            book.authenticate(f"Bearer {token}")
        messages.add((refusal.value.message, str(refusal.value.details)))
    assert len(messages) == 1


def test_a_revocation_that_is_known_before_the_issue_is_read_again_stays() -> None:
    book, key = AccessBook(), make_key(b"a" * 32)
    book.apply(issued(key))
    book.revoke(key.key_id)
    book.apply(issued(key))
    with pytest.raises(KeyRequiredError):
        book.authenticate(f"Bearer {key.token}")


def test_an_administrator_counts_only_until_revoked() -> None:
    book, key = AccessBook(), make_key(b"a" * 32)
    assert not book.has_admin()
    book.apply(issued(key, Role.ADMIN))
    assert book.has_admin()
    book.apply(revoked(key))
    assert not book.has_admin()


def bound(canteen_id: str, lane_id: str) -> AccessKey:
    return AccessKey(
        key_id="k", role=Role.TERMINAL, canteen_id=canteen_id, lane_id=lane_id, secret_digest=b"", revoked=False
    )


def test_a_bound_key_acts_on_its_own_canteen_and_lane_only() -> None:
    bound("lanxi", "1").refuse_other_lane("lanxi", "1")
    bound("lanxi", "").refuse_other_lane("lanxi", "2")
    bound("", "").refuse_other_lane("meiling", "2")
    for canteen_id, lane_id in (("lanxi", "2"), ("meiling", "1")):
        with pytest.raises(OtherLaneError):
            bound("lanxi", "1").refuse_other_lane(canteen_id, lane_id)


def test_the_diner_acts_through_a_terminal_and_staff_act_for_themselves() -> None:
    assert bound("lanxi", "1").diner == Actor(role=Role.DINER, actor_id="k")
    key = make_key(b"a" * 32)
    book = AccessBook()
    book.apply(issued(key, Role.CASHIER))
    assert book.authenticate(f"Bearer {key.token}").diner.role is Role.CASHIER


def test_only_named_roles_pass_and_none_named_means_nobody() -> None:
    refuse_other_roles(bound("", ""), frozenset({Role.TERMINAL}))
    for roles in (frozenset({Role.ADMIN}), frozenset[Role]()):
        with pytest.raises(AccessDeniedError):
            refuse_other_roles(bound("", ""), roles)
