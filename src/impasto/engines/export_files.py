"""The kinds of exported files: each written beside its place, run, compared, then put there."""

import errno
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.fx.experimental import _config as tracing

from impasto.engines.export_trials import Comparison, Trials
from impasto.files.atomic import atomic_path
from impasto.machine.extras import import_extra, openvino_core
from impasto.models import StyleModel, SuperResModel
from impasto.plans.onnx_graph import onnx_model
from impasto.plans.openvino_graph import openvino_model
from impasto.plans.plan import Plan
from impasto.plans.plan_network import TorchGraph
from impasto.plans.writer import Precision, Samples

METADATA_FILE = "metadata.json"  # inside a .pt2
_HINTS = {"float32": "f32", "float16": "f32", "bfloat16": "bf16"}
_TRACED_SIZE = (2, 37, 53)  # batch, height, width: no two alike, and no 1, which is special


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The files written, by which runtime they were run, and what came of it."""

    files: tuple[Path, ...]
    runtime: str
    comparison: Comparison


@dataclass(frozen=True, kw_only=True)
class ExportJob:
    """What is to be written, and how."""

    model: StyleModel | SuperResModel
    steps: Plan
    path: Path
    samples: Samples
    precision: Precision
    size_hw: tuple[int, int] | None
    metadata: Mapping[str, str]

    @property
    def channels(self) -> int:
        return self.model.config.in_channels if isinstance(self.model, SuperResModel) else 3

    @property
    def factor(self) -> int:
        return self.model.factor if isinstance(self.model, SuperResModel) else 1

    @property
    def trials(self) -> Trials:
        return Trials(
            model=self.model,
            samples=self.samples,
            precision=self.precision,
            size_hw=self.size_hw,
        )


def write_onnx(job: ExportJob) -> Exported:
    runtime = import_extra("onnxruntime", "onnx")
    graph = onnx_model(
        job.steps,
        samples=job.samples,
        precision=job.precision,
        size_hw=job.size_hw,
        channels=job.channels,
        factor=job.factor,
        name=job.model.name,
        metadata=job.metadata,
    )
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    with atomic_path(job.path) as temporary:
        temporary.write_bytes(graph.SerializeToString())
        session = runtime.InferenceSession(
            temporary.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        comparison = job.trials.run(lambda image: session.run(None, {"image": image})[0])
    return Exported(
        files=(job.path,),
        runtime=f"ONNX Runtime {runtime.__version__}",
        comparison=comparison,
    )


def write_openvino(job: ExportJob) -> Exported:
    openvino = import_extra("openvino", "openvino")
    graph = openvino_model(
        job.steps,
        samples=job.samples,
        half_weights=job.precision == "float16",
        size_hw=job.size_hw,
        channels=job.channels,
        name=job.model.name,
    )
    for key, text in job.metadata.items():
        graph.set_rt_info(text, ["impasto", key])
    weights = job.path.with_suffix(".bin")
    # The weights take their place first: an .xml that is there has its .bin beside it.
    with atomic_path(job.path) as temporary, atomic_path(weights) as temporary_weights:
        _serialise(graph, temporary, temporary_weights, job.path)
        core = openvino_core()
        read = core.read_model(str(temporary), str(temporary_weights))
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[job.precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        }
        compiled = core.compile_model(read, "CPU", settings)
        comparison = job.trials.run(lambda image: compiled({"image": image})[0])
    return Exported(
        files=(job.path, weights),
        runtime=f"OpenVINO {openvino.__version__}",
        comparison=comparison,
    )


def _serialise(graph: Any, path: Path, weights: Path, target: Path) -> None:
    openvino = import_extra("openvino", "openvino")
    try:
        openvino.serialize(graph, str(path), str(weights))
    except RuntimeError as error:  # its streams do not tell why
        raise OSError(errno.EIO, "cannot be written, is the disk full?", str(target)) from error


def write_torch(job: ExportJob) -> Exported:
    module = TorchGraph(
        job.steps,
        samples=job.samples,
        precision=job.precision,
        size_hw=job.size_hw,
        channels=job.channels,
    ).eval()
    count, *sides = _TRACED_SIZE if job.size_hw is None else (1, *job.size_hw)
    kind = torch.uint8 if job.samples == "uint8" else torch.float32
    image = torch.zeros(count, job.channels, *sides, dtype=kind)
    dim = torch.export.Dim
    names = {0: dim("batch", min=1), 2: dim("height", min=1), 3: dim("width", min=1)}
    # A side of 1 is no special case here; else the tracer would set it apart and refuse it later,
    # since maps of one row lie in memory in more than one order.
    with torch.no_grad(), tracing.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
        program = torch.export.export(
            module,
            (image,),
            dynamic_shapes={"image": names if job.size_hw is None else None},
            strict=False,
            # What the tracer cannot prove of a size is checked when it runs, not refused.
            prefer_deferred_runtime_asserts_over_guards=True,
        )
    _drop_assertions(program)
    metadata = json.dumps(dict(job.metadata), ensure_ascii=False)
    with atomic_path(job.path) as temporary:
        # by way of memory: PyTorch's own writer ends the process when the disk is full
        archive = io.BytesIO()
        torch.export.save(program, archive, extra_files={METADATA_FILE: metadata})
        temporary.write_bytes(archive.getbuffer())
        loaded = torch.export.load(temporary).module()

        def run(image: Any) -> Any:
            with torch.no_grad():
                return loaded(torch.from_numpy(image)).numpy()

        comparison = job.trials.run(run)
    return Exported(
        files=(job.path,), runtime=f"PyTorch {torch.__version__}", comparison=comparison
    )


def _drop_assertions(program: torch.export.ExportedProgram) -> None:
    """Let the file take the sizes that the tracer set apart all the same.

    Of some maps it asserts that they are larger than one pixel, for the order in memory alone; no
    operation here depends on that, and trials have a single pixel.
    """
    graph = program.graph_module.graph
    for node in list(graph.nodes):
        if node.target == torch.ops.aten._assert_scalar.default:
            graph.erase_node(node)
    graph.eliminate_dead_code()
    program.graph_module.recompile()
