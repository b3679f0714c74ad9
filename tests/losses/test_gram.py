"""Gram matrices against hand-made cases, NumPy in double precision, and numerical derivatives."""

import numpy as np
import pytest
import torch

from impasto.errors import OptionError
from impasto.losses import gram as gram_module
from impasto.losses import gram_matrix, style_loss


def test_gram_matrix_of_two_channels_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # C 2, H 1, W 2
    wanted = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]]) / 4
    torch.testing.assert_close(gram_matrix(features), wanted, rtol=0, atol=1e-6)


def test_gram_matrix_of_orthogonal_channels_is_diagonal() -> None:
    features = torch.eye(4).reshape(1, 4, 2, 2)
    assert torch.equal(gram_matrix(features), torch.eye(4)[None] / 16)


def test_gram_matrix_agrees_with_numpy_in_double_precision() -> None:
    features = torch.randn(3, 5, 6, 7, dtype=torch.float64)
    wanted = np.einsum("nchw,ndhw->ncd", features.numpy(), features.numpy()) / (5 * 6 * 7)
    np.testing.assert_allclose(gram_matrix(features).numpy(), wanted, rtol=1e-12)
    assert gram_matrix(features).dtype == torch.float64


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_gram_matrix_derivatives_pass_gradcheck_in_both_memory_formats(
    memory_format: torch.memory_format,
) -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    features = features.contiguous(memory_format=memory_format).requires_grad_()
    assert torch.autograd.gradcheck(gram_matrix, features)
    assert torch.autograd.gradgradcheck(gram_matrix, features)


def test_gram_matrix_of_a_sliced_map_passes_gradcheck() -> None:
    features = torch.randn(2, 6, 4, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: gram_matrix(f[:, ::2, :, 1:6]), features)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradient_comes_back_in_the_memory_format_and_type_of_the_features(
    dtype: torch.dtype,
) -> None:
    features = torch.randn(2, 3, 4, 5).to(dtype).contiguous(memory_format=torch.channels_last)
    (gradient,) = torch.autograd.grad(gram_matrix(features.requires_grad_()).sum(), features)
    assert gradient.is_contiguous(memory_format=torch.channels_last)
    assert gradient.dtype == dtype


def test_gram_matrix_does_not_see_where_things_are() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    shuffled = features.flatten(2)[..., torch.randperm(20)].unflatten(2, (4, 5))
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


def test_gram_matrix_of_a_tiled_map_is_that_of_the_tile() -> None:
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(gram_matrix(features.tile(1, 1, 3, 2)), gram_matrix(features))


def test_gram_matrix_grows_with_the_square_of_the_features() -> None:
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(gram_matrix(-3 * features), 9 * gram_matrix(features))


def test_gram_matrix_has_no_negative_eigenvalue() -> None:
    gram = gram_matrix(torch.randn(2, 6, 2, 2, dtype=torch.float64))
    assert torch.linalg.eigvalsh(gram).min() > -1e-12


@pytest.mark.parametrize("in_hardware", [False, True])
@pytest.mark.parametrize("magnitude", [1.0, 3000.0])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bfloat16_features_are_accumulated_in_float32(
    in_hardware: bool,
    magnitude: float,
    memory_format: torch.memory_format,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gram_module, "_has_bfloat16_products", lambda: in_hardware)
    features = (torch.randn(2, 8, 64, 64).relu() * magnitude).bfloat16()
    features = features.contiguous(memory_format=memory_format)
    wanted = gram_matrix(features.double())
    gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    # bfloat16 results would be 2e-3 away.
    assert ((gram.double() - wanted).norm() / wanted.norm()).item() < 1e-5


def test_float16_features_do_not_overflow() -> None:
    features = torch.full((1, 2, 8, 8), 1000.0, dtype=torch.float16)
    torch.testing.assert_close(gram_matrix(features), torch.full((1, 2, 2), 5e5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gradient_is_that_of_float64_but_for_rounding(dtype: torch.dtype) -> None:
    features = torch.randn(2, 8, 16, 16).to(dtype)
    factors = torch.randn(2, 8, 8) * 100
    gradients = []
    for values in (features, features.double()):
        values.requires_grad_()
        total = (gram_matrix(values) * factors.to(gram_matrix(values).dtype)).sum()
        gradients.append(torch.autograd.grad(total, values)[0].double())
    half, full = gradients
    assert ((half - full).norm() / full.norm()).item() < 5e-3


def test_gram_matrix_ignores_autocast() -> None:
    features = torch.randn(1, 4, 16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        gram = gram_matrix(features)
    assert torch.equal(gram, gram_matrix(features))


@pytest.mark.parametrize(
    "features",
    [torch.zeros(3, 4, 4), torch.zeros(1, 0, 4, 4), torch.zeros(1, 2, 4, 4, dtype=torch.int64)],
)
def test_what_is_no_feature_map_is_refused(features: torch.Tensor) -> None:
    with pytest.raises(OptionError, match="wanted a floating-point"):
        gram_matrix(features)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_half_precision_on_a_gpu_is_added_up_in_float32(memory_format: torch.memory_format) -> None:
    features = torch.rand(3, 16, 70, 90).bfloat16().cuda().contiguous(memory_format=memory_format)
    wanted = gram_matrix(features.double())
    with torch.autocast("cuda", torch.bfloat16):
        found = gram_matrix(features.requires_grad_())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=0)
    (gradient,) = torch.autograd.grad(found.sum(), features)
    exact = features.detach().double().requires_grad_()
    (reference,) = torch.autograd.grad(gram_matrix(exact).sum(), exact)
    torch.testing.assert_close(gradient.double(), reference, rtol=2e-2, atol=0)


def test_style_loss_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # Gram [[5, 11], [11, 25]] / 4
    target = torch.tensor([[[1.25, 2.75], [2.75, 4.25]]])
    assert style_loss(features, target).item() == 4.0


def test_style_loss_agrees_with_numpy_for_images_of_different_sizes() -> None:
    output = torch.randn(2, 4, 6, 7, dtype=torch.float64)
    style = torch.randn(1, 4, 9, 5, dtype=torch.float64)
    grams = np.einsum("nchw,ndhw->ncd", output.numpy(), output.numpy()) / (4 * 6 * 7)
    wanted = np.einsum("nchw,ndhw->ncd", style.numpy(), style.numpy()) / (4 * 9 * 5)
    distances = np.linalg.norm(grams - wanted, axis=(1, 2)) ** 2
    loss = style_loss(output, gram_matrix(style))
    np.testing.assert_allclose(loss.item(), distances.mean(), rtol=1e-12)


def test_style_loss_derivatives_pass_gradcheck() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    target = gram_matrix(torch.randn(1, 3, 6, 6, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda f: style_loss(f, target), features)
    assert torch.autograd.gradgradcheck(lambda f: style_loss(f, target), features)


def test_style_loss_is_zero_for_a_shuffled_image() -> None:
    features = torch.randn(1, 3, 4, 5, dtype=torch.float64)
    shuffled = features.flatten(2)[..., torch.randperm(20)].unflatten(2, (4, 5))
    assert style_loss(shuffled, gram_matrix(features)).item() < 1e-28


def test_style_loss_grows_with_the_fourth_power_of_both() -> None:
    features, style = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64).unbind()
    torch.testing.assert_close(
        style_loss(2 * features, gram_matrix(2 * style)),
        16 * style_loss(features, gram_matrix(style)),
    )


def test_style_loss_of_a_batch_is_the_mean_of_its_items() -> None:
    features = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    target = gram_matrix(torch.randn(1, 2, 5, 5, dtype=torch.float64))
    singles = torch.stack([style_loss(item[None], target) for item in features])
    torch.testing.assert_close(style_loss(features, target), singles.mean())


@pytest.mark.parametrize("shape", [(3, 3), (1, 4, 4), (2, 3, 3), (1, 3, 4)])
def test_a_style_target_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="style target"):
        style_loss(torch.zeros(4, 3, 2, 2), torch.zeros(shape))
