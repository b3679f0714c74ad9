"""The list of upscalers, from cards made here."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.models import upscalers

CARD = {"title": "Sharp", "degradation": "standard", "licence": "Apache-2.0", "iterations": 9}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", tmp_path)
    return tmp_path


def add(folder: Path, name: str, card: dict[str, object], size: int) -> None:
    (folder / f"{name}.json").write_text(json.dumps(card), encoding="utf-8")
    (folder / f"{name}.safetensors").write_bytes(b"\0" * size)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["upscalers", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_model_is_told_with_what_it_does_its_size_and_licence(folder: Path) -> None:
    add(folder, "pixel-x4", CARD, 950_000)
    add(folder, "denoise", {"task": "restore"}, 200_000)
    assert run() == (
        "denoise\n"
        "    restores, 0.2 MB\n"
        "pixel-x4  Sharp\n"
        "    enlarges 4 times, trained on 'standard', 0.9 MB, Apache-2.0\n"
    )


def test_json_holds_the_whole_card_and_where_the_file_is(folder: Path) -> None:
    add(folder, "pixel-x4", CARD, 12)
    assert json.loads(run("--json")) == [
        {
            **CARD,
            "name": "pixel-x4",
            "task": "superres",
            "factor": 4,
            "bytes": 12,
            "path": str(folder / "pixel-x4.safetensors"),
        }
    ]


def test_an_installation_without_models_says_what_else_can_be_given() -> None:
    assert "give a model file to --model" in run()
    assert json.loads(run("--json")) == []
