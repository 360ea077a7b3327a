"""Names of streams. A stream is one consistency boundary of the log; its name is stored with every event.

The streams of one resident share the beginning of their names, so that what one payment writes lies side by side in the
store's index and the cost of a payment hardly grows with the log.
"""

from datetime import date

RULEBOOK_STREAM = "rulebook"


def checkout_stream(checkout_id: str) -> str:
    """One tray session; the id is chosen by the terminal (a UUID, version 7 keeps the index local)."""
    return f"checkout-{checkout_id}"


def wallet_stream(resident_id: str) -> str:
    """A resident's own prepaid money."""
    return f"resident-{resident_id}-wallet"


def entitlement_stream(resident_id: str) -> str:
    """The benefits a resident has used, over all canteens."""
    return f"resident-{resident_id}-entitlement"


def resident_stream(resident_id: str) -> str:
    """A registered person, by pseudonym."""
    return f"resident-{resident_id}"


def credential_stream(credential_id: str) -> str:
    """One card, code or face token, by its keyed hash."""
    return f"credential-{credential_id}"


def canteen_stream(canteen_id: str) -> str:
    """One site with its lanes and meal periods."""
    return f"canteen-{canteen_id}"


def menu_stream(canteen_id: str, day: date, period_id: str) -> str:
    """What one canteen sells in one meal period of one day."""
    return f"menu-{canteen_id}-{day.isoformat()}-{period_id}"


def gallery_stream(canteen_id: str) -> str:
    """The dishes that a canteen has enrolled, with their exemplars."""
    return f"gallery-{canteen_id}"


def acceptance_stream(canteen_id: str) -> str:
    """The limits from which a canteen bills without asking, in versions."""
    return f"acceptance-{canteen_id}"


def access_key_stream(key_id: str) -> str:
    """One key of a terminal or of a person."""
    return f"access-{key_id}"
