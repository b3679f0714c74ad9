"""EXIF, XMP and resolution: taken from a file, cleaned, and made ready for another file."""

import re

from PIL import Image
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
