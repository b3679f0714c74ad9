"""The options of stylize, upscale and restore, each declared once. Never imports torch.

Signature and help of the functions, the flags of the commands and the bounds follow from these
records, see `impasto.options`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.events import CancelToken, OnEvent, ignore
from impasto.files.byte_sizes import parse_bytes
from impasto.options import Options, option

IN_OUT, LOOK, SPEED = "Input and output", "Look", "Speed and memory"
BACKENDS = ("auto", "eager", "compile", "openvino", "onnx")
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")
SUPERRES_PRECISIONS = PRECISIONS[:-1]
COLOR_MATCHES = ("auto", "none", "histogram", "low-frequency")

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
    return parse_bytes(text, "")


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
        super().__post_init__()
        if self.max_memory is not None:
            object.__setattr__(self, "max_memory", parse_bytes(self.max_memory))

    @property
    def max_memory_bytes(self) -> int | None:
        """The limit as a number."""
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
class SuperResOptions(Watching, Speed):
    """What upscale and restore share."""

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
        default_text="the best for the factor",
        group=LOOK,
    )


@dataclass(frozen=True, kw_only=True)
class UpscaleOptions(SuperResOptions):
    """How a photo is enlarged."""

    size: int | None = option(
        None,
        "Long side of the result, if it is not what the factor gives.",
        group=LOOK,
        **_PX,
    )
    strength: float = option(1.0, "From 0, the bicubic enlargement, to 1, the network.", **_SHARE)
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
class RestoreOptions(SuperResOptions):
    """How a photo is restored."""

    mask: Any = option(
        None,
        "Picture of the photo's size, white where the photo is missing; for models that fill "
        "holes.",
        default_text="what alpha hides",
        group=IN_OUT,
    )
    strength: float = option(1.0, "From 0, the photo, to 1, the network.", **_SHARE)


@dataclass(frozen=True, kw_only=True)
class RestoreFileOptions(Output, RestoreOptions):
    """How a picture file is restored."""
