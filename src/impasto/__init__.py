"""Impasto: perceptual losses, real-time style transfer and super-resolution.

    import impasto
    impasto.stylize("photo.jpg", "starry-night").save("painted.jpg")
    impasto.upscale("photo.jpg", 4).save("large.png")

Pictures. A photo is a path, a Pillow image, an array or a tensor; the result is a Pillow image.
    stylize         paint a photo in the style of a painting, at once
    upscale         enlarge a photo
    restore         undo noise, blur, blocks, holes or missing colour
    optimize        paint one photo as well as it can be, in minutes
    texture         make a texture like that of a painting
    invert          show what a layer of a loss network keeps of a photo
    upscale_tensor  upscale, of tensors
    match_colors    give one picture the colours of another
    Engine          a style that is made ready once, for many images

Models. What is bundled, and what you have trained.
    styles, StyleEntry         list the bundled styles
    load, StyleModel           a style as a network
    upscalers, UpscalerEntry   list the bundled super-resolution and restoration models
    load_upscaler, SuperResModel   one of these as a network

Losses, for your own training.
    PerceptualLoss, LossWeights, LossTerms   feature and style reconstruction, pixels, smoothness
    load_loss_network, gram_matrix           what they are made of

Errors. ImpastoError is the base of ImageError, ModelError, OptimizationError, OptionError,
TrainingError and WeightsError; each says what came, what was wanted, and what to do.

help(impasto.stylize) tells more of one. Everything is imported at its first use (PEP 562): `import
impasto` costs next to nothing and loads neither torch nor Pillow. Nothing inside the package
imports this module.
"""

import sys
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
    # help() would load torch and print 2,500 lines; the docstring says what there is. It asks
    # through inspect.getmembers, which nothing else needs here.
    if sys._getframe(1).f_globals.get("__name__") == "inspect":
        return sorted(name for name in globals() if name not in _HOMES)
    return sorted({*globals(), *__all__})
