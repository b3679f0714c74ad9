"""Muon, against PyTorch's own Muon and Adam, and what an orthogonal matrix is."""

import copy

import pytest
import torch
from torch import nn

from impasto.training.muon import MIN_SIDE, Muon, build_optimizer, orthogonalised


@pytest.mark.parametrize("shape", [(12, 40), (40, 12), (16, 16)])
def test_orthogonalising_keeps_the_singular_vectors_and_levels_the_values(
    shape: tuple[int, int],
) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape, dtype=torch.float64)
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    leveled = u.T @ orthogonalised(matrix) @ vh.T
    assert s.max() / s.min() > 1.5
    values = leveled.diagonal()
    assert values.min() > 0.6
    assert values.max() < 1.3
    assert (leveled - torch.diag(values)).abs().max() < 1e-9


def test_a_matrix_of_zeros_stays_finite() -> None:
    assert torch.isfinite(orthogonalised(torch.zeros(9, 9))).all()


def _train(optimizer: torch.optim.Optimizer, network: nn.Module, steps: int) -> None:
    torch.manual_seed(1)
    for _ in range(steps):
        image = torch.randn(4, network.in_features)  # type: ignore[arg-type]
        optimizer.zero_grad()
        network(image).square().mean().backward()
        optimizer.step()


def test_it_takes_the_steps_of_pytorchs_muon_on_a_matrix() -> None:
    torch.manual_seed(0)
    ours = nn.Linear(24, 16, bias=False)
    theirs = copy.deepcopy(ours)
    _train(Muon(ours.parameters(), lr=0.01), ours, 5)
    reference = torch.optim.Muon(
        theirs.parameters(), lr=0.01, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    _train(reference, theirs, 5)
    # theirs orthogonalises in bfloat16
    torch.testing.assert_close(ours.weight, theirs.weight, rtol=0.02, atol=2e-3)


def test_thin_weights_and_biases_take_adams_step() -> None:
    torch.manual_seed(0)
    ours = nn.Linear(20, MIN_SIDE - 1)
    theirs = copy.deepcopy(ours)
    _train(Muon(ours.parameters(), lr=0.01), ours, 7)
    _train(torch.optim.Adam(theirs.parameters(), lr=0.01), theirs, 7)
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_a_convolution_in_channels_last_is_updated_as_one_in_plain_layout() -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(8, 12, 3)
    last = copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.randn(2, 8, 6, 6)
    for network in (plain, last):
        optimizer = build_optimizer("muon", network, 0.01, torch.device("cpu"))
        for _ in range(3):
            optimizer.zero_grad()
            network(image).square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(plain.weight, last.weight.contiguous(), rtol=1e-4, atol=1e-5)


def test_a_parameter_without_gradient_stays() -> None:
    network = nn.Linear(16, 16)
    before = network.weight.detach().clone()
    Muon(network.parameters(), lr=0.1).step()
    assert torch.equal(network.weight, before)
