"""How much each loss term counts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from impasto.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """One finite weight >= 0 for each term; a term of weight 0 is not computed.

    The defaults are the numbers of the authors' code (the paper gives none), and the scales there
    differ from the paper's equations, which this package follows on images in [0, 1]:

    - style: their code averages the squared Gram difference over its C*C entries; eq. 4 sums.
      Their 5 is 5 / C^2 on a layer of C channels of the absolute (`relative=False`) style loss.
    - tv: their 1e-6 acts on pixels in 0...255. On the absolute term here, the sum of squared
      differences of [0, 1] pixels, it amounts to 1e-6 / 2 * 255^2 = 0.033 times the batch size
      (see `squared_tv`). The relative form takes the mean over C*H*W instead: a tv weight of
      1 there is one of 1 / (C*H*W) on the sum.
    - content, pixel: the same as theirs, apart from the pixels' range (0...255 there).

    With `PerceptualLoss(relative=True)` content and style are dimensionless, and a style weight
    of 2 is a place to start. Raises OptionError for a negative, infinite or NaN weight.
    """

    content: float = 1.0
    style: float = 5.0
    tv: float = 1e-6
    pixel: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_weight(getattr(self, field.name), f"the {field.name} weight")


def check_weight(value: float, name: str) -> None:
    """Raise OptionError unless `value` is a finite number >= 0."""
    if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
        raise OptionError(f"got {value!r} for {name}; wanted a finite number, 0 or above")


def layer_weights(layers: Sequence[str] | Mapping[str, float], kind: str) -> dict[str, float]:
    """Return layer -> weight, 1 each for a sequence of names; `kind` names it in errors.

    Raises OptionError for a bare string, a name given twice, or a bad weight.
    """
    if isinstance(layers, str):
        raise OptionError(f"got {kind} layers {layers!r}; wanted a sequence: [{layers!r}]")
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    if len(weights) != len(layers):
        raise OptionError(f"got {kind} layers {list(layers)}; wanted each layer once")
    for layer, weight in weights.items():
        check_weight(weight, f"the weight of {kind} layer {layer!r}")
    return weights
