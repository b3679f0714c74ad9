"""PyTorch, operation by operation: always there; and torch.compile, slow to start."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from impasto.engines.backends import Backend
from impasto.engines.stylize_tensor import stylize_in_strips
from impasto.errors import OptionError
from impasto.machine.precision import suitable_precision
from impasto.models import StyleModel
from impasto.networks.architectures import architecture_of
from impasto.plans.plan import LONGEST_SUM
from impasto.plans.plan_network import PlanNetwork, has_parts_of_levels
from impasto.plans.rewrite import rewrite

STRIPS_FROM_PIXELS = 1 << 20  # measured at 512 px a side, where it is slower, and at 1024


class EagerBackend(Backend):
    """The rewritten network in PyTorch; large images in bfloat16 in strips, on the CPU."""

    shows_nan = True
    # In half precision the sums of taps would show, see `rewrite`.
    subpixel_precisions: tuple[str, ...] = ("float32",)

    def __init__(self, model: StyleModel, device: torch.device, precision: str) -> None:
        super().__init__(device, precision)
        self.whole = model.network
        self._strips = architecture_of(model.config).strips
        self.dtype: torch.dtype = getattr(torch, precision)
        # for 8-bit samples, and for parts of levels too, see `to_levels`
        self.networks = {split: self._rewritten(split=split) for split in (False, True)}

    def __call__(self, image: Tensor) -> Tensor:
        if self._better_in_strips(image):
            return stylize_in_strips(self.whole, image, dtype=self.dtype).clamp_(0, 1)
        if self._needs_float32(image):
            network = self._exact
        else:
            network = self.networks[self.precision != "float32" and has_parts_of_levels(image)]
        with torch.no_grad():
            return cast(Tensor, network(image))

    def _rewritten(self, *, split: bool) -> PlanNetwork:
        subpixel = self.precision in self.subpixel_precisions
        steps = rewrite(self.whole, subpixel=subpixel, split=split)
        return PlanNetwork(steps, self.dtype).to(self.device)

    @cached_property
    def _exact(self) -> PlanNetwork:
        return PlanNetwork(rewrite(self.whole), torch.float32).to(self.device)

    def _needs_float32(self, image: Tensor) -> bool:
        # told on the CPU only: elsewhere it would have to wait for the pixels
        if self.device.type != "cpu":
            return False
        return suitable_precision(image.numpy(), self.precision) != self.precision

    def _better_in_strips(self, image: Tensor) -> bool:
        """Large maps: in half precision for speed, in float32 for exact statistics.

        In half precision multiplying is quick, and reaching memory is not. For float32 see
        `LONGEST_SUM`.
        """
        if self.device.type != "cpu":
            return False
        pixels = image.shape[-2] * image.shape[-1]
        if self.precision == "float32":
            return pixels > LONGEST_SUM
        return self._strips and pixels >= STRIPS_FROM_PIXELS


class CompiledBackend(EagerBackend):
    """The rewritten network, its features compiled anew for every size of image.

    For many images of one size.
    """

    subpixel_precisions = ()  # torch 2.13's compiler fails on what they are cropped by

    def __init__(self, model: StyleModel, device: torch.device, precision: str) -> None:
        super().__init__(model, device, precision)
        for network in self.networks.values():
            network.body = cast(nn.Sequential, _compile(network.body, device))

    def __call__(self, image: Tensor) -> Tensor:
        with _compiling():
            return super().__call__(image)

    def _better_in_strips(self, image: Tensor) -> bool:  # noqa: ARG002
        return False


class EagerTiles:
    """(1, C, h, w) in [0, 1] -> (1, 3, h * factor, w * factor), float32, by the network itself.

    Arrays, as for the other runtimes; not clamped, so that what overflows can be seen.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, precision: str, *, compiled: bool = False
    ) -> None:
        self.fixed_sizes = compiled
        self._network: Any = _compile(network, device) if compiled else network
        self._device = device
        self._dtype: torch.dtype = getattr(torch, precision)

    def __call__(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        half = self._dtype != torch.float32
        image = torch.from_numpy(np.ascontiguousarray(tile)).to(self._device)
        image = image.contiguous(memory_format=torch.channels_last)
        # Switched off where it is not wanted, too: the caller may have switched it on.
        kind, dtype = self._device.type, self._dtype if half else None
        with _compiling(), torch.no_grad(), torch.autocast(kind, dtype=dtype, enabled=half):
            output = self._network(image)
        result: NDArray[np.float32] = output.float().cpu().numpy()
        return result


def _compile(module: nn.Module, device: torch.device) -> Any:
    # CUDA graphs: at small sizes launching the kernels takes longer than running them.
    mode = "reduce-overhead" if device.type == "cuda" else None
    return torch.compile(module, dynamic=False, mode=mode)


@contextmanager
def _compiling() -> Iterator[None]:
    """Raises OptionError where torch.compile cannot do its work."""
    try:
        yield
    except torch._dynamo.exc.TorchDynamoException as error:
        reason = str(error).strip().splitlines()[0]
        raise OptionError(
            f"torch.compile cannot compile here ({reason}); it needs a C++ compiler on CPUs "
            "and Triton on GPUs: choose another back end"
        ) from error
