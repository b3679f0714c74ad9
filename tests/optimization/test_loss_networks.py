"""Which loss network "auto" stands for, by what files are there."""

from pathlib import Path

import pytest

from impasto.networks.loss.known import KNOWN_FILES
from impasto.optimization.loss_networks import PREFERRED, choose_loss_network


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty loss_networks/ of an IMPASTO_DATA; the cache is elsewhere, and empty too."""
    monkeypatch.setenv("IMPASTO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "data" / "loss_networks"
    place.mkdir(parents=True)
    return place


@pytest.mark.usefixtures("folder")
def test_a_name_stays_as_it_is_and_auto_is_the_first_to_download() -> None:
    assert choose_loss_network("alexnet") == "alexnet"
    assert choose_loss_network() == PREFERRED[0] == "vgg19"


def test_auto_takes_the_first_whose_files_are_all_there(folder: Path, tmp_path: Path) -> None:
    def put(place: Path, name: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        (place / name).touch()

    put(folder, KNOWN_FILES["vgg19-distilled"].file_name)
    assert choose_loss_network() == "vgg19-distilled"
    put(tmp_path / "cache" / "loss_networks", KNOWN_FILES["vgg19-normalised"].file_name)
    assert choose_loss_network() == "vgg19-normalised+vgg19-distilled"
    put(folder, "vgg16.safetensors")
    assert choose_loss_network() == "vgg16"
