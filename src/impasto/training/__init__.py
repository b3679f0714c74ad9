"""Train a network: a style, super-resolution, restoration or inversion; one `run` for them all.

    from impasto.training import StyleTrainingConfig, run
    run(StyleTrainingConfig(style=(Path("p.jpg"),), photos=Path("photos"), output=Path("run")))

The configs do not import torch; `run` is imported at its first use (PEP 562).
"""

from typing import TYPE_CHECKING, Any

from impasto.training.inversion_config import InversionTrainingConfig
from impasto.training.restore_config import RestoreTrainingConfig
from impasto.training.run_config import RunConfig, read_recipe
from impasto.training.style_config import StyleTrainingConfig
from impasto.training.superres_config import SuperResTrainingConfig

if TYPE_CHECKING:
    from impasto.training.trainer import run

__all__ = [
    "InversionTrainingConfig",
    "RestoreTrainingConfig",
    "RunConfig",
    "StyleTrainingConfig",
    "SuperResTrainingConfig",
    "read_recipe",
    "run",
]


def __getattr__(name: str) -> Any:
    if name != "run":
        raise AttributeError(f"module 'impasto.training' has no attribute {name!r}; see {__all__}")
    from impasto.training.trainer import run

    return run
