"""The one road from a config to a network."""

from torch import nn

from impasto.networks.fast import FastStyleNetwork
from impasto.networks.imported import ExamplesStyleNetwork, LengstromStyleNetwork
from impasto.networks.modern import ModernStyleNetwork
from impasto.networks.paper import PaperStyleNetwork
from impasto.networks.style_config import StyleNetworkConfig


def build_style_network(config: StyleNetworkConfig) -> nn.Module:
    """A new network with random weights: (N, 3, H, W) in [0, 1] -> the same shape."""
    if config.architecture == "paper":
        return PaperStyleNetwork(config.width, config.norm)
    if config.architecture == "fast":
        return FastStyleNetwork(config.width, config.blocks)
    if config.architecture == "pytorch-examples":
        return ExamplesStyleNetwork(config.width, config.blocks)
    if config.architecture == "lengstrom":
        return LengstromStyleNetwork(config.width)
    return ModernStyleNetwork(config.width, config.blocks)
