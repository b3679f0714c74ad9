"""Fetching a few tensors out of a large safetensors file on a server, by HTTP ranges."""

import urllib.error
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from impasto.files.atomic import write_with
from impasto.files.cache import OFFLINE_VARIABLE, is_offline, locked
from impasto.files.download import (
    ChangedError,
    DownloadError,
    PartFile,
    Progress,
    Reply,
    Retry,
    open_url,
    retrying,
    storage_errors,
)
from impasto.networks.loss.safetensors_layout import Layout, read_layout
from impasto.networks.loss.shapes import Shape

Check = Callable[[Mapping[str, Tensor]], None]


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
