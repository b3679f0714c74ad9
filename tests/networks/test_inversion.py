"""Decoders of features: shapes, sizes, no checkerboard."""

import pytest
import torch

from impasto.errors import OptionError
from impasto.networks.inversion import (
    InversionConfig,
    InversionNetwork,
    fitted,
    invert_in_one_pass,
    layer_geometry,
    pad_to_multiple,
)
from impasto.networks.loss.blocks import ConvRelu, Pool
from impasto.networks.loss.network import LossNetwork, Provenance, Stage, StagedLossNetwork


def _loss_network() -> LossNetwork:
    generator = torch.Generator().manual_seed(3)

    def convolution(ins: int, outs: int) -> ConvRelu:
        weight = torch.randn(outs, ins, 3, 3, generator=generator) * 0.3
        return ConvRelu(weight, torch.full((outs,), 0.1))

    provenance = Provenance(
        name="tiny", weights_hash="0", source="-", license="none", redistributable=True
    )
    stages = [
        Stage(convolution(3, 4), "relu1_1"),
        Stage(Pool()),
        Stage(convolution(4, 6), "relu2_1"),
        Stage(Pool(kernel=3, stride=2, ceil=True)),
        Stage(convolution(6, 5), "relu3_1"),
    ]
    return StagedLossNetwork(stages, (0.5, 0.5, 0.5), provenance)


@pytest.mark.parametrize(
    ("layer", "channels", "stride"), [("relu1_1", 4, 1), ("relu2_1", 6, 2), ("relu3_1", 5, 4)]
)
def test_a_layers_geometry_is_measured(layer: str, channels: int, stride: int) -> None:
    assert layer_geometry(_loss_network(), layer) == (channels, stride)


def test_an_unknown_layer_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(OptionError, match=r"relu9_1.*relu1_1"):
        layer_geometry(_loss_network(), "relu9_1")


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_a_decoder_makes_stride_pixels_of_each_sample(stride: int) -> None:
    config = InversionConfig(channels=7, stride=stride, width=0.25)
    pixels = InversionNetwork(config)(torch.rand(2, 7, 3, 5))
    assert pixels.shape == (2, 3, 3 * stride, 5 * stride)
    low, high = pixels.detach().aminmax()
    assert -0.051 <= float(low) <= float(high) <= 1.051


def test_equal_features_everywhere_give_one_color_without_checkerboard() -> None:
    torch.manual_seed(0)
    network = InversionNetwork(InversionConfig(channels=7, stride=8, width=0.25)).double()
    features = torch.rand(1, 7, 1, 1, dtype=torch.float64).expand(1, 7, 4, 6)
    pixels = network(features).detach()
    assert float((pixels - pixels[..., :1, :1]).abs().max()) < 1e-12


def test_features_are_divided_by_their_rms_first() -> None:
    torch.manual_seed(0)
    network = InversionNetwork(InversionConfig(channels=7, stride=2, width=0.25))
    features = torch.rand(1, 7, 4, 4)
    plain = network(features)
    factors = torch.arange(1.0, 8.0)
    network.feature_rms.copy_(factors)
    assert torch.allclose(network(features * factors.reshape(1, -1, 1, 1)), plain, atol=1e-6)


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_1", "relu3_1"])
@pytest.mark.parametrize("size_hw", [(1, 1), (3, 20), (17, 30), (32, 32)])
def test_images_of_any_size_come_back_at_their_size(layer: str, size_hw: tuple[int, int]) -> None:
    loss_network = _loss_network()
    channels, stride = layer_geometry(loss_network, layer)
    config = InversionConfig(layer=layer, channels=channels, stride=stride, width=0.25)
    image = torch.rand(2, 3, *size_hw)
    found = invert_in_one_pass(InversionNetwork(config), loss_network, image, config)
    assert found.shape == image.shape


def test_padding_goes_to_the_right_and_below_only() -> None:
    image = torch.rand(1, 3, 9, 16)
    padded = pad_to_multiple(image, 4)
    assert padded.shape == (1, 3, 12, 16)
    assert torch.equal(padded[..., :9, :], image)
    assert pad_to_multiple(padded, 4) is padded


def test_maps_that_lack_samples_are_stretched() -> None:
    flat = torch.full((1, 3, 6, 6), 0.3)
    assert torch.allclose(fitted(flat, (8, 7)), torch.full((1, 3, 8, 7), 0.3))
    assert fitted(flat, (6, 6)) is flat


@pytest.mark.parametrize(
    "options",
    [{"stride": 3}, {"stride": 0}, {"channels": 0}, {"width": 0.0}, {"width": 9.0}, {"blocks": -1}],
)
def test_impossible_decoders_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError):
        InversionConfig(**options)  # type: ignore[arg-type]
