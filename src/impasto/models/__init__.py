"""A style network with its config and provenance: save, load, and the bundled gallery.

Lazy (PEP 562), so that `impasto.models.gallery`, which reads JSON only, never imports torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.models.gallery import StyleEntry, find_style, list_styles
    from impasto.models.style_file import load_style_model, save_style_model
    from impasto.models.style_model import StyleModel

__all__ = [
    "StyleEntry",
    "StyleModel",
    "find_style",
    "list_styles",
    "load_style_model",
    "save_style_model",
]

_HOMES = {
    "StyleEntry": "gallery",
    "StyleModel": "style_model",
    "find_style": "gallery",
    "list_styles": "gallery",
    "load_style_model": "style_file",
    "save_style_model": "style_file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'impasto.models' has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(f"impasto.models.{_HOMES[name]}"), name)
