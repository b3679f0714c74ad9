"""OpenVINO, the fast one on x86 CPUs: matrix units, fused norms."""

from functools import partial

import torch
from torch import Tensor

from impasto.inference.backends.backend import Backend
from impasto.inference.levels import to_levels
from impasto.inference.openvino_session import OpenVinoStyle
from impasto.inference.rewrite import rewrite
from impasto.models import StyleModel


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
        levels = to_levels(image, split=False).contiguous()  # a new tensor, never `image` itself
        return torch.from_numpy(self._style(levels.numpy()))
