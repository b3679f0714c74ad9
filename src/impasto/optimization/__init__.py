"""Optimise the pixels of an image: Gatys et al., feature inversion, texture synthesis.

Lazy (PEP 562), so that the options are declared without importing torch. `optimize` is
`impasto.optimize`; here the name is its module's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.optimization.config import OptimizationConfig
    from impasto.optimization.optimize import optimize_file
    from impasto.optimization.outputs import OptimizationFiles
    from impasto.optimization.run import OptimizedImage, Pictures, optimize_image

__all__ = [
    "OptimizationConfig",
    "OptimizationFiles",
    "OptimizedImage",
    "Pictures",
    "optimize_file",
    "optimize_image",
]

_HOMES = {
    "OptimizationConfig": "config",
    "OptimizationFiles": "outputs",
    "OptimizedImage": "run",
    "Pictures": "run",
    "optimize_file": "optimize",
    "optimize_image": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(
            f"module 'impasto.optimization' has no attribute {name!r}; it has {__all__}"
        )
    return getattr(import_module(f"impasto.optimization.{_HOMES[name]}"), name)
