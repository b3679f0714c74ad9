"""Fetching a few tensors out of a large safetensors file on a server, by HTTP ranges.

A safetensors file is: 8 bytes (header length, little-endian), a JSON header with each tensor's
type, shape and place, then the bytes. So the header tells which bytes to ask for.
"""

import json
import math
import urllib.error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto.files.atomic import write_with
from impasto.files.cache import OFFLINE_VARIABLE, is_offline, locked
from impasto.files.download import (
    ChangedError,
    DownloadError,
    NoRangesError,
    PartFile,
    Progress,
    Reply,
    Retry,
    open_url,
    retrying,
    storage_errors,
)
from impasto.networks.loss.network import Shape

Check = Callable[[Mapping[str, Tensor]], None]
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


def download_tensors(
    url: str,
    target: Path,
    *,
    wanted: Mapping[str, Shape],
    metadata: Mapping[str, str],
    check: Check | None = None,
    on_progress: Progress | None = None,
    retry: Retry | None = None,
) -> Path:
    """Write the float32 tensors `wanted` (name -> shape) of the file at `url` to `target`.

    Resumes where an earlier call was cut, starts again if the file on the server has changed, and
    lets `check` refuse the tensors. Raises NoRangesError if the server has no range support, else
    DownloadError: not reachable, not that file, refused offline, disk full.
    """
    target = Path(target)
    if target.exists():
        return target
    if is_offline():
        raise DownloadError(f"{target} is not there, and {OFFLINE_VARIABLE} forbids to get {url}")
    part = PartFile(target)
    patience = retry or Retry()
    with storage_errors(target), locked(target):
        if target.exists():  # another process was faster
            return target
        try:
            layout = _fetch(url, part, wanted, on_progress, patience)
        except ChangedError:
            part.clear()  # a new version appeared while we read the old one: once more
            layout = _fetch(url, part, wanted, on_progress, patience)
        tensors = _tensors(layout, part)
        try:
            _check_finite(tensors, url)
            if check:
                check(tensors)
        except DownloadError:
            part.clear()
            raise
        write_with(target, lambda path: save_file(tensors, path, dict(metadata)))
        part.clear()
    return target


def _fetch(
    url: str,
    part: PartFile,
    wanted: Mapping[str, Shape],
    on_progress: Progress | None,
    retry: Retry,
) -> Layout:
    layout = retrying(
        lambda: read_layout(url, wanted, retry.timeout_s), url=url, retry=retry, done=lambda: 0
    )
    same = layout.validator is not None and part.version() == layout.version(url)
    if not same or part.size() > layout.bytes_wanted:
        part.begin(layout.version(url))

    def attempt() -> None:
        while place := layout.position(part.size()):
            _fetch_range(url, part, layout, place, on_progress, retry.timeout_s)

    retrying(attempt, url=url, retry=retry, done=part.size)
    return layout


def _fetch_range(
    url: str,
    part: PartFile,
    layout: Layout,
    place: tuple[int, int],
    on_progress: Progress | None,
    timeout_s: float,
) -> None:
    start, stop = place
    try:
        with (
            open_url(
                url, start=start, stop=stop, validator=layout.validator, timeout_s=timeout_s
            ) as reply,
            part.path.open("ab") as stream,
        ):
            _check_same(reply, layout, place, url)
            left = stop - start
            for block in reply.blocks():
                stream.write(block[:left])
                left -= len(block)
                if on_progress:
                    on_progress(stream.tell(), layout.bytes_wanted)
                if left <= 0:
                    return
    except urllib.error.HTTPError as error:
        if error.code not in (412, 416):
            raise
        error.close()
        raise ChangedError(f"{url} is shorter than its own header said") from error


def _check_same(reply: Reply, layout: Layout, place: tuple[int, int], url: str) -> None:
    if (
        not reply.is_range
        or reply.start != place[0]
        or (reply.validator, reply.total) != (layout.validator, layout.total)
    ):
        raise ChangedError(f"{url} changed on the server while it was fetched; try again")


def _tensors(layout: Layout, part: PartFile) -> dict[str, Tensor]:
    data = memoryview(bytearray(part.path.read_bytes()))
    return {
        name: torch.frombuffer(layout.slice(data, name), dtype=torch.float32).reshape(shape).clone()
        for name, shape in layout.shapes.items()
    }


def _check_finite(tensors: Mapping[str, Tensor], url: str) -> None:
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise DownloadError(f"{url}: {name} holds NaN or infinity; nothing was kept")


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
