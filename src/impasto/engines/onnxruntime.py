"""ONNX Runtime: fast in float32 on CPUs of every make, and on GPUs by its other builds."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from impasto.engines.backend import Backend
from impasto.errors import OptionError
from impasto.machine.extras import import_extra
from impasto.models import StyleModel
from impasto.plans.onnx_graph import onnx_model
from impasto.plans.rewrite import rewrite

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


class OnnxRuntimeBackend(Backend):
    """The rewritten network as an ONNX model; on the CPU on as many threads as PyTorch's.

    anywhere: the device was left to be chosen, so take a GPU that ONNX Runtime has, even if PyTorch
    has none. Raises OptionError where the provider for a device is missing or does not start.
    """

    def __init__(
        self, model: StyleModel, device: torch.device, precision: str, *, anywhere: bool = False
    ) -> None:
        super().__init__(device, precision)
        self._runtime = import_extra("onnxruntime", "onnx")
        self._graph = onnx_model(rewrite(model.network)).SerializeToString()
        wanted = choose_providers(
            device.type, self._runtime.get_available_providers(), anywhere=anywhere
        )
        self._session = self._start(wanted)
        self.provider = str(self._session.get_providers()[0])
        if self.provider == wanted[0]:
            return
        # ONNX Runtime goes on with the CPU if a provider's own libraries are missing.
        if PROVIDERS[device.type] == wanted[0]:
            raise OptionError(
                f"ONNX Runtime has {wanted[0]}, but it does not start here (its libraries or its "
                "driver are missing or of another version); repair that, or choose another device"
            )

    def __call__(self, image: Tensor) -> Tensor:
        (output,) = self._session.run(None, {"image": image.contiguous().cpu().numpy()})
        return torch.from_numpy(output).to(self.device)

    def _start(self, providers: Sequence[str]) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
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
