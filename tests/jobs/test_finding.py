"""What is typed becomes pictures with their places; the files are empty, nothing is decoded."""

import os
from pathlib import Path

import pytest

from impasto.events import Failed
from impasto.jobs import find_sources, is_one_file, shown


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with five pictures, a text file and hidden ones."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.jpg",
        "photos/b.png",
        "photos/sub/c.JPG",
        "photos/sub/deep/d.webp",
        "photos/notes.txt",
        "photos/.hidden.jpg",
        "odd[1].jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def places(*inputs: str, output_folder: Path | None = None) -> list[str]:
    found = find_sources(inputs, output_folder=output_folder).found
    return [source.place.as_posix() for source in found]


def test_a_named_file_is_placed_by_its_name_alone() -> None:
    assert places("photos/sub/c.JPG") == ["c.JPG"]


def test_a_folder_is_searched_recursively_and_keeps_its_structure() -> None:
    assert places("photos") == ["b.png", "sub/c.JPG", "sub/deep/d.webp"]


def test_a_pattern_keeps_the_structure_from_its_first_wildcard() -> None:
    assert places("photos/s*/*.JPG") == ["sub/c.JPG"]


def test_two_stars_reach_every_depth_and_find_each_picture_once() -> None:
    assert sorted(places("photos/**/*")) == ["b.png", "sub/c.JPG", "sub/deep/d.webp"]
    assert sorted(places("photos/**")) == ["b.png", "sub/c.JPG", "sub/deep/d.webp"]


def test_a_pattern_from_the_current_folder_needs_no_prefix() -> None:
    assert places("*.jpg") == ["a.jpg", "odd[1].jpg"]


def test_a_file_whose_name_looks_like_a_pattern_is_taken_as_the_file() -> None:
    assert places("odd[1].jpg") == ["odd[1].jpg"]


def test_a_picture_named_in_several_ways_counts_once_at_its_first_mention() -> None:
    assert places("photos/b.png", "photos", "./photos/b.png") == [
        "b.png",
        "sub/c.JPG",
        "sub/deep/d.webp",
    ]


def test_a_link_to_a_picture_already_named_is_not_a_second_picture(folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "a.jpg")
    assert places("a.jpg", "link.jpg") == ["a.jpg"]


def test_earlier_results_below_a_searched_folder_are_left_out(folder: Path) -> None:
    results = folder / "photos" / "painted"
    (results / "sub").mkdir(parents=True)
    (results / "sub" / "c-style.jpg").touch()
    assert "painted/sub/c-style.jpg" in places("photos")
    assert "painted/sub/c-style.jpg" not in places("photos", output_folder=results)
    assert "painted/sub/c-style.jpg" not in places("photos/**", output_folder=results)


def test_an_output_folder_around_the_searched_one_hides_nothing() -> None:
    assert places("photos", output_folder=Path()) == places("photos")


def test_inputs_that_name_nothing_are_failures_with_their_reasons(folder: Path) -> None:
    (folder / "empty").mkdir()
    sources = find_sources(["gone.jpg", "empty", "*.tiff", "a.jpg"], output_folder=None)
    assert [source.path for source in sources.found] == [Path("a.jpg")]
    assert sources.failures == [
        Failed(name="gone.jpg", reason="no such file or folder"),
        Failed(name="empty", reason="no pictures in this folder"),
        Failed(name="*.tiff", reason="no picture matches this pattern"),
    ]


def test_a_link_that_leads_nowhere_is_kept_to_be_reported_by_name(folder: Path) -> None:
    (folder / "dangling.jpg").symlink_to(folder / "gone.jpg")
    assert places("dangling.jpg") == ["dangling.jpg"]


def test_the_home_folder_is_expanded_inside_quotes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert places("~/photos/*.png") == ["b.png"]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [(["a.jpg"], True), (["photos"], False), (["*.jpg"], False), (["a.jpg", "odd[1].jpg"], False)],
)
def test_one_file_is_one_existing_file_named_as_such(inputs: list[str], expected: bool) -> None:
    assert is_one_file(inputs) is expected


def test_names_are_shown_without_control_characters_or_undecodable_bytes() -> None:
    assert shown("été.jpg") == "été.jpg"
    assert shown("a\x1b[31m\n.jpg") == r"'a\x1b[31m\n.jpg'"
    assert shown(os.fsdecode(b"\xff.jpg")) == r"'\udcff.jpg'"


def test_a_failure_names_its_file_once() -> None:
    assert str(Failed(name="a.jpg", reason="a.jpg: is empty")) == "a.jpg: is empty"
    assert str(Failed(name="a.jpg", reason="is empty")) == "a.jpg: is empty"
