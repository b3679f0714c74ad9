"""ICC profiles: what a file's numbers mean, brought to sRGB."""

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

from impasto.media.matrix_profiles import parse_matrix_profile
from impasto.media.samples import Samples

_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
# Without it the shadows of most CMYK prints, which have no true black, come out flat.
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION


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
    if icc and not _is_srgb(icc):
        try:
            profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        except (OSError, ImageCms.PyCMSError):
            profile = None
        converted = _converted(image, profile) if profile else None
        if converted is not None:
            return converted
    return image if image.mode == "L" else image.convert("RGB") if image.mode != "RGB" else image


def lookup_conversion(icc: bytes) -> Callable[[Samples], Samples] | None:
    """For an RGB profile of lookup tables: (h, w, 3) in [0, 1] -> sRGB, by way of 8 bits.

    None if the profile is damaged or not for RGB, as it is then ignored.
    """
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
    except (OSError, ImageCms.PyCMSError):
        return None
    if profile.profile.xcolor_space.strip() != "RGB":
        return None

    def convert(samples: Samples) -> Samples:
        image = Image.fromarray((samples * 255).round().astype(np.uint8))
        return np.asarray(to_srgb(image, icc)).astype(np.float32) / np.float32(255)

    return convert


def _is_srgb(icc: bytes) -> bool:
    profile = parse_matrix_profile(icc)
    return profile is not None and profile.is_srgb()


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
