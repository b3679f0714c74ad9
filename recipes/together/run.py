"""Photos on the graphics card, and one step of all students, captured there as a CUDA graph."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from impasto.data.photos import jitter_colors, random_crop
from impasto.errors import ImageError
from impasto.media import read_picture
from impasto.networks.padding import reflect_pad
from impasto.training.style_task import EDGE_MARGIN_PX
from together.joint import JointLoss, JointMuon
from together.lockstep import Lockstep
from together.students import Stage, Student

WARM_UP = 3  # steps before a graph is captured; they learn, too
CLIP_NORM = 1.0  # that of impasto train style


def photos_on(device: torch.device, paths: Sequence[Path]) -> list[Tensor]:
    """All that can be read, (1, 3, H, W) in 8 bits."""

    def read(path: Path) -> Tensor | None:
        try:
            return read_picture(path).pixels.mul(255).round().to(torch.uint8)
        except ImageError as error:
            print(f"skipped: {error}")
            return None

    with ThreadPoolExecutor() as pool:
        return [pixels.to(device) for pixels in pool.map(read, paths) if pixels is not None]


class Crops:
    """The crops of `PhotoCrops`, cut on the device: sample k depends on the seed and k alone.

    Crops of one colour are not drawn again: a step whose gradient they spoil is left out.
    """

    def __init__(
        self, photos: Sequence[Tensor], seed: int, zoom: float, color_jitter: float = 0.0
    ) -> None:
        self.photos, self.seed, self.zoom = photos, seed, zoom
        self.color_jitter = color_jitter
        self._order: tuple[int, list[int]] = (-1, [])

    def batch(self, number: int, size: int, px: int, zoom: float | None = None) -> Tensor:
        """(size, 3, px, px); scaled up to `zoom`, if it is given, in place of the usual one."""
        scale = self.zoom if zoom is None else zoom
        return torch.cat([self._crop(number * size + index, px, scale) for index in range(size)])

    def _crop(self, sample: int, px: int, zoom: float) -> Tensor:
        epoch, place = divmod(sample, len(self.photos))
        if self._order[0] != epoch:
            order = list(range(len(self.photos)))
            Random(f"{self.seed}:epoch:{epoch}").shuffle(order)
            self._order = (epoch, order)
        chance = Random(f"{self.seed}:{sample}")
        photo = self.photos[self._order[1][place]].float() / 255
        crop = random_crop(photo, px, chance, zoom=zoom)
        return jitter_colors(crop, self.color_jitter, chance)


class Run:
    """Students, their loss and optimiser, and the step as a function or as CUDA graphs."""

    def __init__(self, students: Sequence[Student], device: torch.device) -> None:
        self.students, self.device = students, device
        self.loss = JointLoss(students)
        self.optimizer = JointMuon(students, clip_norm=CLIP_NORM)
        self.dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
        self.paint = Lockstep([student.network for student in students], self.dtype)
        teachers = [student.teacher for student in students if student.teacher is not None]
        self.teach = Lockstep(teachers, self.dtype) if teachers else None
        self.sums = torch.zeros(len(students), len(JointLoss.COLUMNS) + 1, device=device)

    def eager_step(self, images: Tensor, stage: Stage) -> None:
        """Forwards, backwards, optimiser."""
        output = self.paint(images)
        with torch.no_grad():
            painted = None if self.teach is None else self.teach(images)
            edgeless = self._edgeless(images) if self.loss.edges else None
        lowered = self.dtype != torch.float32
        # without its cache, which would outlive the capture of a graph
        with torch.autocast(self.device.type, self.dtype, enabled=lowered, cache_enabled=False):
            weighted = self.loss(output, images, painted, stage.border, edgeless)
        gradients = torch.autograd.grad(weighted.sum(), self.optimizer.parameters)
        norms = self.optimizer.step(gradients)
        finite = torch.cat([weighted.detach(), norms[:, None]], dim=1).nan_to_num(0.0, 0.0, 0.0)
        self.sums.add_(finite)

    def _edgeless(self, images: Tensor) -> Tensor:
        """What the students paint if the photos go on, mirrored, beyond their borders."""
        painted = self.paint(reflect_pad(images, *(EDGE_MARGIN_PX,) * 4))
        return painted[..., EDGE_MARGIN_PX:-EDGE_MARGIN_PX, EDGE_MARGIN_PX:-EDGE_MARGIN_PX]

    def step_of(self, stage: Stage, batches: Iterator[Tensor]) -> Callable[[Tensor], None]:
        """The step for crops of a stage's size, captured where there is a graphics card."""
        if self.device.type != "cuda":
            return lambda images: self.eager_step(images, stage)
        still = torch.empty_like(next(batches))
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                still.copy_(next(batches))
                self.eager_step(still, stage)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.eager_step(still, stage)

        def replay(images: Tensor) -> None:
            still.copy_(images)
            graph.replay()

        return replay

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def report(self, done: int, total: int, count: int) -> None:
        """Means of the weighted terms since the last report, one line a student."""
        means = (self.sums / count).tolist()
        self.sums.zero_()
        for student, numbers in zip(self.students, means, strict=True):
            named = zip((*JointLoss.COLUMNS, "norm"), numbers, strict=True)
            text = "  ".join(f"{name} {value:.4f}" for name, value in named)
            loss = sum(numbers[:-1])
            print(f"{done}/{total} {student.name}: {loss:.4f}  {text}", flush=True)
