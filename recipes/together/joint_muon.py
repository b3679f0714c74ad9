"""Muon for the parameters of all students at once."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.training.muon import (
    ADAM_LIKE_RMS,
    BETAS,
    EPSILON,
    MIN_SIDE,
    MOMENTUM,
    NEWTON_SCHULZ,
    NEWTON_SCHULZ_STEPS,
)
from together.students import Student

NORM_FLOOR = 1e-6  # as in torch's clip_grad_norm_


class JointMuon:
    """`impasto.training.muon.Muon` for all students' parameters at once, capturable in a graph.

    Parameters become views of stacks: one for each shape of matrix, one for all that take Adam's
    step. Gradients are clipped student by student; one whose gradient is not finite sits out the
    step. `rate` and the two bias corrections are tensors, set before each step.
    """

    def __init__(self, students: Sequence[Student], clip_norm: float) -> None:
        device = next(students[0].network.parameters()).device
        self.count, self.clip_norm = len(students), clip_norm
        self.rate = torch.zeros((), device=device)
        self.corrections = torch.ones(2, device=device)
        matrices: dict[tuple[int, int], list[tuple[int, nn.Parameter]]] = defaultdict(list)
        others: list[tuple[int, nn.Parameter]] = []
        for which, student in enumerate(students):
            for parameter in student.network.parameters():
                parameter.requires_grad_(True)
                shape = (parameter.shape[0], parameter[0].numel() if parameter.ndim > 1 else 1)
                if min(shape) < MIN_SIDE:
                    others.append((which, parameter))
                else:
                    matrices[shape].append((which, parameter))
        self.groups = [_Stack(members, shape, device) for shape, members in matrices.items()]
        self.vector = _Vector(others, device)
        self.parameters = [p for group in self.groups for p in group.parameters]
        self.parameters += self.vector.parameters

    def set(self, rate: float, step: int) -> None:
        """Learning rate of the step that is next, and its number, from 1."""
        self.rate.fill_(rate)
        for index, beta in enumerate(BETAS):
            self.corrections[index].fill_(1 - beta**step)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> Tensor:
        """One step; -> (K,) the norms of the gradients before they were clipped."""
        rest = list(gradients)
        stacked = []
        for group in self.groups:
            own, rest = rest[: len(group.parameters)], rest[len(group.parameters) :]
            stacked.append(torch.stack([gradient.reshape(group.shape) for gradient in own]))
        flat = torch.cat([gradient.flatten() for gradient in rest])
        squares = torch.zeros(self.count, device=flat.device)
        for group, gradient in zip(self.groups, stacked, strict=True):
            squares.index_add_(0, group.owner, gradient.square().sum(dim=(1, 2)))
        squares.index_add_(0, self.vector.owner, flat.square())
        norms = squares.sqrt()
        fit = torch.isfinite(norms)
        scale = (self.clip_norm / (norms + NORM_FLOOR)).clamp(max=1.0)
        rates = torch.where(fit, self.rate, 0.0)
        for group, gradient in zip(self.groups, stacked, strict=True):
            owner = group.owner[:, None, None]
            clipped = torch.where(fit[owner], gradient * scale[owner], 0.0)
            group.step(clipped, rates[owner])
        owner = self.vector.owner
        clipped = torch.where(fit[owner], flat * scale[owner], 0.0)
        self.vector.step(clipped, rates[owner], self.corrections)
        return norms


class _Stack:
    """Parameters that are matrices of one shape: (n, rows, columns), with their momentum."""

    def __init__(
        self,
        members: Sequence[tuple[int, nn.Parameter]],
        shape: tuple[int, int],
        device: torch.device,
    ) -> None:
        self.shape = shape
        self.parameters = [parameter for _, parameter in members]
        self.owner = torch.tensor([which for which, _ in members], device=device)
        self.values = torch.stack([p.detach().reshape(shape) for p in self.parameters])
        self.momentum = torch.zeros_like(self.values)
        for parameter, value in zip(self.parameters, self.values, strict=True):
            parameter.data = value.view(parameter.shape)

    def step(self, gradient: Tensor, rate: Tensor) -> None:
        self.momentum.lerp_(gradient, 1 - MOMENTUM)
        ahead = gradient.lerp(self.momentum, MOMENTUM)
        factor = -ADAM_LIKE_RMS * max(self.shape) ** 0.5
        self.values.add_(orthogonalised_batch(ahead) * (rate * factor))


class _Vector:
    """Everything else in one vector, with Adam's two moments."""

    def __init__(self, members: Sequence[tuple[int, nn.Parameter]], device: torch.device) -> None:
        self.parameters = [parameter for _, parameter in members]
        owners = [torch.full((p.numel(),), which) for which, p in members]
        self.owner = torch.cat(owners).to(device)
        self.values = torch.cat([p.detach().flatten() for p in self.parameters])
        self.mean = torch.zeros_like(self.values)
        self.square = torch.zeros_like(self.values)
        parts = self.values.split([p.numel() for p in self.parameters])
        for parameter, value in zip(self.parameters, parts, strict=True):
            parameter.data = value.view(parameter.shape)

    def step(self, gradient: Tensor, rate: Tensor, corrections: Tensor) -> None:
        self.mean.lerp_(gradient, 1 - BETAS[0])
        self.square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
        root = (self.square / corrections[1]).sqrt_().add_(EPSILON)
        self.values.sub_(rate / corrections[0] * self.mean / root)


def orthogonalised_batch(matrices: Tensor) -> Tensor:
    """`impasto.training.muon.orthogonalised` for (n, R, C) at once."""
    a, b, c = NEWTON_SCHULZ
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    result = wide / torch.linalg.vector_norm(wide, dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        square = result @ result.mT
        result = a * result + (b * square + c * square @ square) @ result
    return result if wide is matrices else result.mT
