"""A plan as an OpenVINO model, written with OpenVINO's own operations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from impasto.machine.extras import import_extra
from impasto.plans import plan
from impasto.plans.bounds import is_split
from impasto.plans.openvino_steps import with_mirrored_borders
from impasto.plans.plan import LONGEST_SUM, LONGEST_SUM_OF_HALF, Floats, Plan
from impasto.plans.writer import CHANNELS, SPATIAL, GraphWriter, Samples

_KINDS = {"float32": "f32", "float16": "f16", "uint8": "u8"}


def openvino_model(
    steps: Plan,
    *,
    samples: Samples = "float32",
    half_weights: bool = False,
    size_hw: tuple[int, int] | None = None,
    channels: int = 3,
    name: str = "impasto",
    by_rows_from: float = 1.0,
) -> Any:
    """The `openvino.Model` from "image", (N, channels, H, W), to "output", see `GraphWriter`.

    Its weights are float32, or float16 and enlarged to float32 when it is loaded; in what it
    computes is chosen then. by_rows_from: the resolution, as a part of the image's, from which on
    norms take their statistics row by row, see `rows_needed_from`. Raises OptionError where
    OpenVINO is not installed.
    """
    openvino = import_extra("openvino", "openvino")
    if size_hw is not None:
        by_rows_from = rows_needed_from(size_hw[0] * size_hw[1])
    writer = _OpenVinoWriter(
        samples, half_weights=half_weights, size_hw=size_hw, by_rows_from=by_rows_from
    )
    kind = np.uint8 if samples == "uint8" else np.float32
    if samples == "levels":
        channels *= 2 if is_split(steps) else 1
    count, height, width = (-1, -1, -1) if size_hw is None else (1, *size_hw)
    image = writer.op.parameter([count, channels, height, width], kind, name="image")
    output = writer.write_plan(with_mirrored_borders(steps), image)
    image.output(0).get_tensor().set_names({"image"})
    output.output(0).get_tensor().set_names({"output"})
    return openvino.Model([writer.op.result(output, name="output")], [image], name)


def rows_needed_from(pixels: int, *, half: bool = False) -> float:
    """The resolution, as a part of the image's, from which on a map's norm has long sums.

    half: it is computed in bfloat16, where statistics of rows are rounded to it.
    """
    longest = LONGEST_SUM_OF_HALF if half else LONGEST_SUM
    scale = 2.0
    while pixels * (scale / 2) ** 2 > longest:
        scale /= 2
    return scale


class _OpenVinoWriter(GraphWriter):
    def __init__(
        self,
        samples: Samples,
        *,
        half_weights: bool,
        size_hw: tuple[int, int] | None,
        by_rows_from: float,
    ) -> None:
        super().__init__(samples, size_hw=size_hw)
        self.half_weights = half_weights
        self.by_rows_from = by_rows_from
        self.resolution = 1.0  # of the map that is being written, as a part of the image's
        self.op = import_extra("openvino.opset13", "openvino")

    def in_levels(self, values: Any, low: Any, high: Any, levels: int) -> Any:
        """Values from `low` to `high` as so many levels."""
        return self.op.fake_quantize(values, low, high, low, high, levels)

    def constant(self, values: Any) -> Any:
        return self.op.constant(values)

    def side_of(self, image: Any, axis: int) -> Any:
        shape = self.op.shape_of(image, "i64")
        return self.op.gather(shape, self.integers(axis), self.integers(0))

    def joined(self, scalars: Sequence[Any]) -> Any:
        lists = [self.op.unsqueeze(scalar, self.integers(0)) for scalar in scalars]
        return self.op.concat(lists, 0)

    def weights(self, values: Floats) -> Any:
        if self.half_weights and np.ndim(values) > 1:
            return self.cast(self.constant(np.array(values, np.float16, order="C")), "float32")
        return self.floats(values)

    def cast(self, values: Any, kind: str) -> Any:
        return self.op.convert(values, _KINDS[kind])

    def round(self, values: Any) -> Any:
        return self.op.round(values, "half_to_even")

    def joined_maps(self, maps: Sequence[Any], axis: int) -> Any:
        return self.op.concat(list(maps), axis)

    def channels(self, features: Any, start: int, stop: int) -> Any:
        ends = [self.integers((end,)) for end in (start, stop, 1, CHANNELS)]
        return self.op.slice(features, *ends)

    def where_set(self, mask: Any, yes: Any, no: Any) -> Any:
        return self.op.select(self.op.greater(mask, self.floats(0.0)), yes, no)

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
        # OpenVINO's Abs (2026.4) leaves a few integers on their own as they are
        return self.op.maximum(values, self.op.subtract(self.integers(0), values))

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
        self.resolution /= stride
        sums = self.op.convolution(features, weight, [stride] * 2, [0, 0], [0, 0], [1, 1])
        return sums if bias is None else self.op.add(sums, self._each(bias))

    def normalise(self, features: Any, step: plan.Normalise) -> Any:
        if self.resolution >= self.by_rows_from:
            return self.normalise_by_rows(features, step)
        # OpenVINO fuses scale, shift and the ReLU that may follow into its kernel.
        features = self.op.mvn(features, self.integers(SPATIAL), True, step.eps, "inside_sqrt")
        features = self.op.multiply(features, self._each(self.floats(step.weight)))
        return self.op.add(features, self._each(self.floats(step.bias)))

    def normalise_by_rows(self, features: Any, step: plan.Normalise) -> Any:
        """Sums of rows are short, and then so is the sum of these."""
        rows, columns = (self.integers((axis,)) for axis in SPATIAL)
        height, width = (self.cast(self.side_of(features, axis), "float32") for axis in SPATIAL)
        # a sum, not a mean, of means: OpenVINO would make two means one, of a single long sum
        means = self.op.reduce_mean(features, columns, True)
        mean = self.op.divide(self.op.reduce_sum(means, rows, True), height)
        lengths = self.op.reduce_l2(features, columns, True)
        squares = self.op.reduce_mean(self.op.multiply(lengths, lengths), rows, True)
        squares = self.op.divide(squares, width)
        variance = self.op.subtract(squares, self.op.multiply(mean, mean))
        variance = self.op.add(self.op.maximum(variance, self.floats(0.0)), self.floats(step.eps))
        scale = self.op.divide(self._each(self.floats(step.weight)), self.op.sqrt(variance))
        shift = self.op.subtract(self._each(self.floats(step.bias)), self.op.multiply(mean, scale))
        return self.op.add(self.op.multiply(features, scale), shift)

    def _each(self, values: Any) -> Any:
        """(C,) -> (1, C, 1, 1)."""
        return self.constant(values.data.reshape(1, -1, 1, 1))

    def shuffle(self, features: Any, factor: int) -> Any:
        self.resolution *= factor
        return self.op.depth_to_space(features, "depth_first", factor)

    def enlarge(self, features: Any) -> Any:
        return self._doubled(features, "floor", "asymmetric")

    def enlarge_mirrored(self, features: Any) -> Any:
        """Mirroring an enlarged map by one pixel repeats its edge.

        So the small map gets its first row and column once more, each sample counts from the pixel
        before its own two, and behind the end the last one is repeated.
        """
        features = self.pad(features, plan.Pad(before=1, after=0, mode="replicate"))
        return self._doubled(features, "ceil", "half_pixel")

    def _doubled(self, features: Any, rounding: str, coordinates: str) -> Any:
        self.resolution *= 2
        return self.op.interpolate(
            features,
            self.floats((2.0, 2.0)),
            "nearest",
            "scales",
            axes=self.integers(SPATIAL),
            nearest_mode=rounding,
            coordinate_transformation_mode=coordinates,
        )

    def relu(self, features: Any) -> Any:
        return self.op.relu(features)

    def sigmoid(self, features: Any) -> Any:
        return self.op.sigmoid(features)

    def clamp(self, values: Any, top: float) -> Any:
        return self.op.clamp(values, 0.0, top)
