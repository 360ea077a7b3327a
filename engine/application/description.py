"""The bill as terminals, cashiers and `GET /v1/checkouts/{id}` see it: JSON values only, no personal fact.

An item's `price_fen` is what it costs on this bill, `list_price_fen` what the menu says; they differ under an offer.
A subsidy shows its rule and its title, never the class or the age that it was given for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.application.decision import States
from engine.deciders.checkout import CHECKOUT, Diner, Empty, Held, OpenCheckout, Settled, Voided
from engine.deciders.menu import MENU
from engine.deciders.rulebook import RULEBOOK
from engine.deciders.wallet import WALLET
from engine.domain import ids
from engine.domain.bill import AppliedOffer, Bill, OfferedLine, ScannedItem
from engine.domain.errors import UnknownCheckoutError
from engine.domain.menu import Menu


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotation:
    """A bill and the offers that its items are priced by."""

    bill: Bill
    offers: tuple[AppliedOffer, ...] = ()


Quote = Callable[[States, OpenCheckout], Quotation]


def describe_checkout(checkout_id: str, states: States, quote: Quote) -> dict[str, Any]:
    """Describe one tray session.

    Args:
        quote: computes the bill of a session that is still open.
    """
    state = states.get(CHECKOUT, ids.checkout_stream(checkout_id))
    tender: str | None = None
    diner: Diner | None = None
    refunded_fen = 0
    refunded_items: frozenset[int] = frozenset()
    offers: tuple[AppliedOffer, ...] = ()
    match state:
        case Empty():
            raise UnknownCheckoutError("No tray was scanned under this id. Scan the tray first.")
        case Settled():
            bill, refunded_fen, tender = state.bill, state.bill.own_fen - state.remaining.own_fen, state.tender.value
            status = "refunded" if not state.remaining.lines else "closed" if state.tray_removed else "paid"
            diner, offers = state.diner, state.offers
            left = {line.item_id for line in state.remaining.lines}
            refunded_items = frozenset(line.item_id for line in state.bill.lines) - left
        case Voided():
            bill, status = _nothing(), "voided"
        case _:
            quotation = quote(states, state)
            bill, offers, diner = quotation.bill, quotation.offers, state.diner
            status = "held" if isinstance(state, Held) else "ready"
    site = state.site
    menu = states.get(MENU, ids.menu_stream(site.canteen_id, date.fromisoformat(site.business_day), site.meal_period))
    by_item = {line.item_id: (offer, line) for offer in offers for line in offer.lines}
    balance_fen = states.get(WALLET, ids.wallet_stream(diner.resident_id)).balance_fen if diner else None
    return {
        "checkout_id": checkout_id,
        "status": status,
        "canteen_id": site.canteen_id,
        "lane_id": site.lane_id,
        "business_day": site.business_day,
        "meal_period": site.meal_period,
        "menu_version": state.menu_version,
        "scan_number": state.scan_number,
        "items": [
            _describe_item(item, menu, by_item.get(item.item_id), refunded=item.item_id in refunded_items)
            for item in state.items
        ],
        "offers": [_describe_offer(offer) for offer in offers],
        "diner": {
            "identified": diner is not None,
            "credential_kind": diner.credential_kind.value if diner else None,
            "resident_id": diner.resident_id if diner else None,
        },
        "benefits": _describe_benefits(bill, states),
        "gross_fen": bill.gross_fen,
        "discount_fen": bill.discount_fen,
        "subsidy_fen": bill.subsidy_fen,
        "due_fen": bill.own_fen,
        "tender": tender,
        "refunded_fen": refunded_fen,
        "balance_fen": balance_fen,
    }


def _nothing() -> Bill:
    return Bill(lines=(), benefits=(), gross_fen=0, discount_fen=0, subsidy_fen=0, own_fen=0)


def _describe_item(
    item: ScannedItem, menu: Menu, offered: tuple[AppliedOffer, OfferedLine] | None, *, refunded: bool
) -> dict[str, Any]:
    box = item.box
    sold = menu.by_dish.get(item.dish_id)
    return {
        "item_id": item.item_id,
        "status": item.status.value,
        "doubt": item.doubt.value,
        **_named(item.dish_id, menu),
        "price_fen": offered[1].price_fen if offered else item.price_fen,
        "list_price_fen": item.price_fen,
        "offer_id": offered[0].offer_id if offered else "",
        "sold_by_piece": sold.sold_by_piece if sold else False,
        "refunded": refunded,
        "confidence_bps": item.confidence_bps,
        "box": box
        and {
            "left_px": box.left_px,
            "top_px": box.top_px,
            "right_px": box.right_px,
            "bottom_px": box.bottom_px,
        },
        "candidates": [
            {
                **_named(candidate.dish_id, menu),
                "price_fen": sold.price_fen if (sold := menu.by_dish.get(candidate.dish_id)) else 0,
                "similarity_bps": candidate.similarity_bps,
            }
            for candidate in item.candidates
        ],
    }


def _describe_offer(offer: AppliedOffer) -> dict[str, Any]:
    list_fen = sum(line.list_fen for line in offer.lines)
    price_fen = sum(line.price_fen for line in offer.lines)
    return {
        "offer_id": offer.offer_id,
        "kind": offer.kind.value,
        "title_zh": offer.title_zh,
        "title_en": offer.title_en,
        "item_ids": [line.item_id for line in offer.lines],
        "list_fen": list_fen,
        "price_fen": price_fen,
        "off_fen": list_fen - price_fen,
    }


def _named(dish_id: str, menu: Menu) -> dict[str, str]:
    sold = menu.by_dish.get(dish_id)
    return {
        "dish_id": dish_id,
        "name_zh": sold.name_zh if sold else dish_id,
        "name_en": sold.name_en if sold else dish_id,
    }


def _describe_benefits(bill: Bill, states: States) -> list[dict[str, Any]]:
    if not bill.benefits:
        return []
    book = states.get(RULEBOOK, ids.RULEBOOK_STREAM)
    described = []
    for benefit in bill.benefits:
        rule = book.exact(benefit.rule_id, benefit.rule_version)
        described.append(
            {
                "rule_id": benefit.rule_id,
                "rule_version": benefit.rule_version,
                "kind": benefit.kind.value,
                "title_zh": rule.title_zh,
                "title_en": rule.title_en,
                "amount_fen": benefit.amount_fen,
            }
        )
    return described
