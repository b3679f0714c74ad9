"""Where the tensors of a safetensors file on a server lie, read from its header alone.

A safetensors file is: 8 bytes (header length, little-endian), a JSON header with each tensor's
type, shape and place, then the bytes. So the header tells which bytes to ask for.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from impasto.files.download import ChangedError, DownloadError, NoRangesError, open_url
from impasto.networks.loss.shapes import Shape

FIRST_BYTES = 1 << 16  # enough for the header of a network of this kind: one request
LARGEST_HEADER_BYTES = 1 << 24
GAP_BYTES = 1 << 16  # tensors this close are fetched in one request, gap included


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the wanted tensors lie in one version of the file, in absolute byte positions."""

    validator: str | None
    total: int | None
    places: Mapping[str, tuple[int, int]]  # name -> start, stop
    shapes: Mapping[str, Shape]
    runs: tuple[tuple[int, int], ...]  # byte ranges to ask for, ascending

    @property
    def bytes_wanted(self) -> int:
        return sum(stop - start for start, stop in self.runs)

    def version(self, url: str) -> dict[str, object]:
        return {
            "url": url,
            "validator": self.validator,
            "total": self.total,
            "runs": [list(run) for run in self.runs],
        }

    def position(self, done: int) -> tuple[int, int] | None:
        """Next byte range to ask for when `done` bytes of all runs are here; None if all are."""
        for start, stop in self.runs:
            if done < stop - start:
                return start + done, stop
            done -= stop - start
        return None

    def slice(self, data: memoryview, name: str) -> memoryview:
        """The bytes of a tensor in `data`, which is all runs one after the other."""
        first, last = self.places[name]
        before = 0
        for start, stop in self.runs:
            if start <= first < stop:
                return data[before + first - start : before + last - start]
            before += stop - start
        raise KeyError(name)


def read_layout(url: str, wanted: Mapping[str, Shape], timeout_s: float) -> Layout:
    """Read the header and find the wanted tensors in it."""
    with open_url(url, stop=FIRST_BYTES, timeout_s=timeout_s) as reply:
        if not reply.is_range:
            raise NoRangesError(f"the server of {url} sends only whole files")
        head = b"".join(reply.blocks())
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8 or length > LARGEST_HEADER_BYTES:
        raise DownloadError(f"{url} is no safetensors file")
    if 8 + length > len(head):
        with open_url(
            url, start=len(head), stop=8 + length, validator=reply.validator, timeout_s=timeout_s
        ) as rest:
            if not rest.is_range or rest.validator != reply.validator:
                raise ChangedError(f"{url} changed on the server while it was fetched; try again")
            head += b"".join(rest.blocks())
    try:
        header = json.loads(head[8 : 8 + length])
        places = {
            name: _place(header[name], name, shape, 8 + length, reply.total, url)
            for name, shape in wanted.items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url} has no header with the wanted tensors ({error})") from error
    return Layout(
        validator=reply.validator,
        total=reply.total,
        places=places,
        shapes=dict(wanted),
        runs=_runs(sorted(places.values())),
    )


def _place(
    entry: dict[str, Any], name: str, shape: Shape, body: int, total: int | None, url: str
) -> tuple[int, int]:
    """Absolute byte range of a float32 tensor, after everything about it has been checked."""
    begin, end = (int(offset) for offset in entry["data_offsets"])
    if entry["dtype"] != "F32" or tuple(entry["shape"]) != shape:
        raise DownloadError(
            f"{url}: {name} is {entry['dtype']} {entry['shape']}, wanted is F32 {list(shape)}"
        )
    if begin < 0 or end - begin != 4 * math.prod(shape):
        raise DownloadError(f"{url}: {name} lies at {begin}-{end}, which is not its size")
    if total is not None and body + end > total:
        raise DownloadError(f"{url}: {name} lies past the end of the file")
    return body + begin, body + end


def _runs(places: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    runs: list[tuple[int, int]] = []
    for start, stop in places:
        if runs and start - runs[-1][1] <= GAP_BYTES:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((start, stop))
    return tuple(runs)
