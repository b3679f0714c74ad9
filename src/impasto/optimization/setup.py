"""What an optimisation is made of, checked before it starts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.errors import ImageError, OptionError
from impasto.losses.shapes import check_image
from impasto.losses.weights import layer_weights
from impasto.media import resize, scaled_size
from impasto.networks import LossNetwork
from impasto.optimization.config import LEAST_PX, OptimizationConfig
from impasto.optimization.descent import check_layers
from impasto.optimization.events import Notice, OnEvent
from impasto.optimization.layers import VGG_LAYERS, default_layers
from impasto.optimization.memory import plan_memory, usable_memory
from impasto.optimization.modes import DEFAULT_SIZE, DEFAULTS, Stage
from impasto.optimization.picture_loss import PictureLoss, PictureWeights
from impasto.optimization.regions import Region, check_regions
from impasto.optimization.strips import NetworkCost, network_cost
from impasto.optimization.style_colors import gray, gray_style, match_color_statistics
from impasto.optimization.targets import Scale, Targets

# A picture whose samples deviate by less is of one colour.
BLANK = 1 / 512


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The pictures at their full size, the layers and the weights; `loss` makes a stage's loss."""

    config: OptimizationConfig
    network: LossNetwork
    content: Tensor
    regions: tuple[Region, ...]
    content_layers: dict[str, float]
    style_layers: dict[str, float]
    weights: PictureWeights
    cost: NetworkCost
    dtype: torch.dtype
    device: torch.device
    result_share: float = 1.0  # of the content's long side: the rest is border

    @property
    def scale(self) -> Scale:
        """How the terms are scaled."""
        if self.config.mode == "gatys":
            return "gatys"
        return "relative" if self.config.mode == "best" or self.config.relative else "absolute"

    def strip_rows(self, stage: Stage) -> int | None:
        """Rows at a time, so that the stage fits into memory. Raises OptionError if none do."""
        limit = self.config.max_memory_bytes
        limit = usable_memory(self.device) if limit is None else limit
        # A painting may be shown larger than the result: its strips must fit as well.
        paintings = [
            plan_memory(
                self._shown_hw(region.style, stage), self.cost, 0.0, "none", limit
            ).strip_rows
            for region in self.regions
        ]
        shapes = Targets(network=self.network).shapes(self.content, list(self.content_layers))
        area = self.content.shape[2] * self.content.shape[3]
        held = sum(4 * s.channels * math.prod(s.size_hw) for s in shapes.values()) / area
        own = plan_memory(stage.size_hw, self.cost, held, stage.optimizer, limit).strip_rows
        return min((rows for rows in (own, *paintings) if rows is not None), default=None)

    def check(self, stage: Stage) -> None:
        """Raise OptionError if a stage's pictures are too large for the memory, or too small."""
        for number, region in enumerate(self.regions, start=1):
            height, width = self._shown_hw(region.style, stage)
            if min(height, width) < LEAST_PX:
                raise OptionError(
                    f"painting {number} would be shown as {width} x {height} px; {LEAST_PX} px a "
                    "side at least: choose a larger --size or --style-scale, or crop the painting"
                )
        self.strip_rows(stage)

    def _shown_hw(self, painting: Tensor, stage: Stage) -> tuple[int, int]:
        """The size at which a stage sees a painting."""
        result_px = self.result_share * max(stage.size_hw)
        style_px = max(LEAST_PX, round(self.config.style_scale * result_px))
        # It is never enlarged beyond what it holds: its style would be blur.
        side = min(style_px, max(painting.shape[-2:]))
        return scaled_size((painting.shape[-2], painting.shape[-1]), side)

    def loss(self, stage: Stage) -> PictureLoss:
        """The objective of one stage, its targets computed at the stage's size."""
        targets = Targets(
            network=self.network,
            strip_rows=self.strip_rows(stage),
            reach_px=self.cost.reach_px or 0,
        )
        content = resize(self.content, stage.size_hw)
        regions = [
            region.resized(lambda each: resize(each, self._shown_hw(each, stage)), stage.size_hw)
            for region in self.regions
        ]
        return PictureLoss(
            targets.content_terms(content, self.content_layers, self.scale)
            if self.weights.content
            else (),
            targets.style_terms(content, regions, self.style_layers, self.scale)
            if self.weights.style
            else (),
            self.weights,
            targets.statistics,
            seen=gray if self.config.colors == "luminance" else None,
        )


def prepare(
    config: OptimizationConfig,
    network: LossNetwork,
    content: Tensor,
    regions: Sequence[Region],
    *,
    dtype: torch.dtype,
    device: torch.device,
    on_event: OnEvent,
    result_share: float = 1.0,
) -> Setup:
    """Choose layers and weights, apply the colour mode to the pictures, measure the network.

    Raises OptionError for layers that the network lacks, or weights that leave nothing to do.
    """
    content = content.to(device)
    regions = [_on(region, device) for region in regions]
    content_layers, style_layers = _layers(config, network, content, on_event)
    regions = [_in_colors(region, config, content) for region in regions]
    if config.colors == "luminance":
        content = gray(content)
    defaults = DEFAULTS[config.mode]
    given = (config.content_weight, config.style_weight, config.tv_weight)
    usual = (defaults.content_weight, defaults.style_weight, defaults.tv_weight)
    chosen = [b if a is None else a for a, b in zip(given, usual, strict=True)]
    if config.mode == "gatys" and config.style_weight is None:
        hw = (content.shape[2], content.shape[3])
        chosen[1] *= chosen[0] * _gatys_style_weight(network, content, hw, content_layers)
        on_event(Notice(message=f"alpha {chosen[0]:g}, beta {chosen[1]:.4g}"))
    if not any(chosen):
        raise OptionError("all weights are 0: there is nothing to optimise; give one above 0")
    weights = PictureWeights(
        content=chosen[0],
        style=chosen[1],
        tv=chosen[2],
        mean_tv=config.mode == "best" or (config.mode == "paper" and config.relative),
    )
    layers = [*content_layers, *style_layers]
    return Setup(
        config=config,
        network=network,
        content=content,
        regions=tuple(regions),
        content_layers=content_layers,
        style_layers=style_layers,
        weights=weights,
        cost=network_cost(network, layers, dtype, device),
        dtype=dtype,
        device=device,
        result_share=result_share,
    )


def result_size(config: OptimizationConfig, content: Tensor) -> tuple[int, int]:
    """The size of the result. Raises OptionError if its shorter side leaves nothing to look at."""
    height, width = content.shape[-2:]
    side = min(max(height, width), DEFAULT_SIZE) if config.size is None else config.size
    size_hw = scaled_size((height, width), side)
    if min(size_hw) < LEAST_PX:
        raise OptionError(
            f"the result would have {size_hw[1]} x {size_hw[0]} px; {LEAST_PX} px a side at least: "
            "choose a larger --size, or crop the photo"
        )
    return size_hw


def border_px(config: OptimizationConfig, size_hw: tuple[int, int]) -> int:
    """How far the canvas goes on beyond each edge of a result of this size."""
    if config.border is not None:
        return config.border
    return round(DEFAULTS[config.mode].border * max(size_hw))


def short_side(picture: Tensor) -> float:
    """As a share of the long side."""
    return float(min(picture.shape[-2:]) / max(picture.shape[-2:]))


def check_picture(picture: Tensor, name: str, *, may_be_blank: bool = False) -> None:
    """Raise ImageError for a picture that is tiny or blank, OptionError for one that is none."""
    check_image(picture, name)
    height, width = picture.shape[-2:]
    if picture.shape[0] != 1 or not bool(torch.isfinite(picture).all()):
        raise OptionError(f"{name}: wanted one finite (1, 3, H, W), got {tuple(picture.shape)}")
    if min(height, width) < LEAST_PX:
        raise ImageError(f"{name} has {width} x {height} px; {LEAST_PX} a side at least")
    if not may_be_blank and float(picture.flatten(2).std(-1).max()) < BLANK:
        raise ImageError(f"{name} is of one colour; there is nothing in it to be painted or learnt")


def _layers(
    config: OptimizationConfig, network: LossNetwork, content: Tensor, on_event: OnEvent
) -> tuple[dict[str, float], dict[str, float]]:
    content_layers, style_layers = config.content_layers, config.style_layers
    if content_layers is None or style_layers is None:
        usual = default_layers(network, config.mode)
        for wanted, taken in usual.substitutes:
            if content_layers is None and wanted in VGG_LAYERS[config.mode][0]:
                told = f"the loss network {network.name} has no {wanted}; the content is compared"
                on_event(Notice(message=f"{told} at {taken}, the nearest layer"))
            elif style_layers is None:
                told = f"the loss network {network.name} has no {wanted}; the style is compared"
                on_event(Notice(message=f"{told} at {taken} instead"))
        content_layers = usual.content if content_layers is None else content_layers
        if style_layers is None:
            # w_l, where the mode knows it
            share = 1 / len(usual.style) if config.mode == "gatys" else 1.0
            style_layers = dict.fromkeys(usual.style, share)
    check_layers(network, [*content_layers, *style_layers], content)
    return layer_weights(content_layers, "content"), layer_weights(style_layers, "style")


def _in_colors(region: Region, config: OptimizationConfig, content: Tensor) -> Region:
    if config.colors == "recolored":
        return replace(region, style=match_color_statistics(region.style, content))
    if config.colors == "luminance":
        return replace(region, style=gray_style(region.style, content))
    return region


def _on(region: Region, device: torch.device) -> Region:
    return replace(
        region,
        style=region.style.to(device),
        mask=None if region.mask is None else region.mask.to(device),
        style_mask=None if region.style_mask is None else region.style_mask.to(device),
    )


def _gatys_style_weight(
    network: LossNetwork, content: Tensor, size_hw: tuple[int, int], layers: Mapping[str, float]
) -> float:
    """The beta that goes with an alpha of 1: N M / m^2 of the content layer.

    N M is its number of features in the result, for the content loss is a sum over these and E_l
    a mean (the authors' own code takes the mean of both), m their mean on the photo, 1 in the
    papers' network: the content loss grows with its square, the style loss with its fourth power.
    """
    small = resize(content, scaled_size((content.shape[2], content.shape[3]), 256))
    with torch.no_grad():
        features = network(small, list(layers)).values()
    area = size_hw[0] * size_hw[1] / (small.shape[2] * small.shape[3])
    count = float(sum(feature.numel() for feature in features) * area)
    mean = sum(float(feature.mean()) for feature in features) / max(len(layers), 1)
    return count / (mean * mean) if mean > 0 else count


def regions_of(
    config: OptimizationConfig,
    styles: Sequence[Tensor],
    masks: Sequence[Tensor],
    style_masks: Sequence[Tensor | None],
    content_hw: tuple[int, int],
) -> list[Region]:
    """Paintings, weights and masks by their order. Raises OptionError if they do not pair up."""
    weights = config.style_image_weights or (1.0,) * len(styles)
    for name, count in (
        ("weights", len(weights)),
        ("masks", len(masks) or len(styles)),
        ("style masks", len(style_masks) or len(styles)),
    ):
        if count != len(styles):
            raise OptionError(f"got {count} {name} for {len(styles)} styles; give one for each")
    if styles and not sum(weights) > 0:
        raise OptionError("all styles have the weight 0; give one above 0")
    regions = [
        Region(
            style=style,
            weight=weights[index],
            mask=masks[index] if masks else None,
            style_mask=style_masks[index] if style_masks else None,
        )
        for index, style in enumerate(styles)
    ]
    check_regions(regions, content_hw)
    return regions
