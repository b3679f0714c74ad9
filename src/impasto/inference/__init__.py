"""Use trained models on photos: any size, in bounded memory, exact."""

from impasto.inference.color_match import COLOR_MATCHES, match_colors
from impasto.inference.engine import stylize_tensor
from impasto.inference.style_engine import Engine
from impasto.inference.stylize import stylize, stylize_file
from impasto.inference.superres_engine import upscale_tensor
from impasto.inference.superres_options import SuperResOptions
from impasto.inference.upscale import models_for, restore, restorer_for, upscale, upscale_file
from impasto.networks.devices import choose_device

__all__ = [
    "COLOR_MATCHES",
    "Engine",
    "SuperResOptions",
    "choose_device",
    "match_colors",
    "models_for",
    "restore",
    "restorer_for",
    "stylize",
    "stylize_file",
    "stylize_tensor",
    "upscale",
    "upscale_file",
    "upscale_tensor",
]
