"""A network with its config and provenance: save, load, and what is bundled.

Lazy (PEP 562), so that `impasto.models.gallery` and `impasto.models.upscalers`, which read JSON
only, never import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.models.gallery import StyleEntry, find_style, list_styles
    from impasto.models.style_model import (
        StyleModel,
        as_style_model,
        load_style_model,
        save_style_model,
    )
    from impasto.models.superres_model import (
        SuperResModel,
        load_superres_model,
        load_upscalers,
        save_superres_model,
    )
    from impasto.models.upscalers import (
        UpscalerEntry,
        find_upscaler,
        find_upscalers,
        list_upscalers,
    )

__all__ = [
    "StyleEntry",
    "StyleModel",
    "SuperResModel",
    "UpscalerEntry",
    "as_style_model",
    "find_style",
    "find_upscaler",
    "find_upscalers",
    "list_styles",
    "list_upscalers",
    "load_style_model",
    "load_superres_model",
    "load_upscalers",
    "save_style_model",
    "save_superres_model",
]

_HOMES = {
    "StyleEntry": "gallery",
    "StyleModel": "style_model",
    "SuperResModel": "superres_model",
    "UpscalerEntry": "upscalers",
    "as_style_model": "style_model",
    "find_style": "gallery",
    "find_upscaler": "upscalers",
    "find_upscalers": "upscalers",
    "list_styles": "gallery",
    "list_upscalers": "upscalers",
    "load_style_model": "style_model",
    "load_superres_model": "superres_model",
    "load_upscalers": "superres_model",
    "save_style_model": "style_model",
    "save_superres_model": "superres_model",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'impasto.models' has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(f"impasto.models.{_HOMES[name]}"), name)
