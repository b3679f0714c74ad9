"""Which picture files are too large to be painted in memory, and the road for these."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from impasto.engines.engine import Engine
from impasto.engines.memory import IMAGE_BYTES, tiles_bytes
from impasto.media import scaled_size
from impasto.painting.large_pictures import LargePainting, ignore
from impasto.painting.source_files import LARGEST_PIXELS, SourceFile

__all__ = ["LARGEST_PIXELS", "Source", "ignore", "paint_large"]

# Pictures that would take less than this in whatever way are not looked at closer.
_SMALL_BYTES = 1000


@dataclass(frozen=True, kw_only=True)
class Source(SourceFile):
    """A picture file that is to be painted."""

    def fits(self, engine: Engine, size: int | None) -> bool:
        """Whether the picture can be read, painted and written in memory."""
        free = engine.free_bytes()
        if free is None:
            return True
        height, width = self.header.size_hw
        out_hw = (height, width) if size is None else scaled_size((height, width), size)
        pixels = height * width + (0 if size is None else out_hw[0] * out_hw[1])
        if pixels * _SMALL_BYTES * max(1.0, engine.model.config.width) <= free:
            return True
        images = self.header.decoded_bytes + 2 * IMAGE_BYTES * pixels
        maps = tiles_bytes(
            engine.model.network, out_hw, engine.map_dtype(), recompute=True, border=engine.border
        )
        return images + maps <= free


def paint_large(
    engine: Engine,
    source: Source,
    target: Path,
    *,
    size: int | None,
    strength: float,
    keep_colors: bool,
    keep_metadata: bool,
    quality: int,
    on_progress: Callable[[float], object],
) -> None:
    """As `stylize_file`, by way of the scratch folder. Raises as `LargePainting.paint`."""
    free = engine.free_bytes() or 0
    height, width = source.header.size_hw
    engine.on_notice(f"{width} x {height} px do not fit into memory; painted from file to file")
    dtype = engine.map_dtype(source.header.bits)
    painting = LargePainting(
        model=engine.model,
        border=engine.border,
        dtypes=tuple(dict.fromkeys((dtype, torch.float32))),
        free_bytes=free,
        scratch=engine.scratch,
        size=size,
        strength=strength,
        keep_colors=keep_colors,
        keep_metadata=keep_metadata,
        quality=quality,
        on_progress=on_progress,
        on_notice=engine.on_notice,
    )
    painting.paint(source.path, (height, width), source.open(free), target)
