"""Good pictures made bad on purpose, so that networks can learn to repair them; by name."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

from impasto.data import DEGRADATIONS, RESTORATION_RANGES, RESTORATIONS
from impasto.data.degradations.blur import Blur, gaussian_blur
from impasto.data.degradations.degradation import Degradation, Gray, Standard, to_8_bits
from impasto.data.degradations.holes import Holes, hole_mask, with_holes
from impasto.data.degradations.jpeg import Jpeg, jpeg_round_trip
from impasto.data.degradations.noise import Noise, sensor_noise
from impasto.data.degradations.photo import Photo, PhotoRanges
from impasto.errors import OptionError

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

DEBLUR_SIGMA_PX = (0.5, 2.5)  # what a deblurring network learns to undo unless told otherwise


def _photo(**ranges: Any) -> Photo:
    return Photo(PhotoRanges(**ranges))


_Maker = Callable[..., Degradation]
_DEGRADATIONS: dict[str, tuple[type, _Maker]] = {
    "standard": (Standard, Standard),
    "blur": (Blur, Blur),
    "photo": (PhotoRanges, _photo),
}
_RESTORATIONS: dict[str, tuple[type, _Maker]] = {
    "noise": (Noise, Noise),
    "gray": (Gray, Gray),
    "jpeg": (Jpeg, Jpeg),
    "blur": (Blur, partial(Blur, sigma_px=DEBLUR_SIGMA_PX)),
    "holes": (Holes, Holes),
}


def find_degradation(name: str, **options: Any) -> Degradation:
    """What makes the low resolution: "standard", "blur" (the paper's) or "photo".

    Options: blur: `sigma_px`; photo: the fields of PhotoRanges. Raises OptionError for another
    name or option.
    """
    return _find("degradation", _DEGRADATIONS, name, options)


def find_restoration(name: str, **options: Any) -> Degradation:
    """What makes the bad picture that is repaired at its own size (factor 1).

    "noise" (option `sigma`), "gray", "jpeg" (`quality`), "blur" (`sigma_px`) or "holes" (`area`;
    4 channels). Each option is a range (low, high). Raises OptionError for another name or option.
    """
    return _find("restoration", _RESTORATIONS, name, options)


def _find(
    kind: str,
    known: Mapping[str, tuple[type, _Maker]],
    name: str,
    options: Mapping[str, Any],
) -> Degradation:
    if name not in known:
        raise OptionError(f"no {kind} {name!r}; choose from {list(known)}")
    described, make = known[name]
    choices = [field.name for field in fields(described)]
    if unknown := sorted(set(options) - set(choices)):
        raise OptionError(f"{kind} {name!r} has no options {unknown}; it has {choices}")
    return make(**options)
