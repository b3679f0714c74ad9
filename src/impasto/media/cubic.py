"""The kernel of bicubic resampling, for arrays and tensors alike. Never imports torch."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Points = TypeVar("Points", "Tensor", NDArray[np.floating[Any]], float)

CUBIC_SUPPORT = 2.0  # samples on each side


def keys_cubic(distance: Points) -> Points:
    """Keys' cubic convolution (1981) with a = -0.5, as MATLAB and Pillow have it.

    distance: in samples, of any shape; from CUBIC_SUPPORT on the kernel is zero.
    """
    x = abs(distance)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    kernel: Points = near * (x <= 1) + far * ((x > 1) & (x < CUBIC_SUPPORT))
    return kernel
