"""Real weights: classification, genuine values, and agreement between networks."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from impasto.networks.loss import load_loss_network
from impasto.networks.loss.load import KNOWN_FILES

# The data holds one photo of each ImageNet class but these; both lists are ordered by synset.
# fmt: off
CLASSES_WITHOUT_PHOTO = {
    26, 38, 47, 57, 63, 66, 68, 83, 101, 103, 105, 111, 117, 126, 128, 165, 167, 170,
    174, 175, 181, 188, 189, 190, 192, 199, 203, 212, 218, 221, 228, 248, 267, 268, 294, 310,
    330, 335, 342, 356, 364, 380, 392, 398, 405, 418, 435, 438, 439, 447, 451, 453, 461, 465,
    479, 487, 488, 491, 498, 540, 556, 563, 564, 574, 588, 590, 593, 596, 601, 606, 610, 619,
    672, 675, 677, 680, 682, 688, 689, 691, 699, 708, 712, 714, 715, 722, 726, 741, 747, 756,
    763, 771, 790, 798, 804, 818, 826, 834, 841, 846, 850, 881, 899, 906, 912, 915, 926, 933,
    940, 941, 948, 956, 969, 985, 992, 993, 996,
}
# fmt: on


@pytest.fixture(scope="module", autouse=True)
def _data_variable(shared_data: Path) -> None:
    """All tests here need the data; names are resolved through the variable it came from."""


def photo(path: Path, size_hw: tuple[int, int]) -> Tensor:
    """The whole photo, squeezed to a size: (1, 3, H, W) in [0, 1]."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").resize(size_hw[::-1], Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255


def labelled_photos(data: Path) -> list[tuple[Path, int]]:
    with (data / "photos" / "SOURCES.tsv").open(encoding="utf-8") as stream:
        rows = [
            (row["source path"], data / "photos" / row["file"])
            for row in csv.DictReader(stream, delimiter="\t")
            if row["source path"].startswith("imagenet-sample-images/")
        ]
    classes = [index for index in range(1000) if index not in CLASSES_WITHOUT_PHOTO]
    return [(path, label) for (_, path), label in zip(sorted(rows), classes, strict=True)]


def squeezenet_class(features: Tensor, weights: dict[str, Tensor]) -> int:
    """The classifier that a loss network does without: 1x1 convolution, ReLU, mean."""
    scores = F.conv2d(features, weights["classifier.1.weight"], weights["classifier.1.bias"])
    return int(scores.relu().mean((2, 3)).argmax())


def test_squeezenet_classifies_as_well_as_published(shared_data: Path) -> None:
    network = load_loss_network("squeezenet1_1-caffe")
    file = KNOWN_FILES["squeezenet1_1-caffe"].file_name
    weights = load_file(shared_data / "loss_networks" / file)
    right = right_reversed = 0
    photos = labelled_photos(shared_data)[::10]
    with torch.inference_mode():
        for path, label in photos:
            image = photo(path, (227, 227))
            right += squeezenet_class(network(image, ["fire9"])["fire9"], weights) == label
            # The same photo with its channels the wrong way round: the usual silent mistake.
            reverse = network(image.flip(1), ["fire9"])["fire9"]
            right_reversed += squeezenet_class(reverse, weights) == label
    assert right / len(photos) > 0.62
    assert right > right_reversed + 0.15 * len(photos)


def test_googlenet_classifies_as_well_as_published(shared_data: Path) -> None:
    network = load_loss_network("googlenet-caffe")
    file = KNOWN_FILES["googlenet-caffe"].file_name
    weights = load_file(shared_data / "loss_networks" / file)
    photos = labelled_photos(shared_data)[::25]
    right = 0
    with torch.inference_mode():
        for path, label in photos:
            features = network(photo(path, (224, 224)), ["inception5b"])["inception5b"]
            scores = weights["loss3/classifier.weight"].float() @ features.mean((0, 2, 3))
            scores += weights["loss3/classifier.bias"].float()
            right += int(scores.argmax()) == label
    assert right / len(photos) > 0.68


def test_conv1_1_of_the_detector_is_near_the_genuine_one(shared_data: Path) -> None:
    """The figures are the file's own: correlation 0.9972, norm ratio 0.8926."""
    network = load_loss_network("vgg16-ssd300voc")
    deviation = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    ours = next(network.parameters()) * deviation  # the fold undone
    file = shared_data / "loss_networks" / "torchvision_vgg16_conv1_1_weight.npy"
    genuine = torch.from_numpy(np.load(file))
    both = torch.stack([ours.flatten(), genuine.flatten()])
    assert float(torch.corrcoef(both)[0, 1]) == pytest.approx(0.9972, abs=5e-5)
    assert float(ours.norm() / genuine.norm()) == pytest.approx(0.8926, abs=5e-5)


def test_the_distilled_network_imitates_the_normalised_one(shared_data: Path) -> None:
    """Correlations stated with the file, over other photos: .987 .909 .818."""
    both = load_loss_network("vgg19-normalised+vgg19-distilled")
    layers = {"relu1_1": 0.987, "relu2_1": 0.909, "relu3_1": 0.818}
    paths = sorted((shared_data / "photos" / "eval50").glob("*.jpg"))[:6]
    images = torch.cat([photo(path, (160, 160)) for path in paths])
    asked = [f"{name}/{layer}" for layer in layers for name in both.name.split("+")]
    found = both(images, asked)
    for layer, published in layers.items():
        pair = torch.stack([found[f"{name}/{layer}"].flatten() for name in both.name.split("+")])
        assert float(torch.corrcoef(pair)[0, 1]) == pytest.approx(published, abs=0.04), layer


def test_bfloat16_costs_at_most_two_percent_on_real_photos(shared_data: Path) -> None:
    path = sorted((shared_data / "photos" / "eval50").glob("*.jpg"))[0]
    image = photo(path, (128, 128))
    for name in KNOWN_FILES:
        network = load_loss_network(name)
        exact = network(image, network.layer_names)
        with torch.autocast("cpu", torch.bfloat16):
            found = network(image, network.layer_names)
        for layer in network.layer_names:
            error = (found[layer].float() - exact[layer]).norm() / exact[layer].norm()
            assert float(error) < 0.02, (name, layer)


@pytest.mark.parametrize("name", KNOWN_FILES)
def test_every_known_file_is_recognised_by_content_alone(
    name: str, shared_data: Path, tmp_path: Path
) -> None:
    link = tmp_path / "renamed"
    link.symlink_to((shared_data / "loss_networks" / KNOWN_FILES[name].file_name).resolve())
    network = load_loss_network(link)
    assert network.name == name
    assert network.weights_hash == KNOWN_FILES[name].weights_hash
    assert network.license == KNOWN_FILES[name].license
    assert network.redistributable == KNOWN_FILES[name].redistributable
