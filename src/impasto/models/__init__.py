"""A network with its config and provenance: save, load, and what is bundled.

Lazy (PEP 562), so that `impasto.models.gallery` and `impasto.models.upscalers`, which read JSON
only, never import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from impasto.models.gallery import StyleEntry, list_styles
    from impasto.models.style_model import (
        StyleModel,
        as_style_model,
        load_style_model,
    )
    from impasto.models.superres_model import (
        SuperResModel,
        load_superres_model,
        load_upscalers,
    )
    from impasto.models.trained_model import save_model
    from impasto.models.upscalers import (
        UpscalerEntry,
        list_upscalers,
    )

__all__ = [
    "StyleEntry",
    "StyleModel",
    "SuperResModel",
    "UpscalerEntry",
    "as_style_model",
    "list_styles",
    "list_upscalers",
    "load_any_model",
    "load_style_model",
    "load_superres_model",
    "load_upscalers",
    "save_model",
]

_HOMES = {
    "gallery": ("StyleEntry", "list_styles"),
    "style_model": ("StyleModel", "as_style_model", "load_style_model"),
    "superres_model": ("SuperResModel", "load_superres_model", "load_upscalers"),
    "trained_model": ("save_model",),
    "upscalers": ("UpscalerEntry", "list_upscalers"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"impasto.models.{home}"), name)
    raise AttributeError(f"module 'impasto.models' has no attribute {name!r}; it has {__all__}")


def load_any_model(name_or_path: "str | Path") -> "StyleModel | SuperResModel":
    """A bundled style, upscaler or restorer by name, or a model file, on the CPU.

    Raises ModelError, which names it and says what to do, as `load_style_model` and
    `load_superres_model` do; for unknown names with the nearest ones of all kinds.
    """
    from impasto.errors import ModelError
    from impasto.models.cards import advice, normalise_name, path_of
    from impasto.models.gallery import list_styles
    from impasto.models.kinds import SUPERRES
    from impasto.models.model_file import file_format
    from impasto.models.style_model import load_style_model
    from impasto.models.superres_model import load_superres_model
    from impasto.models.upscalers import list_upscalers

    path = path_of(name_or_path)
    if path is not None:
        if file_format(path) == SUPERRES.format:
            return load_superres_model(path)
        return load_style_model(path)
    wanted = normalise_name(str(name_or_path))
    styles, upscalers = list_styles(), list_upscalers()
    if wanted in {name for entry in upscalers for name in (entry.name, entry.family)}:
        return load_superres_model(str(name_or_path))
    if wanted in {entry.name for entry in styles}:
        return load_style_model(str(name_or_path))
    known = {entry.name: f"{entry.title} {entry.artist}" for entry in styles}
    known |= {entry.name: f"{entry.title} {entry.degradation}" for entry in upscalers}
    hint = advice(wanted, known, noun="model", list_command="impasto styles` or `impasto upscalers")
    raise ModelError(f"no model {str(name_or_path)!r}; {hint}")
