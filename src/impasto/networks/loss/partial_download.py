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
from impasto.files.download import (
    ChangedError,
    DownloadError,
    PartFile,
    Progress,
    Retry,
    append,
    open_url,
    put_in_place,
    retrying,
)
from impasto.networks.loss.network import Shape

Check = Callable[[Mapping[str, Tensor]], None]
FIRST_BYTES = 1 << 16  # enough for the header of a network of this kind: one request
LARGEST_HEADER_BYTES = 1 << 24


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the wanted tensors lie in one version of the file, in absolute byte positions."""

    validator: str | None
    total: int | None
    places: Mapping[str, tuple[int, int]]  # name -> start, stop

    @property
    def span(self) -> tuple[int, int]:
        """From the first wanted byte to the last: they lie together, files being sorted by name."""
        starts, stops = zip(*self.places.values(), strict=True)
        return min(starts), max(stops)


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
    lets `check` refuse the tensors. Raises DownloadError: not reachable, a server that sends only
    whole files, not that file, refused offline, disk full.
    """

    def fetch(part: PartFile) -> None:
        patience = retry or Retry()
        try:
            layout = _fetch(url, part, wanted, on_progress, patience)
        except ChangedError:
            part.clear()  # a new version appeared while we read the old one: once more
            layout = _fetch(url, part, wanted, on_progress, patience)
        tensors = _tensors(layout, part, wanted)
        try:
            for name, tensor in tensors.items():
                if not bool(tensor.isfinite().all()):
                    raise DownloadError(f"{url}: {name} holds NaN or infinity; nothing was kept")
            if check:
                check(tensors)
        except DownloadError:
            part.clear()
            raise
        write_with(part.target, lambda path: save_file(tensors, path, dict(metadata)))
        part.clear()

    return put_in_place(url, target, fetch)


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
    first, stop = layout.span
    version: dict[str, object] = {
        "url": url,
        "validator": layout.validator,
        "total": layout.total,
        "span": [first, stop],
    }
    same = layout.validator is not None and part.version() == version
    if not same or part.size() > stop - first:
        part.begin(version)

    def attempt() -> None:
        start = first + part.size()
        if start == stop:
            return
        try:
            with open_url(
                url, start=start, stop=stop, validator=layout.validator, timeout_s=retry.timeout_s
            ) as reply:
                found = (reply.is_range, reply.start, reply.validator, reply.total)
                if found != (True, start, layout.validator, layout.total):
                    raise _changed(url)
                append(part, reply, on_progress, stop - first)
        except urllib.error.HTTPError as error:
            if error.code not in (412, 416):
                raise
            error.close()
            raise ChangedError(f"{url} is shorter than its own header said") from error

    retrying(attempt, url=url, retry=retry, done=part.size)
    return layout


def _changed(url: str) -> ChangedError:
    return ChangedError(f"{url} changed on the server while it was fetched; try again")


def _tensors(layout: Layout, part: PartFile, wanted: Mapping[str, Shape]) -> dict[str, Tensor]:
    data = memoryview(bytearray(part.path.read_bytes()))
    first, _ = layout.span
    return {
        name: torch.frombuffer(data[start - first : stop - first], dtype=torch.float32)
        .reshape(wanted[name])
        .clone()
        for name, (start, stop) in layout.places.items()
    }


def read_layout(url: str, wanted: Mapping[str, Shape], timeout_s: float) -> Layout:
    """Read the header and find the wanted tensors in it."""
    with open_url(url, stop=FIRST_BYTES, timeout_s=timeout_s) as reply:
        if not reply.is_range:
            raise DownloadError(f"the server of {url} sends only whole files")
        head = b"".join(reply.blocks())
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8 or length > LARGEST_HEADER_BYTES:
        raise DownloadError(f"{url} is no safetensors file")
    if 8 + length > len(head):
        with open_url(
            url, start=len(head), stop=8 + length, validator=reply.validator, timeout_s=timeout_s
        ) as rest:
            if not rest.is_range or rest.validator != reply.validator:
                raise _changed(url)
            head += b"".join(rest.blocks())
    try:
        header = json.loads(head[8 : 8 + length])
        places = {
            name: _place(header[name], name, shape, 8 + length, reply.total, url)
            for name, shape in wanted.items()
        }
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError(f"{url} has no header with the wanted tensors ({error})") from error
    return Layout(validator=reply.validator, total=reply.total, places=places)


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
