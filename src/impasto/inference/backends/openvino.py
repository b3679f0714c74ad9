"""OpenVINO, the fast one on x86 CPUs: matrix units in bfloat16, fused norms."""

import threading
from typing import Any

import torch
from torch import Tensor

from impasto.inference.backends.backend import Backend
from impasto.inference.extras import openvino_core
from impasto.inference.graphs.openvino_graph import openvino_model
from impasto.inference.plan import has_parts_of_levels, to_levels
from impasto.inference.rewrite import rewrite
from impasto.models import StyleModel

_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVinoBackend(Backend):
    """The rewritten network as an OpenVINO model, on the CPU, on as many threads as PyTorch's."""

    def __init__(self, model: StyleModel, device: torch.device, precision: str) -> None:
        super().__init__(device, precision)
        self._core = openvino_core()
        self._network = model.network
        self._lock = threading.Lock()  # a request is one inference at a time
        self._requests = {False: self._request(split=False)}

    def __call__(self, image: Tensor) -> Tensor:
        split = self.precision != "float32" and has_parts_of_levels(image)
        levels = to_levels(image, split=split).contiguous().numpy()
        with self._lock:
            if split not in self._requests:
                self._requests[split] = self._request(split=split)
            results = self._requests[split].infer({0: levels}, share_inputs=True)
        return torch.from_numpy(results[0])

    def _request(self, *, split: bool) -> Any:
        steps = rewrite(self._network, subpixel=self.precision == "float32", split=split)
        settings = {
            "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,  # the machine may have other work
        }
        graph = openvino_model(steps, samples="levels")
        return self._core.compile_model(graph, "CPU", settings).create_infer_request()
