import pytest

from recognition.tray import TrayReader


@pytest.fixture(scope="session")
def reader() -> TrayReader:
    return TrayReader.load()
