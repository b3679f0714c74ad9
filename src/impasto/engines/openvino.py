"""OpenVINO, the fast one on x86 CPUs: matrix units, fused norms."""

from functools import partial

import numpy as np
import torch
from torch import Tensor

from impasto.engines.backend import Backend
from impasto.engines.openvino_session import OpenVinoStyle
from impasto.models import StyleModel
from impasto.plans.plan import INPUT_SCALE
from impasto.plans.rewrite import rewrite


class OpenVinoBackend(Backend):
    """The rewritten network as an OpenVINO model, on the CPU, on as many threads as PyTorch's."""

    def __init__(self, model: StyleModel, device: torch.device, precision: str) -> None:
        super().__init__(device, precision)
        self._style = OpenVinoStyle(
            partial(rewrite, model.network),
            precision,
            threads=torch.get_num_threads(),
            on_notice=lambda notice: self.on_notice(notice),
        )

    def __call__(self, image: Tensor) -> Tensor:
        # What `to_levels` does, by one thread; see `in_unit_range`. Never `image` itself.
        levels = np.multiply(image.numpy(), np.float32(INPUT_SCALE), order="C")
        return torch.from_numpy(self._style(levels))
