"""Networks on the CPU by OpenVINO: matrix units, fused norms. Never imports torch."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from impasto.machine.extras import openvino_core
from impasto.machine.precision import has_parts, some_rows, suitable_precision
from impasto.machine.processor import has_avx512
from impasto.plans import plan
from impasto.plans.bounds import ignores_constants
from impasto.plans.openvino_graph import openvino_model, rows_needed_from
from impasto.plans.openvino_steps import in_phases, quantised
from impasto.plans.plan import Plan

_HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}
_SIZES = 4  # of tiles, for which models are kept
# Convolutions in phases take a fifth less of the time, and half a second more to compile: after so
# many pixels in one size of tile they pay. With AVX-512 that has not been measured.
PHASES_FROM_PIXELS = 300_000

Levels = NDArray[np.float32]


class PlanMaker(Protocol):
    """Makes the plan of one network with the options of `rewrite`."""

    def __call__(self, *, subpixel: bool = True, split: bool = False) -> Plan: ...


class OpenVinoStyle:
    """(N, 3, H, W) levels, float32 -> (N, 3, H, W) in [0, 1]; of any size.

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
            self._requests[key] = compiled(
                graph, precision, threads=self._threads, profiled=self._profiled
            )
        return self._requests[key]


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """A plan's two summands, the details in the precision that is wanted; or all in one."""

    body: Any
    exact: Any = None


class OpenVinoTiles:
    """(1, C, h, w) in [0, 1] -> (1, 3, h * factor, w * factor) in [0, 1], float32: tile by tile.

    A model is compiled for each size of tile, which is quick to make and to run; the last few are
    kept. `precision` "bfloat16" is of the details that a plan adds to an enlargement; the
    enlargement itself is float32. threads: None leaves it to OpenVINO. Raises OptionError where
    OpenVINO is not installed.
    """

    fixed_sizes = True  # tiles should be of few sizes

    def __init__(self, steps: Plan, channels: int, precision: str, threads: int | None) -> None:
        self._steps, self._channels, self._threads = steps, channels, threads
        at = next((at for at, step in enumerate(steps) if isinstance(step, plan.Sum)), None)
        self._sum_at = at if precision != "float32" else None
        self._precision = precision if at is not None else "float32"
        self._lock = threading.Lock()
        self._requests: dict[tuple[int, int, bool], _Parts] = {}
        self._pixels: dict[tuple[int, int], int] = {}  # done in each size

    def __call__(self, tile: Levels) -> Levels:
        levels = np.multiply(tile, np.float32(plan.INPUT_SCALE), order="C")
        with self._lock:
            parts = self._parts((levels.shape[-2], levels.shape[-1]))
            output: Levels = parts.body.infer({0: levels}, share_inputs=True)[0]
            if parts.exact is not None:
                output += parts.exact.infer({0: levels}, share_inputs=True, share_outputs=True)[0]
                np.clip(output, 0, 1, out=output)
        return output

    def _parts(self, size_hw: tuple[int, int]) -> _Parts:
        done = self._pixels.get(size_hw, 0)
        self._pixels[size_hw] = done + size_hw[0] * size_hw[1]
        phased = done >= PHASES_FROM_PIXELS and has_avx512() is False
        key = (*size_hw, phased)
        found = self._requests.pop(key, None) or self._made(size_hw, phased=phased)
        while len(self._requests) >= _SIZES:
            self._requests.pop(next(iter(self._requests)))
        self._requests[key] = found  # the last used is the last
        return found

    def _made(self, size_hw: tuple[int, int], *, phased: bool) -> _Parts:
        if self._sum_at is None:
            steps = in_phases(self._steps) if phased else self._steps
            return _Parts(body=self._request(steps, size_hw, "float32"))
        before, total = self._steps[: self._sum_at], self._steps[self._sum_at]
        assert isinstance(total, plan.Sum)
        return _Parts(
            body=self._request((*before, *total.body), size_hw, self._precision),
            exact=self._request((*before, *total.exact), size_hw, "float32"),
        )

    def _request(self, steps: Plan, size_hw: tuple[int, int], precision: str) -> Any:
        graph = openvino_model(steps, samples="levels", size_hw=size_hw, channels=self._channels)
        return compiled(graph, precision, threads=self._threads)


def compiled(graph: Any, precision: str, *, threads: int | None, profiled: bool = False) -> Any:
    """A request for one inference at a time."""
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": _HINTS[precision],
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,  # the machine may have other work
        "PERF_COUNT": profiled,
    }
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads
    return openvino_core().compile_model(graph, "CPU", settings).create_infer_request()
