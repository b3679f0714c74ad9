"""Loss networks and transformation networks, pure `nn.Module`s.

Lazy (PEP 562), so that `layout` and `style_config` do not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.networks.architectures import build_style_network
    from impasto.networks.loss import LOSS_NETWORK_NAMES, LossNetwork, load_loss_network
    from impasto.networks.modern import FastStyleNetwork, ModernStyleNetwork
    from impasto.networks.paper import PaperStyleNetwork
    from impasto.networks.style_config import StyleNetworkConfig

__all__ = [
    "LOSS_NETWORK_NAMES",
    "FastStyleNetwork",
    "LossNetwork",
    "ModernStyleNetwork",
    "PaperStyleNetwork",
    "StyleNetworkConfig",
    "build_style_network",
    "load_loss_network",
]

_HOMES = {
    "LOSS_NETWORK_NAMES": "impasto.networks.loss",
    "FastStyleNetwork": "impasto.networks.modern",
    "LossNetwork": "impasto.networks.loss",
    "ModernStyleNetwork": "impasto.networks.modern",
    "PaperStyleNetwork": "impasto.networks.paper",
    "StyleNetworkConfig": "impasto.networks.style_config",
    "build_style_network": "impasto.networks.architectures",
    "load_loss_network": "impasto.networks.loss",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'impasto.networks' has no attribute {name!r}; it has {__all__}"
        )
    return getattr(import_module(_HOMES[name]), name)
