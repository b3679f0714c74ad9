"""The few building blocks that every loss network is made of.

Convolutions are built around given tensors: no random initialisation is drawn, so that loading a
loss network leaves the random numbers of a training run as they were.
"""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.networks.activations import relu
from impasto.networks.loss import winograd
from impasto.networks.padding import pad_border

Padding = Literal["zeros", "reflect"]
Pooling = Literal["max", "average"]


def frozen_convolution(
    weight: Tensor, bias: Tensor, *, stride: int = 1, padding: int = 0
) -> nn.Conv2d:
    """A convolution that holds `weight` (O, I, k, k) and `bias` (O,), and never learns."""
    out_channels, in_channels, height, width = weight.shape
    convolution = nn.Conv2d(
        in_channels, out_channels, (height, width), stride=stride, padding=padding, device="meta"
    )
    convolution.weight = nn.Parameter(weight.contiguous(), requires_grad=False)
    convolution.bias = nn.Parameter(bias.contiguous(), requires_grad=False)
    return convolution


class ConvRelu(nn.Module):
    """Convolution, then ReLU; `padding` pixels of zeros, or one pixel of reflection."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        *,
        stride: int = 1,
        padding: int | None = None,
        mode: Padding = "zeros",
    ) -> None:
        super().__init__()
        if padding is None:
            padding = weight.shape[-1] // 2
        self.reflect = mode == "reflect" and padding > 0
        self.convolution = frozen_convolution(
            weight, bias, stride=stride, padding=0 if self.reflect else padding
        )
        self._transformed: tuple[Tensor, int | None, Tensor] | None = None

    def forward(self, features: Tensor) -> Tensor:
        if self.reflect:
            # a side of a single pixel has nothing to reflect: the pixel itself is repeated
            features = pad_border(
                features, 1, "reflect" if min(features.shape[-2:]) > 1 else "replicate"
            )
        # Not in place: no block may ever write into a tensor that was handed out.
        return relu(self._convolve(features))

    def _convolve(self, features: Tensor) -> Tensor:
        stock = self.convolution
        padding = int(stock.padding[0])
        if stock.stride != (1, 1) or not winograd.pays(features, stock.weight, padding):
            convolved: Tensor = stock(features)
            return convolved
        return winograd.winograd_convolution(
            features, self.winograd_filters(), stock.bias, padding=padding
        )

    def winograd_filters(self) -> Tensor:
        """Made at the first call, and again if the weight is another, or was written into."""
        weight = self.convolution.weight
        version = None if weight.is_inference() else weight._version
        held = self._transformed
        if held is None or held[0] is not weight or held[1] != version:
            self._transformed = held = (weight, version, winograd.transform_filters(weight))
        return held[2]


class Pool(nn.Module):
    """Max pooling, or average pooling as Gatys et al. prefer for smoother pictures."""

    def __init__(
        self,
        *,
        kernel: int = 2,
        stride: int = 2,
        padding: int = 0,
        ceil: bool = False,
        kind: Pooling = "max",
    ) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.ceil = kernel, stride, padding, ceil
        self.kind = kind

    def forward(self, features: Tensor) -> Tensor:
        if min(features.shape[-2:]) + 2 * self.padding < self.kernel:
            height, width = features.shape[-2:]
            raise OptionError(
                f"the image is too small for the layers asked for: a feature map of {height}x"
                f"{width} px reached a {self.kernel}x{self.kernel} pooling; use a larger image "
                "or shallower layers"
            )
        if self.kind == "average":
            return F.avg_pool2d(features, self.kernel, self.stride, self.padding, self.ceil)
        return F.max_pool2d(features, self.kernel, self.stride, self.padding, ceil_mode=self.ceil)
