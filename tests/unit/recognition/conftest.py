from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from recognition.gallery import EMBEDDING_SIZE
from recognition.tray import TrayReader


@pytest.fixture(scope="session")
def reader() -> TrayReader:
    return TrayReader.load()


@pytest.fixture(scope="session")
def axis() -> Callable[[int], NDArray[np.float32]]:
    """Unit vectors along one axis: cosines between them can be worked out by hand."""

    def along(number: int) -> NDArray[np.float32]:
        vector = np.zeros(EMBEDDING_SIZE, np.float32)
        vector[number] = 1.0
        return vector

    return along
