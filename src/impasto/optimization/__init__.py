"""Optimise the pixels of an image: Gatys et al., feature inversion, texture synthesis."""

from impasto.optimization.config import OptimizationConfig
from impasto.optimization.optimize import OptimizationFiles, optimize, optimize_file
from impasto.optimization.run import OptimizedImage, Pictures, optimize_image

__all__ = [
    "OptimizationConfig",
    "OptimizationFiles",
    "OptimizedImage",
    "Pictures",
    "optimize",
    "optimize_file",
    "optimize_image",
]
