"""A result on its way into its file, as the writers read it: rows of samples, see `SampleRows`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from impasto.engines.tiles import Box
from impasto.media.samples import ArraySamples, Integers, bands
from impasto.painting.canvas import Canvas, Floats, Plane, to_samples
from impasto.painting.preparing import blended

Table = NDArray[np.uint16]
Tell = Callable[[float], object]
See = Callable[[Box], Floats]

_BAND_PIXELS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class PlaneRows:
    """The samples of a plane; brought to `size_hw` where that is another size.

    tables: for each colour a map of its levels. bits: to which the samples are rounded after that.
    tell: hears what part has been read.
    """

    plane: Plane
    tables: tuple[Table, ...] = ()
    bits: int
    size_hw: tuple[int, int]
    tell: Tell

    @property
    def channels(self) -> int:
        return self.plane.channels

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        if self.size_hw == self.plane.size_hw:
            samples = self._mapped(top, bottom)
        else:
            high, wide = self.plane.size_hw
            step = max(1, _BAND_PIXELS * self.size_hw[0] // (high * wide))
            parts = [
                self._resized(start, min(start + step, bottom))
                for start in range(top, bottom, step)
            ]
            samples = np.concatenate(parts)
        self.tell(bottom / self.size_hw[0])
        return ArraySamples(array=samples).rows(0, bottom - top, bits=bits)

    def _mapped(self, top: int, bottom: int) -> Integers:
        samples = plane_rows(self.plane, top, bottom)
        if self.tables:
            samples = samples.copy()
            for channel, table in enumerate(self.tables):
                samples[..., channel] = table[samples[..., channel]]
        return ArraySamples(array=samples).rows(0, bottom - top, bits=self.bits)

    def _resized(self, top: int, bottom: int) -> Integers:
        import torch

        from impasto.media.resizing import resampled_rows

        largest = float(2**self.bits - 1)

        def see(first: int, last: int) -> torch.Tensor:
            samples = self._mapped(first, last).astype(np.float32)
            return torch.from_numpy(samples).permute(2, 0, 1)[None].div_(largest)

        rows = resampled_rows(see, self.plane.size_hw, self.size_hw, top, bottom)
        levels = rows.mul_(largest).round_()[0].permute(1, 2, 0).numpy()
        return levels.astype(np.uint8 if self.bits == 8 else np.uint16)


@dataclass(frozen=True, kw_only=True)
class PaintedRows:
    """A painting in a style over its photo, tempered as it is read.

    painting: gives a part of it, (1, 3, h, w); None: the photo itself. Raises ModelError where it
    is not finite.
    """

    canvas: Canvas
    painting: Callable[[Box], Floats] | None
    strength: float
    keep_colors: bool
    tell: Tell

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.canvas.size_hw

    @property
    def channels(self) -> int:
        return self.canvas.plane.channels

    def rows(self, top: int, bottom: int, *, bits: int) -> Integers:
        # asked for in bands: what is done to a row may depend on its number, not on the call
        box = self.canvas.rows(top, bottom)
        if self.painting is None:
            samples = self.canvas.samples(box)
        else:
            samples = self._tempered(self.painting(box), box)
        self.tell(bottom / self.size_hw[0])
        levels = to_samples(np.clip(samples, 0, 1), np.dtype(f"uint{bits}"))
        return np.ascontiguousarray(levels[0].transpose(1, 2, 0))

    def _tempered(self, painting: Floats, box: Box) -> Floats:
        if self.keep_colors:
            import torch

            from impasto.media.colors import keep_colors

            image = torch.from_numpy(self.canvas.see(box))
            painting = keep_colors(torch.from_numpy(painting), image).numpy()
        if self.strength < 1:
            painting = blended(self.canvas.see(box), painting, np.float32(self.strength))
        if not self.canvas.has_alpha:
            return painting
        return np.concatenate([painting, self.canvas.see_alpha(box)], axis=1)


def plane_rows(plane: Plane, top: int, bottom: int) -> Integers:
    """Rows of the samples as (h, W, C)."""
    box = Box(top=top, bottom=bottom, left=0, right=plane.size_hw[1])
    samples: Integers = plane.read(box)[0].transpose(1, 2, 0)
    return samples


def matching_tables(
    plane: Plane, colors: int, see: See, size_hw: tuple[int, int]
) -> tuple[Table, ...]:
    """For each colour in `plane`, of 16 bits, the map that gives it the source's distribution.

    see: gives a part of the source, a picture of `size_hw`.
    """
    from impasto.engines.color_match import LEVELS, count_levels, matching_table

    wanted = [np.zeros(LEVELS, np.int64) for _ in range(colors)]
    for top, bottom in bands(size_hw):
        seen = see(Box(top=top, bottom=bottom, left=0, right=size_hw[1]))
        samples = to_samples(seen, np.dtype(np.uint16))
        for counts, values in zip(wanted, samples[0], strict=False):
            counts += count_levels(values)
    given = [np.zeros(LEVELS, np.int64) for _ in range(colors)]
    for top, bottom in bands(plane.size_hw):
        rows = plane_rows(plane, top, bottom)
        for channel, counts in enumerate(given):
            counts += count_levels(rows[..., channel])
    return tuple(matching_table(*pair) for pair in zip(given, wanted, strict=True))
