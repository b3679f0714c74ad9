"""Crops by number: reproducible from any point, in range, and unharmed by bad files."""

import random
import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.data.photos import (
    PhotoCrops,
    center_crop,
    find_photo_set,
    find_photos,
    photo_batches,
    random_crop,
)
from impasto.errors import TrainingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        color = (40 * number, 255 - 40 * number, 7)
        path = tmp_path / ("a" if number % 2 else "b") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        photo = Image.new("RGB", (30 + number, 24), color)
        photo.putdata([(*color[:2], (x * 37) % 256) for x in range(photo.width * photo.height)])
        photo.save(path)
    return tmp_path


def _crops(folder: Path, seed: int = 0) -> PhotoCrops:
    return PhotoCrops(find_photos(folder), lambda index: 16 if index < 12 else 20, seed=seed)


def test_every_photo_is_seen_once_an_epoch_and_in_another_order_the_next(folder: Path) -> None:
    crops = _crops(folder)
    reds = [round(float(crops[k].image[0, 0, 0]) * 255) for k in range(12)]
    assert sorted(reds[:6]) == sorted(reds[6:]) == [0, 40, 80, 120, 160, 200]
    assert reds[:6] != reds[6:]


def test_batches_from_the_middle_are_those_of_a_run_from_the_start(folder: Path) -> None:
    whole = list(photo_batches(_crops(folder), batch_size=3, start=0, stop=6, workers=0))
    late = list(photo_batches(_crops(folder), batch_size=3, start=2, stop=6, workers=0))
    for one, other in zip(whole[2:], late, strict=True):
        assert torch.equal(one.images, other.images)


def test_worker_processes_change_nothing(folder: Path) -> None:
    alone = list(photo_batches(_crops(folder), batch_size=2, start=0, stop=3, workers=0))
    helped = list(photo_batches(_crops(folder), batch_size=2, start=0, stop=3, workers=1))
    for one, other in zip(alone, helped, strict=True):
        assert torch.equal(one.images, other.images)


def test_crops_follow_their_schedule_and_seeds_differ(folder: Path) -> None:
    crops = _crops(folder)
    assert crops[0].image.shape == (3, 16, 16)
    assert crops[12].image.shape == (3, 20, 20)
    order, other = (
        [float(_crops(folder, seed)[k].image[0, 0, 0]) for k in range(6)] for seed in (0, 1)
    )
    assert order != other


def test_an_unreadable_photo_is_replaced_and_named(folder: Path) -> None:
    (folder / "c.jpg").write_bytes(b"\xff\xd8\xff broken")
    skipped = [crop.skipped for crop in map(_crops(folder).__getitem__, range(7))]
    named = [path.name for found in skipped for path in found]
    assert named
    assert set(named) == {"c.jpg"}


def test_small_photos_are_enlarged_to_the_crop() -> None:
    crop = random_crop(torch.rand(1, 3, 5, 9), 32, random.Random(0))
    assert crop.shape == (1, 3, 32, 32)
    assert 0 <= float(crop.min()) <= float(crop.max()) <= 1


def test_center_crop_keeps_the_middle() -> None:
    pixels = torch.zeros(1, 3, 20, 60)
    pixels[..., 20:40] = 1
    assert torch.equal(center_crop(pixels, 20), torch.ones(1, 3, 20, 20))


def test_a_missing_or_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a folder"):
        find_photos(tmp_path / "missing")
    with pytest.raises(TrainingError, match="`validation_photos`: no pictures"):
        find_photos(tmp_path, "validation_photos")


def test_crops_of_a_single_colour_are_drawn_again(tmp_path: Path) -> None:
    """Their gradient through instance norms is infinite in half precision."""
    half_empty = Image.new("RGB", (64, 64), "white")
    half_empty.paste(Image.effect_noise((64, 20), 80).convert("RGB"), (0, 44))
    half_empty.save(tmp_path / "half.png")
    Image.new("RGB", (40, 40), "white").save(tmp_path / "empty.png")
    crops = PhotoCrops(find_photos(tmp_path), lambda _: 16, seed=0, zoom=2.0)
    for index in range(20):
        assert float(crops[index].image.std()) > 1 / 255
    alone = PhotoCrops([tmp_path / "empty.png"], lambda _: 16, seed=0)
    with pytest.raises(TrainingError, match="single colour"):
        alone[0]


def test_photo_sets_are_folders_files_and_patterns_each_photo_once(tmp_path: Path) -> None:
    for name in ("a/1.png", "a/2.jpg", "b/x_1.png", "b/x_2.txt", "b/y_1.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = find_photo_set(
        [tmp_path / "b" / "x_*", tmp_path / "a", tmp_path / "b" / "y_1.png", tmp_path / "a/1.png"]
    )
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["b/x_1.png", "a/1.png", "a/2.jpg", "b/y_1.png"]


@pytest.mark.parametrize("name", ["nowhere", "nowhere/*.png", "*.txt"])
def test_an_input_without_photos_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("no photo")
    with pytest.raises(TrainingError, match=re.escape(name)):
        find_photo_set([tmp_path / name])
