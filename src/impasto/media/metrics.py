"""PSNR and SSIM, which refuse what they cannot judge; the luma that super-resolution papers use.

Both take (N, C, H, W) with C 1 (grey, luma) or 3 and declared range [0, data_range], compute in
float64 and give one number an image. Nothing is clamped, rounded or cropped here: a protocol's
steps are the caller's, in the open (impasto.evaluation.protocols).
"""

import math

import torch
from torch import Tensor

from impasto.errors import OptionError

# ITU-R BT.601, studio range, as in MATLAB's rgb2ycbcr: white is 235, black 16.
_LUMA_OFFSET = 16.0
_LUMA_WEIGHTS = (65.481, 128.553, 24.966)

SSIM_WINDOW_PX = 11
_SSIM_SIGMA_PX = 1.5
_SSIM_K1, _SSIM_K2 = 0.01, 0.03


def luma_bt601(pixels: Tensor) -> Tensor:
    """Y of YCbCr in 0...255 units: RGB (N, 3, H, W) in [0, 1] -> (N, 1, H, W) float64 in [16, 235].

    Y = 16 + 65.481 R + 128.553 G + 24.966 B, not rounded. Raises OptionError for another shape,
    values outside [0, 1] and NaN.
    """
    if pixels.ndim != 4 or pixels.shape[1] != 3:
        raise OptionError(f"luma_bt601: got {tuple(pixels.shape)}; wanted RGB (N, 3, H, W)")
    _check_range(pixels, "luma_bt601", "pixels", 1.0)
    red, green, blue = (pixels[:, i : i + 1].double() for i in range(3))
    weights = _LUMA_WEIGHTS
    return _LUMA_OFFSET + weights[0] * red + weights[1] * green + weights[2] * blue


def psnr(output: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """10 log10(data_range^2 / MSE) in dB: two (N, C, H, W) in [0, data_range] -> (N,) float64.

    The MSE is over channels and pixels; equal images give infinity. Raises OptionError for values
    outside the range, NaN, different sizes, and grey against colour.
    """
    check_images(output, target, "psnr", data_range)
    squared = (output.double() - target.double()).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(data_range**2 / squared)


def ssim(output: Tensor, target: Tensor, *, data_range: float) -> Tensor:
    """Structural similarity (Wang et al. 2004): two (N, C, H, W) -> (N,) float64.

    Values in [0, data_range]. 11 x 11 Gaussian window with sigma 1.5, only where it lies wholly
    inside, K1 = 0.01, K2 = 0.03, population moments, no down-sampling; the mean over channels.
    Raises OptionError as :func:`psnr` does, and for images of less than 11 px a side.
    """
    check_images(output, target, "ssim", data_range)
    count, _, height, width = output.shape
    if min(height, width) < SSIM_WINDOW_PX:
        raise OptionError(
            f"ssim: got {width} x {height} px; its window needs {SSIM_WINDOW_PX} px a side"
        )
    x = output.double().reshape(-1, 1, height, width)
    y = target.double().reshape(-1, 1, height, width)
    mean_x, mean_y, square_x, square_y, product = (
        _weighted_along(_weighted_along(part, -1), -2) for part in (x, y, x * x, y * y, x * y)
    )
    c1, c2 = (_SSIM_K1 * data_range) ** 2, (_SSIM_K2 * data_range) ** 2
    variances = square_x - mean_x.square() + square_y - mean_y.square()
    covariance = product - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).reshape(count, -1).mean(1)


def _weighted_along(planes: Tensor, dim: int) -> Tensor:
    """Gaussian-weighted means at the places where the whole window is inside."""
    # Shifted sums: three times as fast as PyTorch's float64 convolution on the CPU.
    reach = SSIM_WINDOW_PX // 2
    weights = [math.exp(-(i**2) / (2 * _SSIM_SIGMA_PX**2)) for i in range(-reach, reach + 1)]
    size = planes.shape[dim] - 2 * reach
    mixed = planes.narrow(dim, 0, size) * (weights[0] / sum(weights))
    for i, weight in enumerate(weights[1:], start=1):
        mixed.add_(planes.narrow(dim, i, size), alpha=weight / sum(weights))
    return mixed


def check_images(output: Tensor, target: Tensor, metric: str, data_range: float) -> None:
    """Raise OptionError unless both are (N, C, H, W) of one size, all values in the range."""
    if not (math.isfinite(data_range) and data_range > 0):
        raise OptionError(f"{metric}: data_range {data_range}; wanted a positive number, 1 or 255")
    for name, pixels in (("output", output), ("target", target)):
        if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or 0 in pixels.shape:
            raise OptionError(
                f"{metric}: {name} of shape {tuple(pixels.shape)}; wanted (N, 1, H, W) or "
                "(N, 3, H, W), not empty"
            )
    if output.shape[1] != target.shape[1]:
        kinds = {1: "grey", 3: "colour"}
        raise OptionError(
            f"{metric}: the output is {kinds[output.shape[1]]} and the target "
            f"{kinds[target.shape[1]]}; compare luma with luma or colour with colour"
        )
    if output.shape != target.shape:
        raise OptionError(
            f"{metric}: output {tuple(output.shape)} and target {tuple(target.shape)} differ in "
            "size; crop the target to a multiple of the factor, and never resize the output"
        )
    for name, pixels in (("output", output), ("target", target)):
        _check_range(pixels, metric, name, data_range)
        _check_not_unit(pixels, metric, name, data_range)


def _check_range(pixels: Tensor, metric: str, name: str, data_range: float) -> None:
    low, high = (float(bound) for bound in torch.aminmax(pixels.detach()))
    if math.isnan(low) or math.isnan(high):
        raise OptionError(f"{metric}: {name} holds NaN; the network or its input is at fault")
    if low < 0 or high > data_range:
        raise OptionError(
            f"{metric}: {name} holds {low:.6g} ... {high:.6g}, outside the declared range "
            f"[0, {data_range:g}]; clamp it, or declare the range that it has"
        )


def _check_not_unit(pixels: Tensor, metric: str, name: str, data_range: float) -> None:
    """[0, 1] images declared as 0...255 would score 48 dB too well: refuse the evident case."""
    if data_range < 100 or not pixels.is_floating_point():
        return
    if 0 < float(pixels.detach().max()) <= 1 and bool((pixels != pixels.round()).any()):
        raise OptionError(
            f"{metric}: all values of {name} lie in [0, 1] though the range is declared as "
            f"[0, {data_range:g}]; give data_range=1, or multiply by 255"
        )
