"""One super-resolution or restoration network, ready to run tile by tile, by any back end.

Parts of pictures are NumPy arrays, float32 in [0, 1]; a tile sees as far around it as the network
does, so that the result is the whole picture's. Imports torch where PyTorch runs, else never.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from impasto.engines.alpha_engine import AlphaEngine, is_hard
from impasto.engines.backends import Choice, choose, choose_without_torch, threads
from impasto.engines.color_match import LOW_FREQUENCY_RADIUS_PX, match_low_frequencies
from impasto.engines.superres_options import Model, SuperResOptions
from impasto.engines.tile_runner import Pixels, TileWork
from impasto.machine.precision import is_finite, ladder
from impasto.models.model_file import ModelTensors
from impasto.networks.architectures import architecture_of
from impasto.networks.bicubic import BICUBIC_RADIUS, enlarge
from impasto.plans import plan
from impasto.plans.bounds import cannot_overflow, widest
from impasto.plans.plan import COLORS, Plan
from impasto.plans.rewrite import NetworkData, data_of
from impasto.plans.superres_plans import enlarged

if TYPE_CHECKING:
    import torch


__all__ = ["Model", "SuperResOptions", "TileEngine", "is_hard", "with_mask"]

# The widest map of a tile, in bytes. In PyTorch on a CPU it should stay in the outer cache, and
# below the 32 MiB from which the allocator gives memory back each time, which costs a third of the
# speed. OpenVINO keeps its memory, and there is less to see twice around larger tiles.
CPU_MAP_BYTES = 20 * 2**20
OPENVINO_MAP_BYTES = 40 * 2**20
OTHER_MAP_BYTES = 256 * 2**20


class Session(Protocol):
    """Runs a network on one tile: (1, C, h, w) -> (1, 3, H, W). Few sizes, if `fixed_sizes`."""

    fixed_sizes: bool

    def __call__(self, tile: Pixels, /) -> Pixels: ...


class TileEngine(TileWork):
    """Upscales or restores parts of pictures: `engine.run(size_hw, see=..., put=...)`.

    `backend`, `precision` and `device` tell what was chosen. What a runtime is made of is made at
    its first use, then kept; safe to call from several threads. Histogram matching needs the whole
    picture, and is the caller's. Raises OptionError for what is unknown, not installed or not
    there.
    """

    def __init__(self, model: Model, options: SuperResOptions) -> None:
        self.model, self.options = model, options
        self.record = architecture_of(model.config)
        self.low_frequencies = options.color_match_of(model) == "low-frequency"
        self.device: Any = options.device
        if self.device is None:
            self.device = getattr(model, "device", "cpu")
        self._choice = self._reliable(self._chosen())
        self._sessions: dict[str, Session] = {}
        self._warned = False

    @property
    def backend(self) -> str:
        """What runs it: "eager", "compile", "openvino" or "onnx"."""
        return self._choice.backend

    @property
    def precision(self) -> str:
        """The number format of its features."""
        return self._choice.precision

    @property
    def factor(self) -> int:
        """How many times as high and wide the result is."""
        return self.model.config.factor

    @property
    def channels(self) -> int:
        """Of what it sees: 3, or 4 with a mask of what is missing (1) and known (0)."""
        return self.model.config.in_channels

    @property
    def multiple(self) -> int:
        """Tiles must start at multiples of this."""
        return self.record.multiple(self.model.config)

    @cached_property
    def data(self) -> NetworkData:
        """The network as data."""
        if isinstance(self.model, ModelTensors):
            return NetworkData(config=self.model.config, tensors=self.model.tensors)
        return data_of(self.model.network)

    @cached_property
    def radius_px(self) -> int:
        """How far an output pixel sees, in low-resolution pixels."""
        extra = LOW_FREQUENCY_RADIUS_PX if self.low_frequencies else 0
        return max(self.data.radius_px + extra, BICUBIC_RADIUS)

    @cached_property
    def tile_px(self) -> int:
        """The side of a tile, without what it sees around it, that is fastest."""
        if self.options.tile_px is not None:
            return self.options.tile_px
        budget = OTHER_MAP_BYTES
        if str(self.device).startswith("cpu"):
            budget = OPENVINO_MAP_BYTES if self.backend == "openvino" else CPU_MAP_BYTES
        radius = self.data.radius_px
        side = int((budget / self._widest_bytes) ** 0.5)
        # in smaller tiles most of the work would be for what they see around them
        return max(side - 2 * radius, 10 * radius)

    def tile_bytes(self, seen_px: int) -> int:
        """Roughly what computing a tile takes at its peak, of which so many pixels are seen.

        Measured in PyTorch: 1.0 KB a pixel for the default networks in bfloat16, 1.6 in float32;
        and 11 for the paper's at factor 4.
        """
        maps = (8 if self.record.half else 3) * self._widest_bytes
        return int(seen_px * (maps + 12 * self.factor**2 + 200))

    @cached_property
    def _widest_bytes(self) -> float:
        itemsize = 4 if self.precision == "float32" else 2
        return widest(self._steps, self.channels) * itemsize

    def alpha(self, *, hard: bool) -> "AlphaEngine":
        """For alpha in place of a picture, see there."""
        return AlphaEngine(self, hard=hard)

    @property
    def fixed_sizes(self) -> bool:
        """Whether tiles should be of few sizes."""
        return self._session(self.precision).fixed_sizes

    def __call__(self, tile: Pixels, *, match: bool = True) -> Pixels:
        """(1, channels, h, w) -> (1, 3, h * factor, w * factor) in [0, 1].

        match: the low frequencies of the colours too, where that is asked for.
        """
        name = f"model {self.model.name!r}"
        for precision in ladder(self.precision, name=name, on_overflow=self._tell_overflow):
            output = self._session(precision)(tile)
            if is_finite(output):
                break
        output = np.clip(output, 0, 1, out=output if output.flags.writeable else None)
        if match and self.low_frequencies:
            output = self._matched(output, tile[:, :COLORS])
        return self._tempered(output, tile)

    def _tempered(self, output: Pixels, tile: Pixels) -> Pixels:
        image = tile[:, :COLORS]
        if self.options.strength < 1:
            plain = self._plain(image)
            output = plain + np.float32(self.options.strength) * (output - plain)
        if tile.shape[1] > COLORS:
            output = np.where(tile[:, COLORS:] > 0, output, image)
        return output

    def _tell_overflow(self, precision: str) -> None:
        if not self._warned:
            self._warned = True
            self.options.on_warning(
                f"{self.model.name} leaves the range of {precision}; such tiles are computed "
                "again in float32"
            )

    def _matched(self, output: Pixels, image: Pixels) -> Pixels:
        import torch

        low_res = torch.from_numpy(np.ascontiguousarray(image))
        matched: Pixels = match_low_frequencies(torch.from_numpy(output), low_res).numpy()
        return np.clip(matched, 0, 1, out=matched)

    def _plain(self, image: Pixels) -> Pixels:
        """The bicubic enlargement, clamped."""
        if self.backend in ("openvino", "onnx"):
            return self._enlargement(image)
        import torch

        low_res = torch.from_numpy(np.ascontiguousarray(image))
        plain: Pixels = enlarge(low_res, self.factor).clamp(0, 1).numpy()
        return plain

    @cached_property
    def _enlargement(self) -> Session:
        return self._made((*enlarged(self.factor), plan.Clip()), COLORS, "float32")

    @cached_property
    def _steps(self) -> Plan:
        return self.data.plan()

    def _session(self, precision: str) -> Session:
        if precision not in self._sessions:
            self._sessions[precision] = self._made(self._steps, self.channels, precision)
        return self._sessions[precision]

    def _made(self, steps: Plan, channels: int, precision: str) -> Session:
        if self.backend == "openvino":
            from impasto.engines.openvino import OpenVinoTiles

            return OpenVinoTiles(steps, channels, precision, threads())
        if self.backend == "onnx":
            from impasto.engines.onnxruntime import OnnxSession

            return OnnxSession(
                steps,
                str(self.device).partition(":")[0],
                channels=channels,
                factor=self.factor,
                threads=threads(),
                anywhere=self._choice.anywhere,
            )
        from impasto.engines.eager import EagerTiles

        network = self._module()
        return EagerTiles(network, self.device, precision, compiled=self.backend == "compile")

    def _module(self) -> "torch.nn.Module":
        import torch

        if not isinstance(self.model, ModelTensors):
            return self.model.to(self.device).network
        network = self.record.build(self.model.config)
        network.load_state_dict(
            {name: torch.from_numpy(values) for name, values in self.model.tensors.items()}
        )
        return network.eval().requires_grad_(False).to(self.device)

    def _chosen(self) -> Choice:
        """The back end and the precision; `device` becomes a torch.device where torch decides.

        "auto" is float16 on CUDA and, on other devices, what `choose_dtype` says. Only networks
        that add details to an enlargement in float32 are run in half precision: the others make
        the whole picture, whose smooth areas would show steps.
        """
        options, anywhere = self.options, self.device == "auto"
        precision = options.precision if self.record.half else "float32"
        quick = choose_without_torch(options.backend, precision, str(self.device))
        if quick is not None:
            self.device = "cpu" if isinstance(self.device, str) else self.device
            return quick
        from impasto.machine.devices import choose_device

        self.device = choose_device(self.device)
        if precision == "auto" and self.device.type == "cuda" and options.backend != "onnx":
            precision = "float16"
        if precision == "float16" and options.backend in ("auto", "eager"):
            return Choice(backend="eager", precision=precision)
        chosen = choose(options.backend, precision, self.device)
        return Choice(backend=chosen.backend, precision=chosen.precision, anywhere=anywhere)

    def _reliable(self, choice: Choice) -> Choice:
        """PyTorch, which shows NaN, for networks that are not proven to stay in range."""
        if choice.backend in ("eager", "compile") or cannot_overflow(self._steps):
            return choice
        from impasto.machine.devices import choose_device

        self.device = choose_device(self.device)
        self.options.on_warning(
            f"{self.model.name} may leave the range of float32, which {choice.backend} would not "
            "show; computed by PyTorch instead"
        )
        return Choice(backend="eager", precision=choice.precision)


def with_mask(part: Pixels, holes: Pixels) -> Pixels:
    """What a model that fills holes is given: (1, 3, h, w), (1, 1, h, w) -> (1, 4, h, w).

    Mid-grey where the mask, of zeros and ones, is 1.
    """
    blanked = part * (1 - holes) + np.float32(plan.HOLE_LEVEL / plan.INPUT_SCALE) * holes
    return np.concatenate([blanked, holes], axis=1)
