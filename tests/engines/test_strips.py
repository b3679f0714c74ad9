"""Tiles against the network's own forward pass."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from impasto.engines.feature_maps import ImageLevels
from impasto.engines.passes import Rehearsal, run_plan
from impasto.engines.stylize_tensor import stylize_in_strips
from impasto.errors import ModelError
from impasto.machine.devices import choose_dtype
from impasto.media import read_picture
from impasto.models import StyleModel, load_style_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.plans.rewrite import rewrite

PHOTO = Path(__file__).parents[2] / "docs" / "sample" / "coffee.jpg"


def plain(model: StyleModel, image: Tensor) -> Tensor:
    with torch.no_grad():
        return model.network(image)


def in_strips(
    model: StyleModel,
    image: Tensor,
    *,
    tile: tuple[int, int] | None = None,
    dtype: torch.dtype = torch.float32,
    recompute: bool = False,
) -> Tensor:
    return stylize_in_strips(model.network, image, tile_hw=tile, dtype=dtype, recompute=recompute)


def picture(height: int, width: int, count: int = 1) -> Tensor:
    """Noise whose brightness differs from top to bottom, so that statistics of strips differ."""
    noise = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))
    return noise * torch.linspace(0.2, 1, height).view(1, 1, -1, 1)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("tile", [(2, 1000), (7, 16), (33, 5), (1000, 1000)])
@pytest.mark.parametrize("size_hw", [(61, 50), (18, 127), (130, 9), (5, 3)])
def test_tiles_equal_the_plain_forward(
    model: StyleModel, tile: tuple[int, int], size_hw: tuple[int, int], recompute: bool
) -> None:
    image = picture(*size_hw)
    torch.testing.assert_close(
        in_strips(model, image, tile=tile, recompute=recompute).clamp(0, 1),
        plain(model, image).clamp(0, 1),
        rtol=0,
        atol=1e-4,
    )


@pytest.mark.parametrize("architecture", ["paper", "fast"])
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_every_architecture_runs_in_tiles(architecture: str, norm: str) -> None:
    if (architecture, norm) == ("fast", "batch"):
        pytest.skip("the fast network has instance norm only")
    torch.manual_seed(0)
    config = StyleNetworkConfig(architecture=architecture, norm=norm, width=0.25)  # type: ignore[arg-type]
    network = build_style_network(config).eval().requires_grad_(False)
    image = picture(37, 70)
    for tile in ((1000, 1000), (5, 11)):
        for recompute in (False, True):
            output = stylize_in_strips(network, image, tile_hw=tile, recompute=recompute)
            torch.testing.assert_close(output, network(image).clamp(0, 1), rtol=0, atol=1e-4)


def test_a_picture_of_extreme_aspect_is_painted_like_any_other(model: StyleModel) -> None:
    image = picture(3, 4000)
    output = in_strips(model, image, recompute=True)
    torch.testing.assert_close(output, plain(model, image).clamp(0, 1), rtol=0, atol=1e-4)


def test_in_half_precision_tiles_of_every_size_are_as_close_to_float32(model: StyleModel) -> None:
    image = (picture(96, 130) * 255).round() / 255
    exact = in_strips(model, image)
    errors = [
        float((in_strips(model, image, dtype=torch.bfloat16, tile=tile) - exact).square().mean())
        for tile in ((1000, 1000), (8, 40), (33, 1000))
    ]
    assert max(errors) < 1.2 * min(errors)


@pytest.mark.parametrize("quality", ["full", "fast"])
def test_in_half_precision_the_look_does_not_depend_on_the_tiles(quality: str) -> None:
    if choose_dtype("auto", torch.device("cpu")) is not torch.bfloat16:
        pytest.skip("needs a processor with matrix units: others take other kernels")
    model = load_style_model("udnie", quality)
    image = read_picture(PHOTO).pixels[..., :330, :570].contiguous()
    one = in_strips(model, image, tile=(1024, 1024), dtype=torch.bfloat16)
    assert (one - plain(model, image)).abs().mean() > 1e-4  # it is not float32 that is compared
    for tile in [(32, 128), (64, 256), (96, 128), (32, 1024)]:
        for recompute in (False, True):
            other = in_strips(model, image, tile=tile, dtype=torch.bfloat16, recompute=recompute)
            # a sigmoid's last bit may differ, but no value in half precision does
            torch.testing.assert_close(other, one, rtol=0, atol=1e-6)


def test_one_pixel_is_painted_in_strips_too(model: StyleModel) -> None:
    image = torch.tensor([0.9, 0.4, 0.1]).view(1, 3, 1, 1)
    output = in_strips(model, image)
    assert output.shape == (1, 3, 1, 1)
    assert torch.isfinite(output).all()


def test_strips_differ_from_tiles_painted_one_by_one(model: StyleModel) -> None:
    image = picture(64, 64)
    tiles = torch.cat([plain(model, image[:, :, :32]), plain(model, image[:, :, 32:])], dim=2)
    exact = in_strips(model, image, tile=(4, 64))
    # Far from the cut, where only the statistics can tell them apart.
    assert (tiles - exact)[:, :, :8].abs().mean() > 0.02


def test_each_image_of_a_batch_has_its_own_statistics(model: StyleModel) -> None:
    images = torch.cat([picture(24, 32), 1 - picture(24, 32) / 2])
    both = in_strips(model, images, tile=(5, 20))
    for index in range(2):
        one = in_strips(model, images[index : index + 1], tile=(5, 20))
        torch.testing.assert_close(both[index : index + 1], one, rtol=0, atol=0)


def test_the_image_is_left_as_it_was(model: StyleModel) -> None:
    image = picture(20, 20)
    before = image.clone()
    in_strips(model, image, tile=(3, 7))
    assert torch.equal(image, before)


def test_bfloat16_stays_within_a_few_levels_of_float32(model: StyleModel) -> None:
    image = picture(96, 96)
    error = in_strips(model, image, dtype=torch.bfloat16) - in_strips(model, image)
    assert error.square().mean().sqrt() < 1.5 / 255
    assert error.abs().max() > 0  # it was another computation


def test_a_flat_picture_stays_flat_in_bfloat16(model: StyleModel) -> None:
    output = in_strips(model, torch.full((1, 3, 64, 64), 0.7), dtype=torch.bfloat16, tile=(5, 20))
    assert output.std(dim=(2, 3)).max() < 1 / 255


def test_a_network_without_a_plan_is_an_error_not_a_wrong_picture() -> None:
    with pytest.raises(ModelError, match="Identity"):
        stylize_in_strips(nn.Identity(), picture(16, 16))


def test_an_unknown_step_is_an_error_not_a_wrong_picture(model: StyleModel) -> None:
    first, *body, last = rewrite(model.network)
    levels = ImageLevels(lambda box: box.of(picture(16, 16)), (16, 16), torch.float32, split=False)
    with pytest.raises(TypeError, match="object"):
        run_plan((first, object(), *body, last), levels, Rehearsal(), torch.device("cpu"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="begins by mirroring"):
        run_plan((*body, last), levels, Rehearsal(), torch.device("cpu"))  # type: ignore[arg-type]


def test_a_rehearsal_tells_what_is_stored_at_a_time(model: StyleModel) -> None:
    """64 x 64 px at width 1/4: the first map has 8 channels, the second 16 at half the size."""
    peaks = []
    for recompute in (False, True):
        levels = ImageLevels(
            lambda box: box.of(picture(64, 64)), (64, 64), torch.float32, split=False
        )
        rehearsal = Rehearsal()
        steps = rewrite(model.network, subpixel=False)
        run_plan(steps, levels, rehearsal, torch.device("cpu"), recompute=recompute)
        peaks.append(rehearsal.peak_bytes)
        assert len(rehearsal.costs) == 3 + 5 * 3 + 2
    first, half, quarter = 8 * 64 * 64 * 4, 16 * 32 * 32 * 4, 32 * 16 * 16 * 4
    assert peaks == [first + half, half + quarter]
