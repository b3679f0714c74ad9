"""One step of all students: as a function, or captured as a CUDA graph."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from impasto.networks.padding import reflect_pad
from impasto.training.style_task import EDGE_MARGIN_PX
from together.joint_loss import JointLoss
from together.joint_muon import JointMuon
from together.lockstep import Lockstep
from together.students import Stage, Student

WARM_UP = 3  # steps before a graph is captured; they learn, too
CLIP_NORM = 1.0  # that of impasto train style


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
