"""Loss-network files that no official address serves: which they are, and under which licence.

Put such a file into `loss_networks/` of the folder that $IMPASTO_DATA names, or of the cache
folder, under the file name given here; then it is found by its name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class KnownFile:
    """A weights file known by the hash of its tensors."""

    name: str
    file_name: str
    weights_hash: str
    license: str
    redistributable: bool  # may models trained with it be given away?
    origin: str


KNOWN_FILES: dict[str, KnownFile] = {
    known.name: known
    for known in (
        KnownFile(
            name="vgg19-distilled",
            file_name="vgg19_se16x_relu5_1_collab_distill.safetensors",
            weights_hash="99fdfacc96fc45ab2a50c1ab1de6064259c6cacea847280100a8d7d72cbd2917",
            license="MIT",
            redistributable=True,
            origin="github.com/MingSun-Tse/Collaborative-Distillation",
        ),
        KnownFile(
            name="vgg19-normalised",
            file_name="vgg19_normalised_conv1_1-conv3_1.safetensors",
            weights_hash="6990974eafca20360b52712cf5260d4f01248e6fa85e540ec487270221545ba2",
            license="Apache-2.0; VGG weights CC BY 4.0",
            redistributable=True,
            origin="github.com/pietrocarbo/deep-transfer",
        ),
        KnownFile(
            name="vgg19-protopnet-cub",
            file_name="vgg19_conv1_1-conv3_4_protopnet_cub.safetensors",
            weights_hash="391cacd09b0e4da48c15f6afd85c84311e1400ed5ced0eed2e6991d5957b7c79",
            license="MIT",
            redistributable=True,
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
            redistributable=True,
            origin="github.com/chaosmail/caffejs",
        ),
        KnownFile(
            name="googlenet-caffe",
            file_name="bvlc_googlenet_caffe_bgr.safetensors",
            weights_hash="bd166a6c49620196bd910fee555a161c74233e0982052bdc52a4bb4f50636326",
            license="unrestricted (BVLC)",
            redistributable=True,
            origin="github.com/chaosmail/caffejs",
        ),
    )
}


def known_by_hash(weights_hash: str) -> KnownFile | None:
    """The known file with these tensors, whatever it is called on the disk."""
    return next((k for k in KNOWN_FILES.values() if k.weights_hash == weights_hash), None)
