"""A test image, prepared: read, cropped, its low resolution made, its small pictures kept.

Those pictures are all that figures need, so figures read no images and run no networks.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from impasto.evaluation.image_sets import ImageSet
from impasto.evaluation.protocols import Protocol
from impasto.evaluation.record import file_stem, is_kept, keep_picture
from impasto.media import imresize, luma, resize_long_side

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
        return Box(**{name: px // factor for name, px in asdict(self).items()})


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


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What every model of an evaluation gets. `box`: the part of which crops are kept, if any."""

    set: str
    name: str
    high_res: Tensor  # (1, 3, H, W), cropped to multiples of the factor
    low_res: Tensor
    gray: bool
    pixels_sha256: str
    genuine: bool | None
    file_size_hw: tuple[int, int]
    box: Box | None

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "pixels_sha256": self.pixels_sha256,
            "size_hw": list(self.file_size_hw),
            "gray": self.gray,
            "genuine": self.genuine,
        }


def read_subject(
    image_set: ImageSet, name: str, protocol: Protocol, factor: int, *, crop: bool
) -> Subject:
    """Raises ImageError or OptionError, with the reason, for an image that cannot be judged."""
    loaded = image_set.read(name)
    high_res = protocol.cropped(loaded.high_res, factor)
    low_res = protocol.low_res(high_res, factor)
    return Subject(
        set=image_set.name,
        name=name,
        high_res=high_res,
        low_res=low_res,
        gray=loaded.gray,
        pixels_sha256=loaded.pixels_sha256,
        genuine=loaded.genuine,
        file_size_hw=(loaded.high_res.shape[-2], loaded.high_res.shape[-1]),
        box=choose_box(high_res, low_res, factor) if crop else None,
    )


class KeptPictures:
    """Small pictures beside a results file: FILE-crops/SET-IMAGE-high_res.png, ...-by-MODEL.png."""

    def __init__(self, results_file: Path) -> None:
        self.beside = results_file.parent
        self.folder = self.beside / f"{results_file.stem}-crops"

    def keep_output(self, subject: Subject, model: str, output: Tensor) -> dict[str, Any] | None:
        """The crop of a model's output, (1, 3, H, W) in [0, 1]; None if none is wanted."""
        if subject.box is None:
            return None
        return keep_picture(
            self._path(subject, f"by-{model}"), subject.box.cut(output), self.beside
        )

    def keep_subject(
        self, subject: Subject, before: dict[str, Any] | None, factor: int
    ) -> dict[str, Any] | None:
        """The crops of high and low resolution, and the whole, unless `before` has them already."""
        if subject.box is None:
            return None
        box, kept = subject.box, dict(before or {})
        pictures = {
            "high_res": box.cut(subject.high_res),
            "low_res": box.divided(factor).cut(subject.low_res),
            "overview": resize_long_side(
                subject.high_res, min(OVERVIEW_PX, max(subject.high_res.shape[-2:]))
            ),
        }
        for name, pixels in pictures.items():
            if not self.has(kept.get(name)):
                kept[name] = keep_picture(self._path(subject, name), pixels, self.beside)
        return {**kept, "box": asdict(box)}

    def has(self, picture: dict[str, Any] | None) -> bool:
        """Whether a picture named in results is there, unchanged."""
        return is_kept(picture, self.beside)

    def _path(self, subject: Subject, what: str) -> Path:
        return self.folder / f"{file_stem(subject.set, subject.name, what)}.png"
