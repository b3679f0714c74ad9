"""Small pictures that an evaluation keeps, so that figures need neither images nor networks."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from impasto.errors import ImageError, OptionError
from impasto.media import imresize, luma, resize_long_side, write_picture

CROP_PX = 96  # side, in the high resolution
OVERVIEW_PX = 256  # long side of the whole picture, reduced


@dataclass(frozen=True, kw_only=True)
class Box:
    """A part of an image, in px."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, pixels: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, height, width)."""
        rows, columns = (self.top, self.height), (self.left, self.width)
        return pixels.narrow(-2, *rows).narrow(-1, *columns)

    def divided(self, factor: int) -> "Box":
        """The same part of the low resolution."""
        return Box(
            top=self.top // factor,
            left=self.left // factor,
            height=self.height // factor,
            width=self.width // factor,
        )


def choose_box(high_res: Tensor, low_res: Tensor, factor: int) -> Box:
    """Where bicubic enlargement loses most: the same place for every model, and for every run.

    (1, 3, H, W) and its (1, 3, H / factor, W / factor); the box lies on whole low-resolution
    samples. A picture smaller than CROP_PX is taken whole.
    """
    size_hw = (high_res.shape[-2], high_res.shape[-1])
    error = luma(imresize(low_res, size_hw) - high_res).square()
    height, width = (min(CROP_PX // factor, size // factor) for size in size_hw)
    # one number for each low-resolution sample, then for each place where the box can lie
    sampled = F.avg_pool2d(error, factor)
    placed = F.avg_pool2d(sampled.double(), (height, width), stride=1)[0, 0]
    top, left = divmod(int(placed.argmax()), placed.shape[1])
    return Box(top=top * factor, left=left * factor, height=height * factor, width=width * factor)


def chosen_images(count: int, wanted: int) -> list[int]:
    """Indices of `wanted` images spread evenly over a set of `count`, first and last among them."""
    if wanted >= count:
        return list(range(count))
    if wanted < 2:
        return [0][:wanted]
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


def keep_picture(path: Path, pixels: Tensor, beside: Path) -> dict[str, Any]:
    """Write a PNG and describe it: its path relative to the folder `beside`, and its sha256.

    Raises OptionError if it cannot be written.
    """
    try:
        write_picture(path, pixels)
    except ImageError as error:
        raise OptionError(str(error)) from error
    return {"file": _relative(path, beside), "sha256": _sha256(path)}


def is_kept(picture: dict[str, Any] | None, beside: Path) -> bool:
    """Whether a picture that results name is still there, unchanged."""
    if not picture:
        return False
    path = beside / str(picture["file"])
    return path.is_file() and _sha256(path) == str(picture["sha256"])


def open_kept(folder: Path, picture: dict[str, Any]) -> Image.Image:
    """A picture that a file in `folder` names, as RGB. Raises OptionError if it is not that one."""
    if not is_kept(picture, folder):
        raise OptionError(
            f"{folder / str(picture['file'])}: missing, or not the picture that the results name; "
            "run the evaluation again, which makes it anew"
        )
    with Image.open(folder / str(picture["file"])) as image:
        return image.convert("RGB")


def overview(high_res: Tensor) -> Tensor:
    """The whole picture, its long side at most OVERVIEW_PX."""
    if max(high_res.shape[-2:]) <= OVERVIEW_PX:
        return high_res
    return resize_long_side(high_res, OVERVIEW_PX)


def file_stem(*parts: str) -> str:
    """Names as one part of a path: ("bsd100", "a/b") -> "bsd100-a-b-5c1a9f", different for each."""
    safe = "-".join(re.sub(r"[^\w.+]+", "-", part).strip("-.") for part in parts)
    if safe == "-".join(parts):
        return safe
    return f"{safe}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:6]}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _relative(path: Path, beside: Path) -> str:
    path, beside = path.absolute(), beside.absolute()
    return (path.relative_to(beside) if path.is_relative_to(beside) else path).as_posix()
