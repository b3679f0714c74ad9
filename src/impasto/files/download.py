"""Downloads that survive cut connections: retry, resume, check, then put in place at once.

Only the standard library: `urllib` follows redirects and honours HTTP_PROXY and its relatives.
"""

import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from impasto.errors import WeightsError
from impasto.files.atomic import write_text
from impasto.files.cache import OFFLINE_VARIABLE, is_offline, locked

Progress = Callable[[int, int | None], None]  # bytes here, bytes in all (None if not told)

Result = TypeVar("Result")

BLOCK_BYTES = 1 << 20
TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)
TRANSIENT_ERRORS = (ConnectionError, TimeoutError, http.client.HTTPException)


class DownloadError(WeightsError):
    """A file could not be downloaded, or is not the file that was wanted."""


class ChangedError(DownloadError):
    """The file on the server is no longer the one whose first part we have."""


class UnreachableError(DownloadError):
    """The server did not answer, or the connection was cut too often."""


class PartFile:
    """The bytes that came so far, beside `target`, with a note about which version they are of."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> dict[str, object]:
        """What :meth:`begin` was told, or {} if there is nothing to go on from."""
        try:
            noted = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return noted if isinstance(noted, dict) else {}

    def begin(self, version: dict[str, object]) -> None:
        """Start from zero, for this version of the file."""
        self.clear()
        write_text(self.note, json.dumps(version))

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def sha256(self) -> str:
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def finish(self) -> None:
        """Put the bytes in place, on the disk and not only on their way to it."""
        with self.path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.path.replace(self.target)
        self.clear()


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How patiently a download is tried: failures in a row without a new byte, and the waits."""

    attempts: int = 4
    backoff_s: float = 0.5  # doubled after every failure
    timeout_s: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A server's answer, cut down to what a download needs."""

    start: int  # position in the file of the first byte sent
    total: int | None  # bytes of the whole file
    validator: str | None  # strong ETag, else Last-Modified: names this version of the file
    is_range: bool
    stream: http.client.HTTPResponse
    expected: int | None  # bytes in this answer

    def blocks(self) -> Iterator[bytes]:
        """The bytes as they come; ConnectionError if fewer come than were promised."""
        received = 0
        while block := self.stream.read(BLOCK_BYTES):
            received += len(block)
            yield block
        if self.expected is not None and received < self.expected:
            raise ConnectionError(f"connection cut after {received} of {self.expected} bytes")


@contextmanager
def open_url(
    url: str,
    *,
    start: int = 0,
    stop: int | None = None,
    validator: str | None = None,
    timeout_s: float = 30.0,
) -> Iterator[Reply]:
    """Ask for bytes start ... stop-1 of `url` (to the end if `stop` is None).

    With `validator` the server is asked for the range only if the file is still that version.
    Raises urllib.error.URLError (and HTTPError), ConnectionError, TimeoutError.
    """
    headers = {"User-Agent": "impasto", "Accept-Encoding": "identity"}
    if start or stop is not None:
        headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        if validator:
            headers["If-Range"] = validator
    request = urllib.request.Request(url, headers=headers)
    # An opener of our own: the shared one keeps the proxies of the process's first request.
    with urllib.request.build_opener().open(request, timeout=timeout_s) as stream:
        length = stream.headers.get("Content-Length")
        first, expected = 0, int(length) if length and length.isdigit() else None
        total = expected
        told = stream.headers.get("Content-Range") if stream.status == 206 else None
        part = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", told or "")
        if part is not None:
            first = int(part[1])
            expected = int(part[2]) - first + 1
            total = None if part[3] == "*" else int(part[3])
        etag = stream.headers.get("ETag") or ""
        if etag.startswith("W/"):  # a weak one does not promise the same bytes
            etag = ""
        yield Reply(
            start=first,
            total=total,
            validator=etag or stream.headers.get("Last-Modified"),
            is_range=part is not None,
            stream=stream,
            expected=expected,
        )


def retrying(
    action: Callable[[], Result], *, url: str, retry: Retry, done: Callable[[], int]
) -> Result:
    """Run `action` until it succeeds; give up after `retry.attempts` failures without a new byte.

    `done()` tells the bytes already here. Raises UnreachableError with the last reason, and
    DownloadError at once for an answer that no patience changes (404, 403 ...).
    """
    failures, before = 0, done()
    while True:
        try:
            return action()
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in TRANSIENT_STATUS:
                    raise DownloadError(
                        f"{url} answered {error.code} {error.reason}; the address may have moved"
                    ) from error
            reason: Exception = error
        except (urllib.error.URLError, *TRANSIENT_ERRORS) as error:
            reason = error
        failures = 1 if done() > before else failures + 1
        before = done()
        if failures >= retry.attempts:
            raise UnreachableError(
                f"cannot download {url}: {reason} (tried {failures} times); the same again goes on "
                "where this stopped"
            ) from reason
        time.sleep(retry.backoff_s * 2 ** (failures - 1))


def download_file(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    on_progress: Progress | None = None,
    retry: Retry | None = None,
) -> Path:
    """Download `url` to `target` and return it; nothing is done if `target` is already there.

    The bytes gather in a hidden file beside `target` and are kept when the download is cut, so
    that the next call goes on from there; the server must confirm that the file is the same one.
    `sha256` is the expected digest in hex, or its first digits (8 at least). Safe for several
    processes. Raises DownloadError if it fails, is refused offline, or the digest differs.
    """

    def fetch(part: PartFile) -> None:
        # An old beginning may be the damage: then once more, from zero.
        for _ in range(2 if part.size() else 1):
            _fetch_all(url, part, on_progress, retry or Retry())
            digest = part.sha256()
            if not sha256 or digest.startswith(sha256.lower()):
                part.finish()
                return
            part.clear()
        raise DownloadError(
            f"{url} has the checksum {digest}, wanted was {sha256}; the file is damaged or "
            "another one, and nothing was kept"
        )

    return put_in_place(url, target, fetch)


def put_in_place(url: str, target: Path, fetch: Callable[[PartFile], object]) -> Path:
    """`target`, which `fetch` makes of its part file out of `url` unless it is there already.

    Safe for several processes. Raises DownloadError offline, and for errors of the disk.
    """
    target = Path(target)
    if target.exists():
        return target
    if is_offline():
        raise DownloadError(f"{target} is not there, and {OFFLINE_VARIABLE} forbids to get {url}")
    try:
        with locked(target):
            if not target.exists():  # another process may have been faster
                fetch(PartFile(target))
    except OSError as error:  # of the disk: those of the server have become a DownloadError
        raise DownloadError(
            f"cannot write into {target.parent}: {error.strerror or error}; free some space, or "
            "set IMPASTO_CACHE to a folder that can be written"
        ) from error
    return target


def _fetch_all(url: str, part: PartFile, on_progress: Progress | None, retry: Retry) -> None:
    def attempt() -> None:
        known = part.version()
        validator = str(known["validator"]) if known.get("validator") else None
        if known.get("url") != url or validator is None:
            part.clear()  # nothing proves that the rest would fit to this beginning
        start = part.size()
        try:
            with open_url(
                url, start=start, validator=validator, timeout_s=retry.timeout_s
            ) as reply:
                if not (start and reply.is_range and reply.start == start):
                    part.begin({"url": url, "validator": reply.validator})
                append(part, reply, on_progress, reply.total)
        except urllib.error.HTTPError as error:
            if error.code != 416 or not start:
                raise
            error.close()
            part.clear()  # the beginning is longer than the file: it is of another one
            raise ConnectionError("the partial file does not fit the server's file") from error

    retrying(attempt, url=url, retry=retry, done=part.size)


def append(part: PartFile, reply: Reply, on_progress: Progress | None, total: int | None) -> None:
    """Write what comes behind the bytes that are here; `total` is what is reported as all."""
    with part.path.open("ab") as stream:
        done = stream.tell()
        for block in reply.blocks():
            stream.write(block)
            done += len(block)
            if on_progress:
                on_progress(done, total)
