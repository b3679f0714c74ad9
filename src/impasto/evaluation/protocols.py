"""Protocols: every step between a high-resolution image and its PSNR, by name.

Published figures differ by more than methods do: rounding, shaving, the channel and the filter of
the low resolution move a PSNR by up to 1.7 dB. So the steps are data, and go into every result.
"""

from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from impasto.data.degradations import find_degradation, to_8_bits
from impasto.errors import OptionError
from impasto.media import luma, luma_bt601, psnr, ssim

Channel = Literal["y", "rgb"]

_LOW_RES = {
    "standard": "bicubic (Keys, a = -0.5), antialiased as MATLAB's imresize, float64",
    "blur": "Gaussian blur, sigma 1 px, cut off at 4 sigma, borders mirrored; then bicubic (Keys, "
    "a = -0.5), antialiased as MATLAB's imresize, float64",
}
_CHANNELS = {
    "y": "Y = 16 + 65.481 R + 128.553 G + 24.966 B, R G B in [0, 1], not rounded; an image file of "
    "one channel is its own luma",
    "rgb": "R, G, B in 0...255: the squared error over all three, SSIM's mean over them",
}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What a protocol says of one output: PSNR in dB (infinite for equal images), and SSIM."""

    psnr: float
    ssim: float


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named way from a high-resolution image to PSNR and SSIM; the factor is also the shave.

    `degradation` makes the low resolution (impasto.data.degradations), `channel` is what is
    compared, in 0...`data_range`.
    """

    name: str
    degradation: str
    channel: Channel
    data_range: float = 255.0

    def cropped(self, high_res: Tensor, factor: int) -> Tensor:
        """(1, 3, H, W) without the rows and columns, below and right, that leave a remainder.

        Raises OptionError for an image smaller than the factor.
        """
        height, width = (size - size % factor for size in high_res.shape[-2:])
        if not height or not width:
            raise OptionError(
                f"got an image of {tuple(high_res.shape[-2:])} px; factor {factor} needs more"
            )
        return high_res[..., :height, :width]

    def low_res(self, high_res: Tensor, factor: int) -> Tensor:
        """Cropped (1, 3, H, W) in [0, 1] -> (1, 3, H / factor, W / factor), 8-bit levels."""
        return find_degradation(self.degradation)(high_res.double(), factor).float()

    def shaved(self, pixels: Tensor, factor: int) -> Tensor:
        """Without `factor` px on each side."""
        height, width = pixels.shape[-2:]
        return pixels[..., factor : height - factor, factor : width - factor]

    def scores(self, output: Tensor, high_res: Tensor, factor: int, *, gray: bool) -> Scores:
        """Two cropped (1, 3, H, W) in [0, 1] -> PSNR and SSIM.

        `gray`: the image file had one channel. Raises OptionError as the metrics do, and for an
        image too small for SSIM's window once it is shaved.
        """
        compared = [
            self.shaved(self._compared(pixels, gray=gray), factor)
            for pixels in (to_8_bits(output), high_res)
        ]
        return Scores(
            psnr=float(psnr(compared[0], compared[1], data_range=self.data_range)),
            ssim=float(ssim(compared[0], compared[1], data_range=self.data_range)),
        )

    def _compared(self, pixels: Tensor, *, gray: bool) -> Tensor:
        if gray:
            return (luma(pixels.double()) * 255).clamp(0, 255)
        return luma_bt601(pixels) if self.channel == "y" else pixels.double() * 255

    def to_json(self, factor: int) -> dict[str, Any]:
        """Every step in words, for results; two results are comparable if these are equal."""
        return {
            "name": self.name,
            "factor": factor,
            "crop": f"bottom and right, to multiples of {factor}",
            "low_res": _LOW_RES[self.degradation],
            "low_res_rounding": "8 bits a sample",
            "output_rounding": "clamped, then 8 bits a sample",
            "channel": _CHANNELS[self.channel],
            "shave_px": factor,
            "data_range": self.data_range,
            "psnr": "10 log10(data_range^2 / MSE), float64",
            "ssim": "11 x 11 Gaussian window, sigma 1.5, valid region, K1 = 0.01, K2 = 0.03, no "
            "down-sampling, float64",
            "distance": "RGB of the rounded output, shaved as above",
        }


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(name="standard", degradation="standard", channel="y"),
        Protocol(name="blur", degradation="blur", channel="y"),
        Protocol(name="rgb", degradation="standard", channel="rgb"),
    )
}


def find_protocol(name: str) -> Protocol:
    """`standard`: what most papers use. `blur`: after the paper's own training degradation. `rgb`.

    Raises OptionError for another name.
    """
    if name not in PROTOCOLS:
        raise OptionError(f"no protocol {name!r}; choose from {list(PROTOCOLS)}")
    return PROTOCOLS[name]
