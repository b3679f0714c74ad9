import pytest
import torch
import torch.nn.functional as F

from impasto.networks.subpixel import resize_convolve


@pytest.mark.parametrize("size_hw", [(2, 2), (3, 5), (8, 7)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_equals_nearest_resize_reflection_pad_and_convolution(
    size_hw: tuple[int, int], with_bias: bool
) -> None:
    features = torch.randn(2, 4, *size_hw, dtype=torch.float64)
    weight = torch.randn(3, 4, 3, 3, dtype=torch.float64)
    bias = torch.randn(3, dtype=torch.float64) if with_bias else None
    enlarged = F.interpolate(features, scale_factor=2, mode="nearest")
    wanted = F.conv2d(F.pad(enlarged, (1, 1, 1, 1), mode="reflect"), weight, bias)
    assert torch.allclose(resize_convolve(features, weight, bias), wanted, rtol=0, atol=1e-12)


def test_gradient_reaches_features_and_the_3x3_weight() -> None:
    features = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(resize_convolve, (features, weight))
