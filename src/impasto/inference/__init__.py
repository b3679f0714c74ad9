"""Paint photos with a trained style: any size, in bounded memory, exact."""

from impasto.inference.engine import stylize_tensor
from impasto.inference.stylize import stylize, stylize_file
from impasto.networks.devices import choose_device

__all__ = ["choose_device", "stylize", "stylize_file", "stylize_tensor"]
