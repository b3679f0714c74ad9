"""A plan as an ONNX model, for ONNX Runtime and everything else that reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from impasto.machine.extras import import_extra
from impasto.plans import plan
from impasto.plans.plan import Floats, Plan
from impasto.plans.writer import CHANNELS, SPATIAL, GraphWriter, Precision, Samples

# Of 2022 and 2021: old enough for browsers' and phones' runtimes, new enough for what is used.
OPSET = 17
IR_VERSION = 8
_KINDS = {"float32": "FLOAT", "float16": "FLOAT16", "uint8": "UINT8"}


def onnx_model(
    steps: Plan,
    *,
    samples: Samples = "float32",
    precision: Precision = "float32",
    size_hw: tuple[int, int] | None = None,
    channels: int = 3,
    factor: int = 1,
    name: str = "impasto",
    metadata: Mapping[str, str] | None = None,
) -> Any:
    """The `onnx.ModelProto` from "image", (N, channels, H, W), to "output", see `GraphWriter`.

    `precision`: float32 or float16. `factor`: how many times as high and wide the output is.
    `metadata` goes into its properties. Raises OptionError where the package onnx is not installed.
    """
    onnx = import_extra("onnx", "onnx")
    writer = _OnnxWriter(samples, precision=precision, size_hw=size_hw)
    helper, kind = onnx.helper, onnx.TensorProto
    output = writer.write_plan(steps, "image")
    writer.node("Identity", [output], output="output")
    element = kind.UINT8 if samples == "uint8" else kind.FLOAT
    shapes = _shapes(size_hw, channels, factor)
    ends = [
        helper.make_tensor_value_info(end, element, shape)
        for end, shape in zip(("image", "output"), shapes, strict=True)
    ]
    graph = helper.make_graph(writer.nodes, name, ends[:1], ends[1:], writer.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="impasto",
    )
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model)
    return model


def _shapes(
    size_hw: tuple[int, int] | None, channels: int, factor: int
) -> tuple[list[str | int], list[str | int]]:
    """Of the input and of the output: numbers, or names for any number."""
    if size_hw is not None:
        height, width = size_hw
        return [1, channels, height, width], [1, 3, height * factor, width * factor]
    sides = ["height", "width"]
    enlarged = sides if factor == 1 else [f"{factor}*{side}" for side in sides]
    return ["batch", channels, *sides], ["batch", 3, *enlarged]


class _OnnxWriter(GraphWriter):
    def __init__(
        self, samples: Samples, *, precision: Precision, size_hw: tuple[int, int] | None
    ) -> None:
        super().__init__(samples, precision=precision, size_hw=size_hw)
        self.onnx = import_extra("onnx", "onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(
        self, kind: str, inputs: Sequence[str], *, output: str | None = None, **attributes: Any
    ) -> str:
        """Append an operation; the name of its output."""
        output = output or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Any) -> Any:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def side_of(self, image: Any, axis: int) -> Any:
        return self.node("Gather", [self.node("Shape", [image]), self.integers(axis)])

    def joined(self, scalars: Sequence[Any]) -> Any:
        lists = [self.node("Unsqueeze", [scalar, self.integers((0,))]) for scalar in scalars]
        return self.node("Concat", lists, axis=0)

    def weights(self, values: Floats) -> Any:
        # in the file as they are used: half as many bytes
        return self.constant(np.array(values, self.precision, order="C"))

    def cast(self, values: Any, kind: str) -> Any:
        return self.node("Cast", [values], to=getattr(self.onnx.TensorProto, _KINDS[kind]))

    def round(self, values: Any) -> Any:
        return self.node("Round", [values])

    def joined_maps(self, maps: Sequence[Any], axis: int) -> Any:
        return self.node("Concat", maps, axis=axis)

    def channels(self, features: Any, start: int, stop: int) -> Any:
        ends = [self.integers((end,)) for end in (start, stop, CHANNELS)]
        return self.node("Slice", [features, *ends])

    def where_set(self, mask: Any, yes: Any, no: Any) -> Any:
        return self.node("Where", [self.node("Greater", [mask, self.floats(0.0)]), yes, no])

    def add(self, left: Any, right: Any) -> Any:
        return self.node("Add", [left, right])

    def subtract(self, left: Any, right: Any) -> Any:
        return self.node("Sub", [left, right])

    def multiply(self, left: Any, right: Any) -> Any:
        return self.node("Mul", [left, right])

    def maximum(self, left: Any, right: Any) -> Any:
        return self.node("Max", [left, right])

    def remainder(self, left: Any, right: Any) -> Any:
        return self.node("Mod", [left, right])

    def absolute(self, values: Any) -> Any:
        return self.node("Abs", [values])

    def range(self, start: Any, stop: Any) -> Any:
        return self.node("Range", [start, stop, self.integers(1)])

    def gather(self, features: Any, index: Any, axis: int) -> Any:
        return self.node("Gather", [features, index], axis=axis)

    def part(self, features: Any, start: Any, stop: Any) -> Any:
        return self.node("Slice", [features, start, stop, self.integers(SPATIAL)])

    def pad(self, features: Any, step: plan.Pad) -> Any:
        mode = "edge" if step.mode == "replicate" else step.mode
        sides = self.integers((0, 0, step.before, step.before, 0, 0, step.after, step.after))
        value = self.weights(np.asarray(step.value))
        return self.node("Pad", [features, sides, value], mode=mode)

    def convolve(self, features: Any, weight: Any, bias: Any | None, stride: int) -> Any:
        inputs = [features, weight] if bias is None else [features, weight, bias]
        return self.node("Conv", inputs, strides=[stride] * 2)

    def normalise(self, features: Any, step: plan.Normalise) -> Any:
        inputs = [features, self.floats(step.weight), self.floats(step.bias)]
        return self.node("InstanceNormalization", inputs, epsilon=step.eps)

    def shuffle(self, features: Any, factor: int) -> Any:
        return self.node("DepthToSpace", [features], blocksize=factor, mode="CRD")

    def enlarge(self, features: Any) -> Any:
        return self.node(
            "Resize",
            [features, "", self.floats((1.0, 1.0, 2.0, 2.0))],
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )

    def relu(self, features: Any) -> Any:
        return self.node("Relu", [features])

    def sigmoid(self, features: Any) -> Any:
        return self.node("Sigmoid", [features])

    def clamp(self, values: Any, top: float) -> Any:
        return self.node("Clip", [values, self.floats(0.0), self.floats(top)])
