"""The trained network becomes one ONNX graph: a picture in, scores and sides of every cell out."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from torch import Tensor, nn

from recognition.preprocess import NETWORK_LONG_PX, NETWORK_SHORT_PX
from recognition.training.detector.network import DishDetector

MOST_DIFFERENCE: Final = 1e-3
"""Beyond this difference of any score, or of any side in cells, the export has failed."""


class _Outputs(nn.Module):
    def __init__(self, network: DishDetector) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logits, sides = self.network(image)
        return logits.sigmoid(), sides


def export_onnx(network: DishDetector, path: Path) -> float:
    """Write the graph with input `image` (1, 3, h, w) and outputs `heatmap` and `ltrb`, float32.

    Returns:
        the greatest difference between torch and ONNX Runtime, on noise in both orientations.
    Raises:
        RuntimeError: that difference shows that the graph computes something else.
    """
    module = _Outputs(network).cpu().eval()
    generator = torch.Generator().manual_seed(0)
    pictures = [
        torch.rand((1, 3, height, width), generator=generator) * 2 - 1
        for height, width in ((NETWORK_SHORT_PX, NETWORK_LONG_PX), (NETWORK_LONG_PX, NETWORK_SHORT_PX))
    ]
    with warnings.catch_warnings():
        # The older exporter needs no further package; it only says that there is a newer one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            (pictures[0],),
            str(path),
            input_names=["image"],
            output_names=["heatmap", "ltrb"],
            dynamic_axes={
                "image": {2: "h", 3: "w"},
                "heatmap": {2: "gh", 3: "gw"},
                "ltrb": {2: "gh", 3: "gw"},
            },
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    difference = 0.0
    for picture in pictures:
        with torch.inference_mode():
            expected = module(picture)
        found = session.run(["heatmap", "ltrb"], {"image": picture.numpy()})
        difference = max(
            difference, *(float(np.abs(one.numpy() - other).max()) for one, other in zip(expected, found, strict=True))
        )
    if difference > MOST_DIFFERENCE:
        raise RuntimeError(f"{path} does not compute what was trained: it differs by {difference:.5f} from torch.")
    return difference
