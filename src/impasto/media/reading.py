"""From a picture file, or a Pillow image, to a Picture."""

from pathlib import Path

from PIL import Image

from impasto.media.decoding import DecodedPicture, decoded_file, decoded_image
from impasto.media.opening import read_errors_named
from impasto.media.picture import DEFAULT_MAX_PIXELS, Picture
from impasto.media.pillow_warnings import pillow_warnings_ignored
from impasto.media.tensors import tensors_from_rows


def read_picture(path: Path | str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Read a JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC file, whatever its suffix.

    The EXIF orientation is applied, colours are converted to sRGB by the embedded ICC profile (a
    damaged profile is ignored), alpha is split off, and 16-bit samples keep their precision; where
    a 16-bit picture has a profile made of lookup tables, its colours go through 8 bits. Of a TIFF
    with several pages, an MPO or a HEIC burst the first picture is read.

    Raises ImageError, which names the file, for anything that is not one whole still picture of
    at most `max_pixels` pixels. The limit is checked on the header, before memory is used.
    """
    with decoded_file(Path(path), max_pixels) as decoded:
        return _picture(decoded)


def from_pil(image: Image.Image) -> Picture:
    """A Pillow image -> Picture, treated as `read_picture` treats a file; `image` is not changed.

    Of an animation the present frame is taken. Pillow holds RGB with 8 bits at most, so 16-bit
    colour needs `read_picture`. Raises ImageError if the image's own file turns out damaged.
    """
    source = str(getattr(image, "filename", "") or f"image of mode {image.mode}")
    with read_errors_named(source), pillow_warnings_ignored():
        image.load()
        return _picture(decoded_image(image, source, owned=False))


def _picture(decoded: DecodedPicture) -> Picture:
    pixels, alpha = tensors_from_rows(decoded.rows, decoded.size_hw, decoded.channels)
    return Picture(
        pixels=pixels,
        alpha=alpha,
        bits=decoded.bits,
        gray=decoded.gray,
        metadata=decoded.metadata,
    )
