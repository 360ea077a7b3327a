"""The trained network and its whitening become one ONNX graph: crops in, directions out."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn
from torch.nn import functional

from recognition.preprocess import CROP_SIDE_PX
from recognition.training.embedder.network import DishNetwork
from recognition.training.embedder.whitening import Whitening

LEAST_LIKENESS: Final = 0.9999
"""Below this cosine between torch and ONNX Runtime the export has failed."""


class _Directions(nn.Module):
    def __init__(self, network: DishNetwork, whitening: Whitening) -> None:
        super().__init__()
        self.network = network
        self.whiten = nn.Linear(*whitening.matrix.shape)
        self.whiten.weight.data = torch.from_numpy(np.ascontiguousarray(whitening.matrix.T))
        self.whiten.bias.data = torch.from_numpy(-whitening.mean @ whitening.matrix)

    def forward(self, crops: Tensor) -> Tensor:
        return functional.normalize(self.whiten(self.network(crops)), dim=1)


def export_onnx(network: DishNetwork, whitening: Whitening, path: Path) -> float:
    """Write the graph with input `crops` (n, 3, 224, 224) and output `embedding` (n, 1280), float32.

    Returns:
        the lowest cosine between what torch and ONNX Runtime make of the same noise.
    Raises:
        RuntimeError: that cosine shows that the graph computes something else.
    """
    module = _Directions(network, whitening).cpu().eval()
    noise = torch.rand((5, 3, CROP_SIDE_PX, CROP_SIDE_PX), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with warnings.catch_warnings():
        # The older exporter needs no further package; it only says that there is a newer one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (noise[:1],),
            str(path),
            input_names=["crops"],
            output_names=["embedding"],
            dynamic_axes={"crops": {0: "n"}, "embedding": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    with torch.inference_mode():
        expected = module(noise).numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(["embedding"], {"crops": noise.numpy()})[0]
    likeness = float((expected * found).sum(axis=1).min())
    if likeness < LEAST_LIKENESS:
        raise RuntimeError(f"{path} does not compute what was trained: cosine {likeness:.5f} to torch.")
    return likeness
