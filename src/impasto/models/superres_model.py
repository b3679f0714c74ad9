"""A trained super-resolution or restoration network, ready to use: to files and back."""

from dataclasses import dataclass
from pathlib import Path

from impasto.errors import ModelError
from impasto.models.cards import path_of
from impasto.models.kinds import SUPERRES
from impasto.models.trained_model import TrainedModel, load_model
from impasto.models.upscalers import TASKS, find_upscaler, task_of_factor, upscaler_paths
from impasto.networks.superres_config import SuperResConfig


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SuperResModel(TrainedModel[SuperResConfig]):
    """A super-resolution network with its config and its card (degradation, provenance).

    Calling it gives (N, in_channels, h, w) -> (N, 3, h * factor, w * factor) in one pass;
    `impasto.painting` upscales photos of any size with it in bounded memory.
    """

    @property
    def factor(self) -> int:
        """How many times longer each side becomes; 1 for restoration."""
        return self.config.factor

    @property
    def task(self) -> str:
        """ "superres" or "restore", as the card says; without a card the factor tells."""
        return str(self.card.get("task") or task_of_factor(self.config.factor))

    def _facts(self) -> list[str]:
        config = self.config
        return [config.architecture, f"factor {config.factor}", f"width {config.width:g}"]


def load_superres_model(name_or_path: str | Path, *, factor: int | None = None) -> SuperResModel:
    """A bundled model by name, or a model file by path, on the CPU.

    A name may leave out its factor ("pixel" for "pixel-x4") where `factor` gives it. Raises
    ModelError, which names the model or file and says what to do, for unknown names (with the
    nearest ones), for models of another factor, and for files that are missing, damaged, or not
    Impasto's.
    """
    path = path_of(name_or_path) or find_upscaler(str(name_or_path), factor=factor).path
    loaded = load_model(path, SUPERRES)
    task = loaded.card.get("task")
    if task is not None and task not in TASKS:
        raise ModelError(f"{path}: its card has the task {task!r}; {SUPERRES.remedy}")
    if factor is not None and loaded.config.factor != factor:
        raise ModelError(
            f"{path}: made for factor {loaded.config.factor}, but factor {factor} was asked for; "
            f"ask for factor {loaded.config.factor}, or give another model"
        )
    return SuperResModel(**vars(loaded))


def load_upscalers(
    name_or_path: str | Path | None = None, *, factor: int | None = None
) -> tuple[SuperResModel, ...]:
    """The models that enlarge by `factor` when they are used one after another, mostly one.

    A name as in `find_upscalers`, or a model file, which has one factor only. Raises ModelError as
    `load_superres_model` does.
    """
    paths = upscaler_paths(name_or_path, factor)
    if len(paths) == 1:
        return (load_superres_model(paths[0], factor=factor),)
    return tuple(load_superres_model(path) for path in paths)
