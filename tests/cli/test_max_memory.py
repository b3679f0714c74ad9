"""--max-memory and --scratch on the command line."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from impasto.cli.app import app
from impasto.painting.styling import StyleWork

RUNNER = CliRunner()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    samples = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(samples).save(path)
    return path


def test_a_photo_beyond_the_limit_goes_from_file_to_file(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StyleWork, "fits", lambda *given, **options: False)  # noqa: ARG005
    target, scratch = tmp_path / "painted.png", tmp_path / "scratch"
    flags = ["--style", "starry-night", "-o", str(target), "--max-memory", "40 GB", "--verbose"]
    done = RUNNER.invoke(app, ["stylize", str(photo), *flags, "--scratch", str(scratch)])
    assert done.exit_code == 0, done.output
    assert "64 x 48 px do not fit into memory; made from file to file" in done.output
    with Image.open(target) as image:
        assert image.size == (64, 48)
    assert list(scratch.iterdir()) == []


def test_too_little_memory_is_told(photo: Path, tmp_path: Path) -> None:
    target = tmp_path / "painted.png"
    flags = ["--style", "starry-night", "-o", str(target), "--max-memory", "20MB"]
    done = RUNNER.invoke(app, ["stylize", str(photo), *flags])
    assert done.exit_code == 1
    assert "not enough memory even for one tile" in done.output
    assert not target.exists()


def test_a_size_that_is_none_is_wrong_usage(photo: Path) -> None:
    done = RUNNER.invoke(
        app, ["stylize", str(photo), "--style", "starry-night", "--max-memory", "plenty"]
    )
    assert done.exit_code == 2
    assert "--max-memory: got 'plenty'" in done.output
