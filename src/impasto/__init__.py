"""Impasto: perceptual losses, real-time style transfer and super-resolution.

    import impasto
    impasto.stylize("photo.jpg", "starry-night").save("painted.jpg")
    impasto.upscale("photo.jpg", 4).save("large.png")

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
        OptimizationError,
        OptionError,
        TrainingError,
        WeightsError,
    )
    from impasto.losses import LossTerms, LossWeights, PerceptualLoss, gram_matrix
    from impasto.models import StyleModel, SuperResModel
    from impasto.models import load_style_model as load
    from impasto.models import load_superres_model as load_upscaler
    from impasto.models.gallery import StyleEntry
    from impasto.models.gallery import list_styles as styles
    from impasto.models.upscalers import UpscalerEntry
    from impasto.models.upscalers import list_upscalers as upscalers
    from impasto.networks import load_loss_network
    from impasto.optimization.inversion import invert
    from impasto.optimization.optimize import optimize
    from impasto.optimization.texture import texture
    from impasto.painting import Engine, match_colors, restore, upscale_tensor
    from impasto.painting.stylize import stylize
    from impasto.painting.upscale import upscale

    __version__: str

__all__ = [
    "Engine",
    "ImageError",
    "ImpastoError",
    "LossTerms",
    "LossWeights",
    "ModelError",
    "OptimizationError",
    "OptionError",
    "PerceptualLoss",
    "StyleEntry",
    "StyleModel",
    "SuperResModel",
    "TrainingError",
    "UpscalerEntry",
    "WeightsError",
    "__version__",
    "gram_matrix",
    "invert",
    "load",
    "load_loss_network",
    "load_upscaler",
    "match_colors",
    "optimize",
    "restore",
    "styles",
    "stylize",
    "texture",
    "upscale",
    "upscale_tensor",
    "upscalers",
]

# public name -> (module that defines it, its name there)
_HOMES = {
    "Engine": ("impasto.painting", "Engine"),
    "ImageError": ("impasto.errors", "ImageError"),
    "ImpastoError": ("impasto.errors", "ImpastoError"),
    "LossTerms": ("impasto.losses", "LossTerms"),
    "LossWeights": ("impasto.losses", "LossWeights"),
    "ModelError": ("impasto.errors", "ModelError"),
    "OptimizationError": ("impasto.errors", "OptimizationError"),
    "OptionError": ("impasto.errors", "OptionError"),
    "PerceptualLoss": ("impasto.losses", "PerceptualLoss"),
    "StyleEntry": ("impasto.models.gallery", "StyleEntry"),
    "StyleModel": ("impasto.models", "StyleModel"),
    "SuperResModel": ("impasto.models", "SuperResModel"),
    "TrainingError": ("impasto.errors", "TrainingError"),
    "UpscalerEntry": ("impasto.models.upscalers", "UpscalerEntry"),
    "WeightsError": ("impasto.errors", "WeightsError"),
    "gram_matrix": ("impasto.losses", "gram_matrix"),
    "invert": ("impasto.optimization.inversion", "invert"),
    "load": ("impasto.models", "load_style_model"),
    "load_loss_network": ("impasto.networks", "load_loss_network"),
    "load_upscaler": ("impasto.models", "load_superres_model"),
    "match_colors": ("impasto.painting", "match_colors"),
    "optimize": ("impasto.optimization.optimize", "optimize"),
    "restore": ("impasto.painting", "restore"),
    "styles": ("impasto.models.gallery", "list_styles"),
    "stylize": ("impasto.painting.stylize", "stylize"),
    "texture": ("impasto.optimization.texture", "texture"),
    "upscale": ("impasto.painting.upscale", "upscale"),
    "upscale_tensor": ("impasto.painting", "upscale_tensor"),
    "upscalers": ("impasto.models.upscalers", "list_upscalers"),
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
