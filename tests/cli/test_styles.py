"""The list of styles, from a gallery made here."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.models import gallery

CARD = {
    "title": "The Great Wave off Kanagawa",
    "artist": "Hokusai",
    "year": "1831",
    "licence": "CC0-1.0",
    "iterations": 4000,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gallery, "GALLERY_FOLDER", tmp_path)
    return tmp_path


def add_style(folder: Path, name: str, card: dict[str, object], size: int) -> None:
    (folder / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / f"{name}.safetensors").write_bytes(b"\0" * size)
    (folder / f"{name}.jpg").touch()


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["styles", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_style_is_told_with_work_size_licence_and_preview(folder: Path) -> None:
    add_style(folder, "great-wave", CARD, 850_000)
    assert run() == (
        "great-wave  The Great Wave off Kanagawa, Hokusai, 1831\n"
        f"    0.8 MB, CC0-1.0, preview: {folder / 'great-wave.jpg'}\n"
    )


def test_a_card_without_artist_or_year_leaves_no_gaps(folder: Path) -> None:
    add_style(folder, "plain", {"title": "Untitled"}, 1_000_000)
    assert run().startswith("plain  Untitled\n    1.0 MB, preview:")


def test_json_holds_the_whole_card_and_where_the_files_are(folder: Path) -> None:
    add_style(folder, "great-wave", CARD, 12)
    add_style(folder, "été", {**CARD, "title": "Été"}, 34)
    records = json.loads(run("--json"))
    assert [record["name"] for record in records] == ["great-wave", "été"]
    assert records[0] == {
        **CARD,
        "name": "great-wave",
        "bytes": 12,
        "path": str(folder / "great-wave.safetensors"),
        "preview": str(folder / "great-wave.jpg"),
        "qualities": ["full"],
        "fast": None,
    }
    assert records[1]["title"] == "Été"


def test_a_fast_network_is_told_beside_the_full_one(folder: Path) -> None:
    add_style(folder, "great-wave", CARD, 850_000)
    (folder / "fast").mkdir()
    add_style(folder / "fast", "great-wave", {"objective": {"ratio_to_full": 1.0}}, 530_000)
    assert "\n    0.8 MB, 0.5 MB with --network fast, CC0-1.0," in run()
    (record,) = json.loads(run("--json"))
    assert record["qualities"] == ["full", "fast"]
    assert record["fast"] == {
        "objective": {"ratio_to_full": 1.0},
        "bytes": 530_000,
        "path": str(folder / "fast" / "great-wave.safetensors"),
    }


def test_an_empty_gallery_says_what_else_can_be_given() -> None:
    assert "give a model file to --style" in run()
    assert json.loads(run("--json")) == []


def test_a_damaged_card_is_named_in_one_line(folder: Path) -> None:
    add_style(folder, "great-wave", CARD, 1)
    (folder / "great-wave.json").write_text("{", encoding="utf-8")
    result = CliRunner().invoke(app, ["styles"])
    assert result.exit_code == 2
    assert str(folder / "great-wave.json") in result.stderr
    assert result.stderr.count("\n") == 1
