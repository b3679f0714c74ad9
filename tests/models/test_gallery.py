"""The gallery: cards to entries, names to styles."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.errors import ModelError, OptionError
from impasto.models import gallery, load_style_model
from impasto.models.gallery import find_style, list_styles, style_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cards = {
        "great-wave": {"title": "Under the Wave off Kanagawa", "artist": "Katsushika Hokusai"},
        "starry-night": {"title": "The Starry Night", "artist": "Vincent van Gogh", "year": 1889},
        "sunflowers": {"title": "Sunflowers", "artist": "Vincent van Gogh", "year": None},
    }
    for name, card in cards.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"name": name, **card}))
        (tmp_path / f"{name}.safetensors").write_bytes(b"12345")
    (tmp_path / "great-wave.jpg").write_bytes(b"preview")
    return tmp_path


def test_styles_are_listed_by_name_with_what_their_cards_say(folder: Path) -> None:
    entries = list_styles(folder)
    assert [entry.name for entry in entries] == ["great-wave", "starry-night", "sunflowers"]
    wave, night, sunflowers = entries
    assert wave.artist == "Katsushika Hokusai"
    assert wave.bytes == 5
    assert wave.preview == folder / "great-wave.jpg"
    assert wave.path == folder / "great-wave.safetensors"
    assert (night.year, night.preview) == ("1889", None)
    assert (sunflowers.year, sunflowers.licence) == ("", "")
    assert night.card["title"] == "The Starry Night"


def test_a_card_without_a_model_is_not_listed(folder: Path) -> None:
    (folder / "sunflowers.safetensors").unlink()
    assert [entry.name for entry in list_styles(folder)] == ["great-wave", "starry-night"]


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_damaged_card_is_named(folder: Path, text: str) -> None:
    (folder / "sunflowers.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match=r"sunflowers\.json"):
        list_styles(folder)


@pytest.mark.parametrize("name", ["great-wave", "Great Wave", "GREAT_WAVE", " great--wave "])
def test_capitals_spaces_and_underscores_do_not_matter(folder: Path, name: str) -> None:
    assert find_style(name, folder).name == "great-wave"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("stary-nigth", "starry-night"),
        ("sunflower", "sunflowers"),
        ("wave", "great-wave"),
        ("Hokusai", "great-wave"),
        ("kanagawa", "great-wave"),
    ],
)
def test_unknown_names_suggest_the_nearest(folder: Path, typed: str, meant: str) -> None:
    with pytest.raises(ModelError, match=f"no style '{typed}'; did you mean '{meant}'"):
        find_style(typed, folder)


def test_a_painter_of_several_styles_suggests_them_all(folder: Path) -> None:
    with pytest.raises(ModelError, match="did you mean 'starry-night' or 'sunflowers'"):
        find_style("gogh", folder)


def test_names_like_nothing_get_the_whole_list(folder: Path) -> None:
    with pytest.raises(ModelError, match="choose from great-wave, starry-night, sunflowers"):
        find_style("qqqq", folder)


def test_an_empty_gallery_says_so(tmp_path: Path) -> None:
    assert list_styles(tmp_path) == []
    with pytest.raises(ModelError, match="no bundled styles"):
        find_style("great-wave", tmp_path)


@pytest.fixture
def with_fast(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundled styles are those of `folder`, and one of them has a fast network."""
    (folder / "fast").mkdir()
    (folder / "fast" / "great-wave.json").write_text(json.dumps({"name": "great-wave-fast"}))
    (folder / "fast" / "great-wave.safetensors").write_bytes(b"123")
    monkeypatch.setattr(gallery, "GALLERY_FOLDER", folder)
    return folder


def test_a_fast_network_belongs_to_its_style_and_is_none_of_its_own(with_fast: Path) -> None:
    wave, *others = list_styles()
    assert len(others) == 2
    assert wave.networks == ("full", "fast")
    assert wave.fast is not None
    assert (wave.fast.bytes, wave.fast.card) == (3, {"name": "great-wave-fast"})
    assert [entry.networks for entry in others] == [("full",), ("full",)]
    (with_fast / "fast" / "great-wave.safetensors").unlink()
    assert list_styles()[0].networks == ("full",)


def test_the_network_chooses_the_file(with_fast: Path) -> None:
    assert style_path("Great Wave") == with_fast / "great-wave.safetensors"
    assert style_path("Great Wave", "fast") == with_fast / "fast" / "great-wave.safetensors"
    assert style_path("my/own.safetensors") == Path("my/own.safetensors")


def test_a_style_without_a_fast_network_says_how_to_train_one(with_fast: Path) -> None:  # noqa: ARG001
    remedy = "--architecture fast --teacher starry-night"
    with pytest.raises(ModelError, match=f"'starry-night' has no fast network here.*{remedy}"):
        style_path("starry-night", "fast")


def test_a_file_has_no_other_network_than_its_own() -> None:
    with pytest.raises(ModelError, match=r"own\.safetensors.*leave out.*--teacher my/own"):
        style_path("my/own.safetensors", "fast")


def test_unknown_networks_are_refused() -> None:
    with pytest.raises(OptionError, match="no network 'best'; choose from full, fast"):
        style_path("great-wave", "best")


def test_the_earlier_name_of_the_option_works_with_a_notice() -> None:
    with pytest.warns(DeprecationWarning, match="`quality` is now `network`"):
        model = load_style_model("udnie", quality="fast")
    assert model.config.architecture == "fast"


def test_listing_styles_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from impasto.models.gallery import list_styles; list_styles(); "
        "from impasto.models import StyleEntry; "
        "print([name for name in ('torch', 'numpy', 'PIL', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_unknown_attributes_of_the_room_are_attribute_errors() -> None:
    import impasto.models

    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = impasto.models.nothing_like_this
