"""Personal records are sealed per person, and forgetting a person is final."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from engine.application.vault import PersonVault
from engine.domain.errors import SettingsError, StoreCorruptError, StoreUnavailableError
from engine.domain.resident import CredentialKind, EntitlementFacts, PersonRecord

MASTER_KEY = bytes(range(32))
RECORD = PersonRecord(
    external_id="310107194001010000",
    name="测试居民",
    facts=EntitlementFacts(birth_date=date(1940, 1, 1), registered_cards=(CredentialKind.ELDER_CARD,)),
)


@pytest.fixture
def keys_path(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite3"


@pytest.fixture
def vault(keys_path: Path) -> Iterator[PersonVault]:
    with closing(PersonVault.open(keys_path, MASTER_KEY)) as opened:
        yield opened


def test_a_record_comes_back_as_it_was_sealed(vault: PersonVault) -> None:
    assert vault.open_record("r-1", vault.seal("r-1", RECORD)) == RECORD


def test_sealing_twice_gives_different_bytes_that_show_nothing(vault: PersonVault) -> None:
    first, second = vault.seal("r-1", RECORD), vault.seal("r-1", RECORD)
    assert first != second
    assert RECORD.name.encode() not in first
    assert RECORD.external_id.encode() not in first


def test_records_open_after_a_restart_and_in_another_process(vault: PersonVault, keys_path: Path) -> None:
    sealed = vault.seal("r-1", RECORD)
    with closing(PersonVault.open(keys_path, MASTER_KEY)) as other:
        assert other.open_record("r-1", sealed) == RECORD


def test_a_forgotten_person_cannot_be_opened_again_even_if_registered_anew(vault: PersonVault) -> None:
    sealed, other = vault.seal("r-1", RECORD), vault.seal("r-2", RECORD)
    assert vault.forget("r-1")
    assert vault.open_record("r-1", sealed) is None
    assert not vault.forget("r-1")
    again = vault.seal("r-1", RECORD)
    assert vault.open_record("r-1", sealed) is None
    assert vault.open_record("r-1", again) == RECORD
    assert vault.open_record("r-2", other) == RECORD


def test_another_process_notices_at_once_that_a_person_was_forgotten(vault: PersonVault, keys_path: Path) -> None:
    sealed = vault.seal("r-1", RECORD)
    with closing(PersonVault.open(keys_path, MASTER_KEY)) as other:
        assert other.open_record("r-1", sealed) == RECORD
        vault.forget("r-1")
        assert other.open_record("r-1", sealed) is None


def test_the_key_of_a_forgotten_person_is_wiped_from_the_file(vault: PersonVault, keys_path: Path) -> None:
    sealed = vault.seal("r-1", RECORD)
    key_id = sealed[:8]
    assert key_id in keys_path.read_bytes()
    vault.forget("r-1")
    assert key_id not in keys_path.read_bytes()


@pytest.mark.parametrize("at", [8, 20, -1])
def test_changed_bytes_are_reported_as_damage(vault: PersonVault, at: int) -> None:
    sealed = bytearray(vault.seal("r-1", RECORD))
    sealed[at] ^= 1
    with pytest.raises(StoreCorruptError):
        vault.open_record("r-1", bytes(sealed))


def test_a_record_cannot_be_passed_off_as_another_persons(vault: PersonVault, keys_path: Path) -> None:
    sealed = vault.seal("r-1", RECORD)
    vault.seal("r-2", RECORD)
    assert vault.open_record("r-2", sealed) is None
    with closing(sqlite3.connect(keys_path)) as keys, keys:
        keys.execute("UPDATE person_keys SET (key_id, wrapped) = (SELECT key_id, wrapped FROM person_keys LIMIT 1)")
    with pytest.raises(StoreCorruptError):
        vault.open_record("r-2", sealed)


def test_keys_cannot_be_read_without_the_master_key(vault: PersonVault, keys_path: Path) -> None:
    vault.seal("r-1", RECORD)
    with pytest.raises(SettingsError, match="not the one"):
        PersonVault.open(keys_path, bytes(32))
    with pytest.raises(SettingsError, match="32 random"):
        PersonVault.open(keys_path, b"short")


def test_a_key_file_that_cannot_be_opened_is_named_clearly(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="key file"):
        PersonVault.open(tmp_path / "no" / "folder" / "keys.sqlite3", MASTER_KEY)


def test_names_are_stable_differ_by_kind_and_depend_on_the_master_key(vault: PersonVault, tmp_path: Path) -> None:
    card = vault.credential_id(CredentialKind.ELDER_CARD, "123")
    assert card == vault.credential_id(CredentialKind.ELDER_CARD, "123")
    names = {card, vault.credential_id(CredentialKind.BANK_CARD, "123"), vault.resident_id("123")}
    with closing(PersonVault.open(tmp_path / "other.sqlite3", bytes(32))) as other:
        names.add(other.credential_id(CredentialKind.ELDER_CARD, "123"))
    assert len(names) == 4
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in names)


def test_a_vault_that_holds_more_persons_than_its_cache_still_opens_all(vault: PersonVault) -> None:
    sealed = {f"r-{number}": vault.seal(f"r-{number}", RECORD) for number in range(50)}
    vault._keys.clear()
    assert all(vault.open_record(resident, each) == RECORD for resident, each in sealed.items())
