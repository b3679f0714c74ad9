"""What a measurement ran on: versions, machine, threads, device."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch


def describe_environment(device: torch.device | str = "cpu") -> dict[str, Any]:
    """Versions and hardware, as JSON. Two runs with equal ones may share their timings."""
    device = torch.device(device)
    described: dict[str, Any] = {
        "impasto": version("impasto"),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "pillow": version("pillow"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "threads": torch.get_num_threads(),
        "device": str(device),
    }
    if device.type == "cuda":
        described["accelerator"] = torch.cuda.get_device_name(device)
    return described


def extras_versions() -> dict[str, str | None]:
    """Versions of the optional runtimes; None where one is not installed."""
    found: dict[str, str | None] = {}
    for name in ("openvino", "onnx", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def number_of(environments: list[dict[str, Any]], described: dict[str, Any]) -> int:
    """Where this environment stands in the list, to which it is added if it is new."""
    if described not in environments:
        environments.append(described)
    return environments.index(described)


def machine_lines(environments: Sequence[Mapping[str, Any]]) -> list[str]:
    """One line of a Markdown list for each machine described; lines that are equal once."""
    lines = (
        f"- on {run['processor']}, {_device_name(run)}, {run['threads']} thread"
        f"{'s' * (run['threads'] != 1)}, torch {run['torch']}, impasto {run['impasto']}"
        for run in environments
    )
    return list(dict.fromkeys(lines))


def _device_name(run: Mapping[str, Any]) -> str:
    """ "cpu", "cuda:0 (NVIDIA H200)"."""
    name = str(run["device"])
    return f"{name} ({run['accelerator']})" if "accelerator" in run else name


def processor_name() -> str:
    """The CPU's own name where the system tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
