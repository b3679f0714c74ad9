"""Perceptual distances in the form of LPIPS (Zhang et al., arXiv 1801.03924, eq. 1).

At several layers of a frozen network each pixel's feature vector is scaled to length 1; squared
differences are added up over the channels (each times its weight), averaged over pixels and added
up over the layers. 0: equal; larger: further apart. Without fitted weights every channel counts 1
and the layers are averaged: from 0 to 2.

The loss networks own their preprocessing. For torchvision's weights it is LPIPS' own scaling layer
(shift -.030, -.088, -.188 and scale .458, .448, .450 of [-1, 1] are the ImageNet mean and deviation
of [0, 1]); the Caffe networks get BGR, 0...255, minus their mean, as they were trained.

LPIPS' linear heads, version 0.1, say how much each channel counts: a few kilobytes for each
backbone, fitted by the authors to people's judgements. They are looked for in
`loss_networks/lpips_heads_v0.1/` of $IMPASTO_DATA and of the cache folder, else downloaded from the
authors' repository, at the commit named here, and checked. They were fitted to torchvision's
SqueezeNet, whose channels are not the Caffe one's: with the latter the distance is another measure,
and bears another name.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.errors import ImpastoError, OptionError, WeightsError
from impasto.files.cache import cache_folder
from impasto.files.download import Progress, download_file
from impasto.losses import unit_feature_loss
from impasto.media.metrics import check_images
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.load import DATA_VARIABLE, FOLDER
from impasto.networks.loss.weight_file import hash_tensors, read_weight_file

HEADS_FOLDER = "lpips_heads_v0.1"
_URL = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "c33f89e9f46522a584cf41d8880eb0afa982708b/lpips/weights/v0.1/{name}.pth"
)
# sha256 of the file; hash_tensors() of what it holds
_HASHES = {
    "alex": (
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        "5f9020d3211f1ce0f8cb17f4b4e02c46e2d196411428649d6ea3e4864f87f0ad",
    ),
    "vgg": (
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        "ed2cdb52aa51ea94970098b810aa3a4595500b9f25c96c8d9316be7338fa4317",
    ),
    "squeeze": (
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        "37f3c721a1c433bb8a4ed609a51a0f5eb8fc1964d9d972112ef22317113e098d",
    ),
}


def load_lpips_heads(
    name: str, *, cache_dir: Path | None = None, on_progress: Progress | None = None
) -> list[Tensor]:
    """The heads "alex", "vgg" or "squeeze": a (C,) weight for each channel, shallow layer first.

    Raises WeightsError if the file cannot be had, is damaged, or holds other values.
    """
    path = _find(name, cache_dir, on_progress)
    tensors = read_weight_file(path).tensors
    if hash_tensors(tensors) != _HASHES[name][1]:
        raise WeightsError(
            f"{path} does not hold LPIPS' v0.1 head {name!r}; delete it and try again"
        )
    return [tensors[key].flatten() for key in sorted(tensors)]


def heads_sha256(name: str) -> str:
    """The sha256 of the genuine file."""
    return _HASHES[name][0]


def _find(name: str, cache_dir: Path | None, on_progress: Progress | None) -> Path:
    data = os.environ.get(DATA_VARIABLE)
    cached = (cache_dir or cache_folder()) / FOLDER / HEADS_FOLDER / f"{name}.pth"
    at_hand = [Path(data) / FOLDER / HEADS_FOLDER / f"{name}.pth"] if data else []
    found = next((path for path in (*at_hand, cached) if path.is_file()), None)
    if found is not None:
        return found
    return download_file(
        _URL.format(name=name), cached, sha256=_HASHES[name][0], on_progress=on_progress
    )


Features = dict[str, Tensor]  # by layer

_ALEX_LAYERS = ("relu1", "relu2", "relu3", "relu4", "relu5")
_VGG_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
_SQUEEZE_LAYERS = ("relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9")
_GOOGLENET_LAYERS = ("relu1", "relu2", "inception3b", "inception4e", "inception5b")


@dataclass(frozen=True)
class DistanceSpec:
    """A distance by name: its backbone, its layers, and whose heads weight the channels."""

    name: str
    label: str  # in tables and figures; only the genuine ones are called LPIPS and no more
    backbone: str  # for load_loss_network
    layers: tuple[str, ...]
    heads: str | None = None  # None: every channel counts 1, and the layers are averaged


DISTANCES: dict[str, DistanceSpec] = {
    spec.name: spec
    for spec in (
        DistanceSpec("lpips-alex", "LPIPS-alex", "alexnet", _ALEX_LAYERS, "alex"),
        DistanceSpec("lpips-vgg", "LPIPS-vgg", "vgg16", _VGG_LAYERS, "vgg"),
        DistanceSpec("lpips-squeeze", "LPIPS-squeeze", "squeezenet1_1", _SQUEEZE_LAYERS, "squeeze"),
        DistanceSpec(
            "lpips-squeeze-caffe",
            "LPIPS-squeeze (Caffe)",
            "squeezenet1_1-caffe",
            _SQUEEZE_LAYERS,
            "squeeze",
        ),
        DistanceSpec(
            "features-googlenet", "GoogLeNet features", "googlenet-caffe", _GOOGLENET_LAYERS
        ),
    )
}
# "auto": the first of these tuples whose files are all at hand, or can be had.
_AUTO = (
    ("lpips-squeeze-caffe", "features-googlenet"),
    ("lpips-squeeze-caffe",),
    ("lpips-squeeze",),
)


class PerceptualDistance(nn.Module):
    """The distance that `spec` describes, on a loss network; `heads`: (C,) for each layer.

    Raises OptionError for a layer that the network does not have, or heads that do not fit it.
    """

    def __init__(
        self, spec: DistanceSpec, loss_network: LossNetwork, heads: Sequence[Tensor] | None = None
    ) -> None:
        super().__init__()
        missing = [layer for layer in spec.layers if layer not in loss_network.layer_names]
        if missing or (heads is not None and len(heads) != len(spec.layers)):
            raise OptionError(
                f"distance {spec.name!r} needs the layers {list(spec.layers)} and as many heads; "
                f"the network {loss_network.name!r} has no {missing}, the heads are "
                f"{None if heads is None else len(heads)}"
            )
        self.spec = spec
        self.loss_network = loss_network
        for number, head in enumerate(heads or ()):
            self.register_buffer(f"head_{number}", head, persistent=False)

    @torch.no_grad()
    def features(self, image: Tensor) -> Features:
        """Features of a target that several outputs are compared with: (N, 3, H, W) in [0, 1]."""
        device = next(self.loss_network.buffers()).device
        found: Features = self.loss_network(image.to(device, torch.float32), self.spec.layers)
        return found

    @torch.no_grad()
    def forward(self, output: Tensor, target: Tensor, wanted: Features | None = None) -> Tensor:
        """Two (N, 3, H, W) RGB in [0, 1] -> (N,) distances, 0 or more.

        `wanted` are the target's :meth:`features`, if they are known already. Raises OptionError
        for values outside [0, 1] (LPIPS' own code takes [-1, 1]: it is this function that
        converts), NaN, different sizes, and grey.
        """
        check_images(output, target, self.spec.name, 1.0)
        if output.shape[1] != 3:
            raise OptionError(f"{self.spec.name}: got one channel; repeat grey into three")
        found = self.features(output)
        wanted = self.features(target) if wanted is None else wanted
        totals = [
            sum(
                float(unit_feature_loss(found[layer][i, None], wanted[layer][i, None], head))
                for layer, head in zip(self.spec.layers, self._heads(), strict=True)
            )
            for i in range(len(output))
        ]
        scale = 1.0 if self.spec.heads else 1 / len(self.spec.layers)
        return torch.tensor(totals, dtype=torch.float64) * scale

    def _heads(self) -> list[Tensor | None]:
        return [getattr(self, f"head_{i}", None) for i in range(len(self.spec.layers))]

    def to_json(self) -> dict[str, Any]:
        """What it is and of which weights, for results."""
        return {
            "name": self.spec.name,
            "label": self.spec.label,
            "backbone": self.loss_network.name,
            "backbone_sha256": self.loss_network.weights_hash,
            "heads": f"LPIPS v0.1, {self.spec.heads}"
            if self.spec.heads
            else "all 1, mean of the layers",
            "heads_sha256": heads_sha256(self.spec.heads) if self.spec.heads else None,
            "layers": list(self.spec.layers),
        }


def load_distance(
    name: str, *, cache_dir: Path | None = None, on_progress: Progress | None = None
) -> PerceptualDistance:
    """One of DISTANCES, ready on the CPU; weights are found or downloaded as for loss networks.

    Raises OptionError for an unknown name, WeightsError if its weights cannot be had.
    """
    if name not in DISTANCES:
        raise OptionError(f"no distance {name!r}; choose from {[*DISTANCES, 'auto', 'none']}")
    spec = DISTANCES[name]
    network = load_loss_network(spec.backbone, cache_dir=cache_dir, on_progress=on_progress)
    heads = None
    if spec.heads:
        heads = load_lpips_heads(spec.heads, cache_dir=cache_dir, on_progress=on_progress)
    return PerceptualDistance(spec, network, heads)


def load_distances(
    names: Sequence[str], *, on_progress: Progress | None = None
) -> list[PerceptualDistance]:
    """Several distances by name; ("none",) is none, ("auto",) what is at hand.

    auto: the Caffe SqueezeNet with LPIPS' heads, and GoogLeNet's features, where their files are
    in $IMPASTO_DATA or the cache; else LPIPS-squeeze, whose 5 MB are downloaded. Raises
    OptionError for unknown names, WeightsError if weights cannot be had.
    """

    def load(name: str) -> PerceptualDistance:
        return load_distance(name, on_progress=on_progress)

    if tuple(names) == ("none",):
        return []
    if tuple(names) == ("auto",):
        reason: ImpastoError | None = None
        for choice in _AUTO:
            try:
                return [load(name) for name in choice]
            except WeightsError as error:
                reason = error
        raise WeightsError(
            f"no weights for a perceptual distance are here ({reason}); `distances` 'none' goes "
            "without"
        ) from reason
    unknown = [name for name in names if name not in DISTANCES]
    if unknown:
        raise OptionError(
            f"no distances {unknown}; choose from {list(DISTANCES)}, or give auto or none alone"
        )
    return [load(name) for name in names]
