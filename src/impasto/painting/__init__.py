"""Use trained models on photos: any size, in bounded memory, exact.

Lazy (PEP 562): painting, enlarging or restoring a photo by OpenVINO does not import torch. The
functions `stylize` and `upscale` are in the modules of their names.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.engines.color_match import COLOR_MATCHES, match_colors
    from impasto.engines.engine import Engine
    from impasto.engines.stylize_tensor import stylize_tensor
    from impasto.engines.upscale_tensor import upscale_tensor
    from impasto.painting.painter import Painter
    from impasto.painting.stylize import style_painter, stylize_file
    from impasto.painting.upscale import (
        restore,
        restore_file,
        restore_painter,
        upscale_file,
        upscale_painter,
    )

__all__ = [
    "COLOR_MATCHES",
    "Engine",
    "Painter",
    "match_colors",
    "restore",
    "restore_file",
    "restore_painter",
    "style_painter",
    "stylize_file",
    "stylize_tensor",
    "upscale_file",
    "upscale_painter",
    "upscale_tensor",
]

_HOMES = {
    "COLOR_MATCHES": "impasto.engines.color_match",
    "Engine": "impasto.engines.engine",
    "Painter": "impasto.painting.painter",
    "match_colors": "impasto.engines.color_match",
    "restore": "impasto.painting.upscale",
    "restore_file": "impasto.painting.upscale",
    "restore_painter": "impasto.painting.upscale",
    "style_painter": "impasto.painting.stylize",
    "stylize_file": "impasto.painting.stylize",
    "stylize_tensor": "impasto.engines.stylize_tensor",
    "upscale_file": "impasto.painting.upscale",
    "upscale_painter": "impasto.painting.upscale",
    "upscale_tensor": "impasto.engines.upscale_tensor",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'impasto.painting' has no attribute {name!r}; it has {__all__}"
        )
    return getattr(import_module(_HOMES[name]), name)
