"""Small pictures with known values."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def noise8(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(19, 23, 3) uint8."""
    return rng.integers(0, 256, (19, 23, 3), dtype=np.uint8)


@pytest.fixture
def noise16(rng: np.random.Generator) -> NDArray[np.uint16]:
    """(19, 23, 4) uint16; alpha last."""
    return rng.integers(0, 65536, (19, 23, 4), dtype=np.uint16)


@pytest.fixture
def smooth8() -> NDArray[np.uint8]:
    """(48, 64, 3) uint8 gradients, which lossy formats keep well."""
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 4, y * 5, 255 - x * 2 - y * 2], axis=-1).astype(np.uint8)


@pytest.fixture
def as_tensor() -> Callable[[NDArray[np.integer]], Tensor]:
    """(H, W, C) integers -> (1, C, H, W) in [0, 1], by division alone."""

    def convert(values: NDArray[np.integer]) -> Tensor:
        scaled = values.astype(np.float64) / np.iinfo(values.dtype).max
        return torch.from_numpy(scaled.astype(np.float32)).permute(2, 0, 1)[None]

    return convert


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """(Pillow image, format, **options) -> the file's bytes, written by Pillow."""

    def encode(image: Image.Image, form: str, **options: object) -> bytes:
        stream = io.BytesIO()
        image.save(stream, form, **options)
        return stream.getvalue()

    return encode
