"""The graph of YOLOv8n at 640 x 640 with random weights: the yardstick for speed. Needs `onnx` (extra `train`).

Backbone of convolutions and C2f blocks, SPPF, PAN neck, decoupled heads whose box distances are distributions over 16
steps; boxes and scores are decoded in the graph, without removing duplicates. Batch normalisation is folded into the
convolutions, as in every exported model. Building it counts parameters and multiplications.

Source: the architecture as published by Ultralytics (yolov8.yaml: width .25, depth .33; 80 classes).
"""

import math
from typing import Any

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

SIDE_PX = 640
CLASSES = 80
DISTANCE_STEPS = 16
STRIDES_PX = (8, 16, 32)
OPSET = 17
IR_VERSION = 8


class Yolov8nGraph:
    """Builds the graph once; `parameters` and `flops` (2 per multiplication and addition) are of its convolutions."""

    def __init__(self, seed: int = 0) -> None:
        self.parameters = 0
        self.flops = 0
        self._rng = np.random.default_rng(seed)
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._sizes: dict[str, tuple[int, int]] = {"images": (3, SIDE_PX)}
        self._features = self._head(*self._neck(*self._backbone()))

    def serialised(self) -> bytes:
        """Return the model as bytes of an ONNX file: `images` (1, 3, 640, 640) -> `output0` (1, 84, 8400)."""
        cells = sum((SIDE_PX // stride) ** 2 for stride in STRIDES_PX)
        graph = helper.make_graph(
            self._nodes,
            "yolov8n",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])],
            [helper.make_tensor_value_info(self._features, TensorProto.FLOAT, [1, 4 + CLASSES, cells])],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        checker.check_model(model, full_check=True)
        serialised: bytes = model.SerializeToString()
        return serialised

    def _backbone(self) -> tuple[str, str, str]:
        x = self._conv("images", 16, stride=2)
        x = self._c2f(self._conv(x, 32, stride=2), 32, depth=1, shortcut=True)
        small = self._c2f(self._conv(x, 64, stride=2), 64, depth=2, shortcut=True)
        middle = self._c2f(self._conv(small, 128, stride=2), 128, depth=2, shortcut=True)
        large = self._c2f(self._conv(middle, 256, stride=2), 256, depth=1, shortcut=True)
        return small, middle, self._sppf(large, 256)

    def _neck(self, small: str, middle: str, large: str) -> tuple[str, str, str]:
        down_middle = self._c2f(self._concat(self._doubled(large), middle), 128, depth=1, shortcut=False)
        out_small = self._c2f(self._concat(self._doubled(down_middle), small), 64, depth=1, shortcut=False)
        joined = self._concat(self._conv(out_small, 64, stride=2), down_middle)
        out_middle = self._c2f(joined, 128, depth=1, shortcut=False)
        joined = self._concat(self._conv(out_middle, 128, stride=2), large)
        return out_small, out_middle, self._c2f(joined, 256, depth=1, shortcut=False)

    def _head(self, *levels: str) -> str:
        distances, scores = [], []
        for level in levels:
            side = self._sizes[level][1]
            box = self._conv(self._conv(level, 64), 64)
            box = self._conv(box, 4 * DISTANCE_STEPS, kernel=1, activated=False)
            kind = self._conv(self._conv(level, CLASSES), CLASSES)
            kind = self._conv(kind, CLASSES, kernel=1, activated=False)
            distances.append(self._node("Reshape", box, self._shape(1, 4 * DISTANCE_STEPS, side * side)))
            scores.append(self._node("Reshape", kind, self._shape(1, CLASSES, side * side)))
        boxes = self._boxes(self._node("Concat", *distances, axis=2))
        likely = self._node("Sigmoid", self._node("Concat", *scores, axis=2))
        return self._node("Concat", boxes, likely, output="output0", axis=1)

    def _boxes(self, distances: str) -> str:
        """Expected distance of each side, from cell centres to centre, width and height in pixels."""
        cells = sum((SIDE_PX // stride) ** 2 for stride in STRIDES_PX)
        steps = self._node("Reshape", distances, self._shape(1, 4, DISTANCE_STEPS, cells))
        likely = self._node("Softmax", self._node("Transpose", steps, perm=[0, 2, 1, 3]), axis=1)
        ramp = np.arange(DISTANCE_STEPS, dtype=np.float32).reshape(1, DISTANCE_STEPS, 1, 1)
        self.parameters += ramp.size
        sides = self._node("Conv", likely, self._weight(ramp), kernel_shape=[1, 1])
        sides = self._node("Reshape", sides, self._shape(1, 4, cells))
        parts = self._weight(np.array([2, 2], np.int64))
        before, after = self._several("Split", 2, sides, parts, axis=1)
        centres, strides = _cells()
        corner = self._node("Sub", self._weight(centres), before)
        opposite = self._node("Add", self._weight(centres), after)
        middle = self._node("Div", self._node("Add", corner, opposite), self._weight(np.array(2, np.float32)))
        size = self._node("Sub", opposite, corner)
        return self._node("Mul", self._node("Concat", middle, size, axis=1), self._weight(strides))

    def _c2f(self, x: str, channels: int, *, depth: int, shortcut: bool) -> str:
        half = channels // 2
        first = self._conv(x, channels, kernel=1)
        side = self._sizes[first][1]
        parts = list(self._several("Split", 2, first, self._weight(np.array([half, half], np.int64)), axis=1))
        for part in parts:
            self._sizes[part] = (half, side)
        for _ in range(depth):
            deeper = self._conv(self._conv(parts[-1], half), half)
            if shortcut:
                deeper = self._sized(self._node("Add", parts[-1], deeper), half, side)
            parts.append(deeper)
        return self._conv(self._concat(*parts), channels, kernel=1)

    def _sppf(self, x: str, channels: int) -> str:
        pooled = [self._conv(x, channels // 2, kernel=1)]
        for _ in range(3):
            wider = self._node("MaxPool", pooled[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2, 2, 2, 2])
            pooled.append(self._sized(wider, *self._sizes[pooled[0]]))
        return self._conv(self._concat(*pooled), channels, kernel=1)

    def _conv(self, x: str, channels: int, *, kernel: int = 3, stride: int = 1, activated: bool = True) -> str:
        taken, side = self._sizes[x]
        fan_in = taken * kernel * kernel
        weight = self._rng.normal(0, 1 / math.sqrt(fan_in), (channels, taken, kernel, kernel)).astype(np.float32)
        bias = np.zeros(channels, np.float32)
        self.parameters += weight.size + bias.size
        self.flops += 2 * weight.size * (side // stride) ** 2
        out = self._node(
            "Conv",
            x,
            self._weight(weight),
            self._weight(bias),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
        )
        if activated:
            out = self._node("Mul", out, self._node("Sigmoid", out))
        return self._sized(out, channels, side // stride)

    def _doubled(self, x: str) -> str:
        channels, side = self._sizes[x]
        scales = self._weight(np.array([1, 1, 2, 2], np.float32))
        grown = self._node("Resize", x, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric")
        return self._sized(grown, channels, 2 * side)

    def _concat(self, *parts: str) -> str:
        channels = sum(self._sizes[part][0] for part in parts)
        return self._sized(self._node("Concat", *parts, axis=1), channels, self._sizes[parts[0]][1])

    def _sized(self, name: str, channels: int, side: int) -> str:
        self._sizes[name] = (channels, side)
        return name

    def _node(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def _several(self, kind: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        names = [f"t{len(self._nodes)}_{number}" for number in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def _shape(self, *sides: int) -> str:
        return self._weight(np.array(sides, np.int64))

    def _weight(self, values: Any) -> str:
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name


def _cells() -> tuple[Any, Any]:
    """Centres (1, 2, cells) in cells of their level, and strides (1, 1, cells) in pixels."""
    centres, strides = [], []
    for stride in STRIDES_PX:
        side = SIDE_PX // stride
        row, column = np.divmod(np.arange(side * side), side)
        centres.append(np.stack((column, row)) + 0.5)
        strides.append(np.full(side * side, stride))
    return (
        np.concatenate(centres, axis=1)[None].astype(np.float32),
        np.concatenate(strides)[None, None].astype(np.float32),
    )
