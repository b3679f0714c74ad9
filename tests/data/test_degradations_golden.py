"""The published table of bicubic enlargement, by metrics that are not ours: NumPy and skimage."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import structural_similarity
from torch import Tensor

from impasto.data.degradations import find_degradation, to_8_bits
from impasto.media import imresize

FACTORS = (2, 3, 4, 8)
# PSNR in dB and SSIM of luma at x2, x3, x4, x8, `factor` pixels shaved off each side
GOLDEN = {
    "standard": {
        "set5": ((33.68, 0.9305), (30.41, 0.8690), (28.43, 0.8113), (24.40, 0.6582)),
        "set14": ((30.24, 0.8692), (27.54, 0.7746), (26.00, 0.7031), (23.09, 0.5641)),
        "bsd100": ((29.57, 0.8436), (27.21, 0.7392), (25.96, 0.6682), (23.67, 0.5444)),
    },
    "blur": {
        "set5": ((31.11, 0.8899), (29.39, 0.8453), (27.91, 0.7968), (24.31, 0.6554)),
        "set14": ((28.22, 0.8054), (26.80, 0.7430), (25.65, 0.6867), (23.02, 0.5617)),
        "bsd100": ((27.86, 0.7725), (26.63, 0.7073), (25.70, 0.6526), (23.62, 0.5424)),
    },
}


def _luma(pixels: Tensor) -> NDArray[np.float32]:
    samples = pixels[0].numpy() * 255
    if len(samples) == 1:  # one picture of Set14 is grey: its values are taken as luma
        luma: NDArray[np.float32] = samples[0]
        return luma
    return 16 + (65.481 * samples[0] + 128.553 * samples[1] + 24.966 * samples[2]) / 255


@cache
def _samples(path: Path) -> NDArray[np.uint8]:
    return np.atleast_3d(np.asarray(Image.open(path)))


def _scores(path: Path, name: str, factor: int) -> tuple[float, float]:
    samples = _samples(path).astype(np.float32)
    pixels = torch.from_numpy(samples / 255).permute(2, 0, 1)[None]
    height, width = (side // factor * factor for side in pixels.shape[-2:])
    high_res = pixels[..., :height, :width]
    low_res = find_degradation(name)(high_res, factor)
    enlarged = to_8_bits(imresize(low_res, (height, width)))
    shave = slice(factor, -factor)
    output, target = (_luma(image)[shave, shave] for image in (enlarged, high_res))
    error = np.mean((output.astype(np.float64) - target) ** 2)
    similarity = structural_similarity(
        output,
        target,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return 10 * np.log10(255**2 / error), similarity


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("folder", ["set5", "set14", "bsd100"])
@pytest.mark.parametrize("name", ["standard", "blur"])
def test_bicubic_enlargement_scores_what_the_field_publishes(
    shared_data: Path, name: str, folder: str, factor: int
) -> None:
    paths = sorted((shared_data / "superres" / folder).glob("*.png"))
    assert len(paths) == {"set5": 5, "set14": 14, "bsd100": 100}[folder]
    psnr, ssim = np.mean([_scores(path, name, factor) for path in paths], axis=0)
    golden_psnr, golden_ssim = GOLDEN[name][folder][FACTORS.index(factor)]
    assert psnr == pytest.approx(golden_psnr, abs=0.01)
    assert ssim == pytest.approx(golden_ssim, abs=0.0005)
