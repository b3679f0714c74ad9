"""The bundled upscalers: cards to entries, names and factors to models."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from impasto.errors import ModelError
from impasto.models import upscalers
from impasto.models.upscalers import find_upscaler, find_upscalers, list_upscalers


def add(folder: Path, name: str, **card: object) -> None:
    (folder / f"{name}.json").write_text(json.dumps({"name": name, **card}))
    (folder / f"{name}.safetensors").write_bytes(b"123456")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for factor in (2, 4):
        add(tmp_path, f"pixel-x{factor}", network={"factor": factor}, licence="Apache-2.0")
    add(tmp_path, "perceptual-x4", network={"factor": 4}, degradation="standard")
    add(tmp_path, "paper-feature-x8")
    add(tmp_path, "denoise", network={"factor": 1}, title="Noise off", degradation="noise")
    monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", tmp_path)
    return tmp_path


def test_entries_are_what_the_cards_say_and_the_rest_follows_from_the_name(folder: Path) -> None:
    entries = {entry.name: entry for entry in list_upscalers()}
    assert list(entries) == ["denoise", "paper-feature-x8", "perceptual-x4", "pixel-x2", "pixel-x4"]
    denoise, paper, pixel = (entries[n] for n in ("denoise", "paper-feature-x8", "pixel-x4"))
    assert (denoise.task, denoise.factor, denoise.family) == ("restore", 1, "denoise")
    assert (paper.task, paper.factor, paper.family) == ("superres", 8, "paper-feature")
    assert (pixel.family, pixel.licence, pixel.bytes) == ("pixel", "Apache-2.0", 6)
    assert pixel.path == folder / "pixel-x4.safetensors"


@pytest.mark.usefixtures("folder")
class TestFinding:
    @pytest.mark.parametrize(
        ("name", "factor", "found"),
        [
            ("pixel-x4", None, "pixel-x4"),
            ("Pixel_X4", 4, "pixel-x4"),
            ("pixel", 2, "pixel-x2"),
            ("perceptual", None, "perceptual-x4"),
            ("paper-feature", 8, "paper-feature-x8"),
            ("denoise", None, "denoise"),
            ("denoise", 1, "denoise"),
        ],
    )
    def test_a_name_with_or_without_its_factor(
        self, name: str, factor: int | None, found: str
    ) -> None:
        assert find_upscaler(name, factor=factor).name == found

    @pytest.mark.parametrize(
        ("name", "factor", "message"),
        [
            ("pixel", None, "'pixel' is there for factors 2 and 4; give the factor too"),
            ("pixel", 3, "no upscaler 'pixel' for factor 3, only for 2 and 4"),
            ("pixel-x4", 2, "no upscaler 'pixel-x4' for factor 2, only for 4"),
            ("denoise", 4, "no upscaler 'denoise' for factor 4, only for 1"),
            ("pixle-x4", None, "did you mean 'pixel-x4'"),
            ("noise", None, "did you mean 'denoise'"),
            ("qqq", None, "choose from denoise, paper-feature-x8"),
        ],
    )
    def test_what_is_not_there_is_said_with_what_is(
        self, name: str, factor: int | None, message: str
    ) -> None:
        with pytest.raises(ModelError, match=message):
            find_upscaler(name, factor=factor)

    @pytest.mark.parametrize(
        ("name", "factor", "found"),
        [
            (None, 4, ["perceptual-x4"]),
            (None, None, ["perceptual-x4"]),
            (None, 2, ["pixel-x2"]),
            (None, 8, ["pixel-x4", "pixel-x2"]),
            ("pixel", 8, ["pixel-x4", "pixel-x2"]),
            ("pixel", None, ["pixel-x4"]),
            ("paper-feature", None, ["paper-feature-x8"]),
            ("paper-feature", 8, ["paper-feature-x8"]),
            ("Pixel X2", None, ["pixel-x2"]),
        ],
    )
    def test_a_factor_is_reached_by_one_model_or_by_two_of_a_family(
        self, name: str | None, factor: int | None, found: list[str]
    ) -> None:
        assert [entry.name for entry in find_upscalers(name, factor=factor)] == found

    @pytest.mark.parametrize(
        ("name", "factor", "message"),
        [
            (None, 3, "no upscaler for factor 3 that is used without asking .perceptual or pixel"),
            ("perceptual", 8, "no upscaler 'perceptual' for factor 8, only for 4"),
            ("pixel-x4", 8, "no upscaler 'pixel-x4' for factor 8, only for 4"),
        ],
    )
    def test_a_factor_out_of_reach_is_said(
        self, name: str | None, factor: int, message: str
    ) -> None:
        with pytest.raises(ModelError, match=message):
            find_upscalers(name, factor=factor)


def test_an_installation_without_models_says_so(tmp_path: Path) -> None:
    assert list_upscalers(tmp_path / "none") == []
    with pytest.raises(ModelError, match=r"no bundled upscalers; give the path"):
        find_upscaler("pixel", factor=4, folder=tmp_path)
    with pytest.raises(ModelError, match=r"factor 4.*impasto train superres"):
        find_upscalers(factor=4, folder=tmp_path)


def test_a_damaged_card_is_named(folder: Path) -> None:
    (folder / "pixel-x2.json").write_text("{")
    with pytest.raises(ModelError, match=r"pixel-x2\.json"):
        list_upscalers()


def test_listing_upscalers_imports_neither_torch_nor_numpy() -> None:
    code = (
        "import sys; from impasto.models import list_upscalers; list_upscalers(); "
        "print([name for name in ('torch', 'numpy', 'PIL', 'safetensors') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
