"""A picture as plain samples in a scratch file: any part of it at hand, none of it in memory."""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from impasto.engines.scratch import Scratch
from impasto.engines.stores import FileStore
from impasto.engines.tiles import Box
from impasto.files.atomic import write_text
from impasto.media.decoding import DecodedPicture
from impasto.media.picture import Metadata
from impasto.media.resizing import resampled_rows, scaled_size
from impasto.media.samples import bands

_NOTHING = torch.empty(0)

Progress = Callable[[float], object]


@dataclass(frozen=True, kw_only=True)
class RawPicture:
    """A picture, upright and in sRGB: RGB or RGBA samples of 8 or 16 `bits`.

    file_bits: what the file held per sample, and the painting is to be written with. gray: it had
    one colour channel.
    """

    store: FileStore
    bits: int
    file_bits: int
    gray: bool = False
    metadata: Metadata = field(default_factory=Metadata)

    @property
    def size_hw(self) -> tuple[int, int]:
        return self.store.size_hw

    @property
    def has_alpha(self) -> bool:
        return self.store.channels in (2, 4)

    def see(self, box: Box) -> Tensor:
        """That part of its colours, (1, 3, h, w) float32 in [0, 1]."""
        return self.samples(box)[:, :3]

    def samples(self, box: Box) -> Tensor:
        """That part with alpha, (1, 3 or 4, h, w) float32 in [0, 1]."""
        return self.store.read(box).float().div_(2**self.bits - 1)

    def put(self, box: Box, samples: Tensor) -> None:
        """Write (1, 3 or 4, h, w) in [0, 1], rounded."""
        levels = samples.clamp(0, 1).mul_(2**self.bits - 1).round_()
        self.store.write(box, levels.to(self.store.dtype))

    def successor(self, scratch: Scratch, index: int, **changes: Any) -> "RawPicture":
        """An empty picture like this one, for the result of pass `index`."""
        size_hw = changes.pop("size_hw", self.size_hw)
        bits = changes.get("bits", self.bits)
        store = _store(scratch, index, self.store.channels, size_hw, bits)
        return replace(self, store=store, **changes)


def unpacked(
    scratch: Scratch,
    index: int,
    open_source: Callable[[], AbstractContextManager[DecodedPicture]],
    on_progress: Progress,
) -> RawPicture:
    """Pass `index`: the samples of a picture file into the scratch folder."""
    facts = scratch.path(f"picture-{index}.json")
    if scratch.find(index) is not None:
        return _from_facts(scratch, index, json.loads(facts.read_text(encoding="utf-8")))
    with open_source() as decoded:
        has_alpha = decoded.channels in (2, 4)
        noted = {
            "size_hw": decoded.size_hw,
            "channels": 4 if has_alpha else 3,
            "bits": decoded.bits,
            "gray": decoded.gray,
            "metadata": _metadata_as_text(decoded.metadata),
        }
        picture = _from_facts(scratch, index, noted)
        for top, bottom in bands(decoded.size_hw):
            rows = torch.from_numpy(np.ascontiguousarray(decoded.rows(top, bottom)))
            planes = rows.permute(2, 0, 1)[None]
            colors = planes[:, :-1] if has_alpha else planes
            parts = [colors.expand(-1, 3, -1, -1), planes[:, -1:]] if has_alpha else [colors]
            samples = torch.cat(parts, 1) if has_alpha else colors.expand(-1, 3, -1, -1)
            picture.put(rows_of(picture, top, bottom), samples)
            on_progress(bottom / decoded.size_hw[0])
    write_text(facts, json.dumps(noted))
    scratch.note(index, _NOTHING, _NOTHING)
    return picture


def resized(
    scratch: Scratch, index: int, picture: RawPicture, long_side: int, on_progress: Progress
) -> RawPicture:
    """Pass `index`: the picture as `resize_long_side` resizes it, at 16 bits."""
    size_hw = scaled_size(picture.size_hw, long_side)
    large = picture.successor(scratch, index, size_hw=size_hw, bits=16)
    if scratch.find(index) is None:

        def see(top: int, bottom: int) -> Tensor:
            return picture.samples(rows_of(picture, top, bottom))

        for top, bottom in bands(size_hw):
            rows = resampled_rows(see, picture.size_hw, size_hw, top, bottom)
            large.put(rows_of(large, top, bottom), rows)
            on_progress(bottom / size_hw[0])
        scratch.note(index, _NOTHING, _NOTHING)
    picture.store.free()
    return large


def rows_of(picture: RawPicture, top: int, bottom: int) -> Box:
    return Box(top=top, bottom=bottom, left=0, right=picture.size_hw[1])


def _store(
    scratch: Scratch, index: int, channels: int, size_hw: tuple[int, int], bits: int
) -> FileStore:
    dtype = torch.uint8 if bits == 8 else torch.uint16
    return scratch.files.store(f"map-{index}", channels, size_hw, dtype)


def _from_facts(scratch: Scratch, index: int, facts: dict[str, Any]) -> RawPicture:
    height, width = facts["size_hw"]
    store = _store(scratch, index, facts["channels"], (height, width), facts["bits"])
    return RawPicture(
        store=store,
        bits=facts["bits"],
        file_bits=facts["bits"],
        gray=facts["gray"],
        metadata=_metadata_from_text(facts["metadata"]),
    )


def _metadata_as_text(metadata: Metadata) -> dict[str, Any]:
    values = asdict(metadata)
    return {
        name: base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
        for name, value in values.items()
    }


def _metadata_from_text(facts: dict[str, Any]) -> Metadata:
    dpi = facts["dpi"]
    exif, xmp = (
        None if facts[name] is None else base64.b64decode(facts[name]) for name in ("exif", "xmp")
    )
    return Metadata(exif=exif, xmp=xmp, dpi=None if dpi is None else (dpi[0], dpi[1]))
