"""Sets of test images: found, verified, downloaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError, OptionError
from impasto.evaluation.image_sets import find_image_set, find_image_sets
from impasto.evaluation.known_sets import KNOWN_SETS, KnownSet, download_set, pixels_sha256
from impasto.files.download import DownloadError, Retry
from impasto.media import from_pil, read_picture, write_picture

ONCE = Retry(attempts=1)


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No data folder, and an empty cache."""
    monkeypatch.delenv("IMPASTO_DATA", raising=False)
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_is_a_set_of_its_name(image_folder: Path) -> None:
    found = find_image_set(str(image_folder))
    assert found.name == "tiny"
    assert list(found.images) == ["a", "b", "c"]
    assert found.read(next(iter(found.images))).genuine is None


def test_images_in_subfolders_and_of_one_name_are_told_apart(image_folder: Path) -> None:
    write_picture(image_folder / "sub" / "a.png", torch.zeros(1, 3, 8, 8))
    write_picture(image_folder / "a.bmp", torch.zeros(1, 3, 8, 8))
    names = list(find_image_set(str(image_folder)).images)
    assert sorted(names) == ["a.bmp", "a.png", "b", "c", "sub/a"]


def test_a_known_set_is_found_below_the_data_folder(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "superres").mkdir()
    target = image_folder.rename(tmp_path / "superres" / "Set5")
    for data in (tmp_path, tmp_path / "superres"):
        found = find_image_set("SET5", data=data)
        assert (found.name, found.folder) == ("set5", target)
        assert found.known is KNOWN_SETS["set5"]
    assert found.read(next(iter(found.images))).genuine is False


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("set6", None, r"no set 'set6' and no such folder; choose from \['set5', 'set14'"),
        ("set5", "nowhere", "no such folder"),
        ("set5", ".", "holds no folder set5"),
    ],
)
def test_what_is_not_there_is_named(
    name: str, data: str | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=message):
        find_image_set(name, data=None if data is None else tmp_path / data)


def test_a_folder_without_images_and_two_sets_of_one_name_are_refused(
    tmp_path: Path, image_folder: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(OptionError, match="no images in this folder"):
        find_image_set(str(tmp_path / "empty"))
    write_picture(tmp_path / "other" / "tiny" / "x.png", torch.zeros(1, 3, 8, 8))
    with pytest.raises(OptionError, match="two sets called 'tiny'"):
        find_image_sets([str(image_folder), str(tmp_path / "other" / "tiny")])
    with pytest.raises(OptionError, match="no sets"):
        find_image_sets([])


def test_transparent_images_are_refused_and_opaque_alpha_is_not(tmp_path: Path) -> None:
    pixels = torch.rand(1, 3, 8, 8)
    alpha = torch.ones(1, 1, 8, 8)
    write_picture(tmp_path / "opaque.png", pixels, alpha=alpha)
    alpha[..., 0, 0] = 0
    write_picture(tmp_path / "holes.png", pixels, alpha=alpha)
    found = find_image_set(str(tmp_path))
    with pytest.raises(ImageError, match=r"holes.png: has transparent parts"):
        found.read(next(iter(found.images)))
    assert found.read(list(found.images)[1]).high_res.shape == (1, 3, 8, 8)


def test_the_hash_of_pixels_is_that_of_the_image_not_of_the_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    image = Image.fromarray(samples)
    image.save(tmp_path / "a.png", compress_level=0)
    image.save(tmp_path / "b.png", compress_level=9)
    image.save(tmp_path / "c.bmp")
    digests = {pixels_sha256(read_picture(path)) for path in sorted(tmp_path.iterdir())}
    assert len(digests) == 1
    samples[3, 4, 1] ^= 1
    assert pixels_sha256(from_pil(Image.fromarray(samples))) not in digests


def test_the_hash_of_grey_is_that_of_three_equal_channels() -> None:
    gray = Image.fromarray(np.arange(56, dtype=np.uint8).reshape(7, 8))
    assert pixels_sha256(from_pil(gray)) == pixels_sha256(from_pil(gray.convert("RGB")))
    turned = gray.transpose(Image.Transpose.TRANSPOSE)
    assert pixels_sha256(from_pil(turned)) != pixels_sha256(from_pil(gray))


def test_known_sets_have_as_many_different_images_as_the_literature_says() -> None:
    for name, count in (("set5", 5), ("set14", 14), ("bsd100", 100)):
        hashes = KNOWN_SETS[name].hashes
        assert len(set(hashes)) == len(hashes) == count


@pytest.mark.parametrize("name", ["set5", "set14"])
def test_the_genuine_images_are_recognised_in_order(shared_data: Path, name: str) -> None:
    del shared_data
    found = find_image_set(name)
    assert found.known is not None
    loaded = [found.read(image) for image in found.images]
    numbers = [found.known.number_of(image.pixels_sha256) for image in loaded]
    assert numbers == list(range(1, len(found.known.hashes) + 1))
    grey = [number for number, image in zip(numbers, loaded, strict=True) if image.gray]
    assert grey == sorted(found.known.gray)


def test_a_colour_copy_of_a_sets_grey_image_is_still_judged_as_luma(
    shared_data: Path, tmp_path: Path
) -> None:
    source = shared_data / "superres" / "set14" / "img_003.png"
    (tmp_path / "set14").mkdir()
    Image.open(source).convert("RGB").save(tmp_path / "set14" / "bridge.png")
    found = find_image_set("set14", data=tmp_path)
    loaded = found.read(next(iter(found.images)))
    assert (loaded.gray, loaded.genuine) == (True, True)


@pytest.fixture
def served_set(image_folder: Path, server: Any, served: Any) -> KnownSet:
    """The three tiny images on a server, as a known set."""
    hashes = []
    for number, path in enumerate(sorted(image_folder.iterdir()), start=1):
        server.add(f"/img_{number:03d}.png", served(content=path.read_bytes()))
        hashes.append(pixels_sha256(read_picture(path))[:16])
    return KnownSet(name="tiny", hashes=tuple(hashes), url=server.address + "/img_{number:03d}.png")


def test_a_set_is_downloaded_image_by_image_and_what_is_there_is_kept(
    served_set: KnownSet, tmp_path: Path, server: Any
) -> None:
    folder, seen = tmp_path / "sets" / "tiny", []
    for _ in range(2):
        download_set(served_set, folder, lambda *told: seen.append(told))
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "img_001.png",
        "img_002.png",
        "img_003.png",
    ]
    assert len(server.requests) == 3
    assert seen[2] == ("tiny", 3, 3)
    (folder / "img_002.png").unlink()
    download_set(served_set, folder)
    assert len(server.requests) == 4


@pytest.mark.parametrize("content", [b"<html>not found</html>", None])
def test_what_is_not_the_genuine_image_is_not_kept(
    served_set: KnownSet, tmp_path: Path, server: Any, served: Any, content: bytes | None
) -> None:
    other = server.files["/img_001.png"].content if content is None else content
    server.add("/img_002.png", served(content=other))
    with pytest.raises(DownloadError, match=r"test set tiny could not be had: .*`data`"):
        download_set(served_set, tmp_path / "tiny-2", retry=ONCE)
    kept = [path.name for path in (tmp_path / "tiny-2").glob("img*")]
    assert kept == ["img_001.png"]
    server.add("/img_002.png", served(content=b""))


def test_a_dead_address_is_told_with_the_way_out(served_set: KnownSet, tmp_path: Path) -> None:
    dead = replace(served_set, url=served_set.url.replace("img_", "gone_"))
    with pytest.raises(DownloadError, match=r"404.*give their folder: `data`"):
        download_set(dead, tmp_path / "x", retry=ONCE)


def test_offline_nothing_is_asked_for(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_OFFLINE", "1")
    with pytest.raises(DownloadError, match="forbids"):
        find_image_set("set5")
    with pytest.raises(OptionError, match="not at hand"):
        find_image_set("set5", download=False)
    assert not list(no_data.rglob("*.png"))
