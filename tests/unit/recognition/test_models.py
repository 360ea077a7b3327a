import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.domain.errors import InferenceFailedError, ModelInvalidError
from recognition.model_card import MODELS_DIR, ModelCard, TensorSpec, read_model_card
from recognition.session import VerifiedSession
from recognition.tray import TrayReader

CARDS = sorted(MODELS_DIR.glob("*.toml"))


@pytest.fixture(scope="module")
def detector_card() -> ModelCard:
    return read_model_card(MODELS_DIR / "dish_detector.toml")


@pytest.fixture(scope="module")
def detector(detector_card: ModelCard) -> VerifiedSession:
    return VerifiedSession(detector_card)


def test_every_shipped_model_has_a_card_and_every_card_a_model() -> None:
    assert {read_model_card(card).path for card in CARDS} == set(MODELS_DIR.glob("*.onnx"))


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_a_card_describes_the_file_beside_it_and_says_where_it_comes_from(path: Path) -> None:
    card = read_model_card(path)
    model = card.path.read_bytes()
    assert card.sha256 == hashlib.sha256(model).hexdigest()
    assert card.size_bytes == len(model)
    assert all((card.purpose, card.origin, card.data, card.licence, card.recipe, card.limits))
    assert card.metrics
    assert all(metric.sample_size and metric.data for metric in card.metrics)


def test_a_model_whose_file_was_changed_is_refused(tmp_path: Path) -> None:
    for shipped in MODELS_DIR.iterdir():
        shutil.copy(shipped, tmp_path)
    changed = tmp_path / "dish_embedder.onnx"
    model = bytearray(changed.read_bytes())
    model[-1000] ^= 1
    changed.write_bytes(model)
    with pytest.raises(ModelInvalidError, match="sha256 differs"):
        TrayReader.load(tmp_path)


def test_a_model_that_is_missing_is_refused(detector_card: ModelCard, tmp_path: Path) -> None:
    with pytest.raises(ModelInvalidError, match="cannot be read"):
        VerifiedSession(replace(detector_card, path=tmp_path / "away.onnx"))


def test_a_file_that_is_no_model_is_refused_though_its_hash_is_right(detector_card: ModelCard, tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_bytes(b"not a model")
    sha256 = hashlib.sha256(b"not a model").hexdigest()
    with pytest.raises(ModelInvalidError, match="not a model"):
        VerifiedSession(replace(detector_card, path=path, sha256=sha256))


@pytest.mark.parametrize(
    "inputs",
    [
        (TensorSpec(name="picture", shape=(1, 3, "h", "w")),),
        (TensorSpec(name="image", shape=(1, 3, 320, 416)),),
        (TensorSpec(name="image", shape=(1, 3, "h")),),
        (),
    ],
    ids=["other name", "fixed size", "fewer dimensions", "none"],
)
def test_a_model_with_other_inputs_than_its_card_says_is_refused(
    detector_card: ModelCard, inputs: tuple[TensorSpec, ...]
) -> None:
    with pytest.raises(ModelInvalidError, match="its inputs are"):
        VerifiedSession(replace(detector_card, inputs=inputs))


def test_a_model_with_other_outputs_than_its_card_says_is_refused(detector_card: ModelCard) -> None:
    swapped = tuple(reversed(detector_card.outputs))
    with pytest.raises(ModelInvalidError, match="its outputs are"):
        VerifiedSession(replace(detector_card, outputs=swapped))


def test_a_card_that_is_missing_or_incomplete_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalidError, match=r"dish_detector\.toml"):
        TrayReader.load(tmp_path)
    incomplete = tmp_path / "card.toml"
    incomplete.write_text('name = "detector"\n')
    with pytest.raises(ModelInvalidError, match="file"):
        read_model_card(incomplete)
    incomplete.write_text("not toml")
    with pytest.raises(ModelInvalidError):
        read_model_card(incomplete)


def test_outputs_come_back_by_name_in_the_shapes_of_the_card(detector: VerifiedSession) -> None:
    outputs = detector.run({"image": np.zeros((1, 3, 64, 96), np.float32)})
    assert outputs["heatmap"].shape == (1, 1, 8, 12)
    assert outputs["ltrb"].shape == (1, 4, 8, 12)


def test_numbers_that_are_not_finite_are_a_failure_and_not_an_empty_tray(detector: VerifiedSession) -> None:
    with pytest.raises(InferenceFailedError, match="not finite"):
        detector.run({"image": np.full((1, 3, 64, 64), np.nan, np.float32)})


@pytest.mark.parametrize(
    "image", [np.zeros((1, 4, 64, 64), np.float32), np.zeros((1, 3, 64, 64), np.float64)], ids=["shape", "type"]
)
def test_an_error_of_the_runtime_is_a_named_failure(detector: VerifiedSession, image: np.ndarray) -> None:
    with pytest.raises(InferenceFailedError, match="stopped with an error") as failure:
        detector.run({"image": image})
    assert failure.value.details == {"model": "dish_detector"}
    assert failure.value.__cause__ is not None


def test_an_output_that_breaks_the_card_while_running_is_a_failure() -> None:
    # The card is exchanged after loading, because no shipped model breaks its own.
    card = read_model_card(MODELS_DIR / "dish_embedder.toml")
    session = VerifiedSession(card)
    session.card = replace(card, outputs=(TensorSpec(name="embedding", shape=("n", 128)),))
    with pytest.raises(InferenceFailedError, match="the card says"):
        session.run({"crops": np.zeros((1, 3, 224, 224), np.float32)})
