"""Settings come from the environment, and every one is documented."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from api.installation import clock_of, derived_key
from api.settings import Settings, variable_of
from engine.domain.errors import SettingsError

README = Path(__file__).parents[3] / "api" / "README.md"


def test_every_setting_is_documented_with_its_default_and_nothing_else_is() -> None:
    rows = re.findall(r"^\| `(CANTEEN_\w+)` \| ([^|]*) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: default.strip().strip("`") for name, default in rows}
    assert documented.keys() == {variable_of(field.name) for field in fields(Settings)}
    for field in fields(Settings):
        told = documented[variable_of(field.name)]
        if isinstance(field.default, bool):
            assert told == ("yes" if field.default else "no")
        elif isinstance(field.default, int):
            assert int(told.replace(",", "")) == field.default, field.name
        elif isinstance(field.default, str) and field.default:
            assert told == field.default


def test_what_is_not_set_takes_its_default() -> None:
    assert Settings.from_environment({"PATH": "/bin"}) == Settings()


def test_values_are_read_from_the_environment() -> None:
    settings = Settings.from_environment(
        {
            "CANTEEN_DATA_DIR": "/srv/canteen",
            "CANTEEN_PORT": "9000",
            "CANTEEN_VERIFY_AT_START": "no",
            "CANTEEN_CLOCK_START": "2026-11-24T11:20:00+08:00",
        }
    )
    assert (settings.port, settings.verify_at_start) == (9000, False)
    assert settings.store_url == "sqlite:////srv/canteen/canteen.sqlite3"
    assert settings.views_url == "sqlite:////srv/canteen/read-models.sqlite3"
    assert settings.key_path == Path("/srv/canteen/master.key")
    assert 0 <= clock_of(settings).now_ms() - 1_795_490_400_000 < 60_000


def test_one_setting_moves_events_and_read_models_to_postgresql() -> None:
    settings = Settings.from_environment({"CANTEEN_DATABASE_URL": "postgresql://localhost/canteen"})
    assert settings.store_url == settings.views_url == "postgresql://localhost/canteen"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CANTEEN_PORT", "eighty"),
        ("CANTEEN_PORT", "70000"),
        ("CANTEEN_PORT", "-1"),
        ("CANTEEN_DATA_DIR", ""),
        ("CANTEEN_DATABASE_URL", "mysql://localhost/canteen"),
        ("CANTEEN_VERIFY_AT_START", "maybe"),
        ("CANTEEN_CLOCK_START", "2026-11-24T11:20:00"),
        ("CANTEEN_CLOCK_START", "noon"),
        ("CANTEEN_PROT", "8000"),
    ],
)
def test_a_wrong_value_or_name_says_which_and_what_to_do(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({name: value})
    assert name in refusal.value.message
    assert refusal.value.details["setting"] == name


def test_the_master_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "var")
    first = derived_key(settings, b"one purpose")
    assert derived_key(settings, b"one purpose") == first
    assert derived_key(settings, b"another purpose") != first
    assert settings.key_path.stat().st_mode & 0o777 == 0o600
    assert settings.data_dir.stat().st_mode & 0o777 == 0o700


def test_a_master_key_that_is_none_is_refused_and_not_replaced(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.key_path.write_text("not a key")
    with pytest.raises(SettingsError, match="32 bytes"):
        derived_key(settings, b"purpose")
    assert settings.key_path.read_text() == "not a key"


def test_a_data_directory_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(SettingsError, match="CANTEEN_DATA_DIR"):
        derived_key(Settings(data_dir=tmp_path / "var"), b"purpose")
