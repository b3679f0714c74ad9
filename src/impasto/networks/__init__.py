"""Loss networks and transformation networks, pure `nn.Module`s."""

from impasto.networks.modern import ModernStyleNetwork
from impasto.networks.paper import PaperStyleNetwork
from impasto.networks.style_network import StyleNetworkConfig, build_style_network

__all__ = [
    "ModernStyleNetwork",
    "PaperStyleNetwork",
    "StyleNetworkConfig",
    "build_style_network",
]
