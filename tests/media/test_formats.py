"""find_images: which files, in which order."""

import pytest

from impasto.errors import ImageError
from impasto.media import IMAGE_SUFFIXES, WRITABLE_SUFFIXES, find_images


def test_pictures_are_found_below_and_sorted(tmp_path) -> None:
    names = ["b.png", "a/z.jpg", "a/deep/er/x.WEBP", "c.Tiff", "a.avif"]
    for name in [*names, "notes.txt", "a/movie.mp4", "png", "Thumbs.db"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_images(tmp_path) == sorted(tmp_path / name for name in names)


def test_hidden_files_and_folders_are_skipped(tmp_path) -> None:
    for name in [".a.png", "._b.png", ".cache/c.png", "d/.e/f.png", "g.png"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_images(tmp_path) == [tmp_path / "g.png"]


def test_a_hidden_starting_folder_is_searched(tmp_path) -> None:
    folder = tmp_path / ".photos"
    folder.mkdir()
    (folder / "a.png").touch()
    assert find_images(folder) == [folder / "a.png"]


def test_a_folder_named_like_a_picture_is_searched_and_not_returned(tmp_path) -> None:
    (tmp_path / "album.jpg").mkdir()
    (tmp_path / "album.jpg" / "a.png").touch()
    assert find_images(tmp_path) == [tmp_path / "album.jpg" / "a.png"]


def test_links_that_lead_back_do_not_loop(tmp_path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "again").symlink_to(tmp_path)
    assert find_images(tmp_path) == [tmp_path / "a.png"]


def test_an_empty_folder_has_no_pictures(tmp_path) -> None:
    assert find_images(tmp_path) == []


def test_a_missing_folder_and_a_file_are_refused(tmp_path) -> None:
    with pytest.raises(ImageError, match="nowhere: no such folder"):
        find_images(tmp_path / "nowhere")
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageError, match=r"a\.png: is a file"):
        find_images(tmp_path / "a.png")


def test_what_can_be_written_can_be_read() -> None:
    assert WRITABLE_SUFFIXES < IMAGE_SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in IMAGE_SUFFIXES)
