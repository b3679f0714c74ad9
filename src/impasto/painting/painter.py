"""One style for many files, as the command line has it: by the quick road wherever that will do."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.media.picture import DEFAULT_MAX_PIXELS
from impasto.painting.quick import quick_painter

if TYPE_CHECKING:
    from impasto.engines.engine import Engine


class Painter:
    """Paints files as an `Engine` with the same options does; torch is imported when it must be.

    Raises as `Engine`; what only torch can tell, at the first picture that needs it.
    """

    def __init__(self, style: str | Path, **engine_options: Any) -> None:
        self._style, self._options = style, engine_options
        known = ("device", "backend", "precision", "border", "on_notice")
        names = {name: engine_options[name] for name in known if name in engine_options}
        limited = engine_options.get("max_memory") is not None
        self._quick = None if limited else quick_painter(style, **names)

    @cached_property
    def engine(self) -> "Engine":
        """Made at its first use."""
        from impasto.engines.engine import Engine

        return Engine(self._style, **self._options)

    @property
    def name(self) -> str:
        """The style's own."""
        return self.engine.model.name if self._quick is None else self._quick.name

    def __str__(self) -> str:
        if self._quick is not None:
            return f"{self.name}: openvino, {self._quick.precision}, on cpu"
        engine = self.engine
        return f"{self.name}: {engine.backend}, {engine.precision}, on {engine.device}"

    def paint_file(
        self,
        source: Path,
        target: Path,
        *,
        keep_metadata: bool = True,
        quality: int = 95,
        max_pixels: int | None = None,
        on_progress: Callable[[float], object] | None = None,
        **look: Any,
    ) -> None:
        """As `stylize_file` with this style. `look`: its size, strength and keep_colors."""
        if self._quick is not None and _is_plain(**look):
            done = self._quick.paint_file(
                source,
                target,
                keep_metadata=keep_metadata,
                quality=quality,
                max_pixels=DEFAULT_MAX_PIXELS if max_pixels is None else max_pixels,
            )
            if done:
                return
        from impasto.painting.large_files import ignore
        from impasto.painting.stylize import stylize_file

        stylize_file(
            source,
            target,
            self.engine,
            keep_metadata=keep_metadata,
            quality=quality,
            max_pixels=max_pixels,
            on_progress=on_progress or ignore,
            **look,
        )


def _is_plain(
    *, size: int | None = None, strength: float = 1.0, keep_colors: bool = False, **others: object
) -> bool:
    return size is None and strength == 1 and not keep_colors and not any(others.values())
