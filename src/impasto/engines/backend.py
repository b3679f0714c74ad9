"""What every back end is."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A back end by name, and the number format of its features.

    anywhere: the device was left to be chosen; ONNX Runtime may know GPUs that PyTorch does not.
    """

    backend: str
    precision: str
    anywhere: bool = False


class Backend(ABC):
    """A style network made ready to run, whole images at a time.

    shows_nan: what is not a number inside is none in the output either. Runtimes whose ReLU or
    clamp turns NaN into a number must not be given a network that can overflow, see `bounds`.
    on_notice: hears, as a sentence, when an image is painted in another way than was chosen.
    """

    shows_nan = False

    def __init__(self, device: torch.device, precision: str) -> None:
        self.device = device
        self.precision = precision
        self.on_notice: Callable[[str], object] = lambda notice: None  # noqa: ARG005

    @abstractmethod
    def __call__(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) float32 in [0, 1] on `device` -> the same shape and range, on `device`."""
