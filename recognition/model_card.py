"""What a model is, where it comes from, what it was measured to do, and which file exactly is meant.

A card is a TOML file beside the ONNX file. It is written for people too: origin, data, recipe, metrics and
limits are prose that the program only carries along.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.domain.errors import ModelInvalidError
from engine.domain.reading import ModelRef

MODELS_DIR: Final = Path(__file__).parent / "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """A float32 input or output: its name and its shape, where a name in the shape stands for any size."""

    name: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured figure with the data it was measured on and how much of it there was."""

    what: str
    value: str
    data: str
    sample_size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    name: str
    path: Path
    sha256: str
    size_bytes: int
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    purpose: str
    preprocessing: str
    postprocessing: str
    origin: str
    data: str
    licence: str
    recipe: str
    limits: str
    metrics: tuple[Metric, ...]

    @property
    def ref(self) -> ModelRef:
        return ModelRef(name=self.name, sha256=self.sha256)


def read_model_card(path: Path) -> ModelCard:
    """Read a card; the model's file is looked for beside it.

    Raises:
        ModelInvalidError: the card is missing or incomplete.
    """
    try:
        with path.open("rb") as file:
            card = tomllib.load(file)
        return ModelCard(
            name=card["name"],
            path=path.parent / card["file"],
            sha256=card["sha256"],
            size_bytes=card["size_bytes"],
            inputs=_tensors(card["inputs"]),
            outputs=_tensors(card["outputs"]),
            purpose=card["purpose"],
            preprocessing=card["preprocessing"],
            postprocessing=card["postprocessing"],
            origin=card["origin"],
            data=card["data"],
            licence=card["licence"],
            recipe=card["recipe"],
            limits=card["limits"],
            metrics=tuple(Metric(**metric) for metric in card["metrics"]),
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ModelInvalidError(
            f"The model card {path} cannot be read ({error}). Install the package again.", card=str(path)
        ) from error


def _tensors(tables: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(name=table["name"], shape=tuple(table["shape"])) for table in tables)
