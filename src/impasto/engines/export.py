"""Models as files for other runtimes: written, run by that runtime, compared, then kept."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from impasto.engines.export_files import (
    Exported,
    ExportJob,
    write_onnx,
    write_openvino,
    write_torch,
)
from impasto.errors import ModelError, OptionError
from impasto.models import StyleModel, SuperResModel
from impasto.networks.architectures import architecture_of
from impasto.plans.bounds import cannot_overflow
from impasto.plans.plan import Plan
from impasto.plans.rewrite import rewrite
from impasto.plans.writer import Precision, Samples

# In what number formats each kind of file can be. ONNX has no convolution in bfloat16.
FORMATS: Mapping[str, tuple[Precision, ...]] = {
    ".onnx": ("float32", "float16"),
    ".xml": ("float32", "bfloat16", "float16"),
    ".pt2": ("float32", "bfloat16", "float16"),
}


def export_model(
    model: StyleModel | SuperResModel,
    path: Path,
    *,
    samples: Samples = "float32",
    precision: Precision = "float32",
    size_hw: tuple[int, int] | None = None,
) -> Exported:
    """Write `path`: NAME.onnx, NAME.xml with NAME.bin for OpenVINO, or NAME.pt2 for PyTorch.

    The file takes "image", (N, 3, H, W) of any N, H, W >= 1 (or (1, 3, *size_hw) only), float32 in
    [0, 1] or uint8, and gives "output", of the same type, `factor` times as high and wide;
    normalisation and clamping are inside. Models that fill holes take a fourth channel, the mask,
    and blank what it covers. Metadata names the model, its licence and Impasto's version.

    precision: of the maps inside, where statistics and pixels stay float32; of the weights only in
    an .xml with "float16", since OpenVINO chooses in what to compute when it loads it.

    Before the file takes its place, its runtime reads it and is compared with the model on trial
    images. Raises OptionError for other suffixes, for a precision that the format or the model does
    not have, and for packages that are not installed; ModelError if a trial differs.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        *some, last = FORMATS
        raise OptionError(
            f"{path}: exported models end in {', '.join(some)} or {last}, not in "
            f"{suffix or 'nothing'}"
        )
    _check_precision(model, suffix, precision)
    if size_hw is not None and min(size_hw) < 1:
        raise OptionError(f"size {size_hw[0]}x{size_hw[1]}: height and width must be 1 or more")
    job = ExportJob(
        model=model.to("cpu"),
        steps=_steps(model, suffix, samples, precision),
        path=path,
        samples=samples,
        precision=precision,
        size_hw=size_hw,
        metadata=describe(model, samples=samples, precision=precision),
    )
    write = {".onnx": write_onnx, ".xml": write_openvino, ".pt2": write_torch}[suffix]
    return write(job)


def describe(
    model: StyleModel | SuperResModel, *, samples: Samples, precision: Precision
) -> dict[str, str]:
    """What goes into the file's metadata."""
    mask = isinstance(model, SuperResModel) and model.config.in_channels == 4
    form = "uint8" if samples == "uint8" else "float32 in [0, 1]"
    facts = {
        "name": model.name,
        "task": "style" if isinstance(model, StyleModel) else model.task,
        "title": str(model.card.get("title") or ""),
        "artist": str(model.card.get("artist") or ""),
        "licence": str(model.card.get("licence") or ""),
        "impasto": version("impasto"),
        "network": json.dumps(model.card.get("network") or vars(model.config)),
        "samples": f"RGB{' and a mask, its top value where it is missing' if mask else ''}, {form}",
        "precision": precision,
        "factor": str(model.factor) if isinstance(model, SuperResModel) else "1",
    }
    return {key: text for key, text in facts.items() if text}


def _check_precision(model: StyleModel | SuperResModel, suffix: str, precision: Precision) -> None:
    known = FORMATS[suffix]
    if precision not in known:
        others = [end for end, names in FORMATS.items() if precision in names]
        hint = f", or export to {' or '.join(others)}" if others else ""
        raise OptionError(
            f"{suffix} files have no {precision!r}; choose from {', '.join(known)}{hint}"
        )
    if isinstance(model, StyleModel) or precision == "float32":
        return
    if suffix == ".xml":
        if precision == "bfloat16":
            raise OptionError(
                f"OpenVINO would compute all of {model.name!r} in bfloat16, the enlargement too, "
                "and smooth areas would show steps; choose float32, or export to .pt2"
            )
        return  # of the weights only
    if not architecture_of(model.config).half:
        raise OptionError(
            f"{model.name!r} makes the whole picture, whose smooth areas would show steps in "
            f"{precision}; choose float32"
        )


def _steps(
    model: StyleModel | SuperResModel, suffix: str, samples: Samples, precision: Precision
) -> Plan:
    if isinstance(model, SuperResModel):
        return rewrite(model.network)
    half = precision != "float32"
    computed = half and (suffix, precision) != (".xml", "float16")
    # 8-bit samples are exact in half precision; of others the parts of a level come apart
    steps = rewrite(model.network, subpixel=not half, split=computed and samples == "float32")
    if not cannot_overflow(steps):
        raise ModelError(
            f"style {model.name!r} has weights that are not finite, or far too large; train or "
            "download it anew"
        )
    return steps
