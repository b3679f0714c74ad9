"""The official torchvision weights: where they are, and how they get into the cache.

What is verified. The .pth files of pytorch.org carry the first digits of their sha256 in their
names; the full digests below agree with them and with several independent publications. The
safetensors conversions of the same tensors are fetched in part (59 of 553 MB for VGG-16, 80 of 575
for VGG-19), so a digest of the whole file cannot be checked: their addresses name an unchangeable
revision first, sizes, shapes and finiteness are checked, and VGG-16's conv1_1 is compared with the
genuine one. VGG-19's partial download rests on the revision and on TLS alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from safetensors.torch import save_file
from torch import Tensor

from impasto.files.atomic import write_with
from impasto.files.download import (
    DownloadError,
    PartFile,
    Progress,
    Retry,
    UnreachableError,
    download_file,
    put_in_place,
)
from impasto.networks.loss.architectures import tensor_shapes
from impasto.networks.loss.network import Shape
from impasto.networks.loss.partial_download import download_tensors
from impasto.networks.loss.weight_file import hash_tensors, read_weight_file

PYTORCH = "https://download.pytorch.org/models"
HUB = "https://huggingface.co/timm"

PREPROCESSING = "torchvision: RGB, /255, mean 0.485 0.456 0.406, std 0.229 0.224 0.225"


@dataclass(frozen=True, kw_only=True)
class OfficialWeights:
    """One network's weights at their official address."""

    name: str
    url: str  # a .pth file
    sha256: str  # of that file
    megabytes: int  # of that file
    # Safetensors files with the same tensors, tried first, in this order.
    partial_urls: tuple[str, ...] = ()
    # hash_tensors() of {"conv1_1": the first convolution's weight}, where a genuine one was at hand
    first_hash: str | None = None
    license: str = "BSD-3-Clause (torchvision)"

    @property
    def file_name(self) -> str:
        """The name under which the convolutions are cached."""
        return f"{self.name}.safetensors"

    @property
    def pth_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    @property
    def shapes(self) -> dict[str, Shape]:
        return tensor_shapes(self.name)


OFFICIAL: dict[str, OfficialWeights] = {
    weights.name: weights
    for weights in (
        OfficialWeights(
            name="vgg16",
            url=f"{PYTORCH}/vgg16-397923af.pth",
            sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            megabytes=553,
            partial_urls=(
                f"{HUB}/vgg16.tv_in1k/resolve/b8d8aa2dd860af9233c8c67385a8097fd6c35d3f/"
                "model.safetensors",
                f"{HUB}/vgg16.tv_in1k/resolve/main/model.safetensors",
            ),
            first_hash="4c448a8e31af296ff153865efac68a409b131d29208e2352af0918c2706f9286",
        ),
        OfficialWeights(
            name="vgg19",
            url=f"{PYTORCH}/vgg19-dcbb9e9d.pth",
            sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            megabytes=575,
            partial_urls=(
                f"{HUB}/vgg19.tv_in1k/resolve/128d4708565b3a414bcbb9bbad440b2fe37b9f18/"
                "model.safetensors",
                f"{HUB}/vgg19.tv_in1k/resolve/main/model.safetensors",
            ),
        ),
        OfficialWeights(
            name="alexnet",
            url=f"{PYTORCH}/alexnet-owt-7be5be79.pth",
            sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            megabytes=244,
        ),
        OfficialWeights(
            name="squeezenet1_1",
            url=f"{PYTORCH}/squeezenet1_1-b8a52dc0.pth",
            sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            megabytes=5,
        ),
    )
}


def fetch_official(
    weights: OfficialWeights,
    folder: Path,
    *,
    on_progress: Progress | None = None,
    retry: Retry | None = None,
) -> Path:
    """Download the convolutions of `weights` into `folder` and return the safetensors file.

    Only the convolutions' bytes are fetched where a safetensors source serves ranges; else the
    whole .pth file is, and checked by its sha256. Raises DownloadError with every reason.
    """
    target = Path(folder) / weights.file_name
    if target.exists():
        return target
    reasons: list[str] = []
    unreachable: set[str] = set()
    for url in weights.partial_urls:
        if urlsplit(url).netloc in unreachable:
            continue
        try:
            return download_tensors(
                url,
                target,
                wanted=weights.shapes,
                metadata=_metadata(weights, url),
                check=partial(_check_first, weights),
                on_progress=on_progress,
                retry=retry,
            )
        except UnreachableError as error:
            unreachable.add(urlsplit(url).netloc)
            reasons.append(str(error))
        except DownloadError as error:
            reasons.append(str(error))
    try:
        return _fetch_whole(weights, target, on_progress, retry)
    except DownloadError as error:
        raise DownloadError("; ".join([*reasons, str(error)])) from error


def _fetch_whole(
    weights: OfficialWeights, target: Path, on_progress: Progress | None, retry: Retry | None
) -> Path:
    def fetch(_: PartFile) -> None:
        pth = target.with_name(weights.pth_name)
        download_file(weights.url, pth, sha256=weights.sha256, on_progress=on_progress, retry=retry)
        tensors = read_weight_file(pth).tensors
        kept = {name: tensors[name].contiguous() for name in weights.shapes if name in tensors}
        write_with(target, lambda path: save_file(kept, path, _metadata(weights, weights.url)))
        pth.unlink()  # nine tenths of it are the classifier

    return put_in_place(weights.url, target, fetch)


def _metadata(weights: OfficialWeights, url: str) -> dict[str, str]:
    return {
        "preprocessing": PREPROCESSING,
        "source": f"torchvision {weights.name} (ImageNet), convolutions only, from {url}",
        "license": weights.license,
    }


def _check_first(weights: OfficialWeights, tensors: Mapping[str, Tensor]) -> None:
    first = tensors[next(iter(weights.shapes))]
    if weights.first_hash and hash_tensors({"conv1_1": first}) != weights.first_hash:
        raise DownloadError(
            f"the downloaded first convolution is not {weights.name}'s own; nothing was kept"
        )
