"""Use trained models on photos: any size, in bounded memory, exact.

Lazy (PEP 562), so that painting a plain photo does not import torch, see `quick`. The functions
`stylize` and `upscale` are in the modules of their names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.engines.color_match import COLOR_MATCHES, match_colors
    from impasto.engines.engine import Engine
    from impasto.engines.stylize_tensor import stylize_tensor
    from impasto.engines.superres_options import SuperResOptions
    from impasto.engines.upscale_tensor import upscale_tensor
    from impasto.machine.devices import choose_device
    from impasto.painting.stylize import stylize_file
    from impasto.painting.upscale import models_for, restore, restorer_for, upscale_file

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
    "COLOR_MATCHES": "impasto.engines.color_match",
    "Engine": "impasto.engines.engine",
    "SuperResOptions": "impasto.engines.superres_options",
    "choose_device": "impasto.machine.devices",
    "match_colors": "impasto.engines.color_match",
    "models_for": "impasto.painting.upscale",
    "restore": "impasto.painting.upscale",
    "restorer_for": "impasto.painting.upscale",
    "stylize_file": "impasto.painting.stylize",
    "stylize_tensor": "impasto.engines.stylize_tensor",
    "upscale_file": "impasto.painting.upscale",
    "upscale_tensor": "impasto.engines.upscale_tensor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'impasto.painting' has no attribute {name!r}; it has {__all__}"
        )
    return getattr(import_module(_HOMES[name]), name)
