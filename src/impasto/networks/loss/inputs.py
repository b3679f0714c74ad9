"""What a loss network expects of its pixels: the torchvision family and the Caffe family.

Both are a per-channel mean to subtract and a scale, on RGB in [0, 1]; Caffe networks see the
channels in BGR order. Scale and order are folded into the first convolution (exact); the mean is
subtracted explicitly, because zero padding would make folding it wrong at the border.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import OptionError

FAMILIES = ("torchvision", "caffe")
VGG_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)  # 0..255, the VGG authors' means
BVLC_CAFFE_MEAN_BGR = (104.0, 117.0, 123.0)  # 0..255, the BVLC models' and SqueezeNet's


@dataclass(frozen=True, kw_only=True)
class InputFamily:
    """(pixel - mean) * scale per RGB channel of [0, 1], then BGR order if `bgr`."""

    mean: tuple[float, float, float]
    scale: tuple[float, float, float]
    bgr: bool

    def fold(self, weight: Tensor) -> Tensor:
        """First convolution's weight (O, 3, k, k), rewritten for mean-centred RGB in [0, 1]."""
        weight = weight.double()
        if self.bgr:
            weight = weight.flip(1)
        scale = torch.tensor(self.scale, dtype=torch.float64).reshape(1, 3, 1, 1)
        return (weight * scale).float()


TORCHVISION = InputFamily(
    mean=(0.485, 0.456, 0.406),
    scale=(1 / 0.229, 1 / 0.224, 1 / 0.225),
    bgr=False,
)


def family_of(
    metadata: Mapping[str, str], family: str | None, default_caffe_mean: tuple[float, float, float]
) -> InputFamily | None:
    """The input family by option or by the file's "preprocessing" metadata; None if neither tells.

    The option wins over the metadata. A Caffe mean written as "B=104 G=117 R=123" in the metadata
    is used, else `default_caffe_mean`. Raises OptionError for an unknown `family`.
    """
    if family is not None and family not in FAMILIES:
        raise OptionError(f"no weight family {family!r}; choose from {list(FAMILIES)}")
    text = metadata.get("preprocessing", "")
    if family is None:
        start = text.strip().lower()
        family = next((known for known in FAMILIES if start.startswith(known)), None)
    if family == "torchvision":
        return TORCHVISION
    if family == "caffe":
        blue, green, red = _mean_in(text) or default_caffe_mean
        mean = (red / 255, green / 255, blue / 255)
        return InputFamily(mean=mean, scale=(255, 255, 255), bgr=True)
    return None


def _mean_in(text: str) -> tuple[float, float, float] | None:
    found = [re.search(rf"\b{channel}\s*=\s*(\d+(?:\.\d+)?)", text) for channel in "BGR"]
    if any(match is None for match in found):
        return None
    blue, green, red = (float(match.group(1)) for match in found if match)
    return blue, green, red
