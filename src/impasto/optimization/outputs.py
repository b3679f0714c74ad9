"""The files of an optimisation: what goes in and out, asked before the work, and previews.

Never imports torch up here, so that the commands' help is quick.
"""

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import ImageError, OptionError
from impasto.events import Event, Notice, OnEvent, Step
from impasto.files.user_files import nearest_folder
from impasto.optimization.config import IN_OUT, LOOK
from impasto.options import Options, option

if TYPE_CHECKING:
    from impasto.media import Picture

LEAST_SHEET = 2  # layers from which a sheet shows them side by side


@dataclass(frozen=True, kw_only=True)
class OutputFiles(Options):
    """Where the result goes, how it is written, and where it can be watched on the way.

    preview: where the image is shown while it is worked on (None: nowhere); it is removed at the
    end unless `keep_preview`. max_pixels: refuse larger pictures.
    """

    target: Path
    keep_preview: bool = False
    preview: Path | None = option(
        None,
        "Keep a preview in this file; none: no preview.",
        default_text="OUT.preview.jpg, removed at the end",
        group=IN_OUT,
    )
    preview_every_s: float = option(
        10.0, "Seconds between previews.", at_least=0, flags=("--preview-every",), group=IN_OUT
    )
    quality: int = option(
        95, "Quality of JPEG, WebP and AVIF files.", at_least=1, at_most=100, group=IN_OUT
    )
    max_pixels: int | None = option(
        None,
        "Refuse pictures of more pixels, which may be made to fill the memory.",
        at_least=1,
        default_text="300 million",
        group=IN_OUT,
    )

    def read(self, path: Path) -> "Picture":
        """A picture file, unless it is too large. Raises ImageError."""
        from impasto.media import DEFAULT_MAX_PIXELS, read_picture

        return read_picture(path, max_pixels=self.max_pixels or DEFAULT_MAX_PIXELS)

    def check(
        self, size_hw: tuple[int, int], *, inputs: Iterable[Path], more: Iterable[Path] = ()
    ) -> None:
        """Refuse files of a format that is not written, in no folder, or that are an input.

        `more`: what is written beside target and preview. Raises ImageError or OptionError, which
        name the file.
        """
        from impasto.media import check_target

        taken = {path.resolve() for path in inputs}
        for target in filter(None, (self.target, *more, self.preview)):
            check_target(target, size_hw)
            if target.resolve() in taken:
                raise OptionError(
                    f"{target} is the input, which is never overwritten; give another name"
                )
            _check_folder(target)
        if self.preview is not None and self.preview.resolve() == self.target.resolve():
            raise OptionError(f"{self.preview} is the result itself; give the preview another name")


@dataclass(frozen=True, kw_only=True)
class OptimizationFiles(OutputFiles):
    """Which pictures go in and out; see `optimize` for what they are.

    keep_metadata: carry EXIF, XMP and resolution of the photo over.
    """

    content: Path
    styles: tuple[Path, ...]
    masks: tuple[Path, ...] = option(
        (),
        "White where the style goes; one for each style, in order.",
        flags=("--mask",),
        group=LOOK,
    )
    style_masks: tuple[Path, ...] = option(
        (),
        "White where the painting counts; one for each style.",
        flags=("--style-mask",),
        group=LOOK,
    )
    init: str | None = None
    keep_metadata: bool = option(
        True,
        "Carry EXIF (with place and date), XMP and resolution over.",
        flags=("--keep-metadata", "--no-metadata"),
        group=IN_OUT,
    )


@dataclass(frozen=True, kw_only=True)
class InversionFiles(OutputFiles):
    """Which files go in and out.

    Of one layer the inversion goes to `target`; of several each goes beside it, as
    target-relu3_3.png, and `target` is a sheet of them all.
    """

    photo: Path

    def of_layer(self, layer: str, layers: Sequence[str]) -> Path:
        """Where the inversion of one of `layers` goes."""
        if len(layers) < LEAST_SHEET:
            return self.target
        return self.target.with_name(
            f"{self.target.stem}-{layer.replace('/', '-')}{self.target.suffix}"
        )


@dataclass(frozen=True, kw_only=True)
class TextureFiles(OutputFiles):
    """Which files go in and out."""

    painting: Path


def _check_folder(target: Path) -> None:
    """By trying, in the first folder above that is there: rights do not tell of a full disk."""
    folder = nearest_folder(target.absolute().parent)
    try:
        with tempfile.TemporaryFile(dir=folder) as stream:
            stream.write(b"\0")
    except OSError as error:
        raise ImageError(
            f"{target}: its folder cannot be written ({error}); choose another place"
        ) from error


def preview_beside(target: Path) -> Path:
    """TARGET.preview.jpg, or TARGET.preview-2.jpg and so on where something is there already."""
    path, number = target.with_suffix(".preview.jpg"), 1
    while path.exists():
        number += 1
        path = target.with_suffix(f".preview-{number}.jpg")
    return path


class Preview:
    """Passes events on, and writes the image of the files' preview every so often, atomically.

    The first one is written after the first iteration. A file that cannot be written is told once,
    and the optimisation goes on without it.
    """

    def __init__(self, files: OutputFiles, on_event: OnEvent) -> None:
        self.files = files
        self.on_event = on_event
        self._written = False
        self._next_s = 0.0
        self._broken = files.preview is None

    def __call__(self, event: Event) -> None:
        self.on_event(event)
        if isinstance(event, Step) and not self._broken:
            now = time.monotonic()
            if now >= self._next_s:
                self._next_s = now + self.files.preview_every_s
                self._write(event)

    def end(self) -> None:
        """Delete what was written, unless it is to be kept."""
        if self._written and self.files.preview is not None and not self.files.keep_preview:
            self.files.preview.unlink(missing_ok=True)

    def _write(self, step: Step) -> None:
        from impasto.media import write_picture

        assert self.files.preview is not None
        assert step.image is not None
        try:
            write_picture(self.files.preview, step.image)
            self._written = True
        except ImageError as error:
            self._broken = True
            self.on_event(Notice(message=f"no more previews: {error}"))
