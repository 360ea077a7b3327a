"""A resident's prepaid own money. The balance never goes below zero."""

from dataclasses import dataclass

from engine.deciders.stream_type import StreamType
from engine.domain.actor import Actor
from engine.domain.commands import TopUpWallet
from engine.domain.errors import InsufficientFundsError, InvalidValueError
from engine.domain.events import Event, WalletCharged, WalletOpened, WalletRefunded, WalletToppedUp
from engine.domain.money import yuan

# Source: rules for single-purpose prepaid cards: a registered card holds at most 5,000 yuan.
MAX_BALANCE_FEN = 500_000
MAX_REFERENCE_CHARACTERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """Closed until the first top-up."""

    is_open: bool = False
    balance_fen: int = 0


def decide_top_up(state: Wallet, command: TopUpWallet) -> tuple[Event, ...]:
    """Add money; the first top-up opens the wallet."""
    if command.amount_fen <= 0:
        raise InvalidValueError("amount_fen must be above zero. Enter what was paid in.")
    balance_fen = state.balance_fen + command.amount_fen
    if balance_fen > MAX_BALANCE_FEN:
        raise InvalidValueError(
            f"A wallet holds at most {yuan(MAX_BALANCE_FEN)} yuan. Top up less.", limit_fen=MAX_BALANCE_FEN
        )
    if len(command.reference) > MAX_REFERENCE_CHARACTERS:
        raise InvalidValueError(f"A reference has at most {MAX_REFERENCE_CHARACTERS} characters. Shorten it.")
    opened = () if state.is_open else (_opened(command),)
    topped_up = WalletToppedUp(
        at_ms=command.at_ms,
        by=command.by,
        resident_id=command.resident_id,
        amount_fen=command.amount_fen,
        balance_fen=balance_fen,
        source=command.source,
        reference=command.reference,
    )
    return (*opened, topped_up)


def _opened(command: TopUpWallet) -> WalletOpened:
    return WalletOpened(at_ms=command.at_ms, by=command.by, resident_id=command.resident_id)


def decide_charge(
    state: Wallet, *, at_ms: int, by: Actor, resident_id: str, checkout_id: str, canteen_id: str, amount_fen: int
) -> tuple[Event, ...]:
    """Take a bill's own part from the wallet; a bill of nothing leaves the wallet alone.

    Raises:
        InsufficientFundsError: `details['missing_fen']` says how much is short.
    """
    if amount_fen == 0:
        return ()
    if amount_fen > state.balance_fen:
        raise InsufficientFundsError(
            f"A balance of {yuan(state.balance_fen)} yuan does not cover {yuan(amount_fen)}. Top up or pay otherwise.",
            balance_fen=state.balance_fen,
            missing_fen=amount_fen - state.balance_fen,
        )
    return (
        WalletCharged(
            at_ms=at_ms,
            by=by,
            resident_id=resident_id,
            checkout_id=checkout_id,
            canteen_id=canteen_id,
            amount_fen=amount_fen,
            balance_fen=state.balance_fen - amount_fen,
        ),
    )


def decide_refund_to_wallet(
    state: Wallet, *, at_ms: int, by: Actor, resident_id: str, checkout_id: str, canteen_id: str, amount_fen: int
) -> tuple[Event, ...]:
    """Give a refunded part back. A refund is never refused for the balance limit: the money is the resident's."""
    if amount_fen == 0:
        return ()
    return (
        WalletRefunded(
            at_ms=at_ms,
            by=by,
            resident_id=resident_id,
            checkout_id=checkout_id,
            canteen_id=canteen_id,
            amount_fen=amount_fen,
            balance_fen=state.balance_fen + amount_fen,
        ),
    )


def evolve(state: Wallet, event: Event) -> Wallet:
    """Return the wallet after an event."""
    match event:
        case WalletOpened():
            return Wallet(is_open=True, balance_fen=state.balance_fen)
        case WalletToppedUp() | WalletCharged() | WalletRefunded():
            return Wallet(is_open=True, balance_fen=event.balance_fen)
        case _:
            return state


WALLET: StreamType[Wallet] = StreamType(initial=Wallet(), evolve=evolve, snapshot_state=Wallet)
