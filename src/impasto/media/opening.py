"""From a file to a Pillow image whose header is checked and whose pixels are not yet decoded."""

import importlib
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile

from impasto.errors import ImageError, ImpastoError
from impasto.files.user_files import is_special

# Pillow's modules that read them; importing one registers it. Only these are ever tried: no
# PostScript, no stubs.
_PLUGINS = {
    "JPEG": "JpegImagePlugin",  # and MPO
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "TIFF": "TiffImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "AVIF": "AvifImagePlugin",
}
_READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC"
# In these, further frames are moments of one moving picture. In TIFF, MPO and HEIC they are pages,
# thumbnails or gain maps, and the first is the picture.
_MOVING_FORMATS = frozenset({"GIF", "PNG", "WEBP", "AVIF"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"}
)

# Threads inside `pillow_warnings_ignored`, and the filters from before the first of them.
_lock = threading.Lock()
_inside = 0
_saved = ExitStack()


@contextmanager
def read_errors_named(source: str) -> Iterator[None]:
    """Turn whatever goes wrong inside into an ImageError that starts with `source`.

    Errors that tell what to do pass through: they are of what the block does besides.
    """
    try:
        yield
    except ImpastoError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{source}: no such file; check the path") from error
    except PermissionError as error:
        raise ImageError(f"{source}: no permission to read it") from error
    except MemoryError as error:
        raise ImageError(f"{source}: not enough memory to decode this picture") from error
    except Exception as error:  # damaged files raise nearly anything inside Pillow
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{source}: cannot be decoded, the file is damaged or of an unknown kind ({reason}); "
            "replace or remove it"
        ) from error


@contextmanager
def opened(path: Path, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """Yield the image of `path`, header parsed and checked, nothing decoded.

    Raises ImageError, naming the file, for a file that is missing, a folder, empty, not a picture,
    moving, or of more than `max_pixels` pixels; also for any error inside the `with` block.
    """
    with read_errors_named(str(path)), pillow_warnings_ignored():
        if path.is_dir():
            raise ImageError(f"{path}: is a folder; a picture file is wanted")
        if is_special(path):
            raise ImageError(f"{path}: is a pipe, socket or device; a picture file is wanted")
        with path.open("rb") as stream:
            image = _identify(stream, path)
            _check_size(image, path, max_pixels)
            _check_still(image, path)
            yield image


def _identify(stream: IO[bytes], path: Path) -> ImageFile.ImageFile:
    prefix = stream.read(64)
    if not prefix:
        raise ImageError(f"{path}: the file is empty (0 bytes); replace or remove it")
    brands = _container_brands(prefix)
    if brands & _HEIC_BRANDS and not brands & {b"avif", b"avis"}:
        return _open_heic(stream, path)
    # Not Image.open: it applies the process-wide pixel limit, as a warning or an error, where we
    # have a limit of our own and may not change the global one.
    for name, plugin in _PLUGINS.items():
        importlib.import_module(f"PIL.{plugin}")
        factory, accept = Image.OPEN[name]
        if accept is not None and accept(prefix[:16]) is True:
            stream.seek(0)
            return factory(stream, "")
    raise ImageError(f"{path}: not a picture file that is known here; wanted one of {_READABLE}")


def _container_brands(prefix: bytes) -> frozenset[bytes]:
    """The brands in the `ftyp` box that opens an AVIF or HEIC file; empty for other files."""
    if prefix[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(prefix[:4], "big"), len(prefix))
    major, compatible = prefix[8:12], prefix[16:end]
    return frozenset({major, *(compatible[i : i + 4] for i in range(0, len(compatible), 4))})


def _open_heic(stream: IO[bytes], path: Path) -> ImageFile.ImageFile:
    try:
        pillow_heif: Any = importlib.import_module("pillow_heif")  # optional, few need it
    except ImportError as error:
        raise ImageError(
            f"{path}: HEIC needs the package pillow-heif; install it with "
            "pip install 'impasto[heic]', or convert the file to JPEG"
        ) from error
    stream.seek(0)
    image: ImageFile.ImageFile = pillow_heif.HeifImageFile(stream)
    return image


def _check_size(image: Image.Image, path: Path, max_pixels: int) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"{path}: has no pixels ({width} x {height}); replace or remove it")
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} is {_in_words(width * height)}, above the limit of "
            f"{_in_words(max_pixels)}; raise it (max_pixels) if the file is trusted"
        )


def _in_words(pixels: int) -> str:
    return f"{pixels / 1e6:.0f} megapixels" if pixels >= 1e7 else f"{pixels} pixels"


def _check_still(image: ImageFile.ImageFile, path: Path) -> None:
    if image.format in _MOVING_FORMATS and getattr(image, "is_animated", False):
        raise ImageError(
            f"{path}: is an animation, and only still pictures are read; save the frames that "
            "are wanted as PNG files"
        )


@contextmanager
def pillow_warnings_ignored() -> Iterator[None]:
    """Ignore warnings raised by Pillow's modules (only theirs) while inside.

    What they would say (a size, a damaged tag) is decided by our own checks. The filter list
    belongs to the whole process: overlapping `catch_warnings` of two threads would restore it in
    the wrong order, so the first thread in saves it and the last one out restores it.
    """
    global _inside
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14: filters are per thread
        with _ignored():
            yield
        return
    with _lock:
        if _inside == 0:
            _saved.enter_context(_ignored())
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _saved.close()


@contextmanager
def _ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
        yield
