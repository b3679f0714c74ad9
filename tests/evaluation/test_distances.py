"""Perceptual distances: the published formula computed independently, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError, WeightsError
from impasto.evaluation import distances
from impasto.evaluation.distances import (
    DISTANCES,
    HEADS_FOLDER,
    PerceptualDistance,
    load_distance,
    load_distances,
    load_lpips_heads,
)
from impasto.files.download import DownloadError
from impasto.media import imresize, read_picture
from impasto.networks.loss.inputs import TORCHVISION


def images(seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.rand(2, 3, 20, 17, generator=generator),
        torch.rand(2, 3, 20, 17, generator=generator),
    )


def published_form(
    found: Tensor, wanted: Tensor, weights: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Eq. 1 of LPIPS for one layer, in NumPy and double: (N,)."""
    a, b = (x.double().numpy() for x in (found, wanted))
    a = a / (np.sqrt((a**2).sum(1, keepdims=True)) + 1e-10)
    b = b / (np.sqrt((b**2).sum(1, keepdims=True)) + 1e-10)
    weighted = (a - b) ** 2 * weights.reshape(1, -1, 1, 1)
    return np.asarray(weighted.sum(1).mean((1, 2)))


def test_distance_with_heads_is_the_published_formula(toy_distance: PerceptualDistance) -> None:
    heads = [torch.tensor([0.0, 1.0, 2.0, 0.5]), torch.tensor([3.0, 0.1, 0.0, 1.0, 0.2])]
    spec = distances.DistanceSpec(
        name="x", label="X", backbone="toy", layers=("first", "second"), heads="squeeze"
    )
    network = toy_distance.loss_network
    output, target = images(0)
    found, wanted = (network(image, spec.layers) for image in (output, target))
    expected = sum(
        published_form(found[layer], wanted[layer], head.numpy())
        for layer, head in zip(spec.layers, heads, strict=True)
    )
    result = PerceptualDistance(spec, network, heads)(output, target)
    assert result.dtype == torch.float64
    assert result.numpy() == pytest.approx(expected, rel=1e-5)


def test_distance_without_heads_is_the_mean_of_the_layers(toy_distance: PerceptualDistance) -> None:
    output, target = images(1)
    found, wanted = (toy_distance.loss_network(x, ("first", "second")) for x in (output, target))
    by_layer = [
        published_form(found[layer], wanted[layer], np.ones(found[layer].shape[1]))
        for layer in ("first", "second")
    ]
    expected = (by_layer[0] + by_layer[1]) / 2
    assert toy_distance(output, target).numpy() == pytest.approx(expected, rel=1e-5)


def test_distance_of_equal_images_is_0_and_it_is_symmetric(
    toy_distance: PerceptualDistance,
) -> None:
    output, target = images(2)
    assert toy_distance(target, target).tolist() == [0, 0]
    there, back = toy_distance(output, target), toy_distance(target, output)
    assert torch.allclose(there, back, atol=1e-6)
    assert (there > 0).all()


@pytest.mark.parametrize(
    ("output", "target", "message"),
    [
        (torch.full((1, 3, 20, 20), -0.5), torch.zeros(1, 3, 20, 20), "outside the declared range"),
        (
            torch.full((1, 3, 20, 20), 128.0),
            torch.zeros(1, 3, 20, 20),
            "outside the declared range",
        ),
        (torch.full((1, 3, 20, 20), torch.nan), torch.zeros(1, 3, 20, 20), "NaN"),
        (torch.zeros(1, 3, 20, 21), torch.zeros(1, 3, 20, 20), "differ in size"),
        (torch.zeros(1, 1, 20, 20), torch.zeros(1, 3, 20, 20), "grey"),
        (torch.zeros(1, 1, 20, 20), torch.zeros(1, 1, 20, 20), "repeat grey into three"),
    ],
)
def test_distance_refuses_other_ranges_sizes_and_grey(
    toy_distance: PerceptualDistance, output: Tensor, target: Tensor, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        toy_distance(output, target)


def test_torchvision_preprocessing_is_lpips_own_scaling_layer() -> None:
    shift, scale = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of [-1, 1], from LPIPS
    for x in (0.0, 0.3, 1.0):
        theirs = [((2 * x - 1) - a) / b for a, b in zip(shift, scale, strict=True)]
        ours = [(x - m) * s for m, s in zip(TORCHVISION.mean, TORCHVISION.scale, strict=True)]
        assert theirs == pytest.approx(ours, abs=1e-9)


def test_only_genuine_lpips_is_called_so() -> None:
    genuine = {spec.label for spec in DISTANCES.values() if spec.backbone in ("alexnet", "vgg16")}
    assert genuine == {"LPIPS-alex", "LPIPS-vgg"}
    assert DISTANCES["lpips-squeeze"].backbone == "squeezenet1_1"
    assert DISTANCES["lpips-squeeze-caffe"].label == "LPIPS-squeeze (Caffe)"
    assert "LPIPS" not in DISTANCES["features-googlenet"].label


def test_heads_that_do_not_fit_the_layers_are_refused(toy_distance: PerceptualDistance) -> None:
    with pytest.raises(OptionError, match="as many heads"):
        PerceptualDistance(toy_distance.spec, toy_distance.loss_network, [torch.ones(4)])


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("alex", [64, 192, 384, 256, 256]),
        ("vgg", [64, 128, 256, 512, 512]),
        ("squeeze", [64, 128, 256, 384, 384, 512, 512]),
    ],
)
def test_genuine_heads_have_lpips_channels_and_no_negative_weight(
    shared_data: Path, name: str, channels: list[int]
) -> None:
    del shared_data
    heads = load_lpips_heads(name)
    assert [len(head) for head in heads] == channels
    assert all(float(head.min()) >= 0 for head in heads)


@pytest.mark.parametrize("name", ["lpips-squeeze-caffe", "features-googlenet"])
def test_distances_grow_with_the_loss_of_detail(shared_data: Path, name: str) -> None:
    distance = load_distance(name)
    path = shared_data / "superres" / "set5" / "img_002.png"
    target = read_picture(path).pixels[..., 80:208, 80:208]
    blurred = [
        imresize(imresize(target, (128 // f, 128 // f)), (128, 128)).clamp(0, 1) for f in (2, 4, 8)
    ]
    found = [float(distance(image, target)) for image in (target, *blurred)]
    assert found[0] == pytest.approx(0, abs=1e-6)
    assert found == sorted(found)
    assert found[1] > 0.01


def test_auto_takes_what_is_at_hand_and_says_what_it_is(shared_data: Path) -> None:
    del shared_data
    described = [distance.to_json() for distance in load_distances(["auto"])]
    assert [d["label"] for d in described] == ["LPIPS-squeeze (Caffe)", "GoogLeNet features"]
    assert described[0]["backbone"] == "squeezenet1_1-caffe"
    assert all(len(d["backbone_sha256"]) == 64 for d in described)


@pytest.fixture
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path))
    return tmp_path


def test_without_weights_and_network_the_way_out_is_told(
    nothing_at_hand: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del nothing_at_hand
    monkeypatch.setenv("IMPASTO_OFFLINE", "1")
    with pytest.raises(WeightsError, match="`distances` 'none' goes without"):
        load_distances(["auto"])


def test_none_is_no_distance_and_unknown_ones_are_refused() -> None:
    assert load_distances(["none"]) == []
    for names in (["lpips"], ["auto", "lpips-alex"], ["none", "lpips-alex"]):
        with pytest.raises(OptionError, match="choose from"):
            load_distances(names)
    with pytest.raises(OptionError, match="no distance 'lpips'"):
        load_distance("lpips")


def test_heads_are_downloaded_once_and_checked(
    shared_data: Path,
    nothing_at_hand: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: Any,
    served: Any,
) -> None:
    genuine = (shared_data / "loss_networks" / HEADS_FOLDER / "squeeze.pth").read_bytes()
    server.add("/squeeze.pth", served(content=genuine))
    server.add("/alex.pth", served(content=genuine))
    monkeypatch.setattr(distances, "_URL", server.address + "/{name}.pth")
    for _ in range(2):
        assert len(load_lpips_heads("squeeze")) == 7
    assert len(server.requests) == 1
    with pytest.raises(DownloadError, match="checksum"):
        load_lpips_heads("alex")
    assert not (nothing_at_hand / "loss_networks" / HEADS_FOLDER / "alex.pth").exists()


def test_a_file_with_other_values_is_no_genuine_head(
    nothing_at_hand: Path,
) -> None:
    folder = nothing_at_hand / "loss_networks" / HEADS_FOLDER
    folder.mkdir(parents=True)
    torch.save({"lin0.model.1.weight": torch.ones(1, 64, 1, 1)}, folder / "squeeze.pth")
    with pytest.raises(WeightsError, match="does not hold LPIPS"):
        load_lpips_heads("squeeze")
