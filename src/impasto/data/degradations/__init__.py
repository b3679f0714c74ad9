"""Good pictures made bad on purpose, so that networks can learn to repair them."""

from impasto.data.degradations.degradation import Degradation, to_8_bits
from impasto.data.degradations.find import (
    DEGRADATIONS,
    RESTORATION_RANGES,
    RESTORATIONS,
    find_degradation,
    find_restoration,
)
from impasto.data.degradations.gaussian import gaussian_blur
from impasto.data.degradations.gray import Gray
from impasto.data.degradations.holes import Holes, hole_mask, with_holes
from impasto.data.degradations.jpeg import Jpeg, jpeg_round_trip
from impasto.data.degradations.noise import Noise, sensor_noise
from impasto.data.degradations.photo import Photo, PhotoRanges
from impasto.data.degradations.resolution import Blur, Standard

__all__ = [
    "DEGRADATIONS",
    "RESTORATIONS",
    "RESTORATION_RANGES",
    "Blur",
    "Degradation",
    "Gray",
    "Holes",
    "Jpeg",
    "Noise",
    "Photo",
    "PhotoRanges",
    "Standard",
    "find_degradation",
    "find_restoration",
    "gaussian_blur",
    "hole_mask",
    "jpeg_round_trip",
    "sensor_noise",
    "to_8_bits",
    "with_holes",
]
