"""Who asks for something: a role and an opaque id, never a name."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a key or a person may do. Diners act through the terminal in front of them."""

    DINER = "diner"
    TERMINAL = "terminal"
    CASHIER = "cashier"
    FINANCE = "finance"
    MANAGER = "manager"
    ADMIN = "admin"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The one who gave a command; `actor_id` is a key's, terminal's or process's id."""

    role: Role
    actor_id: str

    @property
    def is_staff(self) -> bool:
        """True for people behind the counter and in the office."""
        return self.role in {Role.CASHIER, Role.FINANCE, Role.MANAGER, Role.ADMIN}
