"""Loss networks by name or by file."""

import os
from pathlib import Path

from impasto.errors import WeightsError
from impasto.networks.loss.architectures import plan_network
from impasto.networks.loss.blocks import Pooling
from impasto.networks.loss.combined import CombinedLossNetwork
from impasto.networks.loss.network import LossNetwork, Provenance, StagedLossNetwork
from impasto.networks.loss.weight_file import hash_tensors, read_weight_file

FILES = {
    "vgg19-distilled": "vgg19_se16x_relu5_1_collab_distill.safetensors",
    "vgg19-normalised": "vgg19_normalised_conv1_1-conv3_1.safetensors",
    "vgg16-ssd300voc": "vgg16_conv1_1-conv3_3_ssd300voc.safetensors",
    "vgg19-protopnet-cub": "vgg19_conv1_1-conv3_4_protopnet_cub.safetensors",
    "squeezenet1_1-caffe": "squeezenet1_1_caffe_bgr.safetensors",
    "googlenet-caffe": "bvlc_googlenet_caffe_bgr.safetensors",
}
LOSS_NETWORK_NAMES = tuple(sorted(FILES))


def load_loss_network(
    name_or_file: str | Path,
    *,
    cache_dir: Path | None = None,
    family: str | None = None,
    pooling: Pooling = "max",
) -> LossNetwork:
    text = str(name_or_file)
    if "+" in text and not Path(text).exists():
        parts = [
            load_loss_network(p.strip(), cache_dir=cache_dir, family=family, pooling=pooling)
            for p in text.split("+")
        ]
        return CombinedLossNetwork(parts)
    name = None
    path = Path(text)
    if text in FILES:
        name = text
        path = Path(os.environ["IMPASTO_DATA"]) / "loss_networks" / FILES[text]
    elif not path.exists():
        raise WeightsError(f"no loss network {text!r}")
    file = read_weight_file(path)
    plan = plan_network(file, family=family, pooling=pooling)
    provenance = Provenance(
        name=name or plan.architecture,
        weights_hash=hash_tensors(plan.used),
        source=file.metadata.get("source", path.name),
        license=file.metadata.get("license", "none stated"),
        redistributable=False,
    )
    return StagedLossNetwork(plan.stages, plan.mean, provenance)
