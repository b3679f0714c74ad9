"""Networks that work tile by tile, one after another: to enlarge a picture, or to restore it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from impasto.engines.memory import FIXED_BYTES, TILES_SHARE
from impasto.engines.tile_engine import Model, TileEngine, is_hard, with_mask
from impasto.engines.tile_engine import SuperResOptions as EngineOptions
from impasto.errors import ImageError, OptionError
from impasto.files.byte_sizes import in_words
from impasto.files.user_files import user_path
from impasto.machine.memory import free_memory, total_memory
from impasto.media.picture import scaled_size
from impasto.painting.canvas import Canvas, Floats, Room
from impasto.painting.options import TiledOptions, Watch
from impasto.painting.painter import weights_hash
from impasto.painting.preparing import Header, SourceFile, Tell, as_canvas, filled, unpacked
from impasto.painting.results import PlaneRows, See, Table, matching_tables
from impasto.painting.tile_steps import TileStep, luma

_FILLING_BYTES = 32  # per pixel of a picture whose hidden colours are filled, with its pyramid
_PILLOW_BYTES = 4  # per pixel of a Pillow image


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The result before it is brought to another size that was asked for.

    colors: 1 grey, or 3. has_alpha: one channel more, the last. bits: of the samples as they are
    held, which may be more than the picture's.
    """

    size_hw: tuple[int, int]
    colors: int
    has_alpha: bool
    bits: int

    @property
    def nbytes(self) -> int:
        """Of the samples."""
        height, width = self.size_hw
        return height * width * (self.colors + self.has_alpha) * self.bits // 8


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

    def layout(self, source: Header | Canvas, options: TiledOptions) -> Layout:
        """What the models make of a picture."""
        holes = options.mask is None and self._fills_holes
        height, width = source.size_hw
        return Layout(
            size_hw=(height * self.factor, width * self.factor),
            colors=1 if source.gray and not self._adds_color else 3,
            has_alpha=source.has_alpha and not holes,
            # Nothing is rounded to 8 bits before a histogram is matched.
            bits=16 if source.bits == 16 or self._matching else 8,
        )

    def free_bytes(self) -> int | None:
        """What may still be taken of the memory."""
        free: int | None = free_memory(self.limit, "cpu", TILES_SHARE)
        return free

    def fits(self, header: Header, options: TiledOptions, *, by_rows: bool) -> bool:
        """Whether a picture can be read, enlarged and written in memory.

        by_rows: its format is written so; others take the whole picture once more.
        """
        if self.limit is not None:
            self._engines.clear()  # what they keep from earlier pictures would count
        free = self.free_bytes()
        if free is None:
            return True
        layout = self.layout(header, options)
        planes = header.sample_bytes + (_FILLING_BYTES * header.pixels if header.has_alpha else 0)
        working = planes + layout.nbytes + self._working_bytes(header, layout)
        high, wide = self.size_of(header.size_hw, options)
        writing = layout.nbytes + (0 if by_rows else _PILLOW_BYTES * high * wide)
        return max(header.decoded_bytes + planes, working, writing) <= free

    def _check_memory(self, canvas: Canvas, layout: Layout) -> None:
        """Raise OptionError where the result would pass the limit, or all there is."""
        needed, allowed = layout.nbytes, total_memory("cpu")
        height, width = layout.size_hw
        if self.limit is not None:
            working = self._working_bytes(canvas, layout)
            needed += max(_PILLOW_BYTES * height * width, working)
            allowed = max(0, self.free_bytes() or 0)
        if allowed is not None and needed > allowed:
            raise OptionError(
                f"the result of {width} x {height} px takes {in_words(needed)} of memory, and "
                f"{in_words(allowed)} may be used; choose a smaller factor, allow more, or go from "
                "file to file, which takes less"
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
        layout = self.layout(header, options)
        needed = header.pixels * (3 + header.has_alpha) * header.bits // 8
        needed += 8 * header.pixels if options.mask is not None else 0
        needed += header.pixels * (8 + 16) if layout.has_alpha else 0
        return needed + layout.nbytes + self._middle_bytes(header.size_hw, layout)

    def key(self, source: Path, options: TiledOptions, trial: None) -> dict[str, Any]:
        """All that a scratch folder's contents depend on."""
        from impasto.engines.scratch import file_hash

        del trial
        engine = self.options
        return {
            "source": file_hash(source),
            "mask": None if options.mask is None else file_hash(_mask_file(options).path),
            "models": [weights_hash(model) for model in self.models],
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
        layout = self.layout(canvas, options)
        if room.in_memory:
            self._check_memory(canvas, layout)
        if layout.has_alpha:
            canvas = filled(room, canvas, reading)
        see_source = _seeing_luma(canvas) if self._adds_color else canvas.see
        before, see = canvas, see_source
        if see_holes is not None:
            see = _seeing_with_holes(see_source, see_holes)
        two = layout.has_alpha and self.factor > 1  # alpha goes through the models as well
        hard = two and is_hard(_alpha_rows(canvas), canvas.size_hw)
        for step in self._steps(canvas, layout, room, watch):
            alpha = step.engine.alpha(hard=hard) if two else None
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
        if self._matching:
            tables = matching_tables(before.plane, layout.colors, see_source, canvas.size_hw)
        return PlaneRows(
            plane=before.plane,
            tables=tables,
            bits=canvas.bits,
            size_hw=self.size_of(canvas.size_hw, options),
            tell=watch.stage(1 - self.writing, 1),
        )

    @property
    def _fills_holes(self) -> bool:
        return bool(self.models[0].config.in_channels == 4)

    @property
    def _adds_color(self) -> bool:
        """Whether the models are given the luma of whatever comes."""
        return any(model.card.get("degradation") == "gray" for model in self.models)

    @property
    def _matching(self) -> bool:
        return self.options.color_match_of(self.models[-1]) == "histogram"

    def _precision(self, bits: int) -> str:
        """Float32, where the choice is ours, for what must not show any rounding."""
        precision = self.options.precision
        return "float32" if precision == "auto" and bits == 16 else precision

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
        return lambda box: (luma(mask.see(box)) >= 0.5).astype(np.float32)

    def _steps(
        self, canvas: Canvas, layout: Layout, room: Room, watch: Watch
    ) -> Iterator[TileStep]:
        """One model after the other."""
        size_hw, precision = canvas.size_hw, self._precision(canvas.bits)
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
            yield TileStep(
                engine=self.engine(number, precision),
                size_hw=size_hw,
                colors=colors,
                plane=room.plane(channels, large_hw, dtype, f"result-{number}"),
                free_bytes=room.free_bytes,
                tell=watch.stage(start, end),
                runs=1 + (layout.has_alpha and self.factor > 1),
            )
            start, size_hw = end, large_hw

    def _middle_bytes(self, size_hw: tuple[int, int], layout: Layout) -> int:
        """What the models but the last make of a picture of that size, in 16 bits."""
        total, (height, width) = 0, size_hw
        for model in self.models[:-1]:
            height, width = height * model.config.factor, width * model.config.factor
            total += 2 * (3 + layout.has_alpha) * height * width
        return total

    def _working_bytes(self, source: Header | Canvas, layout: Layout) -> int:
        """What computing takes beside picture and result."""
        engine = self.engine(len(self.models) - 1, self._precision(source.bits))
        sides = (min(side, engine.tile_px + 2 * engine.radius_px) for side in source.size_hw)
        tile = max(FIXED_BYTES, engine.tile_bytes(math.prod(sides)))
        return self._middle_bytes(source.size_hw, layout) + FIXED_BYTES + tile


def _mask_file(options: TiledOptions) -> SourceFile:
    return SourceFile(path=user_path(options.mask))


def _seeing_luma(canvas: Canvas) -> See:
    return lambda box: np.repeat(luma(canvas.see(box)), 3, axis=1)


def _seeing_with_holes(see: See, see_holes: See) -> See:
    return lambda box: with_mask(see(box), see_holes(box))


def _alpha_rows(canvas: Canvas) -> Callable[[int, int], Floats]:
    return lambda top, bottom: canvas.see_alpha(canvas.rows(top, bottom))
