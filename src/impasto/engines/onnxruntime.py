"""ONNX Runtime: fast in float32 on CPUs of every make, and on GPUs by others. No torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import OptionError
from impasto.machine.extras import import_extra
from impasto.plans.onnx_graph import onnx_model
from impasto.plans.plan import Plan

CPU = "CPUExecutionProvider"
PROVIDERS = {"cpu": CPU, "cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
# Of GPUs that this PyTorch may not know: whoever installed such a build wants them used.
ACCELERATORS = ("CUDAExecutionProvider", "DmlExecutionProvider", "CoreMLExecutionProvider")
_PACKAGES = {
    "CUDAExecutionProvider": "onnxruntime-gpu",
    "DmlExecutionProvider": "onnxruntime-directml",
    "CoreMLExecutionProvider": "onnxruntime for macOS",
}
_ERRORS_ONLY = 3


class OnnxSession:
    """(N, C, H, W) float32 in [0, 1] -> (N, 3, H', W') in [0, 1]: a plan as an ONNX model.

    device: "cpu", "cuda" or "mps". anywhere: the device was left to be chosen, so take a GPU that
    ONNX Runtime has, even if PyTorch has none. Raises OptionError where the provider for a device
    is missing or does not start.
    """

    fixed_sizes = False

    def __init__(
        self,
        steps: Plan,
        device: str = "cpu",
        *,
        channels: int = 3,
        factor: int = 1,
        threads: int | None = None,
        anywhere: bool = False,
    ) -> None:
        self._runtime = import_extra("onnxruntime", "onnx")
        self._graph = onnx_model(steps, channels=channels, factor=factor).SerializeToString()
        self._threads = threads
        wanted = choose_providers(
            device, self._runtime.get_available_providers(), anywhere=anywhere
        )
        self._session = self._start(wanted)
        self.provider = str(self._session.get_providers()[0])
        if self.provider == wanted[0]:
            return
        # ONNX Runtime goes on with the CPU if a provider's own libraries are missing.
        if PROVIDERS[device] == wanted[0]:
            raise OptionError(
                f"ONNX Runtime has {wanted[0]}, but it does not start here (its libraries or its "
                "driver are missing or of another version); repair that, or choose another device"
            )

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        output: NDArray[np.float32]
        (output,) = self._session.run(None, {"image": np.ascontiguousarray(image)})
        return output

    def _start(self, providers: Sequence[str]) -> Any:
        options = self._runtime.SessionOptions()
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        options.log_severity_level = _ERRORS_ONLY
        if providers[0] == "DmlExecutionProvider":  # as its documentation asks
            options.enable_mem_pattern = False
            options.execution_mode = self._runtime.ExecutionMode.ORT_SEQUENTIAL
        try:
            return self._runtime.InferenceSession(self._graph, options, providers=list(providers))
        except Exception as error:  # its own exception classes, one for each kind of failure
            reason = str(error).strip().splitlines()[0]
            raise OptionError(
                f"ONNX Runtime cannot run this network by {providers[0]} ({reason}); choose "
                "another device or back end"
            ) from error


def choose_providers(
    device_type: str, available: Sequence[str], *, anywhere: bool = False
) -> list[str]:
    """The provider for the device, and the CPU behind it for what that one cannot do.

    Raises OptionError if it is not among those `available`.
    """
    provider = PROVIDERS[device_type]
    if anywhere and provider == CPU:
        provider = next((name for name in ACCELERATORS if name in available), CPU)
    if provider not in available:
        package = _PACKAGES.get(provider, "onnxruntime")
        raise OptionError(
            f"this ONNX Runtime has no {provider} for device {device_type!r}, only "
            f"{', '.join(available)}; install {package} instead of it, or choose another device"
        )
    return [provider] if provider == CPU else [provider, CPU]
