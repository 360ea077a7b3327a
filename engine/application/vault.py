"""Personal attributes under a key per person. Destroying the key is what erasing a person means.

The keys lie in a file of their own, wrapped by a master key that is neither there nor in the log, so that a copy of the
log, or of the keys, tells nothing. Keep backups of the key file no longer than the right to be forgotten allows.
"""

import hmac
import secrets
import sqlite3
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.domain.errors import SettingsError, StoreCorruptError, StoreUnavailableError
from engine.domain.resident import CredentialKind, PersonRecord

MASTER_KEY_BYTES: Final = 32

_KEY_ID_BYTES = 8
_NONCE_BYTES = 12
_PSEUDONYM_CHARS = 32
_CACHED_KEYS = 4_096
_LOCK_TIMEOUT_S = 5

_RECORD = b"ResidentRecord"
_KEY = b"PersonKey"


class _PersonKey:
    __slots__ = ("cipher", "key_id")

    def __init__(self, key_id: bytes, key: bytes) -> None:
        self.key_id = key_id
        self.cipher = AESGCM(key)


class PersonVault:
    """Seals and opens the records of persons, and names persons and credentials by keyed hashes."""

    def __init__(self, connection: sqlite3.Connection, master_key: bytes) -> None:
        self._connection = connection
        self._lock = Lock()
        self._wrapping = AESGCM(hmac.digest(master_key, b"wrap person keys", "sha256"))
        self._naming_key = hmac.digest(master_key, b"name persons and credentials", "sha256")
        self._keys: OrderedDict[str, _PersonKey] = OrderedDict()
        self._data_version = 0
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(PersonRecord)

    @classmethod
    def open(cls, keys_path: Path, master_key: bytes) -> "PersonVault":
        """Open the key file, creating it if there is none.

        Raises:
            SettingsError: the master key is not 32 bytes, or is not the one that the file was made with.
            StoreUnavailableError: the file cannot be opened.
        """
        if len(master_key) != MASTER_KEY_BYTES:
            raise SettingsError(f"The master key has {len(master_key)} bytes; it needs {MASTER_KEY_BYTES} random ones.")
        try:
            connection = sqlite3.connect(
                keys_path, timeout=_LOCK_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            # A rollback journal is gone after each commit; a write-ahead log would keep destroyed keys for a while.
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS person_keys"
                " (resident_id TEXT PRIMARY KEY, key_id BLOB NOT NULL, wrapped BLOB NOT NULL) WITHOUT ROWID"
            )
            connection.execute("CREATE TABLE IF NOT EXISTS master_check (fingerprint BLOB NOT NULL)")
            fingerprint = hmac.digest(master_key, b"fingerprint", "sha256")
            row = connection.execute("SELECT fingerprint FROM master_check").fetchone()
            if row is None:
                connection.execute("INSERT INTO master_check VALUES (?)", (fingerprint,))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreUnavailableError(
                f"The key file cannot be opened ({error}). Check its path and owner."
            ) from error
        if row is not None and not hmac.compare_digest(row[0], fingerprint):
            connection.close()
            raise SettingsError("The master key is not the one that the key file was made with. Restore the right one.")
        return cls(connection, master_key)

    def seal(self, resident_id: str, record: PersonRecord) -> bytes:
        """Encrypt a record under the person's key, which is made at the first time: key id | nonce | ciphertext."""
        with self._lock:
            key = self._key(resident_id) or self._make_key(resident_id)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = key.cipher.encrypt(nonce, self._encoder.encode(record), _associated(resident_id, _RECORD))
        return key.key_id + nonce + body

    def open_record(self, resident_id: str, sealed: bytes) -> PersonRecord | None:
        """Decrypt a record; None once the key that sealed it is destroyed.

        Raises:
            StoreCorruptError: the bytes were changed, or were sealed for another person.
        """
        key_id, nonce = sealed[:_KEY_ID_BYTES], sealed[_KEY_ID_BYTES : _KEY_ID_BYTES + _NONCE_BYTES]
        body = sealed[_KEY_ID_BYTES + _NONCE_BYTES :]
        with self._lock:
            key = self._key(resident_id)
        if key is None or key.key_id != key_id:
            return None
        try:
            return self._decoder.decode(key.cipher.decrypt(nonce, body, _associated(resident_id, _RECORD)))
        except (InvalidTag, ValueError, msgspec.MsgspecError) as error:
            raise StoreCorruptError("A sealed record was changed after it was stored. Restore a backup.") from error

    def forget(self, resident_id: str) -> bool:
        """Destroy a person's key, so that no record sealed so far can be opened again; tell whether there was one."""
        with self._lock:
            destroyed = self._execute("DELETE FROM person_keys WHERE resident_id = ?", (resident_id,)).rowcount > 0
            self._keys.pop(resident_id, None)
        return destroyed

    def resident_id(self, external_id: str) -> str:
        """Return the pseudonym (32 hex digits) of a person by the number under which others know the person."""
        return self._name(b"resident", external_id.encode())

    def credential_id(self, kind: CredentialKind, number: str) -> str:
        """Return the name (32 hex digits) of a credential by its kind and number."""
        return self._name(b"credential", kind.value.encode() + b"\0" + number.encode())

    def close(self) -> None:
        """Close the key file."""
        with self._lock:
            self._connection.close()

    def _name(self, what: bytes, number: bytes) -> str:
        return hmac.digest(self._naming_key, what + b"\0" + number, "sha256").hex()[:_PSEUDONYM_CHARS]

    def _key(self, resident_id: str) -> _PersonKey | None:
        # Another process may have destroyed a key since; its commits change the version.
        data_version: int = self._execute("PRAGMA data_version", ()).fetchone()[0]
        if data_version != self._data_version:
            self._keys.clear()
            self._data_version = data_version
        key = self._keys.get(resident_id)
        if key is None:
            row = self._execute(
                "SELECT key_id, wrapped FROM person_keys WHERE resident_id = ?", (resident_id,)
            ).fetchone()
            if row is None:
                return None
            key = self._remember(resident_id, _PersonKey(row[0], self._unwrap(resident_id, row[1])))
        self._keys.move_to_end(resident_id)
        return key

    def _make_key(self, resident_id: str) -> _PersonKey:
        key_id, key, nonce = (
            secrets.token_bytes(_KEY_ID_BYTES),
            AESGCM.generate_key(256),
            secrets.token_bytes(_NONCE_BYTES),
        )
        wrapped = nonce + self._wrapping.encrypt(nonce, key, _associated(resident_id, _KEY))
        self._execute("INSERT OR IGNORE INTO person_keys VALUES (?, ?, ?)", (resident_id, key_id, wrapped))
        row = self._execute("SELECT key_id, wrapped FROM person_keys WHERE resident_id = ?", (resident_id,)).fetchone()
        return self._remember(resident_id, _PersonKey(row[0], self._unwrap(resident_id, row[1])))

    def _unwrap(self, resident_id: str, wrapped: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(
                wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _associated(resident_id, _KEY)
            )
        except InvalidTag as error:
            raise StoreCorruptError("A person's key was changed in the key file. Restore a backup of it.") from error

    def _remember(self, resident_id: str, key: _PersonKey) -> _PersonKey:
        self._keys[resident_id] = key
        if len(self._keys) > _CACHED_KEYS:
            self._keys.popitem(last=False)
        return key

    def _execute(self, statement: str, values: tuple[str | bytes, ...]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"The key file does not answer ({error}). Try again.") from error


def _associated(resident_id: str, what: bytes) -> bytes:
    return resident_id.encode() + b"\0" + what
