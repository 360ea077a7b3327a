"""The guess which streams a command needs."""

from engine.application.expected_streams import expected_streams
from engine.domain.actor import Actor, Role
from engine.domain.commands import PayByFace, TopUpWallet
from engine.domain.events import TopUpSource

BY = Actor(role=Role.TERMINAL, actor_id="lane-1")


def test_streams_are_named_by_the_fields_of_a_command() -> None:
    pay = PayByFace(
        command_id="c", at_ms=1, by=BY, checkout_id="k", amount_fen=1, pay_started_at_ms=0, credential_id="f"
    )
    top_up = TopUpWallet(command_id="c", at_ms=1, by=BY, resident_id="r", amount_fen=1, source=TopUpSource.CASH)
    for _ in range(2):
        assert set(expected_streams(pay)) == {"checkout-k", "credential-f"}
        assert set(expected_streams(top_up)) == {"resident-r", "resident-r-wallet", "resident-r-entitlement"}
