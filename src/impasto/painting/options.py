"""The options of stylize, upscale and restore, each declared once. Never imports torch.

Signature and help of the functions, the flags of the commands and the bounds follow from these
records, see `impasto.options`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from impasto.errors import OptionError
from impasto.events import CancelToken, Notice, OnEvent, Progress, ignore
from impasto.files.byte_sizes import LEAST_BYTES, parse_bytes
from impasto.options import Options, option

IN_OUT, LOOK, SPEED = "Input and output", "Look", "Speed and memory"
BACKENDS = ("auto", "eager", "compile", "openvino", "onnx")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")
SUPERRES_PRECISIONS = PRECISIONS[:-1]
COLOR_MATCHES = ("auto", "none", "histogram", "low-frequency")

LARGEST_PIXELS = 2**36  # of any file, where memory is bounded

_PX: dict[str, Any] = {"unit": "px", "at_least": 1}
_SHARE: dict[str, Any] = {"at_least": 0, "at_most": 1, "group": LOOK}
_BORDER = (
    "Width of the border that is mirrored around the photo while it is painted, so that its edges "
    "look like its middle; 0 is none."
)
_MAX_MEMORY = (
    "Most memory that the whole program may take, as 4GB or 512MiB; larger pictures are made by "
    "way of files."
)


def _read_memory(text: int | str) -> int:
    count = parse_bytes(text, "")
    if count < LEAST_BYTES:
        raise OptionError(f"got {text}; no picture can be made in less than 1MiB")
    return count


@dataclass(frozen=True, kw_only=True)
class Watching:
    """Who hears how the work goes, and who may stop it. No options: they change no result.

    on_event: is called with Progress (task "picture", `total` 1.0) and Notice. cancel: its
    `cancel()`, from any thread, ends the work between two tiles with Cancelled; no file is left
    half-written.
    """

    on_event: OnEvent = ignore
    cancel: CancelToken | None = None


@dataclass(frozen=True, kw_only=True)
class Speed(Options):
    """What runs the network, and what it may take."""

    device: str = option("auto", "Where to compute: auto, cpu, cuda, cuda:1 or mps.", group=SPEED)
    backend: str = option(
        "auto",
        "What runs the network; auto is the fastest that is installed.",
        choices=BACKENDS,
        group=SPEED,
    )
    max_memory: int | str | None = option(
        None,
        _MAX_MEMORY,
        unit="size",
        parse=_read_memory,
        at_least=1,
        default_text="most of the machine's",
        group=SPEED,
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "device", str(self.device))  # it may be a torch.device
        super().__post_init__()
        if self.max_memory is not None:
            object.__setattr__(self, "max_memory", parse_bytes(self.max_memory))

    @property
    def memory_limit(self) -> int | None:
        """In bytes."""
        assert not isinstance(self.max_memory, str)
        return self.max_memory


@dataclass(frozen=True, kw_only=True)
class Output(Options):
    """From file to file: what is read, and how the result is written."""

    keep_metadata: bool = option(
        True,
        "Carry EXIF (with place and date), XMP and resolution over.",
        flags=("--keep-metadata", "--no-metadata"),
        group=IN_OUT,
    )
    quality: int = option(
        95, "Quality of JPEG, WebP and AVIF files.", at_least=1, at_most=100, group=IN_OUT
    )
    max_pixels: int | None = option(
        None,
        "Refuse pictures of more pixels, which may be made to fill the memory.",
        at_least=1,
        default_text="300 million; no limit with a limit of memory",
        group=IN_OUT,
    )
    scratch: Path | None = option(
        None,
        "Folder for what does not fit into memory.",
        default_text="the system's for temporary files",
        group=SPEED,
    )

    def pixel_limit(self, memory_limit: int | None) -> int:
        """What `max_pixels` is, if it is not given, under such a limit of memory."""
        from impasto.media.picture import DEFAULT_MAX_PIXELS

        default = DEFAULT_MAX_PIXELS if memory_limit is None else LARGEST_PIXELS
        return default if self.max_pixels is None else self.max_pixels


@dataclass(frozen=True, kw_only=True)
class StylizeOptions(Watching, Speed):
    """How a photo is painted."""

    network: str = option(
        "full",
        "Network of a bundled style: full has the best quality; fast is smaller and takes about "
        "half the time.",
        choices=("full", "fast"),
        group=LOOK,
    )
    size: int | None = option(
        None, "Long side of the result.", default_text="the photo's own", group=LOOK, **_PX
    )
    strength: float = option(1.0, "From 0, the photo, to 1, the full style.", **_SHARE)
    keep_colors: bool = option(
        False, "Take only the brush strokes of the style, and keep the photo's colours.", group=LOOK
    )
    border: int | None = option(
        None, _BORDER, unit="px", at_least=0, default_text="16; 0 for imported styles", group=LOOK
    )
    precision: str = option(
        "auto",
        "Number format of the network; auto is bfloat16 where that is fast, else float32.",
        choices=PRECISIONS,
        group=SPEED,
    )


@dataclass(frozen=True, kw_only=True)
class StylizeFileOptions(Output, StylizeOptions):
    """How a picture file is painted."""


@dataclass(frozen=True, kw_only=True)
class TiledOptions(Watching, Speed):
    """What upscale and restore share."""

    strength: float = option(
        1.0, "From 0, the photo (enlarged bicubically), to 1, the network.", **_SHARE
    )

    precision: str = option(
        "auto",
        "Number format of the network; auto is half precision where that is fast, else float32.",
        choices=SUPERRES_PRECISIONS,
        group=SPEED,
    )
    tile_px: int | None = option(
        None,
        "Side of a tile in the photo.",
        default_text="by device",
        flags=("--tile",),
        group=SPEED,
        **_PX,
    )

    @property
    def size(self) -> int | None:
        """Long side of the result, where that can be asked for."""
        return None

    @property
    def mask(self) -> Any:
        """A picture of what is missing, where there can be one."""
        return None

    @property
    def color_match(self) -> str:
        """How colours are matched, where that can be asked for."""
        return "none"


@dataclass(frozen=True, kw_only=True)
class Enlargement(Options):
    """Which models enlarge."""

    factor: int | None = option(
        None,
        "How many times as wide and as high: 2, 3, 4 or 8.",
        at_least=1,
        default_text="the model's own, else 4",
        group=LOOK,
    )
    model: Any = option(
        None,
        "Bundled model (`impasto upscalers` lists them), with or without its -xN, or a model file.",
        unit="name_or_file",
        default_text="the best for the factor",
        flags=("--model", "-m"),
        group=LOOK,
    )


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions(TiledOptions):
    """How a photo is enlarged."""

    size: int | None = option(
        None,
        "Long side of the result, if it is not what the factor gives.",
        group=LOOK,
        **_PX,
    )
    color_match: str = option(
        "auto",
        "How the colours are matched to the photo's; auto is what the model recommends.",
        choices=COLOR_MATCHES,
        group=LOOK,
    )


@dataclass(frozen=True, kw_only=True)
class UpscaleFileOptions(Output, UpscaleOptions):
    """How a picture file is enlarged."""


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(TiledOptions):
    """How a photo is restored."""

    mask: Any = option(
        None,
        "Picture of the photo's size, white where the photo is missing; for models that fill "
        "holes.",
        default_text="what alpha hides",
        group=IN_OUT,
    )


@dataclass(frozen=True, kw_only=True)
class RestoreFileOptions(Output, RestoreOptions):
    """How a picture file is restored."""


class Watch:
    """Tells how the work on one picture goes, as one number that never falls; ends it when told to.

    Its functions raise Cancelled once the token is set.
    """

    def __init__(self, on_event: OnEvent, cancel: CancelToken | None) -> None:
        self.on_event = on_event
        self.cancel = cancel
        self._most = 0.0

    def stage(self, start: float, end: float) -> Callable[[float], None]:
        """Takes what share of this stage of the work is done."""

        def tell(share: float) -> None:
            self._most = max(self._most, start + (end - start) * share)
            self.on_event(Progress(task="picture", done=self._most, total=1.0))
            self.check()

        return tell

    def notice(self, message: str) -> None:
        """Say something that a person should know."""
        self.on_event(Notice(message=message))

    def check(self) -> None:
        """Raise Cancelled if the work was told to stop."""
        if self.cancel is not None:
            self.cancel.check()


Made = TypeVar("Made", bound=Options)


def made(record: type[Made], options: dict[str, Any]) -> Made:
    """A function's keywords as their record. Raises TypeError for unknown ones, OptionError."""
    if isinstance(options.get("quality"), str):
        warnings.warn(
            "`quality` of a style's networks is now `network`; `quality` is a file's, 1 to 100",
            DeprecationWarning,
            stacklevel=3,
        )
        options["network"] = options.pop("quality")
    known = [each.name for each in fields(record)]
    if unknown := sorted(set(options) - set(known)):
        raise TypeError(f"no option {unknown[0]!r}; choose from {', '.join(known)}")
    return record(**options)
