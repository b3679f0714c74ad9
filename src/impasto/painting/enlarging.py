"""Networks that work tile by tile, one after another: to enlarge a picture, or to restore it."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from impasto.engines.memory import FIXED_BYTES, TILES_SHARE
from impasto.engines.tile_engine import (
    Model,
    TileEngine,
    free_memory,
    is_hard,
    total_memory,
    with_mask,
)
from impasto.engines.tile_engine import SuperResOptions as EngineOptions
from impasto.engines.tiles import Box, split, whole
from impasto.errors import ImageError, ModelError, OptionError
from impasto.files.byte_sizes import in_words
from impasto.files.user_files import user_path
from impasto.media.picture import scaled_size
from impasto.models.cards import path_of
from impasto.models.kinds import SUPERRES
from impasto.models.model_file import ModelTensors, read_tensors
from impasto.models.upscalers import TASKS, find_upscalers
from impasto.painting.canvas import ArrayPlane, Canvas, Floats, Plane, Room
from impasto.painting.options import TiledOptions, Watch
from impasto.painting.preparing import filled, unpacked
from impasto.painting.results import PlaneRows, See, Table, Tell, matching_tables
from impasto.painting.sources import Header, SourceFile, as_canvas, file_state

_SMALLEST_TILE_PX = 16
_BAND_SHARE = 3  # of the memory, for the rows of the result that a band of tiles makes
_FILLING_BYTES = 32  # per pixel of a picture whose hidden colours are filled, with its pyramid
_PILLOW_BYTES = 4  # per pixel of a Pillow image
_LUMA = (0.299, 0.587, 0.114)  # of R, G, B: ITU-R BT.601


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The result before it is brought to another size that was asked for.

    colors: 1 grey, or 3. has_alpha: one channel more, the last. bits: of the samples as they are
    held, which is more than `file_bits`, of the picture, where a histogram is matched. adds_color:
    the models are given the luma of whatever comes.
    """

    size_hw: tuple[int, int]
    colors: int
    has_alpha: bool
    bits: int
    file_bits: int
    matching: bool
    adds_color: bool
    enlarges: bool
    precision: str

    @property
    def channels(self) -> int:
        return self.colors + self.has_alpha

    @property
    def nbytes(self) -> int:
        """Of the samples."""
        return self.size_hw[0] * self.size_hw[1] * self.channels * self.bits // 8


def models_for(model: Any, factor: int | None) -> tuple[Model, ...]:
    """What `model` and `factor` of `upscale` mean: one model, or two for factor 8.

    model: a bundled one's name, a file, a loaded model, or several that are used one after
    another. Raises ModelError for models that are not there, not for this factor, or not for
    upscaling, OptionError for what is no factor.
    """
    whole_number = isinstance(factor, int) and not isinstance(factor, bool)
    if factor is not None and not (whole_number and factor >= 1):
        raise OptionError(f"`factor`: got {factor!r}; wanted a whole number such as 2, 3, 4 or 8")
    models: tuple[Model, ...]
    if model is None or isinstance(model, str | Path):
        models = _read(model, factor)
    else:
        models = tuple(model) if isinstance(model, Sequence) else (model,)
        made = math.prod(each.config.factor for each in models)
        if factor not in (None, made):
            raise ModelError(f"model {models[0].name!r} is made for factor {made}, not {factor}")
    for each in models:
        if _task(each) != "superres":
            raise ModelError(
                f"model {each.name!r} restores pictures at their own size; use it with "
                "`impasto restore`, or choose one of `impasto upscalers`"
            )
    return models


def restorer_for(model: Any) -> Model:
    """The restoration model that is meant. Raises ModelError as `models_for` does."""
    restorer = _read(model, None)[0] if isinstance(model, str | Path) else model
    if _task(restorer) != "restore":
        raise ModelError(
            f"model {restorer.name!r} enlarges pictures {restorer.config.factor} times; use it "
            "with `impasto upscale`"
        )
    return restorer


def _read(model: str | Path | None, factor: int | None) -> tuple[Model, ...]:
    """Without torch, or by it where it has to say what is wrong."""
    path = None if model is None else path_of(model)
    if path is not None:
        paths = [path]
    else:
        name = None if model is None else str(model)
        paths = [entry.path for entry in find_upscalers(name, factor=factor)]
    models = tuple(_read_once(each, file_state(each)) for each in paths)
    sound = [model for model in models if model is not None and _task(model) in TASKS]
    if len(sound) < len(models) or (
        path is not None and factor not in (None, sound[0].config.factor)
    ):
        from impasto.models import load_upscalers

        return load_upscalers(model, factor=factor)
    return tuple(sound)


@lru_cache(maxsize=4)
def _read_once(path: Path, state: object) -> Model | None:
    """A file's tensors, until it changes."""
    del state
    return read_tensors(path, SUPERRES)


def _weights_hash(model: Model) -> str:
    from impasto.engines.fingerprints import network_hash

    if not isinstance(model, ModelTensors):
        return network_hash(model.network)
    digest = hashlib.sha256()
    for name, values in model.tensors.items():
        digest.update(name.encode())
        digest.update(values.tobytes())
    return digest.hexdigest()


def _task(model: Model) -> str:
    return str(model.card.get("task") or ("restore" if model.config.factor == 1 else "superres"))


class TileWork:
    """`models`, used one after another, made ready for many pictures."""

    own_png = True  # large results are written row by row
    reading, writing = 0.03, 0.2  # parts of the whole, roughly as the times are

    def __init__(
        self,
        models: Sequence[Model],
        options: EngineOptions,
        limit: int | None,
        scratch: Path | None,
    ) -> None:
        self.models = tuple(models)
        self.options, self.limit, self.scratch = options, limit, scratch
        self._engines: dict[tuple[int, str], TileEngine] = {}

    @property
    def name(self) -> str:
        """Of the first model."""
        return str(self.models[0].name)

    @property
    def factor(self) -> int:
        """How many times as wide and as high the result is."""
        return math.prod(model.config.factor for model in self.models)

    def __str__(self) -> str:
        engine = self.engine(0, self.options.precision)
        return f"{self.name}: {engine.backend}, {engine.precision}"

    def engine(self, index: int, precision: str) -> TileEngine:
        """What runs that model in that precision: made at its first use, then kept."""
        key = index, precision
        if key not in self._engines:
            options = replace(self.options, precision=precision)
            self._engines[key] = TileEngine(self.models[index], options)
        return self._engines[key]

    def size_of(self, size_hw: tuple[int, int], options: TiledOptions) -> tuple[int, int]:
        """The size of what becomes of a picture of `size_hw`."""
        height, width = (side * self.factor for side in size_hw)
        return (
            (height, width) if options.size is None else scaled_size((height, width), options.size)
        )

    def layout(self, size_hw: tuple[int, int], *, bits: int, gray: bool, has_alpha: bool) -> Layout:
        """What the models make of a picture of `size_hw` with so many bits."""
        adds_color = any(model.card.get("degradation") == "gray" for model in self.models)
        matching = self.options.color_match_of(self.models[-1]) == "histogram"
        precision = self.options.precision
        if precision == "auto" and bits == 16:
            precision = "float32"  # asked for where rounding must not show
        return Layout(
            size_hw=(size_hw[0] * self.factor, size_hw[1] * self.factor),
            colors=1 if gray and not adds_color else 3,
            has_alpha=has_alpha,
            # Nothing is rounded to 8 bits before a histogram is matched.
            bits=16 if bits == 16 or matching else 8,
            file_bits=bits,
            matching=matching,
            adds_color=adds_color,
            enlarges=self.factor > 1,
            precision=precision,
        )

    def _layout_of_header(self, header: Header, options: TiledOptions) -> Layout:
        """As the header tells it."""
        holes = options.mask is None and self._fills_holes
        return self.layout(
            header.size_hw,
            bits=header.bits,
            gray=header.gray,
            has_alpha=header.has_alpha and not holes,
        )

    def free_bytes(self) -> int | None:
        """What may still be taken of the memory."""
        free: int | None = free_memory(self.limit, "cpu", TILES_SHARE)
        return free

    def fits(self, header: Header, options: TiledOptions, *, by_rows: bool) -> bool:
        """Whether a picture can be read, enlarged and written in memory.

        by_rows: its format is written so; others take the whole picture once more.
        """
        free = self.free_bytes()
        if free is None:
            return True
        layout = self._layout_of_header(header, options)
        planes = header.sample_bytes + (_FILLING_BYTES * header.pixels if header.has_alpha else 0)
        working = planes + layout.nbytes + self._working_bytes(header.size_hw, layout)
        high, wide = self.size_of(header.size_hw, options)
        writing = layout.nbytes + (0 if by_rows else _PILLOW_BYTES * high * wide)
        return max(header.decoded_bytes + planes, working, writing) <= free

    def _check_memory(self, canvas: Canvas, layout: Layout) -> None:
        """Raise OptionError where the result would pass the limit, or all there is."""
        height, width = layout.size_hw
        total = total_memory("cpu")
        if total is not None and layout.nbytes > total:
            raise OptionError(
                f"the result of {width} x {height} px takes {in_words(layout.nbytes)}, and this "
                f"machine has {in_words(total)} of memory; choose a smaller factor, or go from "
                "file to file"
            )
        if self.limit is None:
            return
        free = max(0, self.free_bytes() or 0)
        working = self._working_bytes(canvas.size_hw, layout)
        needed = layout.nbytes + max(_PILLOW_BYTES * height * width, working)
        if needed > free:
            raise OptionError(
                f"the result of {width} x {height} px takes {in_words(needed)} of memory, and "
                f"{in_words(free)} are left; allow more, choose a smaller factor, or go from file "
                "to file, which takes less"
            )

    def _check_mask(self, size_hw: tuple[int, int], mask_hw: tuple[int, int] | None) -> None:
        """Raise OptionError where mask and models do not go together, ImageError for sizes."""
        name = self.name
        if self._fills_holes and mask_hw is None:
            raise OptionError(
                f"model {name!r} fills what is missing; give a mask, or a picture with alpha"
            )
        if mask_hw is not None and not self._fills_holes:
            raise OptionError(
                f"model {name!r} takes no mask; leave it out, or choose one that fills holes"
            )
        if mask_hw is not None and mask_hw != size_hw:
            sizes = [f"{width} x {height} px" for height, width in (mask_hw, size_hw)]
            raise ImageError(
                f"a mask of {sizes[0]} for a picture of {sizes[1]}; both must be the same size"
            )

    def trials(self, header: Header, options: TiledOptions) -> tuple[None]:
        """One: what overflows is computed anew tile by tile. Raises as `result`, for the mask."""
        if options.mask is not None:
            self._check_mask(header.size_hw, _mask_file(options).header.size_hw)
        return (None,)

    def scratch_bytes(self, header: Header, options: TiledOptions, trial: None) -> int:
        """At most: the samples as they are and filled, the pyramid of that, and every result."""
        del trial
        layout = self._layout_of_header(header, options)
        needed = header.pixels * (3 + header.has_alpha) * header.bits // 8
        needed += 8 * header.pixels if options.mask is not None else 0
        needed += header.pixels * (8 + 16) if layout.has_alpha else 0
        return needed + layout.nbytes + self._middle_bytes(header.size_hw, layout)

    def key(self, source: Path, options: TiledOptions, trial: None) -> dict[str, Any]:
        """All that a scratch folder's contents depend on."""
        from impasto.engines.fingerprints import file_hash

        del trial
        engine = self.options
        return {
            "source": file_hash(source),
            "mask": None if options.mask is None else file_hash(_mask_file(options).path),
            "models": [_weights_hash(model) for model in self.models],
            "configs": [repr(model.config) for model in self.models],
            "cards": [repr(model.card) for model in self.models],
            "device": str(engine.device),
            "backend": engine.backend,
            "strength": engine.strength,
            "color_match": engine.color_match,
            "precision": engine.precision,
            "versions": [version("impasto"), version("numpy")],
        }

    def result(
        self,
        canvas: Canvas,
        room: Room,
        watch: Watch,
        options: TiledOptions,
        trial: None = None,
    ) -> PlaneRows:
        """The picture through all the models, as rows for a writer.

        Grey pictures stay grey, unless a model is there to colour them. What alpha hides does not
        bleed into what it shows. Raises OptionError where the result would not fit the memory, or
        mask and models do not go together; ImageError for a mask of another size; and what
        `TileEngine.run` raises.
        """
        del trial
        reading = watch.stage(0, self.reading)
        see_holes = self._see_holes(canvas, room, options, reading)
        holes = self._fills_holes and options.mask is None
        layout = self.layout(
            canvas.size_hw,
            bits=canvas.bits,
            gray=canvas.gray,
            has_alpha=canvas.has_alpha and not holes,
        )
        if room.in_memory:
            self._check_memory(canvas, layout)
        if layout.has_alpha:
            canvas = filled(room, canvas, reading)
        see_source = _seeing_luma(canvas) if layout.adds_color else canvas.see
        before, see = canvas, see_source
        if see_holes is not None:
            see = _seeing_with_holes(see_source, see_holes)
        hard = layout.has_alpha and layout.enlarges and is_hard(_alpha_rows(canvas), canvas.size_hw)
        for step in self._steps(layout, room, watch, canvas.size_hw):
            alpha = step.engine.alpha(hard=hard) if layout.has_alpha and layout.enlarges else None
            for band in step.bands(room, before):
                where: dict[str, Any] = {"region": band, "tile_px": step.tile_hw[1]}
                tell = step.telling(band, 0)
                step.engine.run(
                    step.size_hw, see=see, put=step.put_colors, on_progress=tell, **where
                )
                if alpha is not None:
                    tell, see_alpha = step.telling(band, 1), before.see_alpha
                    alpha.run(
                        step.size_hw, see=see_alpha, put=step.put_alpha, on_progress=tell, **where
                    )
            before, hard = replace(canvas, plane=step.plane), False
            see = before.see
        tables: tuple[Table, ...] = ()
        if layout.matching:
            tables = matching_tables(before.plane, layout.colors, see_source, canvas.size_hw)
        return PlaneRows(
            plane=before.plane,
            tables=tables,
            bits=layout.bits if layout.file_bits == 16 else 8,
            size_hw=self.size_of(canvas.size_hw, options),
            tell=watch.stage(1 - self.writing, 1),
        )

    @property
    def _fills_holes(self) -> bool:
        return bool(self.models[0].config.in_channels == 4)

    def _see_holes(
        self, canvas: Canvas, room: Room, options: TiledOptions, tell: Tell
    ) -> See | None:
        """What of the picture is missing, as zeros and ones."""
        if options.mask is None:
            by_alpha = self._fills_holes and canvas.has_alpha
            self._check_mask(canvas.size_hw, canvas.size_hw if by_alpha else None)
            if not by_alpha:
                return None
            return lambda box: (canvas.see_alpha(box) < 0.5).astype(np.float32)
        if room.in_memory:
            mask = as_canvas(options.mask, tell)
        else:
            mask = unpacked(room, partial(_mask_file(options).decoded, room.free_bytes), tell)
        self._check_mask(canvas.size_hw, mask.size_hw)
        return lambda box: (_luma(mask.see(box)) >= 0.5).astype(np.float32)

    def _steps(
        self, layout: Layout, room: Room, watch: Watch, size_hw: tuple[int, int]
    ) -> Iterator["_Step"]:
        """One model after the other."""
        areas = [
            math.prod(m.config.factor for m in self.models[:n]) ** 2
            for n in range(len(self.models))
        ]
        start, rest = self.reading, 1 - self.reading - self.writing
        for number, model in enumerate(self.models):
            last = number == len(self.models) - 1
            end = start + rest * areas[number] / sum(areas)
            large_hw = (size_hw[0] * model.config.factor, size_hw[1] * model.config.factor)
            colors = layout.colors if last else 3
            # between two models nothing is rounded to 8 bits
            dtype = "uint8" if last and layout.bits == 8 else "uint16"
            channels = colors + layout.has_alpha
            yield _Step(
                engine=self.engine(number, layout.precision),
                size_hw=size_hw,
                colors=colors,
                plane=room.plane(f"result-{number}", channels, large_hw, dtype),
                free_bytes=room.free_bytes,
                tell=watch.stage(start, end),
                runs=1 + (layout.has_alpha and layout.enlarges),
            )
            start, size_hw = end, large_hw

    def _middle_bytes(self, size_hw: tuple[int, int], layout: Layout) -> int:
        """What the models but the last make of a picture of that size, in 16 bits."""
        total, (height, width) = 0, size_hw
        for model in self.models[:-1]:
            height, width = height * model.config.factor, width * model.config.factor
            total += 2 * (3 + layout.has_alpha) * height * width
        return total

    def _working_bytes(self, size_hw: tuple[int, int], layout: Layout) -> int:
        """What computing takes beside picture and result."""
        engine = self.engine(len(self.models) - 1, layout.precision)
        sides = (min(side, engine.tile_px + 2 * engine.radius_px) for side in size_hw)
        tile = max(FIXED_BYTES, engine.tile_bytes(math.prod(sides)))
        return self._middle_bytes(size_hw, layout) + FIXED_BYTES + tile


@dataclass(kw_only=True)
class _Step:
    """One model over a picture of `size_hw`, into `plane`: at once in memory, or band by band.

    colors: of the result, 1 or 3. runs: 2 where alpha goes through the model too. free_bytes: what
    may be used beside what the process has taken already; None: what is fastest is taken.
    """

    engine: TileEngine
    size_hw: tuple[int, int]
    colors: int
    plane: Plane
    free_bytes: int | None
    tell: Tell
    runs: int
    _target: Plane = field(init=False)
    _place: Box = field(init=False)

    def bands(self, room: Room, before: Canvas) -> Iterator[Box]:
        """The parts of the picture that are still to be done; each is stored before the next one.

        before: the picture that the step starts from.
        """
        height, width = self.size_hw
        top = 0
        while top < height:
            noted = room.recall()
            if noted is not None:
                top = int(noted[0])
                self.tell(top / height)
                continue
            bottom = height if room.in_memory else min(top + self._band_rows(), height)
            band = Box(top=top, bottom=bottom, left=0, right=width)
            self._place = band.scaled(self.engine.factor)
            self._target = self.plane
            if not room.in_memory:
                shape = (self._place.height, self._place.width, self.plane.channels)
                self._target = ArrayPlane(array=np.empty(shape, self.plane.dtype))
            yield band
            if self.plane.channels > self.colors and self.runs == 1:
                self.put_alpha(before.see_alpha(band), self._place)
            if not room.in_memory:
                self.plane.write(self._place, self._target.read(whole(self._target.size_hw)))
                room.note(float(bottom))
            top = bottom
            self.tell(top / height)

    def put_colors(self, part: Floats, at: Box) -> None:
        """Take a finished tile, (1, 3, h, w)."""
        self._put(_luma(part) if self.colors == 1 else part, at, 0)

    def put_alpha(self, part: Floats, at: Box) -> None:
        """Take a finished tile of alpha, (1, 1, h, w)."""
        self._put(part, at, self.colors)

    def _put(self, part: Floats, at: Box, first: int) -> None:
        target, box = self._target, at.within(self._place)
        assert isinstance(target, ArrayPlane)
        target.put(box, part, first)

    def telling(self, band: Box, done: int) -> Tell:
        """Takes what share of a band one of the runs has done."""

        def tell(share: float) -> None:
            self.tell((band.top + band.height * (done + share) / self.runs) / self.size_hw[0])

        return tell

    def _band_rows(self) -> int:
        """Of equal bands: no sliver at the end."""
        tile_hw = (self.tile_hw[0], self.size_hw[1])
        return split(whole(self.size_hw), tile_hw, multiple=self.engine.multiple)[0].height

    @cached_property
    def tile_hw(self) -> tuple[int, int]:
        """The size of a tile, whose rows make a band; what is fastest if there is memory for it.

        Raises OptionError if there is not even memory for a small one.
        """
        engine = self.engine
        wanted = engine.tile_px
        if self.free_bytes is None:
            return wanted, wanted
        least = min(wanted, max(_SMALLEST_TILE_PX, engine.multiple))
        spare = max(0, self.free_bytes - FIXED_BYTES)
        row = self.size_hw[1] * engine.factor**2 * self.plane.channels * self.plane.dtype.itemsize
        high = max(least, min(wanted, spare // _BAND_SHARE // row))
        per_pixel = engine.tile_bytes(1)
        seen = (max(0, spare - high * row) / per_pixel) ** 0.5
        wide = min(wanted, int(seen) - 2 * engine.radius_px)
        if wide < least:
            needed = FIXED_BYTES + high * row + per_pixel * (least + 2 * engine.radius_px) ** 2
            raise OptionError(
                f"not enough memory even for one tile: {in_words(needed)} are needed beside what "
                f"the program takes, and {in_words(max(self.free_bytes, 0))} are left; allow more"
            )
        return min(high, wide), wide


def _mask_file(options: TiledOptions) -> SourceFile:
    return SourceFile(path=user_path(options.mask))


def _luma(pixels: Floats) -> Floats:
    """(1, 3, h, w) -> (1, 1, h, w); grey as it is."""
    if pixels.shape[1] == 1:
        return pixels
    red, green, blue = _LUMA
    luma: Floats = red * pixels[:, 0:1] + green * pixels[:, 1:2] + blue * pixels[:, 2:3]
    return luma


def _seeing_luma(canvas: Canvas) -> See:
    return lambda box: np.repeat(_luma(canvas.see(box)), 3, axis=1)


def _seeing_with_holes(see: See, see_holes: See) -> See:
    return lambda box: with_mask(see(box), see_holes(box))


def _alpha_rows(canvas: Canvas) -> Callable[[int, int], Floats]:
    return lambda top, bottom: canvas.see_alpha(canvas.rows(top, bottom))
