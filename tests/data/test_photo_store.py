"""Decoded photos on the disk: the same pixels, made once, whole or not at all."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.data import photo_store
from impasto.data.photo_store import open_derived_store, open_photo_store
from impasto.errors import TrainingError


def _photo(path: Path, width: int, height: int, seed: int) -> Path:
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(samples).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [_photo(tmp_path / f"{n}.png", 20 + n, 30 - n, n) for n in range(3)]


def test_it_holds_the_very_samples_of_the_files(photos: list[Path], tmp_path: Path) -> None:
    store = open_photo_store(photos, folder=tmp_path / "cache")
    assert len(store) == 3
    for number, path in enumerate(photos):
        with Image.open(path) as image:
            samples = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        assert torch.equal(store[number], samples)
        assert torch.equal(store.crop(number, 3, 5, 7, 4), samples[:, 3:10, 5:9])


def test_scales_reduce_and_small_results_are_left_out(photos: list[Path], tmp_path: Path) -> None:
    store = open_photo_store(photos, scales=(1.0, 0.5), least_px=11, folder=tmp_path / "cache")
    sizes = [(place.height, place.width, place.photo) for place in store.pictures]
    assert sizes == [(30, 20, 0), (29, 21, 1), (28, 22, 2), (14, 11, 2)]


def test_photos_are_decoded_once(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_photo_store(photos, folder=tmp_path / "cache")

    def fail(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(photo_store, "read_picture", fail)
    second = open_photo_store(photos, folder=tmp_path / "cache")
    assert torch.equal(first[1], second[1])


def test_a_changed_photo_is_decoded_again(photos: list[Path], tmp_path: Path) -> None:
    first = open_photo_store(photos, folder=tmp_path / "cache")[0]
    _photo(photos[0], 20, 30, 99)
    assert not torch.equal(open_photo_store(photos, folder=tmp_path / "cache")[0], first)


def test_a_run_killed_while_it_decodes_leaves_nothing_that_is_taken_for_whole(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = photo_store.read_picture

    def die(path: Path) -> object:
        if path == photos[2]:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(photo_store, "read_picture", die)
    with pytest.raises(KeyboardInterrupt):
        open_photo_store(photos, folder=tmp_path / "cache")
    monkeypatch.undo()
    assert not list((tmp_path / "cache").glob("*.json"))
    assert len(open_photo_store(photos, folder=tmp_path / "cache")) == 3


def test_unreadable_photos_are_listed_with_the_reason(photos: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"nothing")
    for _ in range(2):  # from the files, then from the cache
        store = open_photo_store([bad, *photos], folder=tmp_path / "cache")
        assert len(store) == 3
        assert list(store.skipped) == [bad]
        assert "bad.jpg" in store.skipped[bad]


def test_no_usable_photo_is_an_error_that_says_why(photos: list[Path], tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no photo has 100 px"):
        open_photo_store(photos, least_px=100, folder=tmp_path / "cache")


def test_a_derived_store_holds_what_was_made_of_each(photos: list[Path], tmp_path: Path) -> None:
    store = open_photo_store(photos, folder=tmp_path / "cache")
    negative = open_derived_store(store, "negative", lambda x: 1 - x, tmp_path / "cache")
    for number in range(3):
        assert torch.equal(negative[number], 255 - store[number])


def test_it_is_sent_to_other_processes_without_its_samples(
    photos: list[Path], tmp_path: Path
) -> None:
    store = open_photo_store(photos, folder=tmp_path / "cache")
    picture = store[2]
    sent = pickle.dumps(store)
    assert len(sent) < 2000
    assert torch.equal(pickle.loads(sent)[2], picture)
