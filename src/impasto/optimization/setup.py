"""What an optimisation is made of, checked before it starts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.events import CancelToken, Notice, OnEvent, Progress
from impasto.losses import LossWeights, content_terms, squared_tv
from impasto.losses.regions import Region, check_regions, layer_sizes, region_terms
from impasto.losses.strips import Strips, whole_features
from impasto.losses.terms import Scale, Term, lasting, layer_weights
from impasto.machine.devices import choose_device, choose_dtype
from impasto.media import resize, scaled_size
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.load import choose_loss_network
from impasto.optimization.config import AUTO, LEAST_PX, OptimizationConfig, SeeingConfig
from impasto.optimization.layers import VGG_LAYERS, default_layers
from impasto.optimization.memory import NetworkCost, network_cost, strips_that_fit, usable_memory
from impasto.optimization.modes import DEFAULTS, StagePlan
from impasto.optimization.objective import PictureLoss
from impasto.optimization.pictures import (
    check_layers,
    gray,
    gray_style,
    match_color_statistics,
)


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The pictures at their full size, the layers and the weights; `loss` makes a stage's loss."""

    config: OptimizationConfig
    network: LossNetwork
    content: Tensor
    regions: tuple[Region, ...]
    content_layers: dict[str, float]
    style_layers: dict[str, float]
    weights: LossWeights
    mean_tv: bool  # over the pixels, or their sum
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

    def strips(self, stage: StagePlan) -> Strips | None:
        """How the stage is cut to fit into memory. Raises OptionError if it does not fit at all."""
        limit = self.config.max_memory_bytes
        sizes = layer_sizes(self.network, self.content, list(self.content_layers)).values()
        area = self.content.shape[2] * self.content.shape[3]
        held = sum(4 * channels * math.prod(size_hw) for channels, size_hw in sizes) / area
        # A painting may be shown larger than the result: its strips must fit as well.
        paintings = [(self._shown_hw(each.style, stage), "none", 0.0) for each in self.regions]
        return strips_that_fit(
            [(stage.size_hw, stage.optimizer, held), *paintings],
            self.cost,
            usable_memory(self.device) if limit is None else limit,
        )

    def check(self, stage: StagePlan) -> None:
        """Raise OptionError if a stage's pictures are too large for the memory, or too small."""
        for number, region in enumerate(self.regions, start=1):
            height, width = self._shown_hw(region.style, stage)
            if min(height, width) < LEAST_PX:
                raise OptionError(
                    f"painting {number} would be shown as {width} x {height} px; {LEAST_PX} px a "
                    "side at least: choose a larger `size` or `style_scale`, or crop the painting"
                )
        self.strips(stage)

    def _shown_hw(self, painting: Tensor, stage: StagePlan) -> tuple[int, int]:
        """The size at which a stage sees a painting."""
        result_px = self.result_share * max(stage.size_hw)
        style_px = max(LEAST_PX, round(self.config.style_scale * result_px))
        # It is never enlarged beyond what it holds: its style would be blur.
        side = min(style_px, max(painting.shape[-2:]))
        return scaled_size((painting.shape[-2], painting.shape[-1]), side)

    def loss(self, stage: StagePlan) -> PictureLoss:
        """The objective of one stage, its targets computed at the stage's size."""
        network, strips = self.network, self.strips(stage)
        content = resize(self.content, stage.size_hw)
        wanted: list[Term] = []
        if self.weights.content:
            with lasting(content):
                found = whole_features(network, content, list(self.content_layers), strips)
            wanted += content_terms(found, self.content_layers, scale=self.scale)
        if self.weights.style:
            regions = [
                each.resized(lambda x: resize(x, self._shown_hw(x, stage)), stage.size_hw)
                for each in self.regions
            ]
            wanted += region_terms(
                network, content, regions, self.style_layers, scale=self.scale, strips=strips
            )
        return PictureLoss(
            network,
            wanted,
            self.weights,
            tv=partial(squared_tv, reduction="mean" if self.mean_tv else "sum"),
            seen=gray if self.config.colors == "luminance" else None,
            strips=strips,
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
    layers = [*content_layers, *style_layers]
    return Setup(
        config=config,
        network=network,
        content=content,
        regions=tuple(regions),
        content_layers=content_layers,
        style_layers=style_layers,
        weights=LossWeights(content=chosen[0], style=chosen[1], tv=chosen[2]),
        mean_tv=config.mode == "best" or (config.mode == "paper" and config.relative),
        cost=network_cost(network, layers, dtype, device),
        dtype=dtype,
        device=device,
        result_share=result_share,
    )


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


def open_loss_network(
    config: SeeingConfig,
    on_event: OnEvent,
    cancel: CancelToken | None = None,
    *,
    in_place_of_auto: str = AUTO,
    pooling: Literal["max", "average"] = "max",
    loaded: LossNetwork | None = None,
) -> tuple[LossNetwork, torch.device, torch.dtype]:
    """The loss network on its device (one `loaded` already, if given), and what to use."""
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    network = loaded

    def on_progress(done: int, total: int | None) -> None:
        if cancel is not None:
            cancel.check()
        on_event(Progress(task="download", done=done, total=total, note="the loss network"))

    if network is None:
        asked = in_place_of_auto if config.loss_network == AUTO else config.loss_network
        name = choose_loss_network(asked)
        if asked == AUTO:
            on_event(Notice(message=f"the loss network is {name}"))
        network = load_loss_network(
            name,
            family=config.loss_network_family or None,
            pooling=pooling,
            on_progress=on_progress,
        )
    network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, device, choose_dtype(config.precision, device)
