"""Pictures through a network made ready once: from a photo to an image, or from file to file.

path -> decoded picture -> working size -> network -> result -> written beside and renamed: the
same steps for every network, in memory, or by way of files for what does not fit there. What is
finished in files survives an interruption, and the same call goes on from there.
"""

import hashlib
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from PIL import Image

from impasto.errors import ModelError, OptionError
from impasto.events import CancelToken, Notice, OnEvent, ignore
from impasto.files.byte_sizes import in_words
from impasto.media.formats import WRITABLE_FORMATS
from impasto.media.writing import check_target, pillow_image, write_samples
from impasto.painting.canvas import Room, ScratchRoom
from impasto.painting.options import Output, Watch
from impasto.painting.preparing import SourceFile, as_canvas, unpacked

if TYPE_CHECKING:
    from impasto.media.reading import Photo
    from impasto.painting.enlarging import TileWork
    from impasto.painting.styling import StyleWork

Made = TypeVar("Made")

MOST_KEPT = 4  # networks that stay ready for the next call
_ROW_WRITERS = ("PNG", "TIFF")  # others have the whole picture in memory, as bytes


class _Listener(threading.local):
    """Who hears the notices of what is at work in this thread."""

    on_event: OnEvent = staticmethod(ignore)

    def notice(self, message: str) -> None:
        self.on_event(Notice(message=message))


LISTENER = _Listener()
_KEPT: dict[Any, Any] = {}


class Painter:
    """What `work` does, with these options, to one picture after another; from any thread."""

    def __init__(self, work: "StyleWork | TileWork", options: Any) -> None:
        self.work: Any = work
        self.options = options

    @property
    def name(self) -> str:
        """The network's own."""
        return str(self.work.name)

    @property
    def factor(self) -> int:
        """How many times as wide and as high the result is."""
        return int(self.work.factor)

    def __str__(self) -> str:
        return str(self.work)

    def paint(self, photo: "Photo") -> Image.Image:
        """A photo of any kind -> an 8-bit Pillow image."""
        options = self.options
        watch = Watch(options.on_event, options.cancel)
        LISTENER.on_event = watch.on_event
        canvas = as_canvas(photo, watch.stage(0, self.work.reading))
        return pillow_image(self.work.result(canvas, Room(), watch, options))

    def paint_file(
        self,
        source: Path,
        target: Path,
        *,
        on_event: OnEvent | None = None,
        cancel: CancelToken | None = None,
    ) -> None:
        """The picture file `source` into `target`, atomically; the format is the suffix's.

        on_event, cancel: for this picture, in place of those in the options. Raises ImageError,
        which names the file, ModelError, OptionError and Cancelled.
        """
        options = self.options
        watch = Watch(on_event or options.on_event, cancel or options.cancel)
        LISTENER.on_event = watch.on_event
        target = Path(target)
        file = SourceFile(path=Path(source), max_pixels=options.pixel_limit(self.work.limit))
        check_target(target, self.work.size_of(file.header.size_hw, options))
        if not self.work.fits(file.header, options, by_rows=is_written_by_rows(target)):
            self._by_way_of_files(file, target, watch)
            return
        canvas = unpacked(Room(), file.decoded, watch.stage(0, self.work.reading))
        bits, metadata = canvas.bits, canvas.metadata
        rows = self.work.result(canvas, Room(), watch, options)
        del canvas  # the encoder may need the memory
        write_samples(
            target,
            rows,
            bits=bits,
            metadata=metadata if options.keep_metadata else None,
            quality=options.quality,
            own_png=self.work.own_png or bits == 16,
        )

    def _by_way_of_files(self, file: SourceFile, target: Path, watch: Watch) -> None:
        from impasto.engines.passes import NotFiniteError
        from impasto.engines.scratch import scratch_for

        work, options, header = self.work, self.options, file.header
        height, width = work.size_of(header.size_hw, options)
        watch.notice(f"{width} x {height} px do not fit into memory; made from file to file")
        free = work.free_bytes() or 0
        _check_writing(target, (height, width), free)
        for trial in work.trials(header, options):
            key = work.key(file.path, options, trial)
            needed = work.scratch_bytes(header, options, trial)
            try:
                with scratch_for(target, key, needed, work.scratch, watch.notice) as scratch:
                    if scratch.resumed:
                        watch.notice(f"going on after {scratch.resumed} finished steps")
                    room = ScratchRoom(scratch, free)
                    reading = watch.stage(0, work.reading)
                    canvas = unpacked(room, partial(file.decoded, free), reading)
                    write_samples(
                        target,
                        work.result(canvas, room, watch, options, trial),
                        bits=canvas.bits,
                        metadata=canvas.metadata if options.keep_metadata else None,
                        quality=options.quality,
                        own_png=True,
                        token=room.token,
                    )
                return
            except NotFiniteError:
                name = str(trial).removeprefix("torch.")
                watch.notice(f"{work.name} leaves the range of {name} here")
        raise ModelError(f"style {work.name!r} gives NaN or infinity; train or download it anew")


def kept(key: Any, make: Callable[[], Made]) -> Made:
    """What `make` made for an equal key, if that is among the last that were made."""
    if key not in _KEPT:
        _KEPT[key] = make()
        for old in list(_KEPT)[:-MOST_KEPT]:
            del _KEPT[old]
    made: Made = _KEPT[key]
    return made


def state_of(model: Any) -> object:
    """What changes whenever the model does, a file or a loaded one."""
    if isinstance(model, Path):
        try:
            status = model.stat()
        except OSError:  # whoever reads it tells
            return model
        return model, status.st_mtime_ns, status.st_size
    return model.name, weights_hash(model), repr(model.config), repr(model.card)


def weights_hash(model: Any) -> str:
    """sha256 over names and values of the weights, in hexadecimal."""
    if hasattr(model, "tensors"):
        weights = model.tensors
    else:
        weights = {name: each.cpu().numpy() for name, each in model.network.state_dict().items()}
    digest = hashlib.sha256()
    for name, values in sorted(weights.items()):  # a file has them in any order
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def scratch_of(options: Any) -> Path | None:
    if not isinstance(options, Output) or options.scratch is None:
        return None
    from impasto.engines.scratch import checked_scratch

    return checked_scratch(options.scratch)


def is_written_by_rows(target: Path) -> bool:
    """Whether its format is; others take 4 bytes a pixel of memory."""
    return WRITABLE_FORMATS[target.suffix.lower()].pillow_name in _ROW_WRITERS


def _check_writing(target: Path, size_hw: tuple[int, int], free_bytes: int) -> None:
    """Raise OptionError where a file of that format and size takes more, before minutes are spent.

    And where nothing could be done within `free_bytes`.
    """
    from impasto.engines.memory import FIXED_BYTES

    needed = 2 * FIXED_BYTES
    if not is_written_by_rows(target):
        needed += 4 * size_hw[0] * size_hw[1]
        if needed > free_bytes >= 2 * FIXED_BYTES:
            raise OptionError(
                f"{target}: writing {target.suffix} takes {in_words(needed)} more of memory; "
                "choose PNG or TIFF, which are written row by row, or allow more"
            )
    if needed > free_bytes:
        raise OptionError(
            f"not enough memory even for one tile: {in_words(needed)} are needed beside what "
            f"the program takes, and {in_words(max(free_bytes, 0))} are left; allow "
            f"{in_words(needed - free_bytes)} more"
        )
