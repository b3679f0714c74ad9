"""Loss networks and transformation networks, pure `nn.Module`s."""

from impasto.networks.loss import LOSS_NETWORK_NAMES, LossNetwork, load_loss_network
from impasto.networks.modern import ModernStyleNetwork
from impasto.networks.paper import PaperStyleNetwork
from impasto.networks.style_network import StyleNetworkConfig, build_style_network

__all__ = [
    "LOSS_NETWORK_NAMES",
    "LossNetwork",
    "ModernStyleNetwork",
    "PaperStyleNetwork",
    "StyleNetworkConfig",
    "build_style_network",
    "load_loss_network",
]
