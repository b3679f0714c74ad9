"""A trained style, ready to paint: to files and back."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import OptionError
from impasto.models.gallery import style_path
from impasto.models.kinds import STYLE
from impasto.models.trained_model import TrainedModel, load_model
from impasto.networks import StyleNetworkConfig


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StyleModel(TrainedModel[StyleNetworkConfig]):
    """A style network with its config and its card (who painted it, how it was trained).

    Calling it paints (N, 3, H, W) -> the same size; `impasto.painting` paints photos of any size
    with it in bounded memory.
    """

    def _facts(self) -> list[str]:
        config = self.config
        return [config.architecture, f"width {config.width:g}", f"{config.blocks} blocks"]


def load_style_model(
    name_or_path: str | Path, network: str = "full", *, quality: str | None = None
) -> StyleModel:
    """A bundled style by name, its "full" or "fast" network, or a style file by path, on the CPU.

    A string is a path if it ends in .safetensors, has a path separator, or names a file. `quality`
    is an earlier name of `network`. Raises ModelError, which names the style or file and says what
    to do, for unknown names (with the nearest ones), for files that are missing, damaged, or not
    Impasto's, and where there is no fast network; OptionError for another network.
    """
    if quality is not None:
        warnings.warn("`quality` is now `network`", DeprecationWarning, stacklevel=2)
        network = quality
    return StyleModel(**vars(load_model(style_path(name_or_path, network), STYLE)))


def as_style_model(style: str | Path | StyleModel, network: str = "full") -> StyleModel:
    """A loaded model as it is, else `load_style_model`; with its errors.

    Raises OptionError for a loaded model and another network than "full", which is its own.
    """
    if not isinstance(style, StyleModel):
        return load_style_model(style, network)
    if network != "full":
        raise OptionError(
            f"network {network!r} is for bundled styles by name; got the loaded model "
            f"{style.name!r}: leave network out, or load it with that network"
        )
    return style
