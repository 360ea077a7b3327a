from typing import Any

import pytest

from engine.deciders.wallet import (
    MAX_BALANCE_FEN,
    MAX_REFERENCE_CHARACTERS,
    WALLET,
    Wallet,
    decide_charge,
    decide_refund_to_wallet,
    decide_top_up,
)
from engine.domain.commands import TopUpWallet
from engine.domain.errors import InsufficientFundsError, InvalidValueError
from engine.domain.events import TopUpSource, WalletCharged, WalletOpened, WalletRefunded, WalletToppedUp
from tests.unit.engine.examples import CASHIER, NOON_MS
from tests.unit.engine.given import given

SAID: dict[str, Any] = {"at_ms": NOON_MS, "by": CASHIER, "resident_id": "r-1"}
OPENED = WalletOpened(**SAID)
BILL: dict[str, Any] = {**SAID, "checkout_id": "c-1", "canteen_id": "lanxi"}


def topped_up(amount_fen: int, balance_fen: int) -> WalletToppedUp:
    return WalletToppedUp(
        **SAID, amount_fen=amount_fen, balance_fen=balance_fen, source=TopUpSource.CASH, reference="till 3"
    )


def top_up(amount_fen: int, reference: str = "till 3") -> TopUpWallet:
    return TopUpWallet(
        command_id="t", at_ms=NOON_MS, by=CASHIER, resident_id="r-1", amount_fen=amount_fen, source=TopUpSource.CASH,
        reference=reference,
    )  # fmt: skip


def test_the_first_top_up_opens_the_wallet_and_later_ones_add_to_it() -> None:
    given(WALLET).when(lambda w: decide_top_up(w, top_up(1000))).then(OPENED, topped_up(1000, 1000))
    given(WALLET, OPENED, topped_up(1000, 1000)).when(lambda w: decide_top_up(w, top_up(1))).then(topped_up(1, 1001))


@pytest.mark.parametrize("amount_fen", [0, -1, MAX_BALANCE_FEN + 1])
def test_a_top_up_of_nothing_or_beyond_the_limit_is_refused(amount_fen: int) -> None:
    given(WALLET).when(lambda w: decide_top_up(w, top_up(amount_fen))).then_refused(InvalidValueError)


def test_a_wallet_may_be_filled_to_its_limit_and_not_one_fen_further() -> None:
    nearly_full = given(WALLET, OPENED, topped_up(MAX_BALANCE_FEN - 1, MAX_BALANCE_FEN - 1))

    nearly_full.when(lambda w: decide_top_up(w, top_up(1))).then_types(WalletToppedUp)
    nearly_full.when(lambda w: decide_top_up(w, top_up(2))).then_refused(InvalidValueError, limit_fen=MAX_BALANCE_FEN)


def test_a_reference_has_a_limit() -> None:
    too_long = top_up(1, "x" * (MAX_REFERENCE_CHARACTERS + 1))

    given(WALLET).when(lambda w: decide_top_up(w, too_long)).then_refused(InvalidValueError)


def test_a_charge_leaves_the_balance_less_the_bill_down_to_zero() -> None:
    rich = given(WALLET, OPENED, topped_up(1300, 1300))

    rich.when(lambda w: decide_charge(w, **BILL, amount_fen=1200)).then(
        WalletCharged(**BILL, amount_fen=1200, balance_fen=100)
    )
    rich.when(lambda w: decide_charge(w, **BILL, amount_fen=1300)).then(
        WalletCharged(**BILL, amount_fen=1300, balance_fen=0)
    )


def test_a_charge_beyond_the_balance_says_how_much_is_short() -> None:
    given(WALLET, OPENED, topped_up(1199, 1199)).when(lambda w: decide_charge(w, **BILL, amount_fen=1200)).then_refused(
        InsufficientFundsError, balance_fen=1199, missing_fen=1
    )
    given(WALLET).when(lambda w: decide_charge(w, **BILL, amount_fen=1)).then_refused(
        InsufficientFundsError, balance_fen=0, missing_fen=1
    )


def test_a_bill_of_nothing_leaves_even_a_closed_wallet_alone() -> None:
    given(WALLET).when(lambda w: decide_charge(w, **BILL, amount_fen=0)).then()
    given(WALLET).when(lambda w: decide_refund_to_wallet(w, **BILL, amount_fen=0)).then()


def test_a_refund_is_never_refused_for_the_limit_since_the_money_is_the_residents() -> None:
    full = given(WALLET, OPENED, topped_up(MAX_BALANCE_FEN, MAX_BALANCE_FEN))

    after = full.when(lambda w: decide_refund_to_wallet(w, **BILL, amount_fen=1300)).then(
        WalletRefunded(**BILL, amount_fen=1300, balance_fen=MAX_BALANCE_FEN + 1300)
    )

    assert after == Wallet(is_open=True, balance_fen=MAX_BALANCE_FEN + 1300)
