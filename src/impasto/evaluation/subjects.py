"""A test image, prepared: read, cropped, its low resolution made, its small pictures kept."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from impasto.evaluation.crops import Box, choose_box, file_stem, is_kept, keep_picture, overview
from impasto.evaluation.image_sets import ImageSet, TestImage
from impasto.evaluation.protocols import Protocol


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
    image_set: ImageSet, image: TestImage, protocol: Protocol, factor: int, *, crop: bool
) -> Subject:
    """Raises ImageError or OptionError, with the reason, for an image that cannot be judged."""
    loaded = image_set.read(image)
    high_res = protocol.cropped(loaded.high_res, factor)
    low_res = protocol.low_res(high_res, factor)
    return Subject(
        set=image_set.name,
        name=image.name,
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
            "overview": overview(subject.high_res),
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
