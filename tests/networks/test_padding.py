import numpy as np
import pytest
import torch
import torch.nn.functional as F

from impasto.networks.padding import pad_border, reflect_pad


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 4), (2, 3), (5, 5), (9, 4)])
def test_reflect_pad_equals_numpys_reflect_for_any_amount(size_hw: tuple[int, int]) -> None:
    image = torch.rand(1, 2, *size_hw)
    got = reflect_pad(image, 3, 11, 0, 6)
    wanted = np.pad(image.numpy(), ((0, 0), (0, 0), (0, 6), (3, 11)), mode="reflect")
    assert np.array_equal(got.numpy(), wanted)


@pytest.mark.parametrize(("mode", "border"), [("reflect", 1), ("reflect", 4), ("replicate", 1)])
@pytest.mark.parametrize("channels_last", [False, True])
def test_pad_border_and_its_gradient_equal_pytorchs(
    mode: str, border: int, channels_last: bool
) -> None:
    features = torch.randn(2, 3, 9, 7, dtype=torch.float64)
    if channels_last:
        features = features.contiguous(memory_format=torch.channels_last)
    features.requires_grad_()
    got = pad_border(features, border, mode)
    wanted = F.pad(features, (border,) * 4, mode=mode)
    assert torch.equal(got, wanted)
    probe = torch.randn_like(wanted)
    (one,) = torch.autograd.grad(got, features, probe)
    (other,) = torch.autograd.grad(wanted, features, probe)
    assert torch.allclose(one, other, rtol=0, atol=1e-14)
    assert torch.autograd.gradcheck(lambda x: pad_border(x, border, mode), features)


def test_pad_border_leaves_the_incoming_gradient_alone() -> None:
    features = torch.randn(1, 1, 5, 5, requires_grad=True)
    probe = torch.ones(1, 1, 7, 7)
    torch.autograd.grad(pad_border(features, 1, "reflect"), features, probe)
    assert torch.equal(probe, torch.ones(1, 1, 7, 7))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("border", "mode"), [(1, "reflect"), (4, "reflect"), (1, "replicate")])
def test_gpus_keep_channels_last_with_the_same_numbers(border: int, mode: str) -> None:
    features = torch.randn(2, 8, 9, 7, device="cuda", dtype=torch.float64)
    features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    found = pad_border(features, border, mode)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, torch.nn.functional.pad(features, (border,) * 4, mode=mode))
    assert torch.autograd.gradcheck(lambda f: pad_border(f, border, mode), (features,))
