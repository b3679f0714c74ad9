"""Losses: pure functions, terms over a loss network's features, and `PerceptualLoss` over them."""

from impasto.losses.content import content_loss, unit_feature_loss
from impasto.losses.gram import gram_matrix, style_loss
from impasto.losses.perceptual import PerceptualLoss
from impasto.losses.pixel import PixelKind, detail_loss, edge_loss, grid_loss, pixel_loss
from impasto.losses.terms import (
    ContentTerm,
    LossNetwork,
    LossTerms,
    LossWeights,
    StyleTerm,
    content_terms,
    errors_of,
    style_terms,
)
from impasto.losses.total_variation import hole_tv, isotropic_tv, squared_tv, tv_loss

__all__ = [
    "ContentTerm",
    "LossNetwork",
    "LossTerms",
    "LossWeights",
    "PerceptualLoss",
    "PixelKind",
    "StyleTerm",
    "content_loss",
    "content_terms",
    "detail_loss",
    "edge_loss",
    "errors_of",
    "gram_matrix",
    "grid_loss",
    "hole_tv",
    "isotropic_tv",
    "pixel_loss",
    "squared_tv",
    "style_loss",
    "style_terms",
    "tv_loss",
    "unit_feature_loss",
]
