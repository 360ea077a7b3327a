"""Keys of terminals and people: who may come in, and as what.

A key reads `ck_<key id>_<secret>` and is sent as `Authorization: Bearer ck_...`. Only the sha256 of the secret is
stored.
All keys are held in memory, so that a request with an unknown key costs no look-up in the store.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from typing import Final

from api.request_errors import KeyRequiredError, OtherLaneError
from engine.domain.actor import Actor, Role
from engine.domain.errors import AccessDeniedError
from engine.domain.events import AccessKeyIssued, AccessKeyRevoked, Event

KEY_ROLES: Final = frozenset({Role.TERMINAL, Role.CASHIER, Role.FINANCE, Role.MANAGER, Role.ADMIN})
"""Roles that a key can have. Diners act through a terminal; the system acts from inside."""

_TOKEN = re.compile(r"ck_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_NO_DIGEST = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """What one key allows. An empty `canteen_id` or `lane_id` means that the key is not bound to one."""

    key_id: str
    role: Role
    canteen_id: str
    lane_id: str
    secret_digest: bytes
    revoked: bool = False

    @property
    def actor(self) -> Actor:
        return Actor(role=self.role, actor_id=self.key_id)

    @property
    def diner(self) -> Actor:
        """Who acts when the diner in front of this key's terminal touches its screen; staff act for themselves."""
        return Actor(role=Role.DINER, actor_id=self.key_id) if self.role is Role.TERMINAL else self.actor

    def refuse_other_canteen(self, canteen_id: str) -> None:
        """Let a bound key act on its own canteen only.

        Raises:
            OtherLaneError: the key is bound to another canteen.
        """
        if self.canteen_id and self.canteen_id != canteen_id:
            raise OtherLaneError(
                "This key belongs to another canteen. Use a key of this canteen.", canteen_id=canteen_id
            )

    def refuse_other_lane(self, canteen_id: str, lane_id: str) -> None:
        """Let a bound key act on its own canteen and lane only.

        Raises:
            OtherLaneError: the key is bound to another canteen or lane.
        """
        self.refuse_other_canteen(canteen_id)
        if self.lane_id and self.lane_id != lane_id:
            raise OtherLaneError("This key belongs to another lane. Use the terminal of this lane.", lane_id=lane_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key as it is handed out, once."""

    key_id: str
    token: str
    secret_sha256: str


def make_key(seed: bytes) -> NewKey:
    """Make the key that belongs to a seed of 32 bytes or more that nobody else knows.

    The same seed gives the same key, so that a repeated request to issue a key is told the same one.
    """
    key_id = hmac.digest(seed, b"key id", "sha256").hex()[:16]
    secret = urlsafe_b64encode(hmac.digest(seed, b"secret", "sha256")).decode().rstrip("=")
    return NewKey(
        key_id=key_id,
        token=f"ck_{key_id}_{secret}",
        secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
    )


def read_token(token: str) -> NewKey | None:
    """Take a written key apart, or return None if it does not have the form of one."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    key_id, secret = match.groups()
    return NewKey(key_id=key_id, token=token, secret_sha256=hashlib.sha256(secret.encode()).hexdigest())


class AccessBook:
    """All keys that were ever issued, kept up to date by the events that are applied to it."""

    def __init__(self) -> None:
        self._keys: dict[str, AccessKey] = {}

    def apply(self, event: Event) -> None:
        """Take in one event; other kinds than those of keys change nothing. The same event again changes nothing."""
        match event:
            case AccessKeyIssued():
                known = self._keys.get(event.key_id)
                self._keys[event.key_id] = AccessKey(
                    key_id=event.key_id,
                    role=event.role,
                    canteen_id=event.canteen_id,
                    lane_id=event.lane_id,
                    secret_digest=bytes.fromhex(event.secret_sha256),
                    # A key is never issued again under its id, so a revocation that was seen first stays.
                    revoked=known is not None and known.revoked,
                )
            case AccessKeyRevoked():
                self.revoke(event.key_id)
            case _:
                pass

    def revoke(self, key_id: str) -> None:
        """Shut a key out at once."""
        known = self._keys.get(key_id)
        if known is not None:
            self._keys[key_id] = replace(known, revoked=True)

    def has_admin(self) -> bool:
        """Tell whether some key can issue others."""
        return any(key.role is Role.ADMIN and not key.revoked for key in self._keys.values())

    def authenticate(self, authorization: str | None) -> AccessKey:
        """Return the key that an Authorization header names.

        Raises:
            KeyRequiredError: none was sent, or it is unknown or revoked; the message does not tell which.
        """
        scheme, _, token = (authorization or "").partition(" ")
        claimed = read_token(token.strip()) if scheme.lower() == "bearer" else None
        if claimed is not None:
            key = self._keys.get(claimed.key_id)
            # An unknown key is compared too, so that the time taken does not tell which ids exist.
            digest = _NO_DIGEST if key is None else key.secret_digest
            matches = hmac.compare_digest(digest, bytes.fromhex(claimed.secret_sha256))
            if key is not None and matches and not key.revoked:
                return key
        raise KeyRequiredError("Send a valid key as 'Authorization: Bearer ck_...'. An administrator issues keys.")


def refuse_other_roles(key: AccessKey, roles: frozenset[Role]) -> None:
    """Let only the given roles pass.

    Raises:
        AccessDeniedError: the key's role is not among them.
    """
    if key.role not in roles:
        raise AccessDeniedError(
            f"A key of role {key.role.value} may not do this. Allowed: {', '.join(sorted(roles)) or 'nobody'}.",
            role=key.role.value,
        )
