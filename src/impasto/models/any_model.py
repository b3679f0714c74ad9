"""A model of whatever kind, by name or by file: for commands that take them all."""

from pathlib import Path

from impasto.errors import ModelError
from impasto.models.gallery import list_styles
from impasto.models.kinds import SUPERRES
from impasto.models.model_file import file_format
from impasto.models.names import advice, normalise_name, path_of
from impasto.models.style_model import StyleModel, load_style_model
from impasto.models.superres_model import SuperResModel, load_superres_model
from impasto.models.upscalers import list_upscalers


def load_any_model(name_or_path: str | Path) -> StyleModel | SuperResModel:
    """A bundled style, upscaler or restorer by name, or a model file, on the CPU.

    Raises ModelError, which names it and says what to do, as `load_style_model` and
    `load_superres_model` do; for unknown names with the nearest ones of all kinds.
    """
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
