"""Super-resolution and restoration from file to file: of a picture of any size, in bounded memory.

Source and result are in files of the scratch folder as plain samples, and never in memory as a
whole. The tiles are those of the way in memory, and so are the samples that come out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.engines.alpha_network import is_hard
from impasto.engines.memory import FIXED_BYTES
from impasto.engines.scratch import Scratch, file_hash, network_hash, scratch_for
from impasto.engines.stores import FileStore
from impasto.engines.superres_options import SuperResOptions
from impasto.media import check_target, luma, scaled_size
from impasto.media.writing import write_samples
from impasto.models import SuperResModel
from impasto.painting.enhance import with_mask
from impasto.painting.large_pictures import check_writing
from impasto.painting.large_results import LargeResult, Table, matching_tables
from impasto.painting.large_steps import LargeStep, See, Tell
from impasto.painting.raw_filling import filled
from impasto.painting.raw_pictures import RawPicture, rows_of, unpacked
from impasto.painting.result_layout import ResultLayout, check_mask, layout_for
from impasto.painting.source_files import SourceFile
from impasto.painting.superres_memory import header_layout, middle_bytes

# Parts of the whole, roughly as the times are.
_READING, _WRITING = 0.03, 0.2


@dataclass(frozen=True, kw_only=True)
class LargeUpscaling:
    """How a large picture is to be enlarged or restored; the rest as in `upscale_file`.

    free_bytes: what may be used beside what the process has taken already.
    """

    models: Sequence[SuperResModel]
    options: SuperResOptions
    free_bytes: int
    scratch: Path | None = None
    size: int | None = None
    mask: SourceFile | None = None
    keep_metadata: bool = True
    quality: int = 95
    on_notice: Callable[[str], object]

    def run(self, source: SourceFile, target: Path) -> None:
        """Raises OptionError if memory or disk do not suffice, ImageError for the files."""
        layout = header_layout(source, self.models, self.options, holes=self._holes_by_alpha)
        out_hw = layout.size_hw if self.size is None else scaled_size(layout.size_hw, self.size)
        check_target(target, out_hw)
        check_writing(target, out_hw, self.free_bytes)
        if self.mask is not None:
            check_mask(self.models, source.header.size_hw, self.mask.header.size_hw)
        needed = self._scratch_bytes(source, layout)
        key = self._key(source)
        with scratch_for(target, key, needed, self.scratch, self.on_notice) as scratch:
            if scratch.resumed:
                self.on_notice(f"going on after {scratch.resumed} finished steps")
            self._run(scratch, source, target)

    def _run(self, scratch: Scratch, source: SourceFile, target: Path) -> None:
        progress = _Progress(tell=self.options.on_progress)
        opened = source.open(self.free_bytes - FIXED_BYTES)
        picture, index = unpacked(scratch, 0, opened, progress.reading), 1
        see_holes: See | None = None
        if self.mask is not None:
            opened = self.mask.open(self.free_bytes - FIXED_BYTES)
            mask = unpacked(scratch, index, opened, progress.reading)
            see_holes, index = _holes_of_mask(mask), index + 1
        elif self._holes_by_alpha and picture.has_alpha:
            see_holes = _holes_of_alpha(picture)
        layout = layout_for(
            picture.size_hw,
            self.models,
            self.options,
            bits=picture.file_bits,
            gray=picture.gray,
            has_alpha=picture.has_alpha and not self._holes_by_alpha,
        )
        check_mask(self.models, picture.size_hw, None if see_holes is None else picture.size_hw)
        if layout.has_alpha:
            picture = filled(scratch, index, picture, progress.reading)
            index += 1
        see = _seeing_luma(picture) if layout.adds_color else picture.see
        store = self._steps(scratch, index, picture, see, see_holes, layout, progress)
        result = LargeResult(
            store=store,
            tables=_tables(store, layout, picture, see),
            bits=layout.bits if layout.file_bits == 16 else 8,
            size_hw=store.size_hw if self.size is None else scaled_size(store.size_hw, self.size),
            on_progress=progress.writing,
        )
        write_samples(
            target,
            result,
            bits=layout.file_bits,
            metadata=picture.metadata if self.keep_metadata else None,
            quality=self.quality,
            own_png=True,
            token=scratch.token,
        )

    def _steps(
        self,
        scratch: Scratch,
        index: int,
        picture: RawPicture,
        see: See,
        see_holes: See | None,
        layout: ResultLayout,
        progress: "_Progress",
    ) -> FileStore:
        """All models, one after the other -> the samples of the result."""
        see_alpha = _seeing_alpha(picture) if layout.has_alpha else None
        hard = see_alpha is not None and layout.enlarges and _is_hard(picture)
        size_hw = picture.size_hw
        if see_holes is not None:
            see = _seeing_with_holes(see, see_holes)
        progress.begin(self.models)
        for number, model in enumerate(self.models):
            last = number == len(self.models) - 1
            step = LargeStep(
                model=model,
                options=layout.options,
                size_hw=size_hw,
                see=see,
                see_alpha=see_alpha,
                network_alpha=layout.enlarges,
                hard=hard and number == 0,
                colors=layout.colors if last else 3,
                free_bytes=self.free_bytes,
            )
            bits = layout.bits if last else 16  # between two models nothing is rounded to 8 bits
            dtype = torch.uint8 if bits == 8 else torch.uint16
            channels = step.colors + layout.has_alpha
            store = scratch.files.store(f"result-{number}", channels, step.large_hw, dtype)
            index = step.run(scratch, index, store, progress.step(number))
            step_result = replace(picture, store=store, bits=bits)
            see, size_hw = step_result.see, step.large_hw
            see_alpha = _seeing_alpha(step_result) if layout.has_alpha else None
        return store

    @property
    def _holes_by_alpha(self) -> bool:
        return self.mask is None and self.models[0].config.in_channels == 4

    def _scratch_bytes(self, source: SourceFile, layout: ResultLayout) -> int:
        """At most: the samples as they are and filled, the pyramid of that, and every result."""
        height, width = source.header.size_hw
        pixels = height * width
        needed = pixels * (3 + source.header.has_alpha) * source.header.bits // 8
        if self.mask is not None:
            needed += 8 * pixels
        if layout.has_alpha:
            needed += pixels * (8 + 16)
        return needed + layout.nbytes + middle_bytes(source.header.size_hw, self.models, layout)

    def _key(self, source: SourceFile) -> dict[str, Any]:
        """All that a scratch folder's contents depend on."""
        options = self.options
        return {
            "source": file_hash(source.path),
            "mask": None if self.mask is None else file_hash(self.mask.path),
            "models": [network_hash(model.network) for model in self.models],
            "configs": [repr(model.config) for model in self.models],
            "cards": [repr(model.card) for model in self.models],
            "device": [model.device.type for model in self.models],
            "strength": options.strength,
            "color_match": options.color_match,
            "precision": options.precision,
            "versions": [version("impasto"), version("torch")],
        }


def _tables(
    store: FileStore, layout: ResultLayout, picture: RawPicture, see: See
) -> tuple[Table, ...]:
    if not layout.matching:
        return ()

    def rows(top: int, bottom: int) -> Tensor:
        return see(rows_of(picture, top, bottom))[:, : layout.colors]

    return matching_tables(store, layout.colors, rows, picture.size_hw)


def _is_hard(picture: RawPicture) -> bool:
    def rows(top: int, bottom: int) -> Tensor:
        return picture.samples(rows_of(picture, top, bottom))[:, 3:]

    return is_hard(rows, picture.size_hw)


def _seeing_alpha(picture: RawPicture) -> See:
    return lambda box: picture.samples(box)[:, -1:]


def _seeing_luma(picture: RawPicture) -> See:
    return lambda box: luma(picture.see(box)).expand(-1, 3, -1, -1)


def _seeing_with_holes(see: See, see_holes: See) -> See:
    return lambda box: with_mask(see(box), see_holes(box))


def _holes_of_mask(mask: RawPicture) -> See:
    return lambda box: (luma(mask.see(box)) >= 0.5).float()


def _holes_of_alpha(picture: RawPicture) -> See:
    return lambda box: (picture.samples(box)[:, 3:] < 0.5).float()


@dataclass(kw_only=True)
class _Progress:
    """What part of all that is to be done is done, as one number that never falls."""

    tell: Tell
    _shares: tuple[float, ...] = ()
    _most: float = 0.0

    def reading(self, part: float) -> None:
        self._tell(_READING * part)

    def begin(self, models: Sequence[SuperResModel]) -> None:
        """The models are about to run; each looks at what the ones before it made."""
        pixels, seen = 1, []
        for model in models:
            seen.append(pixels)
            pixels *= model.factor**2
        rest = 1 - _READING - _WRITING
        self._shares = tuple(rest * count / sum(seen) for count in seen)

    def step(self, number: int) -> Tell:
        before = _READING + sum(self._shares[:number])
        return lambda part: self._tell(before + self._shares[number] * part)

    def writing(self, part: float) -> None:
        self._tell(1 - _WRITING + _WRITING * part)

    def _tell(self, share: float) -> None:
        self._most = max(self._most, share)
        self.tell(self._most)
