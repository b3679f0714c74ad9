"""A folder of photos -> random square crops, any of which can be asked for by its number.

Sample k depends on the seed and k alone, not on what was drawn before: a run that goes on from
iteration i asks for sample i * batch_size and sees what an uninterrupted run would have seen.
"""

import glob
import math
import random
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from impasto.errors import ImageError, TrainingError
from impasto.media import IMAGE_SUFFIXES, find_images, read_picture, resize

# A crop of one colour has no variance in any instance norm: it teaches nothing, and its gradient,
# 1/sqrt(eps) times larger with every layer, is infinite in bfloat16.
FLAT_STD = 1 / 255
CROP_ATTEMPTS = 8

# NTSC's Y, I and Q (ITU-R BT.601 luma): turning I and Q turns the hue and leaves the luma.
_RGB_TO_YIQ = (
    (0.299, 0.587, 0.114),
    (0.595716, -0.274453, -0.321263),
    (0.211456, -0.522591, 0.311135),
)

Sample = TypeVar("Sample")
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class PhotoBatch:
    """`images` (N, 3, S, S) in [0, 1]; `skipped` says which files could not be read, and why."""

    images: Tensor
    skipped: dict[Path, str]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.images,)

    @property
    def count(self) -> int:
        return self.images.shape[0]

    @property
    def crop_px(self) -> int:
        return self.images.shape[-1]

    def to(self, device: torch.device) -> Self:
        """On `device`, channels last."""
        images = self.images.to(device, memory_format=torch.channels_last)
        return type(self)(images, self.skipped)


@dataclass(frozen=True)
class PhotoCrop:
    """`image` (3, S, S) in [0, 1]; `skipped` the unreadable files met on the way to it."""

    image: Tensor
    skipped: dict[Path, str]


class PhotoCrops(Dataset[PhotoCrop]):
    """Endless, shuffled anew every epoch: sample k is a random crop of a random scale, or mirrored.

    `crop_px` gives the side of sample k's crop in pixels. A photo is scaled at random, so that
    the crop shows between all of its short side and `crop_px / zoom` of its pixels. A zoom above
    1 stands for photos larger than those at hand, whose details fill more pixels. `color_jitter`
    is the strength of `jitter_colors`. An unreadable file is replaced by the next one of the
    epoch's order. Raises TrainingError if no file of the list can be read.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        crop_px: Callable[[int], int],
        *,
        seed: int,
        zoom: float = 1.0,
        color_jitter: float = 0.0,
    ) -> None:
        if not paths:
            raise TrainingError("no photos to train on; name a folder that holds some")
        self.paths = list(paths)
        self.crop_px = crop_px
        self.seed = seed
        self.zoom = zoom
        self.color_jitter = color_jitter
        self._order: tuple[int, list[int]] = (-1, [])

    def __getitem__(self, index: int) -> PhotoCrop:
        epoch, place = divmod(index, len(self.paths))
        order = self._epoch_order(epoch)
        skipped: dict[Path, str] = {}
        for attempt in range(len(order)):
            path = self.paths[order[(place + attempt) % len(order)]]
            try:
                pixels = read_picture(path).pixels
            except ImageError as error:
                skipped[path] = str(error)
                continue
            crop = self._lively_crop(pixels, index)
            if crop is not None:
                return PhotoCrop(crop[0], skipped)
        raise TrainingError(
            f"none of the {len(order)} photos can be used: each is unreadable or of a single "
            f"colour, {self.paths[0]} to begin with"
        )

    def _lively_crop(self, pixels: Tensor, index: int) -> Tensor | None:
        """A crop that is not of a single colour; None if the photo seems to have none."""
        chance = random.Random(f"{self.seed}:{index}")
        for _ in range(CROP_ATTEMPTS):
            crop = random_crop(pixels, self.crop_px(index), chance, zoom=self.zoom)
            crop = jitter_colors(crop, self.color_jitter, chance)
            if float(crop.std()) > FLAT_STD:
                return crop
        return None

    def _epoch_order(self, epoch: int) -> list[int]:
        if self._order[0] != epoch:
            order = list(range(len(self.paths)))
            random.Random(f"{self.seed}:epoch:{epoch}").shuffle(order)
            self._order = (epoch, order)
        return self._order[1]


def random_crop(
    pixels: Tensor, crop_px: int, chance: random.Random, *, zoom: float = 1.0
) -> Tensor:
    """(1, 3, H, W) -> (1, 3, crop_px, crop_px): random scale up to `zoom`, place and mirroring."""
    height, width = pixels.shape[-2:]
    smallest = crop_px / min(height, width)
    # evenly in the logarithm: as often half as large as twice
    scale = smallest * max(zoom / smallest, 1.0) ** chance.random()
    side = min(max(1, round(crop_px / scale)), height, width)
    top, left = chance.randint(0, height - side), chance.randint(0, width - side)
    crop = resize(pixels[..., top : top + side, left : left + side], (crop_px, crop_px))
    return crop.flip(-1) if chance.random() < 0.5 else crop


def jitter_colors(pixels: Tensor, strength: float, chance: random.Random) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> the same shape and range; half of the calls change nothing.

    The other half draws, evenly in the logarithm, a gamma and factors of contrast (about the mean)
    and of saturation between 1 / (1 + strength) and 1 + strength, and a turn of the hue by up to
    180 degrees times the strength. Few photos then stand for many: a network that has seen each of
    them some dozens of times paints photos of other colours worse than these.
    """
    if not strength or chance.random() < 0.5:
        return pixels
    limit = math.log1p(strength)
    gamma, contrast, saturation = (math.exp(chance.uniform(-limit, limit)) for _ in range(3))
    toned = pixels.clamp(0, 1) ** gamma
    mean = toned.mean(dim=(1, 2, 3), keepdim=True)
    toned = (toned - mean) * contrast + mean
    angle = math.pi * chance.uniform(-strength, strength)
    matrix = _color_matrix(saturation, angle).to(pixels)
    return torch.einsum("oc,nchw->nohw", matrix, toned).clamp(0, 1)


def _color_matrix(saturation: float, angle: float) -> Tensor:
    """(3, 3), RGB -> RGB: the chroma times `saturation`, turned by `angle` in radians."""
    to_yiq = torch.tensor(_RGB_TO_YIQ, dtype=torch.float64)
    turn = torch.eye(3, dtype=torch.float64)
    cosine, sine = saturation * math.cos(angle), saturation * math.sin(angle)
    turn[1:, 1:] = torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)
    to_rgb: Tensor = torch.linalg.inv(to_yiq)
    return to_rgb @ turn @ to_yiq


def center_crop(pixels: Tensor, crop_px: int) -> Tensor:
    """(1, 3, H, W) -> (1, 3, crop_px, crop_px): short side resized, the middle kept."""
    height, width = pixels.shape[-2:]
    scale = crop_px / min(height, width)
    size_hw = (max(crop_px, round(height * scale)), max(crop_px, round(width * scale)))
    top, left = (size_hw[0] - crop_px) // 2, (size_hw[1] - crop_px) // 2
    return resize(pixels, size_hw)[..., top : top + crop_px, left : left + crop_px]


def batches_in_order(
    samples: Dataset[Sample],
    collate: Callable[[list[Sample]], Batch],
    *,
    batch_size: int,
    start: int,
    stop: int,
    workers: int,
) -> Iterator[Batch]:
    """Batches `start` ... `stop` - 1 of samples asked for by number, by `workers` processes."""
    loader: DataLoader[Sample] = DataLoader(
        samples,
        batch_size=batch_size,
        sampler=range(start * batch_size, stop * batch_size),
        num_workers=workers,
        collate_fn=collate,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_ignore_interruption,
        generator=torch.Generator(),  # else it draws from the global one, whenever a run goes on
    )
    return iter(loader)


def _ignore_interruption(worker: int) -> None:  # noqa: ARG001
    """A terminal's Ctrl-C reaches the workers too, and what was begun here may need them yet."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def photo_batches(
    crops: PhotoCrops, *, batch_size: int, start: int, stop: int, workers: int
) -> Iterator[PhotoBatch]:
    """Batches `start` ... `stop` - 1, decoded ahead by `workers` processes, always in order."""
    return batches_in_order(
        crops, _collate, batch_size=batch_size, start=start, stop=stop, workers=workers
    )


def _collate(samples: list[PhotoCrop]) -> PhotoBatch:
    skipped = {path: reason for sample in samples for path, reason in sample.skipped.items()}
    return PhotoBatch(torch.stack([sample.image for sample in samples]), skipped)


def find_photos(folder: Path, option: str = "photos") -> list[Path]:
    """Every picture below `folder`, sorted. Raises TrainingError, which names `option`, if none."""
    if not folder.is_dir():
        raise TrainingError(f"`{option}`: {folder} is not a folder; name the folder of your photos")
    paths = find_images(folder)
    if not paths:
        raise TrainingError(f"`{option}`: no pictures below {folder}; JPEG, PNG, WebP … are read")
    return paths


def find_photo_set(inputs: Sequence[Path]) -> list[Path]:
    """Every picture of several folders, files and patterns (photos/bsds_*.jpg), each once.

    In the order of the inputs, sorted within each. Raises TrainingError for an input that names
    no picture.
    """
    found: dict[Path, None] = {}
    for source in inputs:
        if source.is_dir():
            paths = find_photos(source)
        elif source.is_file():
            paths = [source]
        else:
            pattern = str(source)
            # pathlib has no function for a pattern that may be absolute
            matches = glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else []  # noqa: PTH207
            paths = [Path(name) for name in sorted(matches)]
            paths = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]
        if not paths:
            raise TrainingError(f"`photos`: {source} names no picture; give a folder of photos")
        found |= dict.fromkeys(paths)
    return list(found)
