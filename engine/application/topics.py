"""The table of everything that the log may contain: each event class under its pinned topic.

The table is written out rather than collected, so that an event that is renamed or lost shows as a changed line here.
"""

from typing import Any, Final

from engine.application.codec import EventTypes, Upcaster, Upcasters
from engine.domain import events
from engine.domain.events import Event

_EVENT_CLASSES: Final[tuple[type[Event], ...]] = (
    events.TrayScanned,
    events.DishCorrected,
    events.DishAdded,
    events.DishRemoved,
    events.DinerIdentified,
    events.OfferApplied,
    events.DiscountApplied,
    events.SubsidyApplied,
    events.FacePaid,
    events.CardPaid,
    events.WalletPaid,
    events.QrPaid,
    events.CashPaid,
    events.TrayRemoved,
    events.CheckoutVoided,
    events.PaymentRefunded,
    events.WalletOpened,
    events.WalletToppedUp,
    events.WalletCharged,
    events.WalletRefunded,
    events.EntitlementUsed,
    events.EntitlementRestored,
    events.CanteenOpened,
    events.CanteenChanged,
    events.MenuPublished,
    events.DishEnrolled,
    events.ExemplarProposed,
    events.ExemplarsAdopted,
    events.ExemplarsWithdrawn,
    events.ExemplarsRestored,
    events.GalleryReembedded,
    events.ResidentRegistered,
    events.ResidentChanged,
    events.CredentialIssued,
    events.CredentialBlocked,
    events.BenefitRulePublished,
    events.AccessKeyIssued,
    events.AccessKeyRevoked,
    events.AcceptancePolicyPublished,
)


def _menu_without_offers(fields: dict[str, Any]) -> dict[str, Any]:
    """A menu before offers: every dish in one size, sold by the portion, at its own price."""
    items = [{**item, "size_of": "", "from_area_bps": 0, "sold_by_piece": False} for item in fields["items"]]
    return {**fields, "items": items, "set_meals": [], "inclusions": []}


def _scan_without_doubts(fields: dict[str, Any]) -> dict[str, Any]:
    """A scan before the reasons of doubts were kept."""
    items = [{**item, "doubt": "" if item["status"] == "accepted" else "not_recorded"} for item in fields["items"]]
    return {**fields, "items": items}


def _any_variant(fields: dict[str, Any]) -> dict[str, Any]:
    """An enrolment before variants: photographs of the dish in any portion and crockery."""
    return {**fields, "variant": ""}


EVENT_TYPES: Final[EventTypes] = {event_class.TOPIC: event_class for event_class in _EVENT_CLASSES}
"""Every concrete event class by its topic."""

UPCASTERS: Final[Upcasters] = {
    "canteen.DishEnrolled.v1": Upcaster("canteen.DishEnrolled.v2", _any_variant),
    "canteen.TrayScanned.v1": Upcaster("canteen.TrayScanned.v2", _scan_without_doubts),
    "canteen.MenuPublished.v1": Upcaster("canteen.MenuPublished.v2", _menu_without_offers),
}
"""Retired topics: each names the topic that took its place and a function from its fields to that topic's."""
