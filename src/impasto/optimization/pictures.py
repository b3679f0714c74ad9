"""What an optimisation looks at: which pictures it refuses, their sizes and their colours."""

import torch
from torch import Tensor

from impasto.errors import ImageError, OptionError
from impasto.losses.shapes import check_image
from impasto.media import Picture, luma, resize, scaled_size
from impasto.media.colors import fill_hidden
from impasto.networks import LossNetwork
from impasto.optimization.config import LEAST_PX, MAX_SIZE

DEFAULT_SIZE = 512  # long side, px; more takes long
# A picture whose samples deviate by less is of one colour.
BLANK = 1 / 512
PROBE_PX = 256
# Added to the variances: one 8-bit level squared, so that a grey picture has a root to divide by.
VARIANCE_FLOOR = (1 / 255) ** 2


def check_picture(picture: Tensor, name: str, *, may_be_blank: bool = False) -> None:
    """Raise ImageError for a picture that is tiny or blank, OptionError for one that is none."""
    check_image(picture, name)
    height, width = picture.shape[-2:]
    if picture.shape[0] != 1 or not bool(torch.isfinite(picture).all()):
        raise OptionError(f"{name}: wanted one finite (1, 3, H, W), got {tuple(picture.shape)}")
    if min(height, width) < LEAST_PX:
        raise ImageError(f"{name} has {width} x {height} px; {LEAST_PX} a side at least")
    if not may_be_blank and float(picture.flatten(2).std(-1).max()) < BLANK:
        raise ImageError(f"{name} is of one colour; there is nothing in it to be painted or learnt")


def check_layers(network: LossNetwork, layers: list[str], image: Tensor) -> None:
    """Raise OptionError for no layer, one that `network` lacks, or an image too small for them."""
    if not layers:
        raise OptionError(f"got no layer; choose from {list(network.layer_names)}")
    try:
        with torch.no_grad():
            network(image[..., :PROBE_PX, :PROBE_PX], layers)
    except KeyError as error:
        raise OptionError(str(error.args[0])) from error


def visible(picture: Picture, size_hw: tuple[int, int] | None = None) -> Tensor:
    """The pixels at that size, with nearby colours for what transparency hides."""
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = fill_hidden(pixels, picture.alpha)
    return pixels if size_hw is None else resize(pixels, size_hw)


def size_of(
    pixels: Tensor, size: int | None, *, limit: int | None = DEFAULT_SIZE
) -> tuple[int, int]:
    """(H, W) with `size` px on the long side; None: the picture's own, `limit` at most."""
    height, width = pixels.shape[-2:]
    side = size or min(max(height, width), limit or MAX_SIZE)
    return scaled_size((height, width), side)


def match_color_statistics(style: Tensor, content: Tensor) -> Tensor:
    """Give `style` the mean colour and colour covariance of `content`; (1, 3, ., .) in [0, 1] each.

    x -> A x + b with A = S_content^(1/2) S_style^(-1/2), symmetric roots of the covariances: the
    form that the paper (section 4.1.2) found best, from Hertzmann et al.'s image analogies. Works
    on one channel too. The result is clamped to [0, 1].
    """
    mean_style, root_style = _moments(style)
    mean_content, root_content = _moments(content)
    matrix = root_content @ torch.linalg.inv(root_style)
    moved = matrix @ (style.double().flatten(2)[0] - mean_style) + mean_content
    result: Tensor = moved.to(style.dtype).reshape(style.shape).clamp(0, 1)
    return result


def gray_style(style: Tensor, content: Tensor) -> Tensor:
    """The luma of `style`, with the mean and deviation of the luma of `content` -> (1, 3, h, w).

    For luminance-only transfer (section 3): what a loss network that sees grey is to look for.
    """
    return match_color_statistics(luma(style), luma(content)).expand(-1, 3, -1, -1)


def gray(image: Tensor) -> Tensor:
    """Luma three times over: (1, 3, H, W) -> the same shape."""
    return luma(image).expand(-1, 3, -1, -1)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (C, 1), and the symmetric root of the covariance (C, C), in float64."""
    values = image.double().flatten(2)[0]
    mean = values.mean(1, keepdim=True)
    centred = values - mean
    covariance = centred @ centred.T / values.shape[1]
    covariance += VARIANCE_FLOOR * torch.eye(len(mean), dtype=torch.float64, device=image.device)
    variances, axes = torch.linalg.eigh(covariance)
    return mean, axes @ torch.diag(variances.clamp_min(VARIANCE_FLOOR).sqrt()) @ axes.T
