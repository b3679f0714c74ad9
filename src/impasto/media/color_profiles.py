"""ICC profiles: what a file's numbers mean, brought to sRGB.

LittleCMS behind Pillow works on 8-bit samples only. Camera and monitor profiles (Adobe RGB,
Display P3, ProPhoto, grey gammas) are nearly all made of a matrix and curves; those are applied
here in floating point, so that 16-bit pictures lose no bit, and tell whether a profile is sRGB
under another name. Source: ICC.1:2022 (profile version 4.4), sections 7.3, 10.6, 10.18 and E.1.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto.media.samples import Samples

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
# Without it the shadows of most CMYK prints, which have no true black, come out flat.
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
Floats = NDArray[np.float32]
Curve = Callable[[Floats], Floats]

# XYZ of the sRGB primaries (columns), adapted to the D50 white that profiles are relative to.
_SRGB_TO_XYZ_D50 = np.array(
    [
        [0.4360747, 0.3850649, 0.1430804],
        [0.2225045, 0.7168786, 0.0606169],
        [0.0139322, 0.0971045, 0.7141733],
    ]
)


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The sRGB profile that every file we write is tagged with; the same bytes each time."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # LittleCMS stamps the present time into bytes 24 to 35; equal pictures should be equal files.
    profile[24:36] = bytes.fromhex("07e8 0001 0001 0000 0000 0000")
    profile[84:100] = bytes(16)  # the checksum; zero means "not calculated"
    return bytes(profile)


def to_srgb(image: Image.Image, icc: bytes | None) -> Image.Image:
    """8-bit L, RGB, CMYK or LAB -> L or RGB in sRGB. May reuse `image`'s memory.

    A profile that is damaged, or of another kind of colour than the image, is ignored: the numbers
    are then taken for sRGB, as is usual. CMYK without a profile is converted by the plain formula
    (1 - ink) * (1 - black). Colours outside sRGB are clipped (relative colorimetric intent, with
    black point compensation).
    """
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        return _converted(image, lab) or image.convert("RGB")
    curves = parse_matrix_profile(icc) if icc else None
    if icc and not (curves is not None and curves.is_srgb()):
        profile = _opened(icc)
        converted = None if profile is None else _converted(image, profile)
        if converted is not None:
            return converted
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def lookup_conversion(icc: bytes) -> Callable[[Samples], Samples] | None:
    """For an RGB profile of lookup tables: (h, w, 3) in [0, 1] -> sRGB, by way of 8 bits.

    None if the profile is damaged or not for RGB, as it is then ignored.
    """
    profile = _opened(icc)
    if profile is None or profile.profile.xcolor_space.strip() != "RGB":
        return None

    def convert(samples: Samples) -> Samples:
        image = Image.fromarray((samples * 255).round().astype(np.uint8))
        return np.asarray(to_srgb(image, icc)).astype(np.float32) / np.float32(255)

    return convert


def _opened(icc: bytes) -> ImageCms.ImageCmsProfile | None:
    """None if it is damaged."""
    try:
        return ImageCms.ImageCmsProfile(BytesIO(icc))
    except (OSError, ImageCms.PyCMSError):
        return None


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image | None:
    """None if LittleCMS cannot connect the image's mode with the profile."""
    try:
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.ImageCmsProfile(BytesIO(srgb_profile())),
            image.mode,
            "RGB",
            _INTENT,
            # Grey goes through a table of 256 entries, for which there is time to be exact.
            _FLAGS | ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else _FLAGS,
        )
        if image.mode == "L":  # grey stays grey: convert the 256 values, then look them up
            ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
            grays = ImageCms.applyTransform(ramp, transform)
            return None if grays is None else image.point(list(grays.getchannel("G").tobytes()))
        if image.mode == "RGB":
            ImageCms.applyTransform(image, transform, inPlace=True)
            return image
        return ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, ValueError, TypeError):
        return None


@dataclass(frozen=True, kw_only=True)
class MatrixProfile:
    """One curve and no matrix for grey; three curves and linear-RGB -> linear-sRGB for colour."""

    curves: tuple[Curve, ...]
    matrix: Floats | None

    def to_srgb(self, samples: Floats) -> Floats:
        """(..., 1) or (..., 3) samples in [0, 1] -> coded sRGB, clipped to [0, 1]."""
        linear = np.stack(
            [curve(samples[..., i]) for i, curve in enumerate(self.curves)], axis=-1
        ).astype(np.float32)
        if self.matrix is not None:
            linear = linear @ self.matrix.T
        return encode_srgb(linear)

    def is_srgb(self) -> bool:
        """Whether no colour moves by as much as one 8-bit step: then pixels are left untouched."""
        axis = np.linspace(0, 1, 9, dtype=np.float32)
        if self.matrix is None:
            grid = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
        else:
            grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
        return bool(np.abs(self.to_srgb(grid) - grid).max() < 1 / 255)


def encode_srgb(linear: Floats) -> Floats:
    """Linear light -> the sRGB code (IEC 61966-2-1), clipped to [0, 1]."""
    linear = np.clip(linear, 0, 1)
    low, high = linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    return np.asarray(np.where(linear <= 0.0031308, low, high), np.float32)


def parse_matrix_profile(icc: bytes) -> MatrixProfile | None:
    """The profile's matrix and curves; None if it is damaged or built from lookup tables."""
    try:
        tags = _tags(icc)
        space = icc[16:20]
        if space == b"GRAY" and b"kTRC" in tags:
            return MatrixProfile(curves=(_curve(tags[b"kTRC"]),), matrix=None)
        if space != b"RGB " or icc[20:24] != b"XYZ " or b"A2B0" in tags:
            return None
        colorants = np.stack([_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
        curves = tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        matrix = (np.linalg.inv(_SRGB_TO_XYZ_D50) @ colorants).astype(np.float32)
        return MatrixProfile(curves=curves, matrix=matrix)
    except (struct.error, KeyError, ValueError, IndexError, ZeroDivisionError):
        return None


def _tags(icc: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", icc, 128)
    tags = {}
    for i in range(min(count, 200)):  # real profiles have 10 to 30
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * i)
        tags[name] = icc[offset : offset + size]
    return tags


def _xyz(tag: bytes) -> NDArray[np.float64]:
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536  # s15Fixed16


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        return _sampled_curve(tag)
    if tag[:4] == b"para":
        return _parametric_curve(tag)
    raise ValueError(f"curve type {tag[:4]!r}")


def _sampled_curve(tag: bytes) -> Curve:
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return lambda x: x
    table = np.array(struct.unpack_from(f">{count}H", tag, 12))
    if count == 1:
        gamma = float(table[0]) / 256  # u8Fixed8
        return lambda x: x**gamma
    heights = table / 65535
    places = np.linspace(0, 1, count)
    return lambda x: np.interp(x, places, heights).astype(np.float32)


def _parametric_curve(tag: bytes) -> Curve:
    (kind,) = struct.unpack_from(">H", tag, 8)
    count = (1, 3, 4, 5, 7)[kind]
    values = [value / 65536 for value in struct.unpack_from(f">{count}i", tag, 12)]
    # Every kind is Y = (aX + b)^gamma + e where X >= d, else cX + f (table 68 of the source).
    gamma, a, b, c, d, e, f = values + [0.0] * (7 - count)
    if kind == 0:
        a = 1.0
    if kind in (1, 2):
        c, d, e, f = 0.0, -b / a, c, c  # the third number of kind 2 is the offset of both parts

    def curve(x: Floats) -> Floats:
        power = np.maximum(a * x + b, 0) ** gamma + e
        return np.asarray(np.where(x >= d, power, c * x + f), np.float32)

    return curve
