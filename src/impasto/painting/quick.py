"""Plain photos painted without torch, whose import takes longer than all the rest of them.

One 8-bit photo without alpha, in full strength and its own size, by OpenVINO on the CPU: what
`impasto stylize` is mostly asked for. It is the same plan, graph, reading and writing as by
`Engine`, and the same pixels. Everything else is left to `Engine`; so nothing is decided here that
it would decide otherwise.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.engines.openvino import OpenVinoStyle
from impasto.errors import OptionError
from impasto.machine.extras import is_installed
from impasto.machine.processor import may_have_gpu, multiplies_bfloat16, threads_wanted
from impasto.media.decoding import DecodedPicture, decoded_file
from impasto.media.opening import opened
from impasto.media.samples import ArraySamples, bands
from impasto.media.writing import write_samples
from impasto.models.kinds import read_style_tensors
from impasto.models.model_file import ModelTensors
from impasto.networks.architectures import tensor_shapes
from impasto.networks.style_config import StyleNetworkConfig
from impasto.plans.continuation import check_border, continued_positions, whole_strides
from impasto.plans.plan import MOST_PIXELS, Mirror, cannot_overflow
from impasto.plans.rewrite import NetworkData

# Of larger photos the import of torch is a small part, and `Engine` knows what fits into memory.
LARGEST_PIXELS = 4_000_000
_PRECISIONS = ("auto", "float32", "bfloat16", "int8")


class QuickPainter:
    """A style that is ready to paint plain photos."""

    def __init__(
        self,
        style: ModelTensors[StyleNetworkConfig],
        precision: str,
        border: int,
        on_notice: Callable[[str], object],
    ) -> None:
        self.name = style.name
        self.precision = precision
        self.border = border
        if tensor_shapes(style.config) is None:
            raise OptionError(f"{style.name} has layers of other kinds")
        network = NetworkData(config=style.config, tensors=style.tensors)
        steps = network.plan()
        assert isinstance(steps[0], Mirror)
        self._first_step = steps[0]
        if not cannot_overflow(steps, MOST_PIXELS):
            raise OptionError(f"{style.name} may leave the range of float32")
        self._style = OpenVinoStyle(
            network.plan, precision, threads=threads_wanted(), on_notice=on_notice
        )

    def paint_file(
        self,
        source: Path,
        target: Path,
        *,
        keep_metadata: bool = True,
        quality: int = 95,
        max_pixels: int,
    ) -> bool:
        """As `stylize_file`; False, and nothing done, if the photo is not a plain one.

        Raises ImageError, which names the file.
        """
        with opened(source, max_pixels) as image:
            if image.width * image.height > LARGEST_PIXELS:
                return False
        with decoded_file(source, max_pixels) as decoded:
            if decoded.bits != 8 or decoded.channels not in (1, 3):
                return False
            levels = _levels(decoded)
        painted = ArraySamples(array=_samples(self._painting(levels)))
        metadata = decoded.metadata if keep_metadata else None
        write_samples(target, painted, bits=8, metadata=metadata, quality=quality, own_png=False)
        return True

    def _painting(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Within a continuation, as by `Engine`."""
        if not self.border:
            return self._style(levels)
        height, width = levels.shape[2:]
        for axis in (2, 3):
            positions = continued_positions(levels.shape[axis], self._first_step, self.border)
            levels = levels.take(positions, axis)
        return self._style(levels)[
            :, :, self.border : self.border + height, self.border : self.border + width
        ]


def quick_painter(
    style: str | Path,
    *,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    border: int | None = None,
    on_notice: Callable[[str], object] = lambda notice: None,  # noqa: ARG005
) -> QuickPainter | None:
    """None where `Engine` has to be asked. Raises as `Engine` for style and border."""
    check_border(border)
    if backend not in ("auto", "openvino") or precision not in _PRECISIONS:
        return None
    if device != "cpu" and (device != "auto" or may_have_gpu()):
        return None
    if precision == "auto":
        fast = multiplies_bfloat16()
        if fast is None:
            return None
        precision = "bfloat16" if fast else "float32"
    if not is_installed("openvino"):
        return None
    tensors = read_style_tensors(style)
    if tensors is None:
        return None
    try:
        # what is made of a layout is ours
        return QuickPainter(tensors, precision, whole_strides(border), on_notice)
    except OptionError:  # `Engine` says what is the matter, and paints by other means
        return None


def _levels(decoded: DecodedPicture) -> NDArray[np.float32]:
    """(1, 3, H, W) in [0, 255]: what `to_levels` makes of the same photo."""
    height, width = decoded.size_hw
    levels = np.empty((1, 3, height, width), np.float32)
    for top, bottom in bands(decoded.size_hw):
        rows = decoded.rows(top, bottom) * np.float32(255)
        levels[0, :, top:bottom] = rows.transpose(2, 0, 1)  # grey broadcasts to three
    return levels


def _samples(output: NDArray[np.float32]) -> NDArray[np.unsignedinteger[Any]]:
    """(1, 3, H, W) in [0, 1] -> (H, W, 3) of 8 bits."""
    planes = np.rint(np.clip(output[0], 0, 1) * np.float32(255)).astype(np.uint8)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))
