"""Use trained models on photos: any size, in bounded memory, exact.

Lazy (PEP 562), so that painting a plain photo does not import torch, see `quick`. The functions
`stylize` and `upscale` are in the modules of their names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.inference.color_match import COLOR_MATCHES, match_colors
    from impasto.inference.engine import stylize_tensor
    from impasto.inference.style_engine import Engine
    from impasto.inference.stylize import stylize_file
    from impasto.inference.superres_engine import upscale_tensor
    from impasto.inference.superres_options import SuperResOptions
    from impasto.inference.upscale import models_for, restore, restorer_for, upscale_file
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
    "stylize_file",
    "stylize_tensor",
    "upscale_file",
    "upscale_tensor",
]

_HOMES = {
    "COLOR_MATCHES": "impasto.inference.color_match",
    "Engine": "impasto.inference.style_engine",
    "SuperResOptions": "impasto.inference.superres_options",
    "choose_device": "impasto.networks.devices",
    "match_colors": "impasto.inference.color_match",
    "models_for": "impasto.inference.upscale",
    "restore": "impasto.inference.upscale",
    "restorer_for": "impasto.inference.upscale",
    "stylize_file": "impasto.inference.stylize",
    "stylize_tensor": "impasto.inference.engine",
    "upscale_file": "impasto.inference.upscale",
    "upscale_tensor": "impasto.inference.superres_engine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'impasto.inference' has no attribute {name!r}; it has {__all__}"
        )
    return getattr(import_module(_HOMES[name]), name)
