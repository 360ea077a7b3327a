"""A registered person: a pseudonym outside, sealed attributes inside."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class CredentialKind(StrEnum):
    """What a diner shows. Each credential names one resident."""

    ELDER_CARD = "elder_card"
    SOCIAL_CARD = "social_card"
    BANK_CARD = "bank_card"
    ID_CARD = "id_card"
    QR = "qr"
    FACE = "face"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """Days on which a resident has no claim (admitted to an institution, say); both ends inclusive."""

    from_day: date
    until_day: date | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitlementFacts:
    """What makes a resident eligible. Opened for one decision, never stored in the clear.

    `registered_cards`: kinds of card registered with the street. `welfare_class`: '' for none; `care_level`: 0
    for none. `source` and `valid_until` say who attested the facts and how long they hold.
    """

    birth_date: date
    household_city: str = ""
    household_district: str = ""
    residence_district: str = ""
    residence_street: str = ""
    welfare_class: str = ""
    care_level: int = 0
    registered_cards: tuple[CredentialKind, ...] = ()
    suspensions: tuple[Suspension, ...] = ()
    source: str = ""
    valid_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRecord:
    """All that is kept of a person. Sealed under the person's own key before it is stored."""

    external_id: str
    name: str
    facts: EntitlementFacts
