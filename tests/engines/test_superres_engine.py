"""Tensors through super-resolution: tiles equal the whole, half precision is guarded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from impasto.engines.superres_options import SuperResOptions
from impasto.engines.tile_engine import TileEngine
from impasto.errors import ImageError, ModelError, OptionError
from impasto.media import imresize, psnr, read_picture
from impasto.models import SuperResModel
from impasto.networks.superres import SuperResConfig
from impasto.painting import upscale_tensor
from impasto.plans.rewrite import NetworkData, data_of

CHELSEA = Path(__file__).parents[2] / "docs" / "sample" / "chelsea.jpg"
Make = Callable[..., SuperResModel]
SMALL: dict[str, Any] = {"width": 0.125, "blocks": 1}
CONFIGS = [
    SuperResConfig(factor=4, width=0.25, blocks=2),
    SuperResConfig(factor=3, **SMALL),
    SuperResConfig(factor=8, **SMALL),
    SuperResConfig(factor=1, shrink=2, **SMALL),
    SuperResConfig(factor=2, shrink=4, **SMALL),
    SuperResConfig(architecture="paper", factor=4, width=0.125),
    SuperResConfig(architecture="paper", factor=8, width=0.125),
    SuperResConfig(architecture="srcnn-9-1-5", factor=3),
    SuperResConfig(architecture="srcnn-9-5-5", factor=2),
]


def name_of(config: SuperResConfig) -> str:
    return f"{config.architecture}-x{config.factor}-shrink{config.shrink}"


def picture(height: int, width: int, channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    return torch.rand(1, channels, height, width, generator=generator)


class TestTiles:
    @pytest.mark.parametrize("config", CONFIGS, ids=name_of)
    @pytest.mark.parametrize("size_hw", [(1, 1), (1, 9), (2, 3), (31, 37), (41, 16)])
    @pytest.mark.parametrize("tile_px", [5, 16])
    def test_tiles_are_the_whole_picture(
        self, make_upscaler: Make, config: SuperResConfig, size_hw: tuple[int, int], tile_px: int
    ) -> None:
        """Odd and prime sides, tiles smaller than what they must see, a shrink that divides
        neither side."""
        model, low_res = make_upscaler(config), picture(*size_hw)
        output = upscale_tensor(model, low_res, tile_px=tile_px, precision="float32")
        assert output.shape == (1, 3, size_hw[0] * config.factor, size_hw[1] * config.factor)
        assert output.dtype == torch.float32
        torch.testing.assert_close(output, model(low_res), rtol=0, atol=2e-5)

    def test_tiles_of_one_pixel_too(self, make_upscaler: Make) -> None:
        model, low_res = make_upscaler(CONFIGS[1]), picture(3, 5)
        output = upscale_tensor(model, low_res, tile_px=1, precision="float32")
        torch.testing.assert_close(output, model(low_res), rtol=0, atol=2e-5)

    @pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[5], CONFIGS[8]], ids=name_of)
    def test_the_radius_is_needed(
        self, make_upscaler: Make, config: SuperResConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With half of it the tiles differ: the test above does test something."""
        model, low_res = make_upscaler(config), picture(31, 37)
        expected = model(low_res)
        half = data_of(model.network).radius_px // 2
        monkeypatch.setattr(NetworkData, "radius_px", half)
        output = upscale_tensor(model, low_res, tile_px=8, precision="float32")
        assert (output - expected).abs().max() > 1e-3

    def test_the_default_tiles_are_the_whole_picture_in_bfloat16_to_one_level(
        self, make_upscaler: Make
    ) -> None:
        model = make_upscaler(SuperResConfig(factor=2, width=0.5, blocks=2))
        photo = read_picture(CHELSEA).pixels[..., :96, :128]
        tiled = upscale_tensor(model, photo, tile_px=24, precision="bfloat16")
        at_once = upscale_tensor(model, photo, tile_px=1000, precision="bfloat16")
        assert (tiled - at_once).abs().max() <= 1 / 255

    def test_where_memory_fails_smaller_tiles_give_the_same(
        self, make_upscaler: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model, low_res = make_upscaler(CONFIGS[0]), picture(61, 83)
        expected = model(low_res)
        forward, notes = model.network.forward, []

        def greedy(tile: Tensor) -> Tensor:
            if tile.shape[-1] > 50:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
            return forward(tile)

        monkeypatch.setattr(model.network, "forward", greedy)
        output = upscale_tensor(model, low_res, precision="float32", on_warning=notes.append)
        torch.testing.assert_close(output, expected, rtol=0, atol=2e-5)
        assert "not enough memory" in notes[0]


class TestPrecision:
    def test_bfloat16_on_a_photo_is_within_50_db_of_float32(self, make_upscaler: Make) -> None:
        model = make_upscaler(SuperResConfig(factor=4, blocks=6))
        photo = read_picture(CHELSEA).pixels[..., 100:164, 150:230]
        # Trained networks add details of some 0.03 to the bicubic enlargement of a photo.
        details = model.network(photo) - upscale_tensor(model, photo, strength=0)
        model.network.tail.weight.mul_(0.03 / details.std())
        model.network.tail.bias.zero_()
        exact, half = (
            upscale_tensor(model, photo, precision=precision)
            for precision in ("float32", "bfloat16")
        )
        bicubic = upscale_tensor(model, photo, strength=0)
        assert 20 < psnr(bicubic, exact, data_range=1) < 35
        assert 50 < psnr(half, exact, data_range=1) < 100

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_what_half_precision_cannot_hold_is_done_again_and_said(
        self, make_upscaler: Make, monkeypatch: pytest.MonkeyPatch, precision: str
    ) -> None:
        model, low_res = make_upscaler(CONFIGS[0]), picture(20, 20)
        expected = model(low_res)
        forward, notes = model.network.forward, []

        def overflowing(tile: Tensor) -> Tensor:
            output = forward(tile)
            if torch.is_autocast_enabled("cpu"):
                output[..., 0, 0] = float("inf")
            return output

        monkeypatch.setattr(model.network, "forward", overflowing)
        output = upscale_tensor(
            model, low_res, tile_px=10, precision=precision, on_warning=notes.append
        )
        torch.testing.assert_close(output, expected, rtol=0, atol=2e-5)
        assert notes == [
            f"random leaves the range of {precision}; such tiles are computed again in float32"
        ]

    def test_without_a_callback_it_is_a_warning(
        self, make_upscaler: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        model = make_upscaler(CONFIGS[0])
        forward = model.network.forward
        monkeypatch.setattr(
            model.network,
            "forward",
            lambda tile: forward(tile) / (not torch.is_autocast_enabled("cpu")),
        )
        with pytest.warns(UserWarning, match="leaves the range of bfloat16"):
            upscale_tensor(model, picture(4, 4), precision="bfloat16")

    def test_nan_in_float32_is_the_models_fault(self, make_upscaler: Make) -> None:
        model = make_upscaler(CONFIGS[0])
        nn.init.constant_(model.network.tail.bias, float("nan"))
        with pytest.raises(ModelError, match="'random' gives NaN"):
            upscale_tensor(model, picture(4, 4), precision="float32")

    def test_float32_is_float32_inside_a_callers_autocast(self, make_upscaler: Make) -> None:
        model, low_res = make_upscaler(CONFIGS[0]), picture(9, 9)
        expected = model(low_res)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = upscale_tensor(model, low_res, precision="float32")
        torch.testing.assert_close(output, expected, rtol=0, atol=2e-5)

    @pytest.mark.parametrize("config", CONFIGS[5:], ids=name_of)
    def test_networks_without_a_skip_stay_in_float32(
        self, make_upscaler: Make, config: SuperResConfig
    ) -> None:
        options = SuperResOptions(precision="bfloat16")
        assert TileEngine(make_upscaler(config), options).precision == "float32"

    def test_tiles_of_wide_maps_are_smaller(self, make_upscaler: Make) -> None:
        modern = make_upscaler(SuperResConfig(factor=4))
        half, full = (
            TileEngine(modern, SuperResOptions(precision=precision, backend="eager")).tile_px
            for precision in ("bfloat16", "float32")
        )
        assert 300 < half < 500
        assert 200 < full < half
        options = SuperResOptions(backend="eager")
        assert TileEngine(make_upscaler(CONFIGS[5]), options).tile_px < half


def test_several_pictures_at_once_are_each_alone(make_upscaler: Make) -> None:
    model = make_upscaler(CONFIGS[1])
    pair = torch.cat([picture(7, 9), picture(7, 9).flip(-1)])
    both = upscale_tensor(model, pair)
    assert torch.equal(both[1:], upscale_tensor(model, pair[1:]))


def test_strength_blends_from_the_bicubic_enlargement(upscaler: SuperResModel) -> None:
    low_res = picture(12, 15)
    full, none, half = (
        upscale_tensor(upscaler, low_res, strength=strength, precision="float32")
        for strength in (1.0, 0.0, 0.5)
    )
    inner = (..., slice(8, -8), slice(8, -8))  # borders are extended differently
    bicubic = imresize(low_res, (48, 60)).clamp(0, 1)
    torch.testing.assert_close(none[inner], bicubic[inner], rtol=0, atol=1e-5)
    torch.testing.assert_close(half, (full + none) / 2, rtol=0, atol=1e-6)


def test_a_mask_leaves_what_is_known_as_it_is(make_upscaler: Make) -> None:
    model = make_upscaler(SuperResConfig(factor=1, shrink=2, in_channels=4, **SMALL))
    low_res = picture(21, 23, channels=4)
    low_res[:, 3:] = (low_res[:, 3:] > 0.7).float()
    output = upscale_tensor(model, low_res, tile_px=8, precision="float32")
    known = (low_res[:, 3:] == 0).expand(-1, 3, -1, -1)
    assert torch.equal(output[known], low_res[:, :3][known])
    torch.testing.assert_close(output[~known], model(low_res)[~known], rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("low_res", "message"),
    [
        (torch.zeros(3, 4, 4), r"wanted \(N, 3, h, w\)"),
        (torch.zeros(1, 4, 4, 4), r"wanted \(N, 3, h, w\)"),
        (torch.zeros(1, 3, 0, 4), r"wanted \(N, 3, h, w\)"),
        (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), "divide"),
        (torch.full((1, 3, 4, 4), 255.0), r"\[0, 1\]"),
        (torch.full((1, 3, 4, 4), float("nan")), "NaN"),
    ],
)
def test_what_is_no_picture_is_refused(
    upscaler: SuperResModel, low_res: Tensor, message: str
) -> None:
    with pytest.raises(ImageError, match=message):
        upscale_tensor(upscaler, low_res)


@pytest.mark.parametrize(
    "options",
    [
        {"tile_px": 0},
        {"tile_px": 2.5},
        {"strength": 1.5},
        {"precision": "float8"},
        {"color_match": "auto-tune"},
        {"device": "abacus"},
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(
    upscaler: SuperResModel, options: dict[str, Any]
) -> None:
    with pytest.raises(OptionError, match=str(next(iter(options.values())))):
        upscale_tensor(upscaler, picture(4, 4), **options)
