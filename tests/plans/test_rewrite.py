"""Rewritten networks give the same pixels; every kernel is what it says, by a plain computation."""

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto.errors import ModelError
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.layout import layout_shapes
from impasto.plans import kernels
from impasto.plans.plan import Convolve, Crop, Enlarge, Floats, Normalise, Pad
from impasto.plans.plan_network import PlanNetwork, to_levels
from impasto.plans.rewrite import rewrite

SIZES = [(64, 48), (61, 83), (1, 1), (1, 40), (7, 5), (16, 17), (3, 130), (41, 40)]
CONFIGS = [
    StyleNetworkConfig(width=0.25),
    StyleNetworkConfig(architecture="paper", width=0.25, norm="instance"),
    StyleNetworkConfig(architecture="paper", width=0.25, norm="batch"),
    StyleNetworkConfig(architecture="fast", width=0.25, blocks=2),
]


def random(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def random_network(config: StyleNetworkConfig) -> nn.Module:
    """Every tensor random, running statistics and biases included."""
    torch.manual_seed(1)
    network = build_style_network(config).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            nn.init.normal_(module.weight, 1, 0.3)
            nn.init.normal_(module.bias, std=0.5)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and module.bias is not None:
            nn.init.normal_(module.bias, std=0.3)
    return network


@pytest.mark.parametrize(
    "config", CONFIGS, ids=lambda config: f"{config.architecture}-{config.norm}"
)
@pytest.mark.parametrize("size_hw", SIZES, ids=str)
@pytest.mark.parametrize(
    "options",
    [{}, {"subpixel": False}, {"split": True}],
    ids=["default", "nearest", "split"],
)
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float32, 1e-4), (torch.float64, 1e-10)])
def test_a_plan_gives_the_pixels_of_its_network(
    config: StyleNetworkConfig,
    size_hw: tuple[int, int],
    options: dict[str, bool],
    dtype: torch.dtype,
    atol: float,
) -> None:
    if config == CONFIGS[1] and size_hw == (1, 1):
        pytest.skip("the network itself refuses it: a map of one sample has no instance norm")
    network = random_network(config).to(dtype)
    image = torch.rand(2, 3, *size_hw, generator=torch.Generator().manual_seed(3)).to(dtype)
    if config.norm == "instance" and min(size_hw) == 1 and dtype == torch.float32:
        image = image[:1]  # a row of one value has no variance; its rounding errors are amplified
        network = network.double()
        expected = network(image.double()).clamp(0, 1).float()
    else:
        expected = network(image).clamp(0, 1)
    output = PlanNetwork(rewrite(network.to(dtype), **options))(image)
    assert output.dtype == dtype
    if size_hw == (1, 1) and config.norm == "instance":
        # No map has any variance: each norm enlarges what rounding left by up to 1/sqrt(eps), and
        # how sums are rounded is the processor's affair.
        assert output.shape == expected.shape
        assert bool(((output >= 0) & (output <= 1)).all())
        return
    torch.testing.assert_close(output, expected, rtol=0, atol=atol)


def test_an_image_too_small_for_the_papers_network_has_a_plan() -> None:
    output = PlanNetwork(rewrite(random_network(CONFIGS[1])))(torch.full((1, 3, 1, 1), 0.4))
    assert output.shape == (1, 3, 1, 1)
    assert output.isfinite().all()


def test_a_plan_leaves_the_network_alone() -> None:
    network = random_network(CONFIGS[0])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    PlanNetwork(rewrite(network), torch.bfloat16)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_batch_norm_and_input_constants_leave_no_step_of_their_own() -> None:
    plan = rewrite(random_network(CONFIGS[2]))
    assert not any(isinstance(step, Normalise) for step in plan)


def test_no_bias_stands_before_an_instance_norm() -> None:
    for config in [*CONFIGS[:2], CONFIGS[3]]:
        plan = rewrite(random_network(config))
        for step, after in pairwise(plan):
            if isinstance(step, Convolve) and isinstance(after, Normalise):
                assert step.bias is None


def test_up_sampling_is_done_in_kernels_of_2_by_2_at_the_small_size() -> None:
    plan = rewrite(random_network(CONFIGS[0]))
    sizes = [step.weight.shape[-1] for step in plan if isinstance(step, Convolve)]
    assert sizes == [9, 3, 3, 2, 2, 10]
    assert not any(isinstance(step, Enlarge) for step in plan)
    assert sum(isinstance(step, Crop) for step in plan) == 2


def test_networks_without_a_plan_are_refused() -> None:
    with pytest.raises(ModelError, match="no plan for a network of type Conv2d"):
        rewrite(nn.Conv2d(3, 3, 1))


def convolved(
    features: Tensor, kernel: Floats, bias: Floats | None = None, **options: int
) -> Tensor:
    bias = None if bias is None else torch.from_numpy(bias)
    return F.conv2d(features, torch.from_numpy(kernel), bias, **options)


def test_doubling_kernel_is_nearest_up_sampling_and_convolution_with_mirrored_border() -> None:
    features, weight = random(2, 3, 5, 7), random(4, 3, 3, 3, seed=1)
    enlarged = F.interpolate(features, scale_factor=2, mode="nearest")
    expected = F.conv2d(F.pad(enlarged, (1,) * 4, mode="reflect"), weight)
    kernel = kernels.doubling_kernel(weight.numpy())
    phases = convolved(F.pad(features, (1,) * 4, mode="replicate"), kernel)
    output = F.pixel_shuffle(phases, 2)[..., 1:-1, 1:-1]
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)


def test_fractional_kernel_is_the_transposed_convolution() -> None:
    features, weight = random(2, 3, 5, 7), random(3, 4, 3, 3, seed=1)
    expected = F.conv_transpose2d(features, weight, None, 2, padding=1, output_padding=1)
    kernel = kernels.fractional_kernel(weight.numpy())
    phases = convolved(F.pad(features, (0, 1, 0, 1)), kernel)
    torch.testing.assert_close(F.pixel_shuffle(phases, 2), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("factor", [2, 4])
def test_striding_kernel_makes_the_same_pixels_in_blocks(factor: int) -> None:
    features, weight = random(2, 3, 12, 20), random(3, 3, 5, 5, seed=1)
    padded = F.pad(features, (2,) * 4)
    kernel = kernels.striding_kernel(weight.numpy(), factor)
    output = F.pixel_shuffle(convolved(padded, kernel, stride=factor), factor)
    torch.testing.assert_close(output, F.conv2d(padded, weight), rtol=0, atol=1e-12)


def test_folded_input_is_the_convolution_of_the_scaled_and_shifted_one() -> None:
    features, weight, bias = random(1, 3, 6, 6), random(4, 3, 3, 3, seed=1), random(4, seed=2)
    folded = kernels.fold_input(weight.numpy(), bias.numpy(), 2.0, -1.0)
    expected = F.conv2d(features * 2 - 1, weight, bias)
    torch.testing.assert_close(convolved(features, *folded), expected, rtol=0, atol=1e-12)


def test_folded_scale_is_the_convolution_scaled_and_shifted_after_it() -> None:
    features, weight, bias = random(1, 3, 6, 6), random(4, 3, 3, 3, seed=1), random(4, seed=2)
    scale, shift = random(4, seed=3), random(4, seed=4)
    parts = (tensor.numpy() for tensor in (weight, bias, scale, shift))
    expected = F.conv2d(features, weight, bias) * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)
    output = convolved(features, *kernels.fold_scale(*parts))
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)


def test_a_batch_norm_without_statistics_is_not_folded() -> None:
    network = random_network(CONFIGS[2])
    network.layers[1].running_mean = None
    with pytest.raises(ValueError, match="running statistics"):
        rewrite(network)


@pytest.mark.parametrize("config", [CONFIGS[0], CONFIGS[3]], ids=lambda c: c.architecture)
def test_a_layout_names_every_tensor_of_its_network(config: StyleNetworkConfig) -> None:
    network = build_style_network(config)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert layout_shapes(network.layout) == shapes


def test_the_papers_first_border_is_the_zero_of_minus_1_to_1() -> None:
    first = next(step for step in rewrite(random_network(CONFIGS[1])) if isinstance(step, Pad))
    assert first == Pad(before=4, after=4, mode="constant", value=127.5)


def test_levels_are_exact_in_bfloat16_for_8_bits_and_nearly_so_for_all_others() -> None:
    samples = torch.arange(256, dtype=torch.float32)
    levels = to_levels((samples / 255).view(1, 1, 16, 16), split=True).bfloat16().float()
    assert torch.equal(levels[0, 0].flatten(), samples)
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole, parts = to_levels(image, split=True).bfloat16().float().chunk(2, dim=1)
    torch.testing.assert_close(whole + parts, image * 255, rtol=0, atol=2**-10)
