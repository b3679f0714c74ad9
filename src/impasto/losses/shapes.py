"""What the losses accept: the shapes of images and features, and the precision of sums."""

import torch
from torch import Tensor

from impasto.errors import OptionError


def feature_shape(features: Tensor, name: str = "features") -> tuple[int, int, int, int]:
    """Return (N, C, H, W); raises OptionError for anything that is not a map of floats."""
    if not isinstance(features, Tensor):
        raise OptionError(f"got {name} of type {type(features).__name__}; wanted a tensor")
    if features.dim() != 4 or 0 in features.shape or not features.is_floating_point():
        raise OptionError(
            f"got {name} of shape {tuple(features.shape)}, {features.dtype}; wanted a "
            "floating-point (N, C, H, W) tensor without empty dimensions"
        )
    batch, channels, height, width = features.shape
    return batch, channels, height, width


def check_image(image: Tensor, name: str) -> None:
    """Raise OptionError unless `image` is a floating-point (N, 3, H, W) tensor."""
    if feature_shape(image, name)[1] != 3:
        raise OptionError(
            f"got {name} of shape {tuple(image.shape)}; wanted (N, 3, H, W), RGB in [0, 1]: "
            "repeat a grey image three times, and leave alpha out"
        )


def check_pair(value: Tensor, target: Tensor, name: str) -> None:
    """Raise OptionError unless both are maps of one shape; the target's batch may also be 1."""
    shape, wanted = feature_shape(value, name), feature_shape(target, f"a target of {name}")
    if shape[1:] != wanted[1:] or wanted[0] not in (1, shape[0]):
        raise OptionError(
            f"got {name} of shape {shape} and a target of {wanted}; wanted the same shape (the "
            "target may have a batch of 1): crop or resize one of the images"
        )


def accumulation_dtype(values: Tensor) -> torch.dtype:
    """float32 for half-precision values, else their own type."""
    return torch.promote_types(values.dtype, torch.float32)


def is_channels_last(features: Tensor) -> bool:
    """Whether the (N, C, H, W) tensor lies in memory as (N, H, W, C) and not as (N, C, H, W)."""
    return not features.is_contiguous() and features.is_contiguous(
        memory_format=torch.channels_last
    )
