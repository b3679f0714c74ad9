"""Style targets of one or several paintings, for all of a picture or for regions of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import OptionError
from impasto.losses.gram import guided_gram
from impasto.losses.strips import Strips, features_by_strip
from impasto.losses.terms import LossNetwork, Scale, StyleTerm, lasting, style_divisor

# A region of less than this many positions in a layer has no statistics there.
LEAST_POSITIONS = 1.0
PROBE_PX = 64

SizeHw = tuple[int, int]
Parts = Iterator[dict[str, tuple[Tensor, slice | None]]]


@dataclass(frozen=True, kw_only=True)
class Region:
    """Paint what lies under `mask` (None: all of the photo) as `style` is under `style_mask`.

    style: (1, 3, h, w) in [0, 1]; style_mask: (1, 1, h, w); mask: (1, 1, H, W), both in [0, 1].
    """

    style: Tensor
    weight: float = 1.0
    mask: Tensor | None = None
    style_mask: Tensor | None = None

    def mapped(
        self, painting: Callable[[Tensor], Tensor], photo: Callable[[Tensor], Tensor]
    ) -> "Region":
        """The painting and its mask through one function, the photo's mask through another."""
        return replace(
            self,
            style=painting(self.style),
            mask=None if self.mask is None else photo(self.mask),
            style_mask=None if self.style_mask is None else painting(self.style_mask),
        )

    @property
    def share(self) -> float:
        """The share of the photo that the region covers."""
        return 1.0 if self.mask is None else float(self.mask.mean())


def reduced(mask: Tensor, size_hw: SizeHw) -> Tensor:
    """Mean coverage of each position: (1, 1, H, W) -> (1, 1, *size_hw); also enlarges."""
    if size_hw[0] > mask.shape[2] or size_hw[1] > mask.shape[3]:
        return F.interpolate(mask, size_hw, mode="bilinear", align_corners=False)
    return F.adaptive_avg_pool2d(mask, size_hw)


def layer_sizes(
    network: LossNetwork, image: Tensor, layers: Sequence[str]
) -> dict[str, tuple[int, SizeHw]]:
    """Layer -> its channels and size for an image of this size, from two narrow parts of it."""
    with torch.no_grad():
        upright = network(image[..., :PROBE_PX], layers)
        level = network(image[..., :PROBE_PX, :], layers)
    return {
        layer: (upright[layer].shape[1], (upright[layer].shape[2], level[layer].shape[3]))
        for layer in layers
    }


def region_terms(
    network: LossNetwork,
    image: Tensor,
    regions: Sequence[Region],
    layers: Mapping[str, float],
    *,
    scale: Scale,
    strips: Strips | None = None,
) -> list[StyleTerm]:
    """A term for each layer and each region that has a place in it, for pictures like `image`.

    Without masks all paintings make one target: the mean of their Gram matrices by weight. A
    region counts by its share of the picture and its weight among the others.
    """
    sizes = layer_sizes(network, image, list(layers))
    whole = sum(region.weight for region in regions) or 1.0
    groups = [[region] for region in regions] if regions[0].mask is not None else [regions]
    terms: list[StyleTerm] = []
    for group in groups:
        total = sum(region.weight for region in group)
        part = total / whole * len(regions) * group[0].share if len(groups) > 1 else 1.0
        for layer, gram in mean_grams(network, group, list(layers), strips).items():
            guide, positions = _guide(group[0].mask, sizes[layer][1])
            if positions >= LEAST_POSITIONS:
                divisor = style_divisor(gram, scale)
                weight = layers[layer] * part
                terms.append(StyleTerm(layer, gram, divisor, weight, guide, positions))
    return terms


def mean_grams(
    network: LossNetwork,
    regions: Sequence[Region],
    layers: Sequence[str],
    strips: Strips | None = None,
) -> dict[str, Tensor]:
    """Layer -> the mean of the paintings' Gram matrices by weight, (1, C, C), for keeping.

    So every painting counts by its weight, however large it is.
    """
    total = sum(region.weight for region in regions)
    means: dict[str, Tensor] = {}
    for region in regions:
        if not region.weight:
            continue
        image, mask = region.style, region.style_mask
        guides: dict[str, tuple[Tensor | None, float]] = {}
        if strips is not None or mask is not None:
            sizes = layer_sizes(network, image, layers)
            guides = {layer: _guide(mask, size_hw) for layer, (_, size_hw) in sizes.items()}
        with lasting(image):
            if strips is None:
                found = network(image, layers)
                parts: Parts = iter([{layer: (each, None) for layer, each in found.items()}])
            else:
                parts = features_by_strip(network, image, layers, strips)
            for part in parts:
                for layer, (features, rows) in part.items():
                    guide, positions = guides.get(layer, (None, None))
                    if guide is not None and rows is not None:
                        guide = guide[:, :, rows]
                    positions = positions and max(positions, LEAST_POSITIONS)
                    gram = region.weight / total * guided_gram(features, guide, positions)
                    means[layer] = means[layer] + gram if layer in means else gram
    return means


def _guide(mask: Tensor | None, size_hw: SizeHw) -> tuple[Tensor | None, float]:
    """What to multiply a layer's features by, and how many positions then count.

    The root of the coverage, because a Gram matrix holds products of two features.
    """
    if mask is None:
        return None, float(size_hw[0] * size_hw[1])
    coverage = reduced(mask, size_hw)
    return coverage.sqrt(), float(coverage.sum())


def check_regions(regions: Sequence[Region], content_hw: SizeHw) -> None:
    """Raise OptionError for masks that do not fit their pictures, or cover nothing."""
    if not regions:
        raise OptionError("got no style; give at least one painting")
    masked = [region.mask is not None for region in regions]
    if any(masked) and not all(masked):
        raise OptionError(
            f"got {sum(masked)} masks for {len(regions)} styles; give one for each style, or none"
        )
    for number, region in enumerate(regions, start=1):
        style_hw = (region.style.shape[2], region.style.shape[3])
        _check_mask(region.mask, content_hw, f"mask {number}", "the photo")
        _check_mask(region.style_mask, style_hw, f"style mask {number}", f"painting {number}")


def _check_mask(mask: Tensor | None, size_hw: SizeHw, name: str, whose: str) -> None:
    if mask is None:
        return
    height, width = mask.shape[-2:]
    if mask.shape[:2] != (1, 1) or not bool(torch.isfinite(mask).all()):
        raise OptionError(f"{name}: wanted finite (1, 1, H, W), got {tuple(mask.shape)}")
    # One pixel of rounding each way: a mask may be of another scale, but not of another shape.
    if abs(height * size_hw[1] - width * size_hw[0]) > max(height, width, *size_hw):
        raise OptionError(
            f"{name} has {width} x {height} px and {whose} {size_hw[1]} x {size_hw[0]}; wanted the "
            "same size, or the same proportions"
        )
    if float(mask.mean()) < 1e-4:
        raise OptionError(f"{name} is black all over: nothing would be painted; paint white in it")
