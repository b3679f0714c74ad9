"""Styles as files for other runtimes: written, run by that runtime, compared, then kept."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import ModelError, OptionError
from impasto.files.atomic import atomic_path
from impasto.inference.bounds import cannot_overflow
from impasto.inference.extras import import_extra, openvino_core
from impasto.inference.graphs.onnx_graph import onnx_model
from impasto.inference.graphs.openvino_graph import openvino_model
from impasto.inference.graphs.writer import Samples
from impasto.inference.plan import Plan
from impasto.inference.rewrite import rewrite
from impasto.models import StyleModel

FORMATS = (".onnx", ".xml")
# Of what is compared: odd, tiny, and of extreme shape; (N, H, W).
TRIAL_SIZES = ((1, 64, 80), (2, 37, 53), (1, 5, 90), (1, 1, 1))
# The most that a pixel may differ: rounding in float32, and one step more where it is 8 bits.
TOLERANCE: Mapping[str, float] = {"float32": 1e-3, "uint8": 1.01 / 255}
_MOST_PIXELS = 2**34


@dataclass(frozen=True, kw_only=True)
class Exported:
    """The files written, and how far the runtime's pixels were from the model's, in [0, 1]."""

    files: tuple[Path, ...]
    runtime: str
    largest_difference: float


def export_style(model: StyleModel, path: Path, *, samples: Samples = "float32") -> Exported:
    """Write `path`: NAME.onnx for ONNX runtimes, or NAME.xml and NAME.bin for OpenVINO.

    The file takes "image", (N, 3, H, W) of any N, H, W >= 1, float32 in [0, 1] or uint8, and gives
    "output", the same shape and type; normalisation and clamping are inside. Its metadata names
    the style, its licence and Impasto's version. Before the file takes its place, its runtime
    reads it and paints trial images. Raises OptionError for other suffixes and for packages that
    are not installed, ModelError if a trial is not what the model paints.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise OptionError(
            f"{path}: exported models end in {' or '.join(FORMATS)}, not in {suffix or 'nothing'}"
        )
    steps = rewrite(model.network)
    if not cannot_overflow(steps, _MOST_PIXELS):
        raise ModelError(
            f"style {model.name!r} has weights that are not finite, or far too large; train or "
            "download it anew"
        )
    write = _write_onnx if suffix == ".onnx" else _write_openvino
    return write(model, steps, path, samples)


def describe_style(model: StyleModel, samples: Samples) -> dict[str, str]:
    """What goes into the file's metadata."""
    facts = {
        "name": model.name,
        "title": str(model.card.get("title") or ""),
        "artist": str(model.card.get("artist") or ""),
        "licence": str(model.card.get("licence") or ""),
        "impasto": version("impasto"),
        "network": json.dumps(model.card.get("network") or vars(model.config)),
        "samples": "RGB, uint8" if samples == "uint8" else "RGB, float32 in [0, 1]",
    }
    return {key: text for key, text in facts.items() if text}


def _write_onnx(model: StyleModel, steps: Plan, path: Path, samples: Samples) -> Exported:
    runtime = import_extra("onnxruntime", "onnx")
    metadata = describe_style(model, samples)
    graph = onnx_model(steps, samples=samples, name=model.name, metadata=metadata)
    with atomic_path(path) as temporary:
        temporary.write_bytes(graph.SerializeToString())
        session = runtime.InferenceSession(
            temporary.read_bytes(), providers=["CPUExecutionProvider"]
        )
        difference = _compare(model, samples, lambda image: session.run(None, {"image": image})[0])
    return Exported(
        files=(path,),
        runtime=f"ONNX Runtime {runtime.__version__}",
        largest_difference=difference,
    )


def _write_openvino(model: StyleModel, steps: Plan, path: Path, samples: Samples) -> Exported:
    openvino = import_extra("openvino", "openvino")
    graph = openvino_model(steps, samples=samples, name=model.name)
    for key, text in describe_style(model, samples).items():
        graph.set_rt_info(text, ["impasto", key])
    weights = path.with_suffix(".bin")
    # The weights take their place first: an .xml that is there has its .bin beside it.
    with atomic_path(path) as temporary, atomic_path(weights) as temporary_weights:
        openvino.serialize(graph, str(temporary), str(temporary_weights))
        core = openvino_core()
        read = core.read_model(str(temporary), str(temporary_weights))
        compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        difference = _compare(model, samples, lambda image: compiled({"image": image})[0])
    return Exported(
        files=(path, weights),
        runtime=f"OpenVINO {openvino.__version__}",
        largest_difference=difference,
    )


def _compare(
    model: StyleModel, samples: Samples, run: Callable[[NDArray[Any]], NDArray[Any]]
) -> float:
    """The largest difference over the trial images. Raises ModelError if it is too large."""
    generator = torch.Generator().manual_seed(0)
    largest = 0.0
    for count, height, width in TRIAL_SIZES:
        image = torch.rand(count, 3, height, width, generator=generator)
        if samples == "uint8":
            image = (image * 255).round() / 255
        output = torch.from_numpy(np.array(run(_as_samples(image, samples)))).float()
        output = output / 255 if samples == "uint8" else output
        wanted = model(image.to(model.device)).cpu()
        difference = float("nan") if output.shape != wanted.shape else _distance(output, wanted)
        if not difference <= TOLERANCE[samples]:
            raise ModelError(
                f"the exported {model.name!r} differs from the model by {difference:g} at "
                f"{width} x {height} px, wanted at most {TOLERANCE[samples]:g}; nothing was "
                "written: try another version of the runtime"
            )
        largest = max(largest, difference)
    return largest


def _as_samples(image: Tensor, samples: Samples) -> NDArray[Any]:
    if samples == "uint8":
        image = (image * 255).round().to(torch.uint8)
    array: NDArray[Any] = image.numpy()
    return array


def _distance(output: Tensor, wanted: Tensor) -> float:
    return float((output - wanted).abs().max())
