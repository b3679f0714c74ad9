"""Official weights: partial download first, the whole checked file where that fails."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from impasto.errors import WeightsError
from impasto.files.download import DownloadError, Retry
from impasto.networks.loss import load_loss_network
from impasto.networks.loss.architectures import tensor_shapes
from impasto.networks.loss.official import OFFICIAL, OfficialWeights, fetch_official
from impasto.networks.loss.weight_file import hash_tensors

QUICK = Retry(attempts=2, backoff_s=0.01, timeout_s=5)


@pytest.fixture(scope="module")
def squeezenet() -> dict[str, Tensor]:
    """The smallest of the official networks, with random values and a classifier to leave out."""
    generator = torch.Generator().manual_seed(0)
    shapes = {**tensor_shapes("squeezenet1_1"), "classifier.1.weight": (1000, 512, 1, 1)}
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@pytest.fixture
def mirror(server: Any, served: Any, squeezenet: dict[str, Tensor]) -> OfficialWeights:
    buffer = io.BytesIO()
    torch.save(squeezenet, buffer)
    pth = buffer.getvalue()
    return OfficialWeights(
        name="squeezenet1_1",
        url=server.add("/squeezenet.pth", served(pth)),
        sha256=hashlib.sha256(pth).hexdigest(),
        megabytes=5,
        partial_urls=(server.add("/model.safetensors", served(save(squeezenet))),),
        first_hash=hash_tensors({"conv1_1": squeezenet["features.0.weight"]}),
    )


def assert_convolutions(path: Path, squeezenet: dict[str, Tensor]) -> None:
    found = load_file(path)
    assert set(found) == set(tensor_shapes("squeezenet1_1"))
    assert all(torch.equal(found[name], squeezenet[name]) for name in found)


def test_the_convolutions_come_by_ranges_and_the_classifier_stays(
    server: Any, mirror: OfficialWeights, squeezenet: dict[str, Tensor], tmp_path: Path
) -> None:
    path = fetch_official(mirror, tmp_path, retry=QUICK)
    assert_convolutions(path, squeezenet)
    assert {request.path for request in server.requests} == {"/model.safetensors"}


def test_without_ranges_the_whole_file_is_fetched_and_only_convolutions_kept(
    server: Any, mirror: OfficialWeights, squeezenet: dict[str, Tensor], tmp_path: Path
) -> None:
    server.files["/model.safetensors"].ranges = False
    path = fetch_official(mirror, tmp_path, retry=QUICK)
    assert_convolutions(path, squeezenet)
    assert not (tmp_path / mirror.pth_name).exists()


def test_another_first_convolution_is_refused_and_the_whole_file_is_fetched(
    server: Any, mirror: OfficialWeights, squeezenet: dict[str, Tensor], tmp_path: Path
) -> None:
    other = {**squeezenet, "features.0.weight": squeezenet["features.0.weight"] + 1e-6}
    server.files["/model.safetensors"].content = save(other)
    assert_convolutions(fetch_official(mirror, tmp_path, retry=QUICK), squeezenet)
    assert server.requests[-1].path == "/squeezenet.pth"


def test_a_server_that_is_down_is_not_tried_under_a_second_address(
    server: Any, served: Any, mirror: OfficialWeights, tmp_path: Path
) -> None:
    down = served(b"", faults=["status:503"] * 9)
    urls = tuple(server.add(path, down) for path in ("/one", "/two"))
    server.files["/squeezenet.pth"].faults = ["status:404"]
    with pytest.raises(DownloadError, match=r"/one.*503.*squeezenet\.pth answered 404"):
        fetch_official(replace(mirror, partial_urls=urls), tmp_path, retry=QUICK)
    assert [request.path for request in server.requests] == ["/one"] * 2 + ["/squeezenet.pth"]


def test_a_whole_file_with_another_checksum_is_refused(
    mirror: OfficialWeights, tmp_path: Path
) -> None:
    wrong = replace(mirror, partial_urls=(), sha256="0" * 64)
    with pytest.raises(DownloadError, match="wanted was 0000"):
        fetch_official(wrong, tmp_path, retry=QUICK)
    assert not list(tmp_path.glob("*.pth"))


def test_a_name_is_downloaded_once_and_then_found_in_the_cache(
    server: Any,
    mirror: OfficialWeights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    catalog = {"squeezenet1_1": mirror}
    first = load_loss_network("squeezenet1_1", cache_dir=tmp_path, official=catalog, retry=QUICK)
    asked = len(server.requests)
    monkeypatch.setenv("IMPASTO_OFFLINE", "1")
    again = load_loss_network("squeezenet1_1", cache_dir=tmp_path, official=catalog)
    assert len(server.requests) == asked
    assert first.weights_hash == again.weights_hash
    assert first.name == "squeezenet1_1"
    assert "BSD-3-Clause" in first.license
    assert first.redistributable
    assert mirror.partial_urls[0] in first.source


def test_a_file_downloaded_by_hand_is_checked_and_used(
    server: Any,
    mirror: OfficialWeights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    by_hand = tmp_path / "loss_networks" / mirror.pth_name
    by_hand.parent.mkdir()
    by_hand.write_bytes(server.files["/squeezenet.pth"].content)
    catalog = {"squeezenet1_1": mirror}
    network = load_loss_network("squeezenet1_1", cache_dir=tmp_path, official=catalog)
    assert network.layer_names[-1] == "fire9"
    assert server.requests == []
    by_hand.write_bytes(by_hand.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="delete it and try again"):
        load_loss_network("squeezenet1_1", cache_dir=tmp_path, official=catalog)


def test_offline_with_an_empty_cache_says_which_file_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    monkeypatch.setenv("IMPASTO_OFFLINE", "1")
    with pytest.raises(WeightsError) as caught:
        load_loss_network("vgg16", cache_dir=tmp_path)
    message = str(caught.value)
    assert "https://download.pytorch.org/models/vgg16-397923af.pth" in message
    assert str(tmp_path / "loss_networks" / "vgg16-397923af.pth") in message
    assert "`loss_network`" in message
    assert "IMPASTO_OFFLINE" in message


def test_a_download_that_fails_says_what_to_do_by_hand(
    server: Any,
    mirror: OfficialWeights,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    server.files.clear()
    with pytest.raises(WeightsError, match=r"`loss_network`.*answered 404.*answered 404"):
        load_loss_network(
            "squeezenet1_1",
            cache_dir=tmp_path,
            official={"squeezenet1_1": mirror},
            retry=QUICK,
        )


@pytest.mark.parametrize("weights", OFFICIAL.values(), ids=OFFICIAL.keys())
def test_an_official_checksum_begins_with_the_digits_in_the_file_name(
    weights: OfficialWeights,
) -> None:
    assert weights.pth_name.removesuffix(".pth").rsplit("-", 1)[1] == weights.sha256[:8]
    assert len(weights.sha256) == 64


def test_the_pinned_first_convolution_is_the_genuine_vgg16s(shared_data: Path) -> None:
    genuine = np.load(shared_data / "loss_networks" / "torchvision_vgg16_conv1_1_weight.npy")
    found = hash_tensors({"conv1_1": torch.from_numpy(genuine)})
    assert found == OFFICIAL["vgg16"].first_hash
