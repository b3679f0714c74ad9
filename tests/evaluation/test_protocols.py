"""The protocols: their golden numbers, and every single step by hand."""

import math
import statistics
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.evaluation import PROTOCOLS, find_protocol
from impasto.evaluation.protocols import Scores
from impasto.media import Picture, imresize, read_picture

# Bicubic, PSNR in dB and SSIM. tests/data has the table of all sets at all factors, by metrics that
# are not ours; here it is the protocols that must reach it.
GOLDEN = {
    ("standard", "set5", 2): (33.68, 0.9305),
    ("standard", "set5", 3): (30.41, 0.8690),
    ("standard", "set5", 4): (28.43, 0.8113),
    ("standard", "set5", 8): (24.40, 0.6582),
    ("blur", "set5", 2): (31.11, 0.8899),
    ("blur", "set5", 3): (29.39, 0.8453),
    ("blur", "set5", 4): (27.91, 0.7968),
    ("blur", "set5", 8): (24.31, 0.6554),
    ("standard", "set14", 4): (26.00, 0.7031),
    ("blur", "set14", 8): (23.02, 0.5617),
    ("standard", "bsd100", 4): (25.96, 0.6682),
}


@cache
def read(path: Path) -> Picture:
    return read_picture(path)


def bicubic_scores(name: str, folder: Path, factor: int) -> tuple[float, float]:
    protocol = find_protocol(name)
    scores = []
    for path in sorted(folder.glob("*.png")):
        picture = read(path)
        high_res = protocol.cropped(picture.pixels, factor)
        low_res = protocol.low_res(high_res, factor)
        size_hw = (high_res.shape[-2], high_res.shape[-1])
        output = imresize(low_res, size_hw)
        scores.append(protocol.scores(output, high_res, factor, gray=picture.gray))
    return statistics.fmean(s.psnr for s in scores), statistics.fmean(s.ssim for s in scores)


@pytest.mark.parametrize(("name", "folder", "factor"), GOLDEN)
def test_bicubic_scores_are_the_golden_numbers(
    shared_data: Path, name: str, folder: str, factor: int
) -> None:
    psnr, ssim = bicubic_scores(name, shared_data / "superres" / folder, factor)
    golden = GOLDEN[name, folder, factor]
    assert psnr == pytest.approx(golden[0], abs=0.01)
    assert ssim == pytest.approx(golden[1], abs=0.0005)


def test_rgb_costs_bicubic_1_dot_74_db_on_set5(shared_data: Path) -> None:
    folder = shared_data / "superres" / "set5"
    luma, _ = bicubic_scores("standard", folder, 4)
    rgb, _ = bicubic_scores("rgb", folder, 4)
    assert rgb - luma == pytest.approx(-1.74, abs=0.01)


def test_grey_taken_for_colour_would_score_set14_at_26_dot_09(shared_data: Path) -> None:
    protocol = find_protocol("standard")
    picture = read(shared_data / "superres" / "set14" / "img_003.png")
    assert picture.gray
    high_res = protocol.cropped(picture.pixels, 4)
    output = imresize(protocol.low_res(high_res, 4), (512, 512))
    as_luma, as_color = (
        protocol.scores(output, high_res, 4, gray=gray).psnr for gray in (True, False)
    )
    assert (as_color - as_luma) / 14 == pytest.approx(26.09 - 26.00, abs=0.01)


def grey(value: float, size_hw: tuple[int, int] = (40, 40)) -> Tensor:
    return torch.full((1, 3, *size_hw), value / 255)


def scores(
    output: Tensor, high_res: Tensor, name: str = "standard", *, gray: bool = False
) -> Scores:
    return find_protocol(name).scores(output, high_res, 4, gray=gray)


def test_one_level_of_error_in_each_channel_is_219_255ths_of_luma() -> None:
    luma = scores(grey(101), grey(100))
    assert luma.psnr == pytest.approx(20 * math.log10(255 * 255 / 219))
    assert scores(grey(101), grey(100), "rgb").psnr == pytest.approx(20 * math.log10(255))


def test_a_grey_file_is_its_own_luma() -> None:
    assert scores(grey(101), grey(100), gray=True).psnr == pytest.approx(20 * math.log10(255))


def test_errors_within_the_shaved_border_do_not_count() -> None:
    output = grey(100)
    output[..., :4, :] = output[..., -4:, :] = output[..., :4] = output[..., -4:] = 1
    assert scores(output, grey(100)) == Scores(psnr=math.inf, ssim=pytest.approx(1))
    output[..., 4, 4] = 1
    assert scores(output, grey(100)).psnr < math.inf


def test_outputs_are_clamped_and_rounded_to_8_bits_first() -> None:
    assert scores(grey(100.4), grey(100)).psnr == math.inf
    assert scores(grey(270), grey(255)).psnr == math.inf


def test_the_low_resolution_is_8_bits_and_smaller_by_the_factor() -> None:
    torch.manual_seed(0)
    low_res = find_protocol("blur").low_res(torch.rand(1, 3, 32, 48), 4)
    assert low_res.shape == (1, 3, 8, 12)
    assert low_res.dtype == torch.float32
    levels = low_res.double() * 255
    assert torch.allclose(levels, levels.round(), atol=1e-4)


def test_cropping_takes_what_remains_from_below_and_right() -> None:
    image = torch.arange(7 * 9, dtype=torch.float32).reshape(1, 1, 7, 9)
    assert torch.equal(find_protocol("standard").cropped(image, 4), image[..., :4, :8])


def test_images_too_small_for_the_protocol_are_refused() -> None:
    with pytest.raises(OptionError, match="factor 4 needs more"):
        find_protocol("standard").cropped(grey(100, (3, 40)), 4)
    with pytest.raises(OptionError, match="11 px a side"):
        scores(grey(100, (16, 16)), grey(100, (16, 16)))


def test_nan_is_refused_not_scored() -> None:
    with pytest.raises(OptionError, match="NaN"):
        scores(grey(float("nan")), grey(100))


def test_every_protocol_names_its_steps_and_no_two_are_the_same() -> None:
    described = [protocol.to_json(4) for protocol in PROTOCOLS.values()]
    assert [steps["name"] for steps in described] == ["standard", "blur", "rgb"]
    for steps in described:
        assert {"crop", "low_res", "channel", "shave_px", "data_range", "ssim"} <= set(steps)
    assert len({steps["low_res"] for steps in described}) == 2
    assert len({steps["channel"] for steps in described}) == 2


def test_an_unknown_protocol_is_refused_with_the_choices() -> None:
    with pytest.raises(OptionError, match=r"no protocol 'psnr'; choose from \['standard', 'blur'"):
        find_protocol("psnr")
