"""Loss networks by name or by file."""

import difflib
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from impasto.errors import WeightsError
from impasto.files.cache import OFFLINE_VARIABLE, cache_folder, is_offline
from impasto.files.download import DownloadError, Progress, Retry
from impasto.networks.loss.architectures import plan_network
from impasto.networks.loss.blocks import Pooling
from impasto.networks.loss.network import (
    CombinedLossNetwork,
    LossNetwork,
    Provenance,
    StagedLossNetwork,
)
from impasto.networks.loss.official import OFFICIAL, OfficialWeights, fetch_official
from impasto.networks.loss.weight_file import WeightFile, hash_tensors, read_weight_file
from impasto.option_types import AUTO

DATA_VARIABLE = "IMPASTO_DATA"
FOLDER = "loss_networks"
# In order of preference; the first is downloaded if none is there.
PREFERRED = ("vgg19", "vgg16", "vgg19-normalised+vgg19-distilled", "vgg19-distilled")


@dataclass(frozen=True, kw_only=True)
class KnownFile:
    """A weights file known by the hash of its tensors."""

    name: str
    file_name: str
    weights_hash: str
    license: str
    origin: str
    redistributable: bool = True  # may models trained with it be given away?


# Loss-network files that no official address serves: which they are, and under which licence. Put
# such a file into `loss_networks/` of the folder that $IMPASTO_DATA names, or of the cache folder,
# under the file name given here; then it is found by its name.
KNOWN_FILES: dict[str, KnownFile] = {
    known.name: known
    for known in (
        KnownFile(
            name="vgg19-distilled",
            file_name="vgg19_se16x_relu5_1_collab_distill.safetensors",
            weights_hash="99fdfacc96fc45ab2a50c1ab1de6064259c6cacea847280100a8d7d72cbd2917",
            license="MIT",
            origin="github.com/MingSun-Tse/Collaborative-Distillation",
        ),
        KnownFile(
            name="vgg19-normalised",
            file_name="vgg19_normalised_conv1_1-conv3_1.safetensors",
            weights_hash="6990974eafca20360b52712cf5260d4f01248e6fa85e540ec487270221545ba2",
            license="Apache-2.0; VGG weights CC BY 4.0",
            origin="github.com/pietrocarbo/deep-transfer",
        ),
        KnownFile(
            name="vgg19-protopnet-cub",
            file_name="vgg19_conv1_1-conv3_4_protopnet_cub.safetensors",
            weights_hash="391cacd09b0e4da48c15f6afd85c84311e1400ed5ced0eed2e6991d5957b7c79",
            license="MIT",
            origin="github.com/tum210544/ProtoPNet_Accelerating_FPGA",
        ),
        KnownFile(
            name="vgg16-ssd300voc",
            file_name="vgg16_conv1_1-conv3_3_ssd300voc.safetensors",
            weights_hash="fe9ac20ab28e15c1cedae3e39ebb5436c9c6d915f5387867f208951d666e8f94",
            license="none stated; research only",
            redistributable=False,
            origin="github.com/EuijoongK/SSD",
        ),
        KnownFile(
            name="squeezenet1_1-caffe",
            file_name="squeezenet1_1_caffe_bgr.safetensors",
            weights_hash="78869dee23c6596d5c0385149ed65abbcdd0025527788bcc5445a5649a54d273",
            license="BSD",
            origin="github.com/chaosmail/caffejs",
        ),
        KnownFile(
            name="googlenet-caffe",
            file_name="bvlc_googlenet_caffe_bgr.safetensors",
            weights_hash="bd166a6c49620196bd910fee555a161c74233e0982052bdc52a4bb4f50636326",
            license="unrestricted (BVLC)",
            origin="github.com/chaosmail/caffejs",
        ),
    )
}
LOSS_NETWORK_NAMES: tuple[str, ...] = (*OFFICIAL, *KNOWN_FILES)


def choose_loss_network(name: str = AUTO) -> str:
    """`name` itself; for "auto" the first of PREFERRED whose files are on this machine.

    If there are none: the first, which `load_loss_network` downloads.
    """
    if name != AUTO:
        return name
    cache = cache_folder() / FOLDER
    return next(
        (each for each in PREFERRED if all(_find(_files(n), cache) for n in each.split("+"))),
        PREFERRED[0],
    )


def _files(name: str) -> tuple[str, ...]:
    if name in OFFICIAL:
        return OFFICIAL[name].file_name, OFFICIAL[name].pth_name
    return (KNOWN_FILES[name].file_name,)


def load_loss_network(
    name_or_file: str | Path,
    *,
    cache_dir: Path | None = None,
    family: str | None = None,
    pooling: Pooling = "max",
    on_progress: Progress | None = None,
    retry: Retry | None = None,
    official: Mapping[str, OfficialWeights] = OFFICIAL,
) -> LossNetwork:
    """A frozen loss network, ready to use on the CPU in float32.

    `name_or_file` is one of LOSS_NETWORK_NAMES, a .safetensors or .pth file, or several of these
    joined by "+" (:class:`CombinedLossNetwork`). A name is looked for in `loss_networks/` of
    $IMPASTO_DATA, then of the cache folder (`cache_dir`, else $IMPASTO_CACHE, else the
    platform's); official weights are downloaded into the latter, `on_progress(bytes, total)`
    reporting, unless $IMPASTO_OFFLINE is 1.

    `family` ("torchvision" or "caffe") says how the input is normalised where a file's
    "preprocessing" metadata does not, and wins over it. `pooling="average"` is Gatys' variant of
    the VGG networks. `official` and `retry` are for mirrors and tests.

    Raises WeightsError if weights cannot be had, are damaged or of no known network; OptionError
    for an unknown family or pooling.
    """
    cache = (Path(cache_dir) if cache_dir is not None else cache_folder()) / FOLDER

    def load(text: str) -> LossNetwork:
        if text in official:
            path = _official_file(official[text], cache, on_progress, retry)
            # What the official name promises; a file's own metadata would say the same.
            return _build(read_weight_file(path), family or "torchvision", pooling, official[text])
        if text in KNOWN_FILES:
            return _build_known(KNOWN_FILES[text], cache, family, pooling)
        if not Path(text).is_file():
            raise WeightsError(_no_such_network(text, official))
        return _build(read_weight_file(Path(text)), family, pooling, None)

    text = str(name_or_file)
    if "+" in text and not Path(text).exists():
        return CombinedLossNetwork([load(part.strip()) for part in text.split("+")])
    return load(text)


def _build(
    file: WeightFile, family: str | None, pooling: Pooling, official: OfficialWeights | None
) -> LossNetwork:
    plan = plan_network(file, family=family, pooling=pooling)
    weights_hash = hash_tensors(plan.used)
    # whatever it is called on the disk
    known = next((k for k in KNOWN_FILES.values() if k.weights_hash == weights_hash), None)
    if official is not None and plan.architecture != official.name:
        raise WeightsError(f"{file.path} holds {plan.architecture}, not {official.name}; delete it")
    source = file.metadata.get("source") or file.path.name
    note = file.metadata.get("note")
    license = official.license if official else file.metadata.get("license", "none stated")
    provenance = Provenance(
        name=known.name if known else plan.architecture,
        weights_hash=weights_hash,
        source=f"{source} ({note})" if note else source,
        license=known.license if known else license,
        redistributable=known.redistributable if known else official is not None,
    )
    return StagedLossNetwork(plan.stages, plan.mean, provenance)


def _build_known(
    known: KnownFile, cache: Path, family: str | None, pooling: Pooling
) -> LossNetwork:
    path = _find([known.file_name], cache)
    if path is None:
        raise WeightsError(
            f"no file for the loss network {known.name!r}: put {known.file_name} (made from "
            f"{known.origin}) into {cache}, or into {FOLDER}/ of the folder that {DATA_VARIABLE} "
            "names, or give the file itself as `loss_network`"
        )
    network = _build(read_weight_file(path), family, pooling, None)
    if network.weights_hash != known.weights_hash:
        raise WeightsError(
            f"{path} does not hold the weights that the name {known.name!r} stands for; to use it "
            "all the same, give the file instead of the name"
        )
    return network


def _official_file(
    weights: OfficialWeights, cache: Path, on_progress: Progress | None, retry: Retry | None
) -> Path:
    found = _find([weights.file_name, weights.pth_name], cache)
    if found is not None:
        if found.name == weights.pth_name:
            with found.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest != weights.sha256:
                raise WeightsError(
                    f"{found} has the checksum {digest}, the official file has {weights.sha256}; "
                    "it is damaged or incomplete: delete it and try again"
                )
        return found
    by_hand = (
        f"download {weights.url} ({weights.megabytes} MB) to {cache / weights.pth_name} "
        "yourself, or give the file itself as `loss_network`"
    )
    if is_offline():
        raise WeightsError(
            f"the weights of the loss network {weights.name!r} are not on this machine, and "
            f"{OFFLINE_VARIABLE} forbids to download them; {by_hand}"
        )
    try:
        return fetch_official(weights, cache, on_progress=on_progress, retry=retry)
    except DownloadError as error:
        raise WeightsError(
            f"the weights of the loss network {weights.name!r} are not on this machine and could "
            f"not be downloaded. Check the connection (HTTPS_PROXY is honoured), or {by_hand}. "
            f"What happened: {error}"
        ) from error


def _find(file_names: Sequence[str], cache: Path) -> Path | None:
    data = os.environ.get(DATA_VARIABLE)
    folders = [Path(data) / FOLDER, cache] if data else [cache]
    candidates = (folder / name for folder in folders for name in file_names)
    return next((path for path in candidates if path.is_file()), None)


def _no_such_network(text: str, official: Mapping[str, OfficialWeights]) -> str:
    names = [*official, *KNOWN_FILES]
    near = difflib.get_close_matches(text, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return (
        f"no loss network and no file {text!r}; {hint}choose from {names}, or give a "
        ".safetensors or .pth file"
    )
