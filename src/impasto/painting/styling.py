"""A style made ready for many pictures: by OpenVINO without torch where that will do.

Importing torch takes longer than painting a small photo. So plain work (own size and colours, by
OpenVINO on the CPU) is done by a session that does without, of the same plan and the same graph as
the `Engine`'s, to the same pixels. Everything else is the `Engine`'s; nothing is decided here that
it would decide otherwise.
"""

from collections.abc import Callable
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from impasto.engines.backends import choose_without_torch, threads
from impasto.engines.openvino import OpenVinoStyle
from impasto.engines.tiles import Box, whole
from impasto.errors import OptionError
from impasto.media.picture import scaled_size
from impasto.models.kinds import read_style_tensors
from impasto.models.model_file import ModelTensors
from impasto.networks.style_config import StyleNetworkConfig
from impasto.painting.canvas import Canvas, Floats, Room, ScratchRoom
from impasto.painting.options import StylizeOptions, Watch
from impasto.painting.painter import weights_hash
from impasto.painting.preparing import Header, Tell, filled, resized
from impasto.painting.results import PaintedRows
from impasto.plans.bounds import MOST_PIXELS, cannot_overflow
from impasto.plans.continuation import check_border, continued_positions, whole_strides
from impasto.plans.plan import Mirror
from impasto.plans.rewrite import NetworkData

if TYPE_CHECKING:
    import torch

    from impasto.engines.engine import Engine
    from impasto.models import StyleModel

    Style = str | Path | StyleModel | Engine

# Of larger photos the import of torch is a small part, and `Engine` knows what fits into memory.
LARGEST_QUICK_PIXELS = 4_000_000
_SMALL_BYTES = 1000  # pictures that take less than this in whatever way are not looked at closer
_SAMPLE_PIXELS = 1 << 18


class QuickStyle:
    """A style that paints small pictures without torch.

    exact: pictures of 16 bits are painted in float32. Raises OptionError for networks that OpenVINO
    cannot be given.
    """

    def __init__(
        self,
        style: ModelTensors[StyleNetworkConfig],
        precision: str,
        border: int,
        *,
        exact: bool,
        on_notice: Callable[[str], object],
    ) -> None:
        self.name, self.precision, self.border, self.exact = style.name, precision, border, exact
        self._network = NetworkData(config=style.config, tensors=style.tensors)
        self._on_notice = on_notice
        steps = self._network.plan()
        if not cannot_overflow(steps, MOST_PIXELS):
            raise OptionError(f"{style.name} may leave the range of float32")
        assert isinstance(steps[0], Mirror)
        self._first_step = steps[0]
        self._sessions: dict[str, OpenVinoStyle] = {}
        self._session(precision)

    def paint(self, image: Floats, *, bits: int = 8) -> Floats:
        """(1, 3, H, W) in [0, 1] -> the same shape and range, as by `Engine.paint`."""
        session = self._session("float32" if bits == 16 and self.exact else self.precision)
        levels = np.multiply(image, np.float32(255), order="C")
        if not self.border:
            return session(levels)
        height, width = levels.shape[2:]
        for axis in (2, 3):
            positions = continued_positions(levels.shape[axis], self._first_step, self.border)
            levels = levels.take(positions, axis)
        inner = slice(self.border, self.border + height), slice(self.border, self.border + width)
        return session(levels)[:, :, *inner]

    def _session(self, precision: str) -> OpenVinoStyle:
        if precision not in self._sessions:
            self._sessions[precision] = OpenVinoStyle(
                self._network.plan, precision, threads=threads(), on_notice=self._on_notice
            )
        return self._sessions[precision]


def quick_style(
    style: str | Path,
    *,
    device: str = "auto",
    backend: str = "auto",
    precision: str = "auto",
    border: int | None = None,
    on_notice: Callable[[str], object] = lambda notice: None,  # noqa: ARG005
) -> QuickStyle | None:
    """None where `Engine` has to be asked. Raises as `Engine` for style and border."""
    check_border(border)
    choice = choose_without_torch(backend, precision, device)
    tensors = None if choice is None else read_style_tensors(style)
    if choice is None or tensors is None:
        return None
    border, exact = whole_strides(border), precision == "auto"
    try:
        return QuickStyle(tensors, choice.precision, border, exact=exact, on_notice=on_notice)
    except OptionError:  # `Engine` says what is the matter, and paints by other means
        return None


class StyleWork:
    """One style and what runs it. `Engine` is made when it must be.

    Raises as `Engine`; what only torch can tell, at the first picture that needs it.
    """

    own_png = False  # Pillow's encoder packs paintings closer
    reading, writing = 0.11, 0.18  # parts of the whole, roughly as the times of large pictures are

    def __init__(
        self, style: "Style", on_notice: Callable[[str], object], **engine_options: Any
    ) -> None:
        self._style, self._options = style, {**engine_options, "on_notice": on_notice}
        self.quick: QuickStyle | None = None
        if isinstance(style, str | Path):
            names = ("device", "backend", "precision", "border", "on_notice")
            if engine_options.get("max_memory") is None:
                self.quick = quick_style(style, **{name: self._options[name] for name in names})
        if self.quick is None:
            _ = self.engine  # what is wrong with it is told now

    @cached_property
    def engine(self) -> "Engine":
        """Made at its first use."""
        from impasto.engines.engine import Engine

        style = self._style
        return style if isinstance(style, Engine) else Engine(style, **self._options)

    @property
    def limit(self) -> int | None:
        """Of memory."""
        return self.engine.max_memory if self.quick is None else None

    @property
    def scratch(self) -> Path | None:
        """The folder for what does not fit into memory."""
        return self.engine.scratch

    @property
    def name(self) -> str:
        """The style's own."""
        return self.engine.model.name if self.quick is None else self.quick.name

    def __str__(self) -> str:
        if self.quick is not None:
            return f"{self.name}: openvino, {self.quick.precision}, on cpu"
        engine = self.engine
        return f"{self.name}: {engine.backend}, {engine.precision}, on {engine.device}"

    def size_of(self, size_hw: tuple[int, int], options: StylizeOptions) -> tuple[int, int]:
        """The size of what becomes of a picture of `size_hw`."""
        return size_hw if options.size is None else scaled_size(size_hw, options.size)

    def free_bytes(self) -> int | None:
        """What may still be taken of the memory."""
        return self.engine.free_bytes()

    def fits(self, header: Header, options: StylizeOptions, *, by_rows: bool) -> bool:
        """Whether a picture can be read, painted and written in memory."""
        del by_rows
        if self.is_quick(header.size_hw, options):
            return True
        from impasto.engines.memory import IMAGE_BYTES, tiles_bytes

        engine, free = self.engine, self.free_bytes()
        if free is None:
            return True
        out_hw = self.size_of(header.size_hw, options)
        pixels = header.pixels + (0 if options.size is None else out_hw[0] * out_hw[1])
        if pixels * _SMALL_BYTES * max(1.0, engine.model.config.width) <= free:
            return True
        images = header.decoded_bytes + 2 * IMAGE_BYTES * pixels
        network, dtype = engine.model.network, engine.map_dtype()
        maps = tiles_bytes(network, out_hw, dtype, recompute=True, border=engine.border)
        return images + maps <= free

    def is_quick(self, size_hw: tuple[int, int], options: StylizeOptions) -> bool:
        """Whether such a picture is painted without torch."""
        plain = options.size is None and not options.keep_colors
        small = size_hw[0] * size_hw[1] <= LARGEST_QUICK_PIXELS
        return self.quick is not None and plain and small

    def trials(self, header: Header, options: StylizeOptions) -> "list[torch.dtype]":
        """Number formats for maps in files, one after the other, should one not be finite."""
        import torch

        del options
        return list(dict.fromkeys((self.engine.map_dtype(header.bits), torch.float32)))

    def scratch_bytes(self, header: Header, options: StylizeOptions, trial: "torch.dtype") -> int:
        """At most: samples of 16 bits with alpha, as they are, filled and resized; and maps."""
        out_hw = self.size_of(header.size_hw, options)
        samples = 8 * (header.pixels + (0 if options.size is None else out_hw[0] * out_hw[1]))
        return samples + (self._rehearsal(out_hw, trial).peak_bytes if options.strength > 0 else 0)

    def key(self, source: Path, options: StylizeOptions, trial: "torch.dtype") -> dict[str, Any]:
        """All that a scratch folder's contents depend on."""
        from impasto.engines.scratch import file_hash

        model = self.engine.model
        return {
            "source": file_hash(source),
            "model": weights_hash(model),
            "config": repr(model.config),
            "precision": str(trial),
            "size": options.size,
            "border": self.engine.border,
            "fills": options.strength > 0 or options.size is not None,
            "versions": [version("impasto"), version("torch")],
        }

    def result(
        self,
        canvas: Canvas,
        room: Room,
        watch: Watch,
        options: StylizeOptions,
        trial: "torch.dtype | None" = None,
    ) -> PaintedRows:
        """The painting over the picture, as rows for a writer.

        What alpha hides does not bleed into what it shows. trial: the number format of maps in
        files. Raises OptionError for sizes beyond the memory, ModelError where the network gives
        NaN, and NotFiniteError where it does in that format.
        """
        reading = watch.stage(0, self.reading)
        size, strength = options.size, options.strength
        if canvas.has_alpha and (strength > 0 or size is not None):
            canvas = filled(room, canvas, reading)  # resizing would mix hidden colours in
        if size is not None:
            if room.in_memory:
                self._check_size(canvas.size_hw, size)
            canvas = resized(room, canvas, size, reading)
        painting = None
        if strength > 0 and isinstance(room, ScratchRoom):
            tell = watch.stage(self.reading, 1 - self.writing)
            painting = self._by_passes(canvas, room, trial, tell)
        elif strength > 0:
            image = canvas.see(whole(canvas.size_hw))
            if self.is_quick(canvas.size_hw, options):
                assert self.quick is not None
                painted = self.quick.paint(image, bits=canvas.bits)
            else:
                import torch

                painted = self.engine.paint(
                    torch.from_numpy(image),
                    bits=canvas.bits,
                    on_progress=watch.stage(self.reading, 1 - self.writing),
                    cancel=watch.cancel,
                ).numpy()
            painting = partial(_part, painted)
        return PaintedRows(
            canvas=canvas,
            painting=painting,
            strength=strength,
            keep_colors=options.keep_colors,
            tell=watch.stage(1 - self.writing, 1),
        )

    def _by_passes(
        self, canvas: Canvas, room: ScratchRoom, dtype: "torch.dtype | None", tell: Tell
    ) -> Callable[[Box], Floats]:
        """All passes but the last over a picture in a file; that one when its rows are read."""
        import torch

        from impasto.engines.feature_maps import ImageLevels
        from impasto.engines.memory import FIXED_BYTES
        from impasto.engines.passes import NotFiniteError, PassRunner, run_plan
        from impasto.engines.scratch import map_stores
        from impasto.plans.rewrite import rewrite

        network, device = self.engine.model.network, self.engine.device
        assert dtype is not None
        dtype = _suited(canvas, dtype)
        half = dtype.itemsize < 4
        split = half and canvas.plane.dtype == np.uint16
        total, done = sum(self._rehearsal(canvas.size_hw, dtype).costs), 0

        def work(amount: int) -> None:
            nonlocal done
            done += amount
            tell(done / total)

        runner = PassRunner(
            device=device,
            new_store=map_stores(room.scratch.files, device),
            tile_bytes=(room.free_bytes or 0) - FIXED_BYTES,
            journal=room.scratch,
            on_work=work,
            index=room.index,
        )
        levels = ImageLevels(
            lambda box: torch.from_numpy(canvas.see(box)).to(device),
            canvas.size_hw,
            dtype,
            split=split,
        )
        steps = rewrite(network, subpixel=not half, split=split)
        border = self.engine.border
        with torch.no_grad():
            painting = run_plan(steps, levels, runner, device, recompute=True, border=border)

        def part(box: Box) -> Floats:
            output = np.empty((1, 3, box.height, box.width), np.float32)
            with torch.no_grad():
                for tile in runner.tiles(painting, box):
                    tile.within(box).of(output)[:] = painting.part(tile).float().cpu().numpy()
            if not np.isfinite(output.sum()):
                raise NotFiniteError("the painting holds NaN or infinity")
            return output

        return part

    def _rehearsal(self, size_hw: tuple[int, int], dtype: "torch.dtype") -> Any:
        from impasto.engines.memory import rehearse

        engine = self.engine
        return rehearse(engine.model.network, size_hw, dtype, recompute=True, border=engine.border)

    def _check_size(self, size_hw: tuple[int, int], size: int) -> None:
        """Raise OptionError before the enlarged photo itself fills the memory."""
        import torch

        from impasto.engines.memory import check_memory

        out_hw = scaled_size(size_hw, size)
        check_memory(self.engine.model.network, out_hw, torch.bfloat16, self.engine.device)


def _part(painted: Floats, box: Box) -> Floats:
    part: Floats = box.of(painted)
    return part


def _suited(canvas: Canvas, dtype: "torch.dtype") -> "torch.dtype":
    """`dtype`, or a more exact one if the picture needs it: told by some of its rows."""
    import torch

    from impasto.machine.precision import suitable_precision

    height, width = canvas.size_hw
    count = min(height, max(1, _SAMPLE_PIXELS // width))
    tops = np.linspace(0, height - 1, count).astype(int)
    rows = [canvas.see(canvas.rows(top, top + 1)) for top in tops]
    # every eighth row of an image is looked at; these are all to be
    seen = np.concatenate(rows, axis=2).repeat(8, axis=2)
    name = suitable_precision(seen, str(dtype).removeprefix("torch."))
    suited: torch.dtype = getattr(torch, name)
    return suited
