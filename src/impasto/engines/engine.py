"""One style, made ready once, for many images: whatever runs it fastest here."""

import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from impasto.engines.backends import Backend, Choice, choose, ignore_notice, make_backend
from impasto.engines.memory import (
    FIXED_BYTES,
    IMAGE_BYTES,
    TILES_SHARE,
    Way,
    rehearse,
    tiles_bytes,
    too_large,
)
from impasto.engines.scratch import checked_scratch, temporary_stores
from impasto.engines.stylize_tensor import checked_image, out_of_memory_told, stylize_in_strips
from impasto.errors import ImageError
from impasto.events import CancelToken
from impasto.files.byte_sizes import parse_bytes
from impasto.machine.devices import choose_device
from impasto.machine.memory import free_memory
from impasto.machine.precision import is_finite, ladder, suitable_precision
from impasto.media import Picture, to_pil
from impasto.media.colors import fill_hidden
from impasto.media.reading import as_picture
from impasto.models import StyleModel, as_style_model
from impasto.options import Options, shows_options
from impasto.plans.bounds import cannot_overflow
from impasto.plans.continuation import border_for, check_border, continue_image, cut
from impasto.plans.plan import Mirror
from impasto.plans.rewrite import rewrite

ImageT = TypeVar("ImageT", Tensor, NDArray[Any], Image.Image)

# What a back end takes at its peak for one image, per pixel and unit of network width, beside
# image and result: measured at 2048 px a side.
WHOLE_IMAGE_BYTES = {"eager": 300, "compile": 300, "openvino": 330, "onnx": 570}
# Larger maps are not given to a runtime other than PyTorch: its offsets may be 32-bit numbers.
MOST_MAP_BYTES = 2**31
_BORDERS_PX = 16  # that maps have beyond the image, both sides together: what thin images take
_FIRST_FILTERS = 32  # of a network of width 1: its largest map
_WHOLE_SHARE = 0.5  # of the device's memory, where no limit is given: for an image in one piece
_MOST_PIXELS = 2**34  # of any image that has been painted here


@dataclass(frozen=True, kw_only=True)
class EngineOptions(Options):
    """What an `Engine` is asked for; see there for the meanings. Unchecked."""

    network: str = "full"
    device: str | torch.device = "auto"
    precision: str = "auto"
    backend: str = "auto"
    max_memory: int | str | None = None
    scratch: str | Path | None = None
    border: int | None = None
    on_notice: Callable[[str], object] = ignore_notice


class Engine:
    """Paints images in one style: `engine = Engine("starry-night")`, then `engine(image)`.

    style: a bundled style's name, the path of a style file, or a loaded `StyleModel`.
    network: of a bundled style's networks "full", or "fast", a smaller one (once `quality`).
    device: "auto", "cpu", "cuda", "cuda:1" or "mps", or a `torch.device`.
    precision: "float32", "bfloat16", "float16" (CUDA only), "int8" (OpenVINO only), or "auto":
        bfloat16 on CPUs with matrix units for it (AMX), else float32. What is not finite in half
        precision is done again in float32.
    backend: "eager" (PyTorch, always there), "compile" (torch.compile), "openvino" or "onnx"
        (extras of the package), or "auto": of what is installed the one measured fastest.
    max_memory: of the whole process, as in "4GB", or bytes; by default most of the machine's.
        Images that would pass it in one piece are painted in tiles with the whole image's
        statistics, and where their feature maps would pass it as well, these are kept on the disk.
    scratch: the folder for that, by default the system's for temporary files.
    border: pixels that are mirrored around an image while it is painted, so that its edges are
        painted as its middle is. Default: 16; 0 for the paper's network, which has 40 of its own,
        and for imported ones. It is rounded up to a multiple of 4. With 0 the result is the
        network's own.
    on_notice: hears, as a sentence, whenever something else is done than was chosen.

    `backend`, `precision` and `device` tell what was chosen. Safe to call from several threads; a
    copy, or one in another process, makes its back ends anew. Autocast has no part in it. Raises
    OptionError for what is unknown, not installed or not there, ModelError for the style.
    """

    @shows_options(EngineOptions)
    def __init__(self, style: str | Path | StyleModel, **options: Any) -> None:
        if "quality" in options:
            warnings.warn("`quality` is now `network`", DeprecationWarning, stacklevel=2)
            options["network"] = options.pop("quality")
        asked = EngineOptions(**options)
        limit, scratch = asked.max_memory, asked.scratch
        self.max_memory = None if limit is None else parse_bytes(limit)
        self.scratch = None if scratch is None else checked_scratch(scratch)
        self.device = choose_device(asked.device)
        chosen = choose(asked.backend, asked.precision, self.device)
        chosen = replace(chosen, anywhere=asked.device == "auto")
        check_border(asked.border)
        model = as_style_model(style, asked.network)
        self.model = model.to(self.device)
        self.border = border_for(self.model.config, asked.border)
        self.on_notice = asked.on_notice
        self._exact = asked.precision == "auto"  # 16-bit arrays may be painted in float32
        self._backends: dict[Choice, Backend] = {}
        self._lock = threading.Lock()
        self._choice = self._reliable(chosen)
        self._backend(self._choice)

    def __getstate__(self) -> dict[str, Any]:
        """For copies and other processes: all but the back ends, which are made there anew."""
        return {
            key: value for key, value in vars(self).items() if key not in ("_backends", "_lock")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._backends, self._lock = {}, threading.Lock()

    @property
    def backend(self) -> str:
        """The back end that paints images which fit into memory."""
        return self._choice.backend

    @property
    def precision(self) -> str:
        """The number format in which it computes."""
        return self._choice.precision

    def __repr__(self) -> str:
        return (
            f"Engine({self.model.name!r}, device={str(self.device)!r}, "
            f"precision={self.precision!r}, backend={self.backend!r})"
        )

    def __call__(self, image: ImageT) -> ImageT:
        """Paint an image -> one of the same kind, size and depth.

        A tensor (N, 3, H, W), floats in [0, 1], gives float32 in [0, 1] on the image's device. An
        array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16, or floats in [0, 1], gives
        (H, W, 3), or (H, W, 4) with the alpha as it was; floats are float32. A Pillow image gives
        an 8-bit one, RGB or RGBA. Raises ImageError for anything else.
        """
        if isinstance(image, Tensor):
            return self.paint(image)
        if isinstance(image, np.ndarray):
            painted = self._paint_picture(as_picture(image))
            return _array(painted, image.dtype)
        if isinstance(image, Image.Image):
            painted = self._paint_picture(as_picture(image))
            return to_pil(painted.pixels, painted.alpha)
        raise ImageError(
            f"image of type {type(image).__name__}: wanted a tensor, an array or a Pillow image"
        )

    def paint(
        self,
        image: Tensor,
        *,
        bits: int = 8,
        on_progress: Callable[[float], object] = lambda share: None,  # noqa: ARG005
        cancel: CancelToken | None = None,
    ) -> Tensor:
        """Paint a tensor; 16 bits are computed in float32 if `precision` was left to be chosen.

        on_progress: hears what share is done, while an image is painted in tiles, and at the end.
        cancel: asked as often. Raises as a call does, and Cancelled.
        """
        choice = self._choice
        if bits == 16 and self._exact:
            choice = replace(choice, precision="float32")
        image = checked_image(image)
        watch = _Watch(on_progress=on_progress, cancel=cancel)
        watch.check()
        levels = image.to(self.device)

        def told(precision: str) -> None:
            self.on_notice(
                f"{self.model.name} leaves the range of {precision} here; painted again in float32"
            )

        name = f"style {self.model.name!r}"
        with out_of_memory_told(image), torch.autocast(self.device.type, enabled=False):
            for precision in ladder(choice.precision, name=name, on_overflow=told):
                painted = self._run(levels, replace(choice, precision=precision), watch)
                if is_finite(painted):
                    break
        on_progress(1.0)
        return painted.to(image.device)

    def _paint_picture(self, picture: Picture) -> Picture:
        pixels = picture.pixels
        if picture.alpha is not None:
            pixels = fill_hidden(pixels, picture.alpha)
        return replace(picture, pixels=self.paint(pixels, bits=picture.bits))

    def _run(self, image: Tensor, choice: Choice, watch: "_Watch") -> Tensor:
        height, width = image.shape[-2:]
        dtype = tiles_dtype(choice)
        if image.device.type == "cpu":
            name = str(dtype).removeprefix("torch.")
            dtype = getattr(torch, suitable_precision(image.numpy(), name))
        way = self._way(choice, image.shape, dtype)
        if way is Way.whole and not self.border:
            return self._backend(choice)(image)
        if way is Way.whole:
            continued = continue_image(image, self._first_step, self.border)
            return cut(self._backend(choice)(continued), (height, width), self.border)
        self.on_notice(f"{width} x {height} px are too large for one piece; painted {way.value}")
        network, recompute = self.model.network, way is not Way.tiles
        size_hw, border = (height, width), self.border
        rehearsal = rehearse(network, size_hw, dtype, recompute=recompute, border=border)
        strips = partial(
            stylize_in_strips,
            network,
            image,
            dtype=dtype,
            recompute=recompute,
            border=border,
            on_work=watch.of(len(image) * sum(rehearsal.costs)),
        )
        if way is not Way.scratch:
            return strips()
        with temporary_stores(self.scratch, rehearsal.peak_bytes, self.device) as new_store:
            return strips(new_store=new_store)

    @cached_property
    def _first_step(self) -> Mirror:
        first = rewrite(self.model.network)[0]
        assert isinstance(first, Mirror)
        return first

    def _way(self, choice: Choice, shape: torch.Size, dtype: torch.dtype) -> Way:
        """The fastest for which there is memory. Raises OptionError if there is none."""
        free = self.free_bytes(_WHOLE_SHARE)
        continued = self._continued_shape(shape)
        needed = whole_image_bytes(self.model, choice, continued)
        if self.border:
            needed += 2 * IMAGE_BYTES * continued.numel() // 3  # image and painting before the cut
        fits = free is None or needed <= free
        small = largest_map_bytes(self.model, choice, continued) < MOST_MAP_BYTES
        if fits and (small or choice.backend not in ("openvino", "onnx")):
            return Way.whole
        free = self.free_bytes(TILES_SHARE) or 0
        size_hw = (shape[-2], shape[-1])
        others = (shape[0] - 1) * size_hw[0] * size_hw[1] * 2 * IMAGE_BYTES
        tiles = partial(tiles_bytes, self.model.network, size_hw, dtype, border=self.border)
        if others + tiles() <= free:
            return Way.tiles
        if others + tiles(recompute=True) <= free:
            return Way.lean_tiles
        least = others + 2 * IMAGE_BYTES * size_hw[0] * size_hw[1] + FIXED_BYTES
        if least > free:
            raise too_large(size_hw, least, free)
        return Way.scratch

    def _continued_shape(self, shape: torch.Size) -> torch.Size:
        return torch.Size((*shape[:2], *(side + 2 * self.border for side in shape[2:])))

    def map_dtype(self, bits: int = 8) -> torch.dtype:
        """The number format in which pictures of so many bits are painted in tiles."""
        exact = bits == 16 and self._exact
        return torch.float32 if exact else tiles_dtype(self._choice)

    def free_bytes(self, share: float = TILES_SHARE) -> int | None:
        """What may still be taken of the device's memory; None where that is not known.

        Without a limit it is a share of all there is.
        """
        return free_memory(self.max_memory, self.device, share)

    def _backend(self, choice: Choice) -> Backend:
        """Made at its first use, then kept."""
        with self._lock:
            if choice not in self._backends:
                backend = make_backend(choice, self.model, self.device)
                backend.on_notice = lambda notice: self.on_notice(notice)
                self._backends[choice] = backend
            return self._backends[choice]

    def _reliable(self, choice: Choice) -> Choice:
        """PyTorch, which shows NaN, for networks that are not proven to stay in range."""
        if choice.backend in ("eager", "compile"):
            return choice
        if cannot_overflow(rewrite(self.model.network), _MOST_PIXELS):
            return choice
        self.on_notice(
            f"{self.model.name} may leave the range of float32, which {choice.backend} would not "
            "show; painted by PyTorch instead"
        )
        return replace(choice, backend="eager")


@dataclass(frozen=True, kw_only=True)
class _Watch:
    """Who hears of progress, and may cancel."""

    on_progress: Callable[[float], object]
    cancel: CancelToken | None

    def check(self) -> None:
        if self.cancel is not None:
            self.cancel.check()

    def of(self, total: int) -> Callable[[int], None]:
        """What hears of each part of `total` work."""
        done = 0

        def on_work(work: int) -> None:
            nonlocal done
            self.check()
            done += work
            self.on_progress(min(1.0, done / total))

        return on_work


def tiles_dtype(choice: Choice) -> torch.dtype:
    """The number format of maps that are made in tiles."""
    # only whole images are painted in int8
    dtype = torch.bfloat16 if choice.precision == "int8" else getattr(torch, choice.precision)
    assert isinstance(dtype, torch.dtype)
    return dtype


def whole_image_bytes(model: StyleModel, choice: Choice, shape: torch.Size) -> int:
    """Roughly what painting (N, 3, H, W) in one piece takes at its peak."""
    per_pixel = WHOLE_IMAGE_BYTES[choice.backend] * model.config.width + 3 * IMAGE_BYTES
    height, width = (side + _BORDERS_PX for side in shape[-2:])
    return int(shape[0] * height * width * per_pixel)


def largest_map_bytes(model: StyleModel, choice: Choice, shape: torch.Size) -> int:
    """Of one image: its first map, in the image's own resolution."""
    channels = round(_FIRST_FILTERS * model.config.width)
    return channels * tiles_dtype(choice).itemsize * shape[-2] * shape[-1]


def _array(picture: Picture, dtype: np.dtype[Any]) -> NDArray[Any]:
    """(H, W, 3), or (H, W, 4) with alpha: of `dtype`, or float32 for floats."""
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    values: NDArray[np.float32] = torch.cat(planes, 1)[0].permute(1, 2, 0).numpy()
    if not np.issubdtype(dtype, np.integer):
        return np.ascontiguousarray(values)
    samples: NDArray[Any] = np.rint(values * np.float32(np.iinfo(dtype).max)).astype(dtype)
    return samples
