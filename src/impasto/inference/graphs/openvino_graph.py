"""A plan as an OpenVINO model, written with OpenVINO's own operations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from impasto.inference import plan
from impasto.inference.extras import import_extra
from impasto.inference.graphs.writer import SPATIAL, GraphWriter, Samples
from impasto.inference.plan import Plan, is_split


def openvino_model(steps: Plan, *, samples: Samples = "float32", name: str = "impasto") -> Any:
    """The `openvino.Model` from "image", (N, 3, H, W), to "output", see `GraphWriter`.

    Its weights are float32. Raises OptionError where OpenVINO is not installed.
    """
    openvino = import_extra("openvino", "openvino")
    writer = _OpenVinoWriter(samples)
    kind = np.uint8 if samples == "uint8" else np.float32
    channels = 6 if is_split(steps) else 3
    image = writer.op.parameter([-1, channels, -1, -1], kind, name="image")
    output = writer.write_plan(steps, image)
    image.output(0).get_tensor().set_names({"image"})
    output.output(0).get_tensor().set_names({"output"})
    return openvino.Model([writer.op.result(output, name="output")], [image], name)


class _OpenVinoWriter(GraphWriter):
    def __init__(self, samples: Samples) -> None:
        super().__init__(samples)
        self.op = import_extra("openvino.opset13", "openvino")

    def constant(self, values: Any) -> Any:
        return self.op.constant(values)

    def side_of(self, image: Any, axis: int) -> Any:
        shape = self.op.shape_of(image, "i64")
        return self.op.gather(shape, self.integers(axis), self.integers(0))

    def joined(self, scalars: Sequence[Any]) -> Any:
        lists = [self.op.unsqueeze(scalar, self.integers(0)) for scalar in scalars]
        return self.op.concat(lists, 0)

    def as_float(self, samples: Any) -> Any:
        return self.op.convert(samples, "f32")

    def as_uint8(self, values: Any) -> Any:
        return self.op.convert(self.op.round(values, "half_to_even"), "u8")

    def add(self, left: Any, right: Any) -> Any:
        return self.op.add(left, right)

    def subtract(self, left: Any, right: Any) -> Any:
        return self.op.subtract(left, right)

    def multiply(self, left: Any, right: Any) -> Any:
        return self.op.multiply(left, right)

    def maximum(self, left: Any, right: Any) -> Any:
        return self.op.maximum(left, right)

    def remainder(self, left: Any, right: Any) -> Any:
        return self.op.floor_mod(left, right)

    def absolute(self, values: Any) -> Any:
        return self.op.absolute(values)

    def range(self, start: Any, stop: Any) -> Any:
        return self.op.range(start, stop, self.integers(1), "i64")

    def gather(self, features: Any, index: Any, axis: int) -> Any:
        return self.op.gather(features, index, self.integers(axis))

    def part(self, features: Any, start: Any, stop: Any) -> Any:
        axes, steps = self.integers(SPATIAL), self.integers((1, 1))
        return self.op.slice(features, start, stop, steps, axes)

    def pad(self, features: Any, step: plan.Pad) -> Any:
        mode = "edge" if step.mode == "replicate" else step.mode
        before, after = (self.integers((0, 0, n, n)) for n in (step.before, step.after))
        return self.op.pad(features, before, after, mode, self.floats(step.value))

    def convolve(self, features: Any, weight: Any, bias: Any | None, stride: int) -> Any:
        sums = self.op.convolution(features, weight, [stride] * 2, [0, 0], [0, 0], [1, 1])
        return sums if bias is None else self.op.add(sums, self._each(bias))

    def normalise(self, features: Any, step: plan.Normalise) -> Any:
        # OpenVINO fuses scale, shift and the ReLU that may follow into its kernel.
        features = self.op.mvn(features, self.integers(SPATIAL), True, step.eps, "inside_sqrt")
        features = self.op.multiply(features, self._each(self.floats(step.weight)))
        return self.op.add(features, self._each(self.floats(step.bias)))

    def _each(self, values: Any) -> Any:
        """(C,) -> (1, C, 1, 1)."""
        return self.constant(values.data.reshape(1, -1, 1, 1))

    def shuffle(self, features: Any, factor: int) -> Any:
        return self.op.depth_to_space(features, "depth_first", factor)

    def enlarge(self, features: Any) -> Any:
        return self.op.interpolate(
            features,
            self.floats((2.0, 2.0)),
            "nearest",
            "scales",
            axes=self.integers(SPATIAL),
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )

    def relu(self, features: Any) -> Any:
        return self.op.relu(features)

    def sigmoid(self, features: Any) -> Any:
        return self.op.sigmoid(features)

    def clamp(self, values: Any, top: float) -> Any:
        return self.op.clamp(values, 0.0, top)
