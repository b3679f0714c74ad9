"""The losses of all students at once."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.losses import gram_matrix
from impasto.losses.content import content_errors, mean_squares
from impasto.losses.pixel import edge_errors, grid_errors
from impasto.networks.layout import STRIDE
from impasto.networks.padding import reflect_pad
from together.students import Student


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
