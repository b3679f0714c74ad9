"""Muon: momentum made orthogonal, for the weights of convolutions; Adam for everything else."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT

MOMENTUM = 0.95
BETAS = (0.9, 0.999)
EPSILON = 1e-8
# Newton-Schulz in five steps of these coefficients takes every singular value to within 0.7 ... 1.2
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5
# Brings the size of an update to what Adam's usually is, so that rates mean the same for both.
ADAM_LIKE_RMS = 0.2
# Below this many rows or columns a matrix is too thin to gain: the convolution to three colours.
MIN_SIDE = 8


class Muon(torch.optim.Optimizer):
    """Muon (Jordan et al. 2024) for weights of two or more dimensions, Adam for the others.

    A weight (out, in, k, k) is taken as the matrix (out, in*k*k); its momentum, with Nesterov's
    look-ahead, is replaced by the nearest orthogonal matrix and scaled to the root mean square that
    updates of Adam have (Liu et al. 2025, "Muon is scalable"). All directions of a layer so learn
    at one pace, which for networks as narrow as these saves a good part of the iterations.
    Biases, norms and weights thinner than MIN_SIDE take Adam's step at the same rate.
    """

    def __init__(self, params: ParamsT, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step for every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group["lr"])
        return loss

    def _update(self, parameter: Tensor, gradient: Tensor, learning_rate: float) -> None:
        state = self.state[parameter]
        rows, columns = parameter.shape[0], parameter[0].numel() if parameter.ndim > 1 else 1
        if min(rows, columns) < MIN_SIDE:
            _adam(parameter, gradient, state, learning_rate)
            return
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(momentum, MOMENTUM).reshape(rows, columns)
        update = orthogonalised(ahead).reshape(parameter.shape)
        parameter.add_(update, alpha=-learning_rate * ADAM_LIKE_RMS * max(rows, columns) ** 0.5)


def orthogonalised(matrix: Tensor) -> Tensor:
    """(..., R, C) -> (..., R, C): the same singular vectors, values near 1 (0.7 ... 1.2)."""
    a, b, c = NEWTON_SCHULZ
    wide = matrix if matrix.shape[-2] <= matrix.shape[-1] else matrix.mT
    norm = torch.linalg.vector_norm(wide, dim=(-2, -1), keepdim=True)
    result = wide / norm.clamp(min=1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = result @ result.mT
        result = a * result + (b * square + c * square @ square) @ result
    leveled: Tensor = result if wide is matrix else result.mT
    return leveled


def _adam(parameter: Tensor, gradient: Tensor, state: dict[str, Any], learning_rate: float) -> None:
    if "step" not in state:
        state["step"] = torch.zeros(())
        state["exp_avg"] = torch.zeros_like(parameter)
        state["exp_avg_sq"] = torch.zeros_like(parameter)
    state["step"] += 1
    count = float(state["step"])
    mean = state["exp_avg"].lerp_(gradient, 1 - BETAS[0])
    square = state["exp_avg_sq"].mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
    root = (square / (1 - BETAS[1] ** count)).sqrt_().add_(EPSILON)
    parameter.addcdiv_(mean, root, value=-learning_rate / (1 - BETAS[0] ** count))


def build_optimizer(
    name: str, network: nn.Module, learning_rate: float, device: torch.device
) -> torch.optim.Optimizer:
    """ "adam" or "muon" over the network's parameters."""
    parameters: Iterable[nn.Parameter] = network.parameters()
    if name == "muon":
        return Muon(parameters, lr=learning_rate)
    return torch.optim.Adam(parameters, lr=learning_rate, fused=device.type in ("cpu", "cuda"))
