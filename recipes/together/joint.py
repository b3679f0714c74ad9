"""The loss and the optimiser of all students at once."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.losses import gram_matrix
from impasto.losses.content import content_errors, mean_squares
from impasto.losses.pixel import edge_errors, grid_errors
from impasto.networks.layout import STRIDE
from impasto.networks.padding import reflect_pad
from impasto.training.muon import (
    ADAM_LIKE_RMS,
    BETAS,
    EPSILON,
    MIN_SIDE,
    MOMENTUM,
    orthogonalised,
)
from together.students import Student

NORM_FLOOR = 1e-6  # as in torch's clip_grad_norm_


class JointLoss(nn.Module):
    """The losses of `StyleTask` for several students on the same photos: -> (K, terms), weighted.

    Columns: content, style, total variation, grid, edges, teacher.
    """

    COLUMNS = ("content", "style", "tv", "grid", "edges", "teacher")

    def __init__(self, students: Sequence[Student]) -> None:
        super().__init__()
        one = students[0].criterion
        self.loss_network = one.loss_network
        self.content_layers, self.style_layers = one.content_layers, one.style_layers
        for student in students:
            if (student.criterion.content_layers, student.criterion.style_layers) != (
                self.content_layers,
                self.style_layers,
            ):
                raise SystemExit(f"{student.name}: other layers than {students[0].name}")
        if len({student.teacher is None for student in students}) > 1:
            raise SystemExit("either all students have a teacher or none")
        device = next(iter(one.style_target.values())).device
        for index, layer in enumerate(self.style_layers):
            target = torch.cat([student.criterion.style_target[layer] for student in students])
            self.register_buffer(f"target_{index}", target, persistent=False)
            sizes = target.square().sum(dim=(1, 2))
            self.register_buffer(f"size_{index}", sizes, persistent=False)
        weights = [
            [
                student.criterion.weights.content,
                student.criterion.weights.style,
                student.criterion.weights.tv,
                student.config.grid_weight,
                student.config.edge_weight,
                student.config.teacher_weight if student.teacher is not None else 0.0,
            ]
            for student in students
        ]
        self.weights = nn.Buffer(torch.tensor(weights, device=device), persistent=False)
        self.count = len(students)
        self.grid = any(student.config.grid_weight for student in students)
        self.edges = any(student.config.edge_weight for student in students)

    def forward(
        self,
        output: Tensor,
        images: Tensor,
        painted: Tensor | None,
        border: int,
        edgeless: Tensor | None = None,
    ) -> Tensor:
        """`painted`: by the teachers; `edgeless`: by the students, within a continuation."""
        shown, photo = (_continued(each, border) for each in (output, images))
        names = [*self.content_layers, *self.style_layers]
        with torch.no_grad():
            wanted = self.loss_network(photo, list(self.content_layers))
        found = self.loss_network(shown, list(dict.fromkeys(names)))
        content = sum(
            weight * self._content(found[layer], wanted[layer])
            for layer, weight in self.content_layers.items()
        )
        style = sum(
            weight * self._style(found[layer], index)
            for index, (layer, weight) in enumerate(self.style_layers.items())
        )
        every = images.repeat(self.count, 1, 1, 1)
        zero = output.new_zeros(len(output))
        grid = grid_errors(output, every, factor=STRIDE) if self.grid else zero
        edges = zero if edgeless is None else edge_errors(output, edgeless)
        teacher = zero
        if painted is not None:
            teacher = (output - painted).abs().mean(dim=(1, 2, 3))
        terms = torch.stack([content, style, _tv(shown), grid, edges, teacher], dim=1)
        return terms.reshape(self.count, -1, len(self.COLUMNS)).mean(dim=1) * self.weights

    def _content(self, features: Tensor, target: Tensor) -> Tensor:
        repeated = target.repeat(self.count, 1, 1, 1)
        return content_errors(features, repeated) / mean_squares(target).repeat(self.count)

    def _style(self, features: Tensor, index: int) -> Tensor:
        target, size = getattr(self, f"target_{index}"), getattr(self, f"size_{index}")
        gram = gram_matrix(features).unflatten(0, (self.count, -1))
        return ((gram - target[:, None]).square().sum(dim=(2, 3)) / size[:, None]).flatten()


def _continued(images: Tensor, border: int) -> Tensor:
    if border:
        images = reflect_pad(images, border, border, border, border)
    return images.contiguous(memory_format=torch.channels_last)


def _tv(images: Tensor) -> Tensor:
    down = (images[..., 1:, :] - images[..., :-1, :]).square().sum(dim=(1, 2, 3))
    across = (images[..., 1:] - images[..., :-1]).square().sum(dim=(1, 2, 3))
    return (down + across) / images[0].numel()


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
        self.values.add_(orthogonalised(ahead) * (rate * factor))


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
