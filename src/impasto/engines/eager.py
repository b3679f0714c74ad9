"""PyTorch, operation by operation: always there."""

from functools import cached_property
from typing import cast

import torch
from torch import Tensor

from impasto.engines.backend import Backend
from impasto.engines.strips import stylize_in_strips
from impasto.machine.suitability import suitable_precision
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
