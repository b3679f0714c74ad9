"""A plan as an ONNX model, for ONNX Runtime and everything else that reads it."""

from collections.abc import Mapping, Sequence
from typing import Any

from impasto.inference import plan
from impasto.inference.extras import import_extra
from impasto.inference.graphs.writer import SPATIAL, GraphWriter, Samples
from impasto.inference.plan import Plan

# Of 2022 and 2021: old enough for browsers' and phones' runtimes, new enough for what is used.
OPSET = 17
IR_VERSION = 8


def onnx_model(
    steps: Plan,
    *,
    samples: Samples = "float32",
    name: str = "impasto",
    metadata: Mapping[str, str] | None = None,
) -> Any:
    """The `onnx.ModelProto` from "image", (N, 3, H, W), to "output", see `GraphWriter`.

    Its weights are float32; `metadata` goes into its properties. Raises OptionError where the
    package onnx is not installed.
    """
    onnx = import_extra("onnx", "onnx")
    writer = _OnnxWriter(samples)
    helper, kind = onnx.helper, onnx.TensorProto
    output = writer.write_plan(steps, "image")
    writer.node("Identity", [output], output="output")
    element = kind.UINT8 if samples == "uint8" else kind.FLOAT
    ends = [
        helper.make_tensor_value_info(end, element, ["batch", 3, "height", "width"])
        for end in ("image", "output")
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


class _OnnxWriter(GraphWriter):
    def __init__(self, samples: Samples) -> None:
        super().__init__(samples)
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

    def as_float(self, samples: Any) -> Any:
        return self.node("Cast", [samples], to=self.onnx.TensorProto.FLOAT)

    def as_uint8(self, values: Any) -> Any:
        return self.node("Cast", [self.node("Round", [values])], to=self.onnx.TensorProto.UINT8)

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
        return self.node("Pad", [features, sides, self.floats(step.value)], mode=mode)

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
