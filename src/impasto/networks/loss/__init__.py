"""Loss networks: frozen feature extractors, RGB [0, 1] in, activations after the ReLU out."""

from impasto.networks.loss.load import LOSS_NETWORK_NAMES, load_loss_network
from impasto.networks.loss.network import CombinedLossNetwork, LossNetwork

__all__ = ["LOSS_NETWORK_NAMES", "CombinedLossNetwork", "LossNetwork", "load_loss_network"]
