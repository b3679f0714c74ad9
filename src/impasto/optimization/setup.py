"""What an optimisation is made of, checked before it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.events import CancelToken, Notice, OnEvent, Progress
from impasto.losses import LossWeights
from impasto.losses.regions import Region, check_regions
from impasto.machine.devices import choose_device, choose_dtype
from impasto.media import resize, scaled_size
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.load import choose_loss_network
from impasto.optimization.config import OptimizationConfig, SeeingConfig
from impasto.optimization.layers import VGG_LAYERS, default_layers
from impasto.optimization.modes import DEFAULTS
from impasto.optimization.pictures import check_layers, gray_style, match_color_statistics
from impasto.option_types import AUTO, layer_weights


def choose_weights(
    config: OptimizationConfig,
    network: LossNetwork,
    content: Tensor,
    layers: Mapping[str, float],
    on_event: OnEvent,
) -> LossWeights:
    """The config's, or the mode's. `layers` of the content, which is at the size of the result.

    Raises OptionError for weights that leave nothing to do.
    """
    defaults = DEFAULTS[config.mode]
    given = (config.content_weight, config.style_weight, config.tv_weight)
    usual = (defaults.content_weight, defaults.style_weight, defaults.tv_weight)
    alpha, beta, tv = (b if a is None else a for a, b in zip(given, usual, strict=True))
    if config.mode == "gatys" and config.style_weight is None:
        beta *= alpha * _gatys_style_weight(network, content, layers)
        on_event(Notice(message=f"alpha {alpha:g}, beta {beta:.4g}"))
    if not any((alpha, beta, tv)):
        raise OptionError("all weights are 0: there is nothing to optimise; give one above 0")
    return LossWeights(content=alpha, style=beta, tv=tv)


def choose_layers(
    config: OptimizationConfig, network: LossNetwork, content: Tensor, on_event: OnEvent
) -> tuple[dict[str, float], dict[str, float]]:
    """Content and style layers with their weights: the config's, or the mode's for this network.

    Raises OptionError for layers that the network lacks.
    """
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


def in_colors(region: Region, config: OptimizationConfig, content: Tensor) -> Region:
    """The painting in the colours that the config wants, on the content's device."""
    region = region.mapped(lambda x: x.to(content.device), lambda x: x.to(content.device))
    if config.colors == "recolored":
        return replace(region, style=match_color_statistics(region.style, content))
    if config.colors == "luminance":
        return replace(region, style=gray_style(region.style, content))
    return region


def _gatys_style_weight(
    network: LossNetwork, content: Tensor, layers: Mapping[str, float]
) -> float:
    """The beta that goes with an alpha of 1: N M / m^2 of the content layer.

    N M is its number of features in the result, for the content loss is a sum over these and E_l
    a mean (the authors' own code takes the mean of both), m their mean on the photo, 1 in the
    papers' network: the content loss grows with its square, the style loss with its fourth power.
    """
    small = resize(content, scaled_size((content.shape[2], content.shape[3]), 256))
    with torch.no_grad():
        features = network(small, list(layers)).values()
    area = content[0, 0].numel() / small[0, 0].numel()
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
