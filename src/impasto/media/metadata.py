"""EXIF, XMP and resolution: taken from a file, cleaned, and made ready for another file."""

import math
import re
from typing import Any

from PIL import Image, PngImagePlugin
from PIL.ExifTags import IFD, Base

from impasto.media.picture import Metadata

# What describes the picture. Everything else in the first directory describes the file it came
# from (strips, compression, the thumbnail's place) and would be wrong in another file.
_KEPT_TAGS = (
    Base.ImageDescription,
    Base.Make,
    Base.Model,
    Base.Software,
    Base.DateTime,
    Base.Artist,
    Base.HostComputer,
    Base.Rating,
    Base.RatingPercent,
    Base.Copyright,
    Base.XPTitle,
    Base.XPComment,
    Base.XPAuthor,
    Base.XPKeywords,
    Base.XPSubject,
)
# The size may change, and so does the colour space: both would be stale.
_STALE_EXIF_TAGS = (Base.ExifImageWidth, Base.ExifImageHeight, Base.ColorSpace)
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))[2-8]")
EXIF_PREFIX = b"Exif\x00\x00"
_JPEG_SEGMENT_BYTES = 65_500  # what fits beside the segment's own headers
_PNG_XMP_KEYWORD = "XML:com.adobe.xmp"


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 if there is none or it cannot be read."""
    try:
        value = image.getexif().get(Base.Orientation, 1)
    except Exception:  # damaged EXIF raises nearly anything, and says nothing about the pixels
        return 1
    return value if value in range(1, 9) else 1


def metadata_of(image: Image.Image) -> Metadata:
    """What is readable of a decoded image's metadata; what is damaged is left out."""
    xmp = image.info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    return Metadata(
        exif=_clean_exif(image),
        xmp=_XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) and xmp else None,
        dpi=_valid_dpi(image.info.get("dpi")),
    )


def _clean_exif(image: Image.Image) -> bytes | None:
    try:
        found = image.getexif()
        kept = Image.Exif()
        for tag in _KEPT_TAGS:
            if tag in found:
                kept[tag] = found[tag]
        for directory in (IFD.Exif, IFD.GPSInfo):
            entries = dict(found.get_ifd(directory))
            for tag in _STALE_EXIF_TAGS:
                entries.pop(tag, None)
            entries.pop(IFD.Interop, None)  # names the old colour space
            if entries:
                kept[directory] = entries
        if len(kept) == 0:
            return None
        kept[Base.Orientation] = 1
        return kept.tobytes().removeprefix(EXIF_PREFIX)
    except Exception:  # as above
        return None


def _valid_dpi(dpi: object) -> tuple[float, float] | None:
    if not isinstance(dpi, tuple) or len(dpi) != 2:
        return None
    try:
        x, y = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    # One dot per inch is TIFF's way to say nothing; JPEG has 16 bits for the number.
    return (x, y) if 1 < x < 65_535 and 1 < y < 65_535 else None


def pillow_save_options(metadata: Metadata, pillow_name: str) -> dict[str, Any]:
    """Keyword arguments for Pillow's save.

    JPEG has room for 64 KB of EXIF and as much XMP; a larger block is left out there. BMP holds
    the resolution only.
    """
    options: dict[str, Any] = {}
    if metadata.dpi and pillow_name in ("JPEG", "PNG", "BMP"):
        options["dpi"] = metadata.dpi
    if pillow_name == "BMP":
        return options
    room = _JPEG_SEGMENT_BYTES if pillow_name == "JPEG" else math.inf
    if metadata.exif and len(metadata.exif) <= room:
        options["exif"] = EXIF_PREFIX + metadata.exif
    if metadata.xmp and len(metadata.xmp) <= room:
        if pillow_name == "PNG":
            options["pnginfo"] = PngImagePlugin.PngInfo()
            text = metadata.xmp.decode("utf-8", "replace")
            options["pnginfo"].add_itxt(_PNG_XMP_KEYWORD, text)
        else:
            options["xmp"] = metadata.xmp
    return options
