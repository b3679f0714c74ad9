"""The literature's test sets: where they are, and by which pixels their images are known.

The images are those of Huang et al. (CVPR 2015), cropped to even sides as they published them, in
their order: img_001 ... No licence is stated that would allow to give them away with this package.
So they are downloaded from their public address, image by image, each verified by its pixels.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from impasto.errors import ImageError
from impasto.files.download import DownloadError, Retry, download_file
from impasto.media import Picture, read_picture

_URL = (
    "https://raw.githubusercontent.com/jbhuang0604/SelfExSR/master/data/{folder}/image_SRF_2/"
    "img_{{number:03d}}_SRF_2_HR.png"
)

# The first 16 digits of the sha256 of each image's pixels.
_SET5 = """
fac36d7d8d0244df 63f169eb83832c2e bcc99a3d873d45f9 2ffc5349f7cd80fe 163564cf9e424019
"""
_SET14 = """
3496c4809e821adf 27d16f85ebb98ff4 33d4febf3c451863 dd47f99e1977797f 99cc60f480d2ac42
cfe3f451c937c2e3 58e399713fd0e1ba 3116a8c40a8a8448 0feb45f3b7060bb5 946936b0df4988df
f1dd9688416dafed 16698e0e7f0e5600 05a7034425bd519e 55855520dddb8bbe
"""
_BSD100 = """
8398ad41806f7bed 7fc04b215b945543 b258d98b37f116c9 08c3c72d2b1b00e9 9b1fa2e32701d8b3
8b6a58d00c03d5a5 51db561de5946b54 9fe86e2aa9699f4e b4811ed3014e9115 63a218dce07b8687
b3f4362f40537ade a59eb7af58306c96 3869095894c1720e 4fbb212cf36ba77e f7315d041a9307a9
31cc8990e4b413de 17da836e3d6ecc1d f1a7ae19a60ea4ac 60d9d7db185ac253 44e7809c8aa4b10d
4a008dc864d36034 40b1284b98fdbab7 ba5a1fe639dfb119 98637aaceb8a7d13 8b646c394f48c7df
7369ad0e0224f979 1a7ea924531bc920 bb966f1b3af3282c d6a679ffbdabb02b 5e8fad81a81e12a5
019f8774107ac4c8 394fdc473286c83b d12829bea9051d18 c6cecc8dbb795872 403cd28320a4be38
1f84384351daeff5 d322941f08889472 0430021c47cd4569 8376737fb3fbed7c 0dd4237d018a22fe
84f81da6689b35c1 55158c8e3b1aa431 c7976361a83805f2 b65d2e383db339c8 d486de67bd5f6da3
aad2c16338aebe84 52c2d65a6b0bffab 43eca421c4110d21 885e8d8b7ef87b78 d546b0faed6c3441
fc5b7a09e88bffd7 1b02183cf548ebb3 ce48aa1d355f7515 431ec368d6d79293 7f7e2ba2430e0a75
19e9810d3b683d4f bd3749352e44e79c 2dbb97e30e7b8d2f 8e7fb9ae366000fd 0bee0a3ab28dffe7
df7b3db30b2ef751 24bd31b0943ea12b 8d3e8620ad78a9f7 124a638cc22ce5d8 c8dd2de36238afd6
9bf5c705ddeae411 76682eb84a0cf3a5 1322f6ca5098f2c8 1b5a4086740a9224 5b00c1228d474c7e
089838f07de91fd5 6ac6f6d531896b40 91909a28e940d695 9c31186e7ee377f6 9ff89ae5d5823705
cbfeeb18a784bbeb 9d61bf48e2192024 3ccba2851caa4765 8fb10d94ac7e0447 8cb8d10ed1d55d78
87053500fc971992 bee06036b3e516b1 7f88170817063274 b3f71db3a1355b62 a8b9aceaec6530ea
37f5a98ad74e9ca7 c68483fcad8027cf 5f98a1ed7cb936cf 5f0b2c34e4014c7d be378036bc22f1f2
5a462e7445a3efec 196dc1690abeb4aa ed99532e5b8f8719 d954b6017b9351e5 51665e1e8cfcfdaa
53832f2fc1a5e111 ce26c2c6b537798a deae00cb2b1a0aa1 7a6ebc3fba3fd66a ecdc7437f1a76cdc
"""


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A set by the pixels of its images; `url` is an address with {number} in it."""

    name: str
    hashes: tuple[str, ...]
    url: str
    gray: frozenset[int] = frozenset()  # numbers of the images of one channel: they are luma

    def number_of(self, digest: str) -> int | None:
        """1 ... for an image of the set, by its :func:`pixels_sha256`; None for any other."""
        digits = digest[:16]
        return self.hashes.index(digits) + 1 if digits in self.hashes else None


KNOWN_SETS: dict[str, KnownSet] = {
    known.name: known
    for known in (
        KnownSet(name="set5", hashes=tuple(_SET5.split()), url=_URL.format(folder="Set5")),
        KnownSet(
            name="set14",
            hashes=tuple(_SET14.split()),
            url=_URL.format(folder="Set14"),
            gray=frozenset({3}),
        ),
        KnownSet(name="bsd100", hashes=tuple(_BSD100.split()), url=_URL.format(folder="BSD100")),
    )
}


def pixels_sha256(picture: Picture) -> str:
    """Hash of the decoded samples, row by row as RGB: one image has one in any lossless file.

    Grey counts as three equal channels; transparency does not count.
    """
    scale, kind, coded = (255, torch.uint8, "<u1")
    if picture.bits == 16:
        scale, kind, coded = (65535, torch.int32, "<u2")
    samples = (picture.pixels[0].double() * scale).round().to(kind).permute(1, 2, 0).contiguous()
    height, width = picture.pixels.shape[-2:]
    digest = hashlib.sha256(f"{height}x{width}x{picture.bits}:".encode())
    digest.update(samples.numpy().astype(coded).tobytes())
    return digest.hexdigest()


OnImage = Callable[[str, int, int], object]  # name of the set, images there, images in all


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
                f"give their folder: `data`, with a folder {known.name} in it"
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
