"""From file to file in bounded memory: a picture of any size, which is never in memory as a whole.

Its samples are unpacked into a scratch file first; feature maps go into others, and the painting is
made while its file is written. What is finished survives an interruption, see `scratch`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.engines.feature_maps import FeatureMap, ImageLevels
from impasto.engines.memory import FIXED_BYTES, rehearse
from impasto.engines.passes import NotFiniteError, PassRunner, Rehearsal, run_plan
from impasto.engines.scratch import Scratch, file_hash, map_stores, network_hash, scratch_for
from impasto.engines.stylize_tensor import is_finite, tempered
from impasto.engines.tiles import Box
from impasto.errors import ModelError, OptionError
from impasto.files.byte_sizes import in_words
from impasto.machine.precision import suitable_precision
from impasto.media import check_target, scaled_size
from impasto.media.decoding import DecodedPicture
from impasto.media.formats import WRITABLE_FORMATS
from impasto.media.samples import Integers
from impasto.media.tensor_writing import quantised_rows
from impasto.media.writing import write_samples
from impasto.models import StyleModel
from impasto.painting.raw_filling import filled
from impasto.painting.raw_pictures import RawPicture, resized, unpacked
from impasto.plans.rewrite import rewrite

# What reading takes, and writing, of the time of all passes: measured.
_READING, _WRITING = 0.15, 0.25
_SAMPLE_PIXELS = 1 << 18
_ROW_WRITERS = ("PNG", "TIFF")  # others have the whole picture in memory, as bytes

Open = Callable[[], AbstractContextManager[DecodedPicture]]


def ignore(part: object) -> None:
    """Where nobody listens."""


@dataclass(frozen=True, kw_only=True)
class LargePainting:
    """How a large picture is to be painted; the rest as in `stylize_file`.

    dtypes: number formats to try, one after the other, should a map not be finite in the first.
    border: px, of the continuation it is painted in. free_bytes: what may be used beside what the
    process has taken already. scratch: folder for what does not fit, None for the system's.
    on_progress: hears what part is done, from 0 to 1.
    """

    model: StyleModel
    border: int
    dtypes: tuple[torch.dtype, ...]
    free_bytes: int
    scratch: Path | None = None
    size: int | None = None
    strength: float = 1.0
    keep_colors: bool = False
    keep_metadata: bool = True
    quality: int = 95
    on_progress: Callable[[float], object] = ignore
    on_notice: Callable[[str], object] = ignore

    def paint(
        self, source: Path, size_hw: tuple[int, int], open_source: Open, target: Path
    ) -> None:
        """Paint the file `source`, a picture of `size_hw`, into `target`.

        Raises OptionError if memory or disk do not suffice, ImageError for the files, ModelError
        if the network gives NaN.
        """
        out_hw = size_hw if self.size is None else scaled_size(size_hw, self.size)
        check_target(target, out_hw)
        check_writing(target, out_hw, self.free_bytes)
        for dtype in self.dtypes:
            key = self._key(source, dtype)
            needed = self._scratch_bytes(size_hw, out_hw, dtype)
            try:
                with scratch_for(target, key, needed, self.scratch, self.on_notice) as scratch:
                    if scratch.resumed:
                        self.on_notice(f"going on after {scratch.resumed} finished passes")
                    self._paint(scratch, open_source, target, dtype)
                return
            except NotFiniteError:
                name = str(dtype).removeprefix("torch.")
                self.on_notice(f"{self.model.name} leaves the range of {name} here")
        raise ModelError(
            f"style {self.model.name!r} gives NaN or infinity; train or download it anew"
        )

    def _paint(self, scratch: Scratch, open_source: Open, target: Path, dtype: torch.dtype) -> None:
        progress = _Progress(tell=self.on_progress)
        picture, index = self._prepared(scratch, open_source, progress)
        device = self.model.device
        runner = PassRunner(
            device=device,
            new_store=map_stores(scratch.files, device),
            tile_bytes=self.free_bytes - FIXED_BYTES,
            journal=scratch,
            on_work=progress.work,
            index=index,
        )
        painting: FeatureMap | None = None
        if self.strength > 0:
            painting = self._passes(picture, runner, _suited(picture, dtype), progress)
        rows = _PaintedRows(
            picture=picture, painting=painting, runner=runner, look=self, progress=progress
        )
        with torch.no_grad():
            write_samples(
                target,
                rows,
                bits=picture.file_bits,
                metadata=picture.metadata if self.keep_metadata else None,
                quality=self.quality,
                own_png=True,
                token=scratch.token,
            )

    def _prepared(
        self, scratch: Scratch, open_source: Open, progress: "_Progress"
    ) -> tuple[RawPicture, int]:
        """What the network sees, and the number of the next pass."""
        picture, index = unpacked(scratch, 0, open_source, progress.reading), 1
        if picture.has_alpha and (self.strength > 0 or self.size is not None):
            picture, index = filled(scratch, index, picture, progress.reading), index + 1
        if self.size is not None:
            picture = resized(scratch, index, picture, self.size, progress.reading)
            index += 1
        return picture, index

    def _passes(
        self, picture: RawPicture, runner: PassRunner, dtype: torch.dtype, progress: "_Progress"
    ) -> FeatureMap:
        device, network = self.model.device, self.model.network
        half = dtype.itemsize < 4
        split = half and picture.bits == 16
        progress.begin(self._rehearsal(picture.size_hw, dtype))
        levels = ImageLevels(
            lambda box: picture.see(box).to(device), picture.size_hw, dtype, split=split
        )
        steps = rewrite(network, subpixel=not half, split=split)
        with torch.no_grad():
            return run_plan(steps, levels, runner, device, recompute=True, border=self.border)

    def _rehearsal(self, size_hw: tuple[int, int], dtype: torch.dtype) -> Rehearsal:
        return rehearse(self.model.network, size_hw, dtype, recompute=True, border=self.border)

    def _scratch_bytes(
        self, size_hw: tuple[int, int], out_hw: tuple[int, int], dtype: torch.dtype
    ) -> int:
        """At most: samples of 16 bits with alpha, as they are, filled and resized; and maps."""
        samples = 8 * (
            size_hw[0] * size_hw[1] + (0 if self.size is None else out_hw[0] * out_hw[1])
        )
        if self.strength == 0:
            return samples
        return samples + self._rehearsal(out_hw, dtype).peak_bytes

    def _key(self, source: Path, dtype: torch.dtype) -> dict[str, Any]:
        """All that a scratch folder's contents depend on."""
        return {
            "source": file_hash(source),
            "model": network_hash(self.model.network),
            "config": repr(self.model.config),
            "precision": str(dtype),
            "size": self.size,
            "border": self.border,
            "fills": self.strength > 0 or self.size is not None,
            "versions": [version("impasto"), version("torch")],
        }


def check_writing(target: Path, size_hw: tuple[int, int], free_bytes: int) -> None:
    """Raise OptionError where a file of that format and size takes more, before minutes are spent.

    And where nothing could be done within `free_bytes`.
    """
    needed = 2 * FIXED_BYTES
    if not is_written_by_rows(target):
        needed += 4 * size_hw[0] * size_hw[1]
        if needed > free_bytes >= 2 * FIXED_BYTES:
            raise OptionError(
                f"{target}: writing {target.suffix} takes {in_words(needed)} more of memory; "
                "choose PNG or TIFF, which are written row by row, or allow more"
            )
    if needed > free_bytes:
        raise OptionError(
            f"not enough memory even for one tile: {in_words(needed)} are needed beside what "
            f"the program takes, and {in_words(max(free_bytes, 0))} are left; allow "
            f"{in_words(needed - free_bytes)} more"
        )


def is_written_by_rows(target: Path) -> bool:
    """Whether its format is; others take 4 bytes a pixel of memory."""
    return WRITABLE_FORMATS[target.suffix.lower()].pillow_name in _ROW_WRITERS


def _suited(picture: RawPicture, dtype: torch.dtype) -> torch.dtype:
    """`dtype`, or a more exact one if the picture needs it: told by some of its rows."""
    height, width = picture.size_hw
    count = min(height, max(1, _SAMPLE_PIXELS // width))
    rows = [
        picture.see(Box(top=top, bottom=top + 1, left=0, right=width))
        for top in torch.linspace(0, height - 1, count).long().tolist()
    ]
    # every eighth row of an image is looked at; these are all to be
    seen = torch.cat(rows, 2).repeat_interleave(8, dim=2)
    name = suitable_precision(seen.numpy(), str(dtype).removeprefix("torch."))
    suited: torch.dtype = getattr(torch, name)
    return suited


@dataclass(kw_only=True)
class _Progress:
    """Work done of all that is to be done, as one number."""

    tell: Callable[[float], object]
    _total: float = 1.0
    _done: float = 0.0

    def reading(self, part: float) -> None:
        self._tell(_READING * part)

    def begin(self, rehearsal: Rehearsal) -> None:
        """The passes are about to run."""
        self._total = sum(rehearsal.costs)

    def work(self, amount: int) -> None:
        self._done += amount
        self._tell(_READING + self._done / self._total)

    def writing(self, part: float) -> None:
        self._tell(_READING + 1 + _WRITING * part)

    def _tell(self, share: float) -> None:
        self.tell(share / (_READING + 1 + _WRITING))


@dataclass(frozen=True, kw_only=True)
class _PaintedRows:
    """The painting as the writers read it, see `SampleRows`; made when it is read, in order."""

    picture: RawPicture
    painting: FeatureMap | None
    runner: PassRunner
    look: LargePainting
    progress: _Progress

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.picture.size_hw

    @property
    def channels(self) -> int:
        return self.picture.store.channels

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        height, width = self.size_hw
        box = Box(top=top, bottom=bottom, left=0, right=width)
        samples = self.picture.samples(box)
        if self.painting is not None:
            samples[:, :3] = self._painted(self.painting, box, samples[:, :3])
        self.progress.writing(bottom / height)
        return quantised_rows(samples, 0, bottom - top, bits=bits)

    def _painted(self, painting: FeatureMap, box: Box, image: Tensor) -> Tensor:
        output = torch.empty_like(image)
        for tile in self.runner.tiles(painting, box):
            tile.within(box).of(output).copy_(painting.part(tile))
        if not is_finite(output):
            raise NotFiniteError("the painting holds NaN or infinity")
        look = self.look
        return tempered(output, image, strength=look.strength, keep_colors=look.keep_colors)
