"""Impasto: perceptual losses and real-time style transfer.

    import impasto
    impasto.stylize("photo.jpg", "starry-night").save("painted.jpg")

Everything below is imported at its first use (PEP 562), so `import impasto` costs next to nothing
and loads neither torch nor Pillow. Nothing inside the package imports this module.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.errors import (
        ImageError,
        ImpastoError,
        ModelError,
        OptionError,
        TrainingError,
        WeightsError,
    )
    from impasto.inference import stylize
    from impasto.losses import LossTerms, LossWeights, PerceptualLoss, gram_matrix
    from impasto.models import StyleModel
    from impasto.models import load_style_model as load
    from impasto.models.gallery import StyleEntry
    from impasto.models.gallery import list_styles as styles
    from impasto.networks import load_loss_network

    __version__: str

__all__ = [
    "ImageError",
    "ImpastoError",
    "LossTerms",
    "LossWeights",
    "ModelError",
    "OptionError",
    "PerceptualLoss",
    "StyleEntry",
    "StyleModel",
    "TrainingError",
    "WeightsError",
    "__version__",
    "gram_matrix",
    "load",
    "load_loss_network",
    "styles",
    "stylize",
]

# public name -> (module that defines it, its name there)
_HOMES = {
    "ImageError": ("impasto.errors", "ImageError"),
    "ImpastoError": ("impasto.errors", "ImpastoError"),
    "LossTerms": ("impasto.losses", "LossTerms"),
    "LossWeights": ("impasto.losses", "LossWeights"),
    "ModelError": ("impasto.errors", "ModelError"),
    "OptionError": ("impasto.errors", "OptionError"),
    "PerceptualLoss": ("impasto.losses", "PerceptualLoss"),
    "StyleEntry": ("impasto.models.gallery", "StyleEntry"),
    "StyleModel": ("impasto.models", "StyleModel"),
    "TrainingError": ("impasto.errors", "TrainingError"),
    "WeightsError": ("impasto.errors", "WeightsError"),
    "gram_matrix": ("impasto.losses", "gram_matrix"),
    "load": ("impasto.models", "load_style_model"),
    "load_loss_network": ("impasto.networks", "load_loss_network"),
    "styles": ("impasto.models.gallery", "list_styles"),
    "stylize": ("impasto.inference", "stylize"),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("impasto")
    elif name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(module), attribute)
    else:
        raise AttributeError(f"module 'impasto' has no attribute {name!r}; it has {__all__}")
    globals()[name] = value  # the next look-up is a plain one
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
