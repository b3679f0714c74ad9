"""The known sets from their public address, image by image, each verified by its pixels."""

from collections.abc import Callable
from pathlib import Path

from impasto.errors import ImageError
from impasto.evaluation.known_sets import KnownSet, pixels_sha256
from impasto.files.download import DownloadError, Retry, download_file
from impasto.media import read_picture

OnImage = Callable[[str, int, int], None]  # name of the set, images there, images in all


def download_set(
    known: KnownSet, folder: Path, on_image: OnImage | None = None, *, retry: Retry | None = None
) -> Path:
    """Fetch what is missing in `folder`, as img_001.png ..., and return the folder.

    A cut download goes on where it stopped. Raises DownloadError if an image cannot be had, or is
    not the set's own (then it is not kept).
    """
    for number in range(1, len(known.hashes) + 1):
        target = folder / f"img_{number:03d}.png"
        try:
            if not target.exists():
                _fetch(known, number, target, retry)
        except DownloadError as error:
            raise DownloadError(
                f"the test set {known.name} could not be had: {error}. Get its images yourself and "
                f"give their folder: --data FOLDER, with a folder {known.name} in it"
            ) from error
        if on_image:
            on_image(known.name, number, len(known.hashes))
    return folder


def _fetch(known: KnownSet, number: int, target: Path, retry: Retry | None) -> None:
    url = known.url.format(number=number)
    fetched = download_file(url, target.with_name(f".{target.name}"), retry=retry)
    try:
        if known.number_of(pixels_sha256(read_picture(fetched))) != number:
            raise DownloadError(f"{url} is not the genuine image; it was not kept")
    except ImageError as error:
        fetched.unlink(missing_ok=True)
        raise DownloadError(f"{url} is no image: {error}") from error
    except DownloadError:
        fetched.unlink(missing_ok=True)
        raise
    fetched.replace(target)
