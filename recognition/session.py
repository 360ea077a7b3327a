"""An ONNX Runtime session that runs only the file its card names and never hands out meaningless numbers.

Source: decision R3 of the README.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from numpy.typing import NDArray

from engine.domain.errors import InferenceFailedError, ModelInvalidError
from recognition.model_card import ModelCard, TensorSpec

FLOAT32 = "tensor(float)"


class VerifiedSession:
    """A model that is what its card says. `run` may be called from several threads at once."""

    def __init__(self, card: ModelCard, *, threads: int = 1) -> None:
        """Load and verify the model.

        Args:
            threads: cores that one call may use.
        Raises:
            ModelInvalidError: the file is missing, changed, not a model, or has other inputs and outputs.
        """
        self.card = card
        try:
            model = card.path.read_bytes()
        except OSError as error:
            raise _invalid(card, "its file cannot be read") from error
        # The bytes that were hashed are the bytes that are loaded; the file is not opened a second time.
        if hashlib.sha256(model).hexdigest() != card.sha256:
            raise _invalid(card, "its file is not the one that the card describes (sha256 differs)")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle workers sleep instead of spinning: the same cores serve HTTP and the store between two trays.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the runtime raises a type of its own for every cause
            raise _invalid(card, "its file is not a model that this version of ONNX Runtime can load") from error
        _check_tensors(card, "inputs", card.inputs, self._session.get_inputs())
        _check_tensors(card, "outputs", card.outputs, self._session.get_outputs())
        self._output_names = [spec.name for spec in card.outputs]

    def run(self, inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
        """Run the model once and return its outputs by name.

        Raises:
            InferenceFailedError: the runtime failed, or an output has another shape than the card says
                or holds a value that is not finite.
        """
        try:
            arrays = self._session.run(self._output_names, dict(inputs))
        except Exception as error:  # the runtime raises a type of its own for every cause
            raise _failed(self.card, "stopped with an error") from error
        sizes: dict[str, int] = {}
        for spec in self.card.inputs:
            _check_shape(self.card, spec, inputs[spec.name].shape, sizes)
        outputs: dict[str, NDArray[np.float32]] = {}
        for spec, array in zip(self.card.outputs, arrays, strict=True):
            _check_shape(self.card, spec, array.shape, sizes)
            if not np.isfinite(array).all():
                raise _failed(self.card, f"returned values in {spec.name!r} that are not finite")
            outputs[spec.name] = array
        return outputs


def _check_tensors(card: ModelCard, side: str, expected: Sequence[TensorSpec], actual: Sequence[Any]) -> None:
    described = [(spec.name, list(spec.shape), FLOAT32) for spec in expected]
    found = [(tensor.name, list(tensor.shape), tensor.type) for tensor in actual]
    if described != found:
        raise _invalid(card, f"its {side} are {found}, the card says {described}")


def _check_shape(card: ModelCard, spec: TensorSpec, shape: tuple[int, ...], sizes: dict[str, int]) -> None:
    """Every name in a shape stands for one size throughout a call."""
    if len(shape) == len(spec.shape) and all(
        size == (sizes.setdefault(side, size) if isinstance(side, str) else side)
        for side, size in zip(spec.shape, shape, strict=True)
    ):
        return
    raise _failed(card, f"has {spec.name!r} of shape {list(shape)}; the card says {list(spec.shape)}")


def _invalid(card: ModelCard, fault: str) -> ModelInvalidError:
    return ModelInvalidError(
        f"The model {card.name} ({card.path}) cannot be used: {fault}. Install the package again, or correct its card.",
        model=card.name,
    )


def _failed(card: ModelCard, fault: str) -> InferenceFailedError:
    return InferenceFailedError(
        f"The model {card.name} {fault}. Take the photograph again; enter the dishes by hand if it stays so.",
        model=card.name,
    )
