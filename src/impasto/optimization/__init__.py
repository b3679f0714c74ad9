"""Optimise the pixels of an image: Gatys et al., feature inversion, texture synthesis."""

from impasto.optimization.config import OptimizationConfig
from impasto.optimization.events import Download, Event, Notice, OnEvent, OptimizationStep
from impasto.optimization.loss_networks import choose_loss_network
from impasto.optimization.optimize import OptimizationFiles, optimize, optimize_file
from impasto.optimization.run import OptimizedImage, optimize_image

__all__ = [
    "Download",
    "Event",
    "Notice",
    "OnEvent",
    "OptimizationConfig",
    "OptimizationFiles",
    "OptimizationStep",
    "OptimizedImage",
    "choose_loss_network",
    "optimize",
    "optimize_file",
    "optimize_image",
]
