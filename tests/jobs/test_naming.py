"""Where results go, by table: no pictures are read or written."""

from pathlib import Path

import pytest

from impasto.errors import OptionError
from impasto.jobs import Source, file_label
from impasto.jobs.naming import Place, choose_output, plan_jobs

SUFFIXES = frozenset({".jpg", ".png", ".webp"})


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def source(path: str, place: str | None = None) -> Source:
    return Source(path=Path(path), place=Path(place or Path(path).name))


def targets(
    *sources: Source,
    styles: tuple[str, ...] = ("wave",),
    output: Place | None = None,
    suffix: str | None = None,
) -> list[str]:
    output = output or Place(folder=Path("out"))
    labels = {style: file_label(Path(style).stem) for style in styles}
    jobs = plan_jobs(sources, labels, output, suffix=suffix, suffixes=SUFFIXES)
    return [job.target.as_posix() for job in jobs]


def output(given: str | None, *, one_file: bool = True, one_model: bool = True) -> Place:
    return choose_output(
        given,
        default_folder=Path("painted"),
        one_file=one_file,
        one_model=one_model,
        suffixes=SUFFIXES,
    )


def test_without_output_one_photo_goes_to_the_current_folder_and_more_to_the_default() -> None:
    assert output(None) == Place(folder=Path())
    assert output(None, one_file=False) == Place(folder=Path("painted"))


def test_output_is_a_file_for_one_photo_in_one_model() -> None:
    assert output("x/y.JPG") == Place(folder=Path("x"), file=Path("x/y.JPG"))


@pytest.mark.parametrize("given", ["results", "results/", "results.jpg/", "there.jpg"])
def test_output_is_a_folder_if_it_is_one_or_ends_with_a_slash_or_has_no_suffix(given: str) -> None:
    Path("there.jpg").mkdir()
    assert output(given) == Place(folder=Path(given))


def test_a_folder_name_may_hold_a_dot_when_several_results_are_due() -> None:
    assert output("results.v2", one_file=False) == Place(folder=Path("results.v2"))


def test_one_output_file_for_several_results_is_refused() -> None:
    with pytest.raises(OptionError, match=r"x\.png names one file.*give a folder"):
        output("x.png", one_file=False)
    with pytest.raises(OptionError, match=r"x\.png names one file.*give a folder"):
        output("x.png", one_model=False)


def test_an_output_file_of_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"cannot write \.gif files; use one of \.jpg, \.png"):
        output("x.gif")


@pytest.mark.parametrize(
    ("name", "label"),
    [("wave", "wave"), ("Starry Night", "starry-night"), ("../a/b\\c", "a-b-c"), ("é2.1", "é2.1")],
)
def test_a_file_labels_files_by_its_name_without_what_parts_paths(name: str, label: str) -> None:
    assert file_label(name) == label


def test_a_style_with_no_usable_name_still_has_a_label() -> None:
    assert file_label("/..") == "model"


def test_results_are_named_photo_style_and_keep_the_structure() -> None:
    assert targets(source("p/a.b.jpg", "a.b.jpg"), source("p/s/c.png", "s/c.png")) == [
        "out/a.b-wave.jpg",
        "out/s/c-wave.png",
    ]


def test_a_format_that_cannot_be_written_becomes_png_and_suffixes_lower_case() -> None:
    assert targets(source("a.HEIC"), source("b.JPG"), source("c")) == [
        "out/a-wave.png",
        "out/b-wave.jpg",
        "out/c-wave.png",
    ]


def test_the_format_option_sets_every_suffix() -> None:
    assert targets(source("a.heic"), source("b.jpg"), suffix=".webp") == [
        "out/a-wave.webp",
        "out/b-wave.webp",
    ]


def test_every_photo_is_painted_in_every_style_one_model_after_the_other() -> None:
    assert targets(source("a.jpg"), source("b.jpg"), styles=("wave", "night")) == [
        "out/a-wave.jpg",
        "out/b-wave.jpg",
        "out/a-night.jpg",
        "out/b-night.jpg",
    ]


def test_models_with_one_label_are_refused() -> None:
    with pytest.raises(OptionError, match="one name for several models"):
        targets(source("a.jpg"), styles=("x/wave.safetensors", "wave"))


def test_photos_of_one_name_from_two_folders_get_their_folder_in_front() -> None:
    assert targets(source("one/a.jpg", "a.jpg"), source("two/a.jpg", "a.jpg"), source("b.jpg")) == [
        "out/one/a-wave.jpg",
        "out/two/a-wave.jpg",
        "out/b-wave.jpg",
    ]


def test_photos_that_differ_by_suffix_alone_get_it_behind_the_stem_and_stay_in_their_folder() -> (
    None
):
    sources = (source("p/s/a.jpg", "s/a.jpg"), source("p/s/a.png", "s/a.png"))
    assert targets(*sources) == ["out/s/a-wave.jpg", "out/s/a-wave.png"]
    assert targets(*sources, suffix=".png") == ["out/s/a-jpg-wave.png", "out/s/a-png-wave.png"]


def test_names_that_differ_by_case_alone_never_share_a_file_on_disks_that_ignore_case() -> None:
    names = targets(source("one/A.jpg", "A.jpg"), source("two/a.jpg", "a.jpg"))
    assert len({name.casefold() for name in names}) == 2


def test_names_that_still_collide_are_refused_naming_both_photos() -> None:
    # one/a.jpg moves into the folder one, where another input already keeps its place
    sources = (
        source("one/a.jpg", "a.jpg"),
        source("two/a.jpg", "a.jpg"),
        source("other/one/a.jpg", "one/a.jpg"),
    )
    with pytest.raises(OptionError, match=r"one/a\.jpg and other/one/a\.jpg would both become"):
        targets(*sources)


@pytest.mark.parametrize("link", [False, True])
def test_a_photo_is_never_its_own_target(link: bool) -> None:
    Path("a.jpg").touch()
    name = "a.jpg"
    if link:
        Path("link.jpg").symlink_to("a.jpg")
        name = "link.jpg"
    with pytest.raises(OptionError, match="never overwritten"):
        targets(source(name), output=Place(folder=Path(), file=Path("a.jpg")))


def test_earlier_results_beside_their_photos_are_not_painted_again() -> None:
    Path("a-wave.jpg").touch()
    beside = Place(folder=Path())
    assert targets(source("a-wave.jpg"), source("a.jpg"), output=beside) == ["a-wave.jpg"]
