"""A picture file that shows how far an optimisation has come."""

import time
from pathlib import Path

from impasto.errors import ImageError
from impasto.media import write_picture
from impasto.optimization.events import Event, Notice, OnEvent, OptimizationStep

EVERY_S = 10.0


def preview_beside(target: Path) -> Path:
    """TARGET.preview.jpg, or TARGET.preview-2.jpg and so on where something is there already."""
    path, number = target.with_suffix(".preview.jpg"), 1
    while path.exists():
        number += 1
        path = target.with_suffix(f".preview-{number}.jpg")
    return path


class PreviewFile:
    """Passes events on, and writes the image into `path` every so many seconds, atomically.

    The first one is written after the first iteration. A file that cannot be written is told once,
    and the optimisation goes on without it.
    """

    def __init__(self, path: Path, on_event: OnEvent, *, every_s: float = EVERY_S) -> None:
        self.path = path
        self.on_event = on_event
        self.every_s = every_s
        self.written = 0
        self._next_s = 0.0
        self._broken = False

    def __call__(self, event: Event) -> None:
        self.on_event(event)
        if isinstance(event, OptimizationStep) and not self._broken:
            now = time.monotonic()
            if now >= self._next_s:
                self._next_s = now + self.every_s
                self._write(event)

    def remove(self) -> None:
        """Delete what was written."""
        if self.written:
            self.path.unlink(missing_ok=True)

    def _write(self, step: OptimizationStep) -> None:
        try:
            write_picture(self.path, step.image)
            self.written += 1
        except ImageError as error:
            self._broken = True
            self.on_event(Notice(message=f"no more previews: {error}"))
