"""What runs a network: PyTorch, torch.compile, OpenVINO, ONNX Runtime. No torch unless it must."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from impasto.errors import OptionError
from impasto.machine.extras import is_installed
from impasto.machine.processor import may_have_gpu, multiplies_bfloat16, threads_wanted
from impasto.networks.architectures import resolved
from impasto.plans.plan import INPUT_SCALE
from impasto.plans.rewrite import data_of, rewrite

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from impasto.models import StyleModel

__all__ = ["BACKENDS", "PRECISIONS", "Backend", "Choice", "choose", "make_backend"]

BACKENDS = ("auto", "eager", "compile", "openvino", "onnx")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")


def ignore_notice(notice: str) -> None:
    """Where nobody listens."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A back end by name, and the number format of its features.

    anywhere: the device was left to be chosen; ONNX Runtime may know GPUs that PyTorch does not.
    """

    backend: str
    precision: str
    anywhere: bool = False


class Backend(ABC):
    """A style network made ready to run, whole images at a time.

    shows_nan: what is not a number inside is none in the output either. Runtimes whose ReLU or
    clamp turns NaN into a number must not be given a network that can overflow, see `plan.bounds`.
    on_notice: hears, as a sentence, when an image is painted in another way than was chosen.
    """

    shows_nan = False

    def __init__(self, device: "torch.device", precision: str) -> None:
        self.device = device
        self.precision = precision
        self.on_notice: Callable[[str], object] = ignore_notice

    @abstractmethod
    def __call__(self, image: "Tensor") -> "Tensor":
        """(N, 3, H, W) float32 in [0, 1] on `device` -> the same shape and range, on `device`."""


class OpenVinoBackend(Backend):
    """The rewritten network as an OpenVINO model, on the CPU, on as many threads as PyTorch's."""

    def __init__(self, model: "StyleModel", device: "torch.device", precision: str) -> None:
        super().__init__(device, precision)
        from impasto.engines.openvino import OpenVinoStyle

        self._style = OpenVinoStyle(
            data_of(model.network).plan,
            precision,
            threads=threads(),
            on_notice=lambda notice: self.on_notice(notice),
        )

    def __call__(self, image: "Tensor") -> "Tensor":
        # What `to_levels` does, by one thread; see `in_unit_range`. Never `image` itself.
        levels = np.multiply(image.numpy(), np.float32(INPUT_SCALE), order="C")
        return cast("Tensor", _torch().from_numpy(self._style(levels)))


class OnnxRuntimeBackend(Backend):
    """The rewritten network as an ONNX model; on the CPU on as many threads as PyTorch's."""

    def __init__(
        self,
        model: "StyleModel",
        device: "torch.device",
        precision: str,
        *,
        anywhere: bool = False,
    ) -> None:
        super().__init__(device, precision)
        from impasto.engines.onnxruntime import OnnxSession

        self._session = OnnxSession(
            rewrite(model.network), device.type, threads=threads(), anywhere=anywhere
        )
        self.provider = self._session.provider

    def __call__(self, image: "Tensor") -> "Tensor":
        output = self._session(image.contiguous().cpu().numpy())
        return cast("Tensor", _torch().from_numpy(output).to(self.device))


def _torch() -> Any:
    import torch

    return torch


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
    "eager": _Kind(home="impasto.engines.eager:EagerBackend", precisions=_TORCH),
    "compile": _Kind(
        home="impasto.engines.eager:CompiledBackend",
        precisions={"cpu": _TORCH["cpu"], "cuda": _TORCH["cuda"]},
    ),
    "openvino": _Kind(
        home="impasto.engines.backends:OpenVinoBackend",
        packages=("openvino",),
        extra="openvino",
        precisions={"cpu": ("float32", "bfloat16", "int8")},
    ),
    "onnx": _Kind(
        home="impasto.engines.backends:OnnxRuntimeBackend",
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


def choose(backend: str, precision: str, device: "torch.device") -> Choice:
    """What "auto" means here: of what is installed, the measured fastest for the precision.

    Raises OptionError for unknown names, for a back end that is not installed, or cannot compute
    on that device or in that precision.
    """
    check_name("backend", backend, BACKENDS)
    check_name("precision", precision, PRECISIONS)
    if precision == "auto":
        from impasto.machine.devices import choose_dtype

        wanted = str(choose_dtype("auto", device)).removeprefix("torch.")
        precision = _fitting(backend, wanted, device.type)
    return _chosen(backend, precision, device.type)


def choose_without_torch(backend: str, precision: str, device: str) -> Choice | None:
    """What `choose` chooses where it is a runtime on the CPU that needs no torch; else None.

    None, too, for what `choose` has to refuse.
    """
    if device != "cpu" and (device != "auto" or may_have_gpu()):
        return None
    if backend not in BACKENDS or precision not in PRECISIONS:
        return None
    if precision == "auto":
        fast = multiplies_bfloat16()
        if fast is None:
            return None
        precision = _fitting(backend, "bfloat16" if fast else "float32", "cpu")
    try:
        choice = _chosen(backend, precision, "cpu")
    except OptionError:
        return None
    return choice if choice.backend == "openvino" else None


def _fitting(backend: str, wanted: str, kind: str) -> str:
    """The precision that is wanted, or float32, which every back end has."""
    fits = backend == "auto" or wanted in _KINDS[backend].precisions.get(kind, ())
    return wanted if fits else "float32"


def _chosen(backend: str, precision: str, device_kind: str) -> Choice:
    if backend == "auto":
        order = _FASTEST.get(precision, ("eager",)) if device_kind == "cpu" else ("eager",)
        backend = next((name for name in order if _KINDS[name].installed), order[-1])
    kind = _KINDS[backend]
    if not kind.installed:
        missing = ", ".join(package for package in kind.packages if not is_installed(package))
        raise OptionError(
            f"back end {backend!r} needs {missing}, not installed here; "
            f"pip install 'impasto[{kind.extra}]', or choose another"
        )
    if device_kind not in kind.precisions:
        raise OptionError(
            f"back end {backend!r} does not compute on {device_kind!r}, only on "
            f"{', '.join(kind.precisions)}; choose another of the two"
        )
    if precision not in kind.precisions[device_kind]:
        raise OptionError(
            f"back end {backend!r} on {device_kind!r} does not compute in {precision!r}; choose "
            f"from {', '.join(kind.precisions[device_kind])}, or another back end"
        )
    return Choice(backend=backend, precision=precision)


def make_backend(choice: Choice, model: "StyleModel", device: "torch.device") -> Backend:
    """Get the network ready to run there. Raises OptionError as `choose`."""
    make: Callable[..., Backend] = resolved(_KINDS[choice.backend].home)
    options: dict[str, Any] = {"anywhere": choice.anywhere} if choice.backend == "onnx" else {}
    return make(model, device, choice.precision, **options)


def threads() -> int | None:
    """On how many threads a runtime computes: PyTorch's number where that is loaded."""
    import sys

    torch = sys.modules.get("torch")
    return threads_wanted() if torch is None else int(torch.get_num_threads())


def check_name(what: str, given: str, known: tuple[str, ...]) -> None:
    """Raise OptionError unless the name is known."""
    if given not in known:
        raise OptionError(f"no {what} {given!r}; choose from {', '.join(known)}")
