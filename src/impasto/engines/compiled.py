"""PyTorch with torch.compile: slow to start, for many images of one size."""

from typing import cast

import torch
from torch import Tensor

from impasto.engines.eager import EagerBackend
from impasto.errors import OptionError
from impasto.models import StyleModel


class CompiledBackend(EagerBackend):
    """The rewritten network, its features compiled anew for every size of image."""

    subpixel_precisions = ()  # torch 2.13's compiler fails on what they are cropped by

    def __init__(self, model: StyleModel, device: torch.device, precision: str) -> None:
        super().__init__(model, device, precision)
        # CUDA graphs: at small sizes launching the kernels takes longer than running them.
        mode = "reduce-overhead" if device.type == "cuda" else None
        for network in self.networks.values():
            body = torch.compile(network.body, dynamic=False, mode=mode)
            network.body = cast(torch.nn.Sequential, body)

    def __call__(self, image: Tensor) -> Tensor:
        try:
            return super().__call__(image)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = str(error).strip().splitlines()[0]
            raise OptionError(
                f"torch.compile cannot compile here ({reason}); it needs a C++ compiler on CPUs "
                "and Triton on GPUs: choose another back end"
            ) from error

    def _better_in_strips(self, image: Tensor) -> bool:  # noqa: ARG002
        return False
