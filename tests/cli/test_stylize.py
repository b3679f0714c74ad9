"""`impasto stylize` on real files and a small untrained network: what matters is where they go."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from impasto.cli.app import app
from impasto.models import gallery, load_style_model, save_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.painting import painter, styling
from impasto.painting.styling import QuickStyle, quick_style


def write_photo(path: Path, *, size: tuple[int, int] = (20, 14)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    exif = Image.Exif()
    exif[0x013B] = "A. Painter"  # Artist
    Image.fromarray(ramp).save(path, exif=exif)


@pytest.fixture(scope="session")
def wave(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A style file whose model is called wave."""
    path = tmp_path_factory.mktemp("models") / "wave.safetensors"
    torch.manual_seed(0)
    config = StyleNetworkConfig(width=0.25)
    save_model(path, build_style_network(config), config, {"title": "A wave"})
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photos/one.png, photos/sub/two.jpg, and single.jpg beside them."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos/one.png", "photos/sub/two.jpg", "single.jpg"):
        write_photo(tmp_path / name)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["stylize", *map(str, arguments), "--device", "cpu"])


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


INPUTS = {"photos/one.png", "photos/sub/two.jpg", "single.jpg"}


def test_one_photo_is_painted_into_the_current_folder(folder: Path, wave: Path) -> None:
    result = run("single.jpg", "--style", wave)
    assert (result.stdout, result.exit_code) == ("painted 1 picture: single-wave.jpg\n", 0)
    assert files(folder) == {*INPUTS, "single-wave.jpg"}
    with Image.open("single-wave.jpg") as painted:
        assert (painted.format, painted.size) == ("JPEG", (20, 14))


def test_output_may_name_the_file_and_its_format(folder: Path, wave: Path) -> None:
    assert run("single.jpg", "--style", wave, "-o", "new/painted.webp").exit_code == 0
    assert files(folder) == {*INPUTS, "new/painted.webp"}
    with Image.open("new/painted.webp") as painted:
        assert painted.format == "WEBP"


def test_a_folder_keeps_its_structure(folder: Path, wave: Path) -> None:
    result = run("photos", "--style", wave)
    assert (result.stdout, result.exit_code) == ("painted 2 pictures in painted/\n", 0)
    assert files(folder) == {*INPUTS, "painted/one-wave.png", "painted/sub/two-wave.jpg"}


def test_files_folders_and_patterns_mix(folder: Path, wave: Path) -> None:
    assert run("single.jpg", "pho*/**/*.jpg", "--style", wave, "-o", "out").exit_code == 0
    assert files(folder) == {*INPUTS, "out/single-wave.jpg", "out/photos/sub/two-wave.jpg"}


def test_a_second_run_skips_what_is_there_and_says_how_many(folder: Path, wave: Path) -> None:
    run("photos", "--style", wave)
    (folder / "painted/one-wave.png").write_bytes(b"untouched")
    write_photo(folder / "photos/three.png")
    result = run("photos", "--style", wave)
    assert result.stdout == (
        "painted 1 picture: painted/three-wave.png, 2 already there (--overwrite paints again)\n"
    )
    assert result.exit_code == 0
    assert (folder / "painted/one-wave.png").read_bytes() == b"untouched"
    assert (
        run("photos", "--style", wave, "--overwrite").stdout == "painted 3 pictures in painted/\n"
    )
    assert (folder / "painted/one-wave.png").read_bytes() != b"untouched"


def test_painting_into_the_searched_folder_does_not_paint_the_results(
    folder: Path, wave: Path
) -> None:
    for _ in range(2):
        assert run(".", "--style", wave).exit_code == 0
        assert files(folder / "painted") == {
            "photos/one-wave.png",
            "photos/sub/two-wave.jpg",
            "single-wave.jpg",
        }


def test_bad_files_are_listed_with_reasons_and_the_rest_go_on(folder: Path, wave: Path) -> None:
    (folder / "photos/empty.jpg").touch()
    (folder / "photos/text.png").write_text("no picture", encoding="utf-8")
    result = run("photos", "gone.jpg", "--style", wave)
    assert result.exit_code == 1
    assert result.stdout == "painted 2 pictures in painted/, 3 failed\n"
    summary = [line for line in result.stderr.splitlines() if line.startswith("impasto: ")]
    assert len(summary) == 3
    for name in ("photos/empty.jpg: ", "photos/text.png: ", "gone.jpg: "):
        assert sum(f"impasto: {name}" in line for line in summary) == 1
    assert "Traceback" not in result.stderr
    assert files(folder / "painted") == {"one-wave.png", "sub/two-wave.jpg"}


def test_a_single_bad_file_is_told_once(folder: Path, wave: Path) -> None:
    (folder / "empty.jpg").touch()
    result = run("empty.jpg", "--style", wave)
    assert result.exit_code == 1
    assert result.stderr.count("empty.jpg") == 1


def test_an_output_never_overwrites_its_own_input(folder: Path, wave: Path) -> None:
    before = (folder / "single.jpg").read_bytes()
    result = run("single.jpg", "--style", wave, "-o", "photos/../single.jpg", "--overwrite")
    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
    assert (folder / "single.jpg").read_bytes() == before


def test_several_styles_paint_each_and_load_each_once(
    folder: Path, wave: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_style_model(wave)
    night, wave = folder / "night.safetensors", folder / "wave.safetensors"
    for path in (night, wave):
        save_model(path, model.network, model.config, {})
    loaded = []

    def load(style: Path, **options: str) -> QuickStyle | None:
        loaded.append(style)
        return quick_style(style, **options)

    monkeypatch.setattr(styling, "quick_style", load)
    assert run("photos", "--style", wave, "--style", night, "-o", "out").exit_code == 0
    assert loaded == [wave, night]
    assert files(folder / "out") == {
        "one-wave.png",
        "one-night.png",
        "sub/two-wave.jpg",
        "sub/two-night.jpg",
    }


def test_an_unknown_style_suggests_the_nearest_before_any_work(
    folder: Path, wave: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "GALLERY_FOLDER", folder / "gallery")
    (folder / "gallery").mkdir()
    (folder / "gallery/great-wave.safetensors").write_bytes(wave.read_bytes())
    (folder / "gallery/great-wave.json").write_text("{}", encoding="utf-8")
    result = run("single.jpg", "--style", "grate-wave")
    assert result.exit_code == 2
    assert "'great-wave'" in result.stderr
    assert result.stderr.count("\n") == 1
    assert run("single.jpg", "--style", "Great Wave").exit_code == 0


def test_options_reach_the_painting(folder: Path, wave: Path) -> None:
    run("photos/one.png", "--style", wave, "-o", "same.png", "--strength", "0")
    with Image.open("photos/one.png") as photo, Image.open("same.png") as same:
        difference = np.asarray(photo).astype(int) - np.asarray(same).astype(int)
    assert np.abs(difference).max() <= 1
    run("single.jpg", "--style", wave, "-o", "small.jpg", "--size", "10", "--no-metadata")
    with Image.open("small.jpg") as small:
        assert small.size == (10, 7)
        assert 0x013B not in small.getexif()
    run("single.jpg", "--style", wave, "-o", "kept.jpg")
    with Image.open("kept.jpg") as kept:
        assert kept.getexif()[0x013B] == "A. Painter"
    assert run("photos", "--style", wave, "-o", "web", "--format", "WEBP").exit_code == 0
    assert files(folder / "web") == {"one-wave.webp", "sub/two-wave.webp"}


def test_a_photo_of_too_many_pixels_is_a_bad_file(wave: Path) -> None:
    result = run("single.jpg", "--style", wave, "--max-pixels", "279")  # it has 20 x 14 = 280
    assert result.exit_code == 1
    assert run("single.jpg", "--style", wave, "--max-pixels", "280").exit_code == 0


def test_quality_sets_the_size_of_a_jpeg(folder: Path, wave: Path) -> None:
    write_photo(folder / "large.png", size=(64, 64))
    for quality in ("30", "95"):
        run("large.png", "--style", wave, "--quality", quality, "-o", f"{quality}.jpg")
    assert (folder / "30.jpg").stat().st_size < (folder / "95.jpg").stat().st_size


@pytest.mark.parametrize(
    "arguments",
    [
        ("single.jpg",),
        ("--style", "WAVE"),
        ("single.jpg", "--style", "WAVE", "--strength", "1.5"),
        ("single.jpg", "--style", "WAVE", "--size", "0"),
        ("single.jpg", "--style", "WAVE", "--border", "-1"),
        ("single.jpg", "--style", "WAVE", "--format", "docx"),
        ("single.jpg", "--style", "WAVE", "--format", "png", "-o", "a.jpg"),
        ("photos", "--style", "WAVE", "-o", "one.jpg"),
        ("single.jpg", "--style", "single.jpg"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_and_writes_nothing(
    arguments: tuple[str, ...], folder: Path, wave: Path
) -> None:
    result = run(*(wave if word == "WAVE" else word for word in arguments))
    assert result.exit_code == 2
    assert result.stderr
    assert "Traceback" not in result.stderr
    assert files(folder) == INPUTS


def test_a_run_that_finds_no_picture_fails(wave: Path) -> None:
    assert run("*.tiff", "--style", wave).exit_code == 1


def test_an_interruption_tells_what_was_finished(
    wave: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Path] = []

    def paint(self: object, source: Path, *_: object, **__: object) -> None:  # noqa: ARG001
        if done:
            raise KeyboardInterrupt
        done.append(source)

    monkeypatch.setattr(painter.Painter, "paint_file", paint)
    result = run("photos", "--style", wave)
    assert result.exit_code == 130
    assert result.stdout == "painted 1 picture: painted/one-wave.png\n"
    assert "interrupted" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_ctrl_c_leaves_no_half_written_file(folder: Path, wave: Path) -> None:
    for number in range(200):
        write_photo(folder / "many" / f"{number}.png", size=(96, 96))
    command = [sys.executable, "-m", "impasto", "stylize", "many", "--style", str(wave)]
    process = subprocess.Popen(
        [*command, "-o", "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while process.poll() is None and not list(folder.glob("out/[!.]*.png")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    painted = list((folder / "out").iterdir())  # hidden temporary files too
    assert 0 < len(painted) < 200
    assert stdout.startswith(f"painted {len(painted)} picture")
    for path in painted:
        with Image.open(path) as picture:
            picture.load()


def test_a_closed_pipe_ends_quietly() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "impasto", "styles", "--json"],
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert done.returncode == 1


def test_verbose_tells_what_runs_the_network(wave: Path) -> None:
    result = run("single.jpg", "-s", wave, "--backend", "eager", "--precision", "float32", "-v")
    assert result.exit_code == 0
    assert "wave: eager, float32, on cpu" in result.stderr
    quiet = run("photos", "-s", wave, "--backend", "eager")
    assert "eager" not in quiet.stderr


def test_a_precision_that_a_back_end_does_not_have_is_wrong_usage(wave: Path) -> None:
    result = run("single.jpg", "-s", wave, "--backend", "eager", "--precision", "float16")
    assert result.exit_code == 2
    assert "'eager' on 'cpu' does not compute in 'float16'" in result.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_hold_up_the_others(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "b.png")
    result = CliRunner().invoke(
        app, ["stylize", str(tmp_path), "--style", "udnie", "-o", str(tmp_path / "painted")]
    )
    assert result.exit_code == 1
    assert "a.png: is a pipe, socket or device" in result.stderr
    assert (tmp_path / "painted" / "b-udnie.png").is_file()
