"""What runs a style network: PyTorch, torch.compile, OpenVINO, ONNX Runtime."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

import torch

from impasto.engines.backend import Backend, Choice
from impasto.errors import OptionError
from impasto.machine.devices import choose_dtype
from impasto.machine.extras import is_installed
from impasto.models import StyleModel

__all__ = ["BACKENDS", "PRECISIONS", "Backend", "Choice", "choose", "make_backend"]

BACKENDS = ("auto", "eager", "compile", "openvino", "onnx")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Where a back end is, what it needs, and what it can do on which device."""

    home: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    precisions: Mapping[str, tuple[str, ...]]

    @property
    def installed(self) -> bool:
        return all(is_installed(package) for package in self.packages)


_TORCH = {
    "cpu": ("float32", "bfloat16"),
    "cuda": ("float32", "bfloat16", "float16"),
    "mps": ("float32",),
}
_KINDS = {
    "eager": _Kind(home="eager:EagerBackend", precisions=_TORCH),
    "compile": _Kind(
        home="compiled:CompiledBackend",
        precisions={"cpu": _TORCH["cpu"], "cuda": _TORCH["cuda"]},
    ),
    "openvino": _Kind(
        home="openvino:OpenVinoBackend",
        packages=("openvino",),
        extra="openvino",
        precisions={"cpu": ("float32", "bfloat16", "int8")},
    ),
    "onnx": _Kind(
        home="onnxruntime:OnnxRuntimeBackend",
        packages=("onnx", "onnxruntime"),
        extra="onnx",
        precisions=dict.fromkeys(("cpu", "cuda", "mps"), ("float32",)),
    ),
}
# The fastest first, as measured by benchmarks/inference.py at 256, 512 and 1024 px a side: the
# order was the same at each. torch.compile is never chosen: half a minute for every size.
_FASTEST = {
    "float32": ("openvino", "onnx", "eager"),
    "bfloat16": ("openvino", "eager"),
    "int8": ("openvino",),
}


def choose(backend: str, precision: str, device: torch.device) -> Choice:
    """What "auto" means here: of what is installed, the measured fastest for the precision.

    Raises OptionError for unknown names, for a back end that is not installed, or cannot compute
    on that device or in that precision.
    """
    _check_name("backend", backend, BACKENDS)
    _check_name("precision", precision, PRECISIONS)
    if precision == "auto":
        wanted = str(choose_dtype("auto", device)).removeprefix("torch.")
        # float32 is what every back end has
        fits = backend == "auto" or wanted in _KINDS[backend].precisions.get(device.type, ())
        precision = wanted if fits else "float32"
    if backend == "auto":
        order = _FASTEST.get(precision, ("eager",)) if device.type == "cpu" else ("eager",)
        backend = next((name for name in order if _KINDS[name].installed), order[-1])
    kind = _KINDS[backend]
    if not kind.installed:
        missing = ", ".join(package for package in kind.packages if not is_installed(package))
        raise OptionError(
            f"back end {backend!r} needs {missing}, not installed here; "
            f"pip install 'impasto[{kind.extra}]', or choose another"
        )
    if device.type not in kind.precisions:
        raise OptionError(
            f"back end {backend!r} does not compute on {device.type!r}, only on "
            f"{', '.join(kind.precisions)}; choose another of the two"
        )
    if precision not in kind.precisions[device.type]:
        raise OptionError(
            f"back end {backend!r} on {device.type!r} does not compute in {precision!r}; choose "
            f"from {', '.join(kind.precisions[device.type])}, or another back end"
        )
    return Choice(backend=backend, precision=precision)


def make_backend(choice: Choice, model: StyleModel, device: torch.device) -> Backend:
    """Get the network ready to run there. Raises OptionError as `choose`."""
    module, name = _KINDS[choice.backend].home.split(":")
    make = cast(
        Callable[..., Backend],
        getattr(import_module(f"impasto.engines.{module}"), name),
    )
    options = {"anywhere": choice.anywhere} if choice.backend == "onnx" else {}
    return make(model, device, choice.precision, **options)


def _check_name(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise OptionError(f"no {what} {given!r}; choose from {', '.join(known)}")
