"""ONNX Runtime: fast in float32 on CPUs of every make."""

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.inference.backends.backend import Backend
from impasto.inference.extras import import_extra
from impasto.inference.graphs.onnx_graph import onnx_model
from impasto.inference.rewrite import rewrite
from impasto.models import StyleModel

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "mps": "CoreMLExecutionProvider",
}
_ERRORS_ONLY = 3


class OnnxRuntimeBackend(Backend):
    """The rewritten network as an ONNX model; on the CPU on as many threads as PyTorch's."""

    def __init__(self, model: StyleModel, device: torch.device, precision: str) -> None:
        super().__init__(device, precision)
        runtime = import_extra("onnxruntime", "onnx")
        provider, there = PROVIDERS[device.type], runtime.get_available_providers()
        if provider not in there:
            raise OptionError(
                f"this ONNX Runtime has no {provider} for device {device.type!r}, only "
                f"{', '.join(there)}; install its package for that device, or choose another"
            )
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = _ERRORS_ONLY
        graph = onnx_model(rewrite(model.network)).SerializeToString()
        self._session = runtime.InferenceSession(graph, options, providers=[provider])

    def __call__(self, image: Tensor) -> Tensor:
        (output,) = self._session.run(None, {"image": image.contiguous().cpu().numpy()})
        return torch.from_numpy(output).to(self.device)
