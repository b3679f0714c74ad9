"""A style on the CPU by OpenVINO: matrix units, fused norms. Never imports torch."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from impasto.machine.extras import openvino_core
from impasto.machine.suitability import has_parts, some_rows, suitable_precision
from impasto.plans.openvino_graph import openvino_model, rows_needed_from
from impasto.plans.openvino_steps import quantised
from impasto.plans.plan import Plan, ignores_constants

_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}

Levels = NDArray[np.float32]


class PlanMaker(Protocol):
    """Makes the plan of one network with the options of `rewrite`."""

    def __call__(self, *, subpixel: bool, split: bool) -> Plan: ...


class OpenVinoStyle:
    """(N, 3, H, W) levels, float32 -> (N, 3, H, W) in [0, 1].

    `precision`: "float32", "bfloat16" or "int8". An image that it does not suit is painted in a
    more exact one, and `on_notice` is told. threads: None leaves it to OpenVINO. profiled: for
    `profile`. Raises OptionError where OpenVINO is not installed.
    """

    def __init__(
        self,
        make_plan: PlanMaker,
        precision: str,
        *,
        threads: int | None,
        on_notice: Callable[[str], object] = lambda notice: None,  # noqa: ARG005
        profiled: bool = False,
    ) -> None:
        self.precision = precision
        self.on_notice = on_notice
        self._make_plan, self._threads, self._profiled = make_plan, threads, profiled
        self._lock = threading.Lock()  # a request is one inference at a time
        self._requests: dict[tuple[str, bool, float], Any] = {}
        self._centred = False
        self._request(precision, split=False)

    def __call__(self, levels: Levels) -> Levels:
        """`levels` is the caller's to give away: it may be changed."""
        precision = suitable_precision(levels, self.precision)
        if precision != self.precision and self.precision == "int8":
            self.on_notice(f"this picture does not suit int8; painted in {precision}")
        split = precision != "float32" and has_parts(levels)
        pixels = levels.shape[-2] * levels.shape[-1]
        with self._lock:
            request = self._request(precision, split=split, pixels=pixels)
            if precision != "float32":
                levels = self._exact(levels, split=split)
            results = request.infer({0: levels}, share_inputs=True)
        output: Levels = results[0]
        return output

    def profile(self) -> list[tuple[str, float]]:
        """Node type and seconds of all that the last image ran through in `precision`."""
        nodes = self._request(self.precision, split=False).profiling_info
        return [(node.node_type, node.real_time.total_seconds()) for node in nodes]

    def _exact(self, levels: Levels, *, split: bool) -> Levels:
        """What half precision holds exactly: whole numbers about 0, and beside them the rest."""
        whole, rest = levels, None
        if split:
            whole = np.rint(levels)
            rest = levels - whole
        if self._centred:
            # A constant makes no difference, but in half precision large numbers are coarse.
            whole -= np.rint(some_rows(whole).mean((2, 3), keepdims=True))
        return whole if rest is None else np.concatenate([whole, rest], axis=1)

    def _request(self, precision: str, *, split: bool, pixels: int = 1) -> Any:
        """Made at its first use, then kept: one for all pictures with the same long sums."""
        key = (precision, split, rows_needed_from(pixels, half=precision != "float32"))
        if key not in self._requests:
            steps = self._make_plan(subpixel=precision == "float32", split=split)
            self._centred = ignores_constants(steps)
            graph = openvino_model(
                quantised(steps) if precision == "int8" else steps,
                samples="levels",
                by_rows_from=key[-1],
            )
            settings: dict[str, Any] = {
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY",
                "ENABLE_CPU_PINNING": False,  # the machine may have other work
                "PERF_COUNT": self._profiled,
            }
            if self._threads is not None:
                settings["INFERENCE_NUM_THREADS"] = self._threads
            compiled = openvino_core().compile_model(graph, "CPU", settings)
            self._requests[key] = compiled.create_infer_request()
        return self._requests[key]
