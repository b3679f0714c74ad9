"""Colours of the low-resolution picture: they come back, and nothing else changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from skimage.exposure import match_histograms
from torch import Tensor

from impasto.engines.color_match import count_levels, matching_table
from impasto.engines.tiles import whole
from impasto.errors import OptionError
from impasto.media import imresize, psnr, read_picture
from impasto.models import SuperResModel
from impasto.networks.bicubic import enlarge
from impasto.networks.superres import SuperResConfig
from impasto.painting import match_colors, upscale_tensor
from impasto.painting.canvas import ArrayPlane, Canvas
from impasto.painting.results import PlaneRows, matching_tables

CHELSEA = Path(__file__).parents[2] / "docs" / "sample" / "chelsea.jpg"


@pytest.fixture(scope="module")
def high_res() -> Tensor:
    return read_picture(CHELSEA).pixels[..., 60:188, 100:260]


@pytest.fixture(scope="module")
def low_res(high_res: Tensor) -> Tensor:
    return imresize(high_res, (32, 40)).clamp(0, 1).mul(255).round() / 255


def tinted(pixels: Tensor) -> Tensor:
    """Darker in red, lighter in blue, less contrast in green: monotone in each channel."""
    red, green, blue = pixels.unbind(1)
    return torch.stack([red**1.3, 0.1 + 0.8 * green, blue**0.8], dim=1)


@pytest.mark.parametrize("mode", ["histogram", "low-frequency"])
def test_the_colours_of_a_tinted_output_come_back(
    high_res: Tensor, low_res: Tensor, mode: str
) -> None:
    matched = match_colors(tinted(high_res), low_res, mode)
    before = psnr(tinted(high_res), high_res, data_range=1)
    after = psnr(matched, high_res, data_range=1)
    assert before < 24
    assert after > 38
    assert (matched.mean((2, 3)) - high_res.mean((2, 3))).abs().max() < 0.5 / 255


def test_none_is_the_output_itself(high_res: Tensor, low_res: Tensor) -> None:
    assert match_colors(high_res, low_res, "none") is high_res


class TestHistogram:
    def test_it_agrees_with_skimage_to_one_level(self, high_res: Tensor, low_res: Tensor) -> None:
        matched = match_colors(tinted(high_res), low_res, "histogram")
        source, wanted = (
            (values[0] * 255).round().byte().permute(1, 2, 0).numpy()
            for values in (tinted(high_res), low_res)
        )
        reference = match_histograms(source, wanted, channel_axis=-1) / 255
        difference = np.abs(matched[0].permute(1, 2, 0).numpy() - reference)
        # skimage reads shares at the upper ends of levels, which is half a level off
        assert difference.mean() < 0.7 / 255
        assert np.quantile(difference, 0.99) < 1.6 / 255

    @settings(deadline=None)
    @given(
        output=arrays.arrays(np.uint16, st.integers(1, 40)),
        wanted=arrays.arrays(np.uint16, st.integers(1, 40)),
    )
    def test_the_map_keeps_the_order_and_the_range(self, output: Any, wanted: Any) -> None:
        table = matching_table(count_levels(output), count_levels(wanted))
        assert (np.diff(table.astype(int)) >= 0).all()
        assert wanted.min() <= table.min()
        assert table.max() <= wanted.max()

    @settings(deadline=None)
    @given(values=arrays.arrays(np.uint16, st.integers(1, 40)))
    def test_what_has_the_distribution_already_stays(self, values: Any) -> None:
        table = matching_table(count_levels(values), count_levels(np.tile(values, 3)))
        assert np.array_equal(table[values], values)

    def test_many_levels_keep_their_mean_though_few_are_wanted(self) -> None:
        fine = np.linspace(0, 65535, 100_001).round().astype(np.uint16)
        coarse = (fine.astype(int) * 255 // 65535 * 257).astype(np.uint16)
        table = matching_table(count_levels(fine), count_levels(coarse))
        assert abs(table[fine].mean() - coarse.mean()) < 2

    def test_a_canvas_in_bands_is_matched_as_the_tensor_is(
        self, high_res: Tensor, low_res: Tensor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("impasto.media.samples._BAND_PIXELS", 1000)
        size_hw = (high_res.shape[-2], high_res.shape[-1])
        plane = ArrayPlane(np.empty((*size_hw, 3), np.uint16))
        plane.put(whole(size_hw), tinted(high_res).numpy(), 0)
        see = Canvas(plane=ArrayPlane(low_res[0].permute(1, 2, 0).numpy())).see
        tables = matching_tables(plane, 3, see, (low_res.shape[-2], low_res.shape[-1]))
        rows = PlaneRows(plane=plane, tables=tables, bits=16, size_hw=size_hw, tell=print)
        samples = rows.rows(0, size_hw[0], bits=16).astype(np.float32) / 65535
        matched = match_colors(tinted(high_res), low_res, "histogram")
        assert (torch.from_numpy(samples).permute(2, 0, 1) - matched[0]).abs().max() <= 1 / 65535


class TestLowFrequency:
    def test_the_output_reduced_is_nearer_to_low_res(
        self, high_res: Tensor, low_res: Tensor
    ) -> None:
        smooth = enlarge(low_res, 4).clamp(0, 1)
        matched = match_colors(smooth, low_res, "low-frequency")
        errors = [
            float((imresize(picture, (32, 40)) - low_res).abs().mean())
            for picture in (smooth, matched)
        ]
        assert errors[1] < 0.5 * errors[0]
        assert psnr(matched, high_res, data_range=1) > psnr(smooth, high_res, data_range=1)

    @pytest.mark.parametrize("factor", [2, 3, 4])
    def test_in_tiles_it_is_what_it_is_in_the_whole(
        self, make_upscaler: Callable[..., SuperResModel], factor: int
    ) -> None:
        model = make_upscaler(SuperResConfig(factor=factor, width=0.125, blocks=1))
        picture = torch.rand(1, 3, 37, 29, generator=torch.Generator().manual_seed(1))
        expected = match_colors(model(picture), picture, "low-frequency")
        output = upscale_tensor(
            model, picture, tile_px=9, color_match="low-frequency", precision="float32"
        )
        torch.testing.assert_close(output, expected, rtol=0, atol=2e-5)

    def test_sizes_that_do_not_belong_together_are_refused(self) -> None:
        with pytest.raises(OptionError, match="no whole multiple"):
            match_colors(torch.zeros(1, 3, 9, 8), torch.zeros(1, 3, 4, 4), "low-frequency")
        with pytest.raises(OptionError, match="factor 1"):
            match_colors(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), "low-frequency")


def test_unknown_modes_and_shapes_are_refused() -> None:
    with pytest.raises(OptionError, match="choose from none, histogram, low-frequency"):
        match_colors(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 2, 2), "colour")
    with pytest.raises(OptionError, match=r"\(N, 3, h, w\)"):
        match_colors(torch.zeros(1, 3, 4, 4), torch.zeros(3, 2, 2), "histogram")
