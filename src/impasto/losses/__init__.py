"""Losses: pure functions, thin modules over them, and `PerceptualLoss`, which composes them."""

from impasto.losses.content import ContentLoss, content_loss
from impasto.losses.detail import detail_loss
from impasto.losses.edges import edge_loss
from impasto.losses.gatys import (
    gatys_content_loss,
    gatys_gram_matrix,
    gatys_layer_style_loss,
    gatys_style_loss,
    gatys_total,
)
from impasto.losses.gram import GramMatrix, gram_matrix
from impasto.losses.grid import grid_loss
from impasto.losses.perceptual import PerceptualLoss
from impasto.losses.pixel import PixelKind, PixelLoss, pixel_loss
from impasto.losses.style import StyleLoss, style_loss
from impasto.losses.terms import LossNetwork, LossTerms
from impasto.losses.total_variation import (
    TotalVariation,
    hole_tv,
    isotropic_tv,
    squared_tv,
    tv_loss,
)
from impasto.losses.unit_features import UnitFeatureLoss, unit_feature_loss
from impasto.losses.weights import LossWeights

__all__ = [
    "ContentLoss",
    "GramMatrix",
    "LossNetwork",
    "LossTerms",
    "LossWeights",
    "PerceptualLoss",
    "PixelKind",
    "PixelLoss",
    "StyleLoss",
    "TotalVariation",
    "UnitFeatureLoss",
    "content_loss",
    "detail_loss",
    "edge_loss",
    "gatys_content_loss",
    "gatys_gram_matrix",
    "gatys_layer_style_loss",
    "gatys_style_loss",
    "gatys_total",
    "gram_matrix",
    "grid_loss",
    "hole_tv",
    "isotropic_tv",
    "pixel_loss",
    "squared_tv",
    "style_loss",
    "tv_loss",
    "unit_feature_loss",
]
