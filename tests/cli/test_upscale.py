"""`impasto upscale` and `impasto restore` on real files and small untrained networks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from impasto.cli.app import app
from impasto.engines.tile_engine import TileEngine
from impasto.engines.tiles import Box
from impasto.events import Notice, OnEvent
from impasto.models import save_model, upscalers
from impasto.networks.superres import SuperResConfig, build_superres_network
from impasto.painting.enlarging import TileWork
from impasto.painting.painter import Painter


def write_photo(path: Path, *, size: tuple[int, int] = (10, 7)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    Image.fromarray(ramp).save(path)


def saved_model(path: Path, config: SuperResConfig, **card: str) -> Path:
    torch.manual_seed(config.factor)
    save_model(path, build_superres_network(config), config, card)
    path.with_suffix(".json").write_text(json.dumps({"network": {"factor": config.factor}}))
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of "bundled" models."""
    folder = tmp_path_factory.mktemp("upscalers")
    for factor in (2, 4):
        config = SuperResConfig(factor=factor, width=0.125, blocks=1)
        saved_model(folder / f"pixel-x{factor}.safetensors", config)
    saved_model(folder / "denoise.safetensors", SuperResConfig(factor=1, width=0.125, blocks=1))
    config = SuperResConfig(factor=1, width=0.125, blocks=1, in_channels=4)
    saved_model(folder / "fill.safetensors", config)
    return folder


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: photos/one.png, photos/sub/two.jpg, and single.jpg beside them."""
    monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", models)
    monkeypatch.chdir(tmp_path)
    for name in ("photos/one.png", "photos/sub/two.jpg", "single.jpg"):
        write_photo(tmp_path / name)
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--device", "cpu"])


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def size_of(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


INPUTS = {"photos/one.png", "photos/sub/two.jpg", "single.jpg"}


def test_one_photo_becomes_four_times_as_large_in_the_current_folder(folder: Path) -> None:
    result = run("upscale", "single.jpg")
    assert (result.stdout, result.exit_code) == ("upscaled 1 picture: single-x4.jpg\n", 0)
    assert files(folder) == {*INPUTS, "single-x4.jpg"}
    assert size_of("single-x4.jpg") == (40, 28)


@pytest.mark.parametrize(
    ("options", "name", "size"),
    [
        (["--factor", "2"], "single-x2.jpg", (20, 14)),
        (["--model", "pixel-x2"], "single-x2.jpg", (20, 14)),
        (["--model", "pixel", "--factor", "2"], "single-x2.jpg", (20, 14)),
        (["--factor", "8"], "single-x8.jpg", (80, 56)),
        (["--size", "100", "--format", "png"], "single-x4.png", (100, 70)),
        (["--tile", "3", "--color-match", "histogram"], "single-x4.jpg", (40, 28)),
        (["--strength", "0", "-o", "new/large.webp"], "new/large.webp", (40, 28)),
    ],
    ids=str,
)
def test_options_reach_the_result(options: list[str], name: str, size: tuple[int, int]) -> None:
    result = run("upscale", "single.jpg", *options)
    assert result.exit_code == 0, result.output
    assert size_of(name) == size


def test_a_model_file_brings_its_factor(folder: Path, models: Path) -> None:
    assert run("upscale", "single.jpg", "-m", models / "pixel-x2.safetensors").exit_code == 0
    assert "single-x2.jpg" in files(folder)


def test_a_folder_keeps_its_structure_and_a_second_run_skips_what_is_there(folder: Path) -> None:
    result = run("upscale", "photos")
    assert (result.stdout, result.exit_code) == ("upscaled 2 pictures in upscaled/\n", 0)
    assert files(folder / "upscaled") == {"one-x4.png", "sub/two-x4.jpg"}
    (folder / "upscaled/one-x4.png").write_bytes(b"untouched")
    assert run("upscale", "photos").stdout == (
        "upscaled 0 pictures, 2 already there (--overwrite upscales again)\n"
    )
    assert (folder / "upscaled/one-x4.png").read_bytes() == b"untouched"
    run("upscale", "photos", "--overwrite")
    assert size_of("upscaled/one-x4.png") == (40, 28)


def test_bad_files_are_listed_with_reasons_and_the_rest_go_on(folder: Path) -> None:
    (folder / "photos/empty.jpg").touch()
    Image.new("RGB", (5000, 1)).save("photos/long.webp")
    result = run("upscale", "photos")
    assert result.exit_code == 1
    assert result.stdout == "upscaled 2 pictures in upscaled/, 2 failed\n"
    assert "photos/empty.jpg: the file is empty" in result.stderr
    assert "20000 x 4 px; WEBP holds at most 16383 px a side" in result.stderr
    assert "Traceback" not in result.stderr
    assert files(folder / "upscaled") == {"one-x4.png", "sub/two-x4.jpg"}


def test_what_was_helped_is_noted_with_the_files_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(self: Painter, *_: object, on_event: OnEvent, **__: object) -> None:  # noqa: ARG001
        on_event(Notice(message="not enough memory; going on"))

    monkeypatch.setattr(Painter, "paint_file", work)
    result = run("upscale", "single.jpg")
    assert result.exit_code == 0
    assert result.stderr == "note: single.jpg: not enough memory; going on\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upscale", "single.jpg", "--factor", "5"), "5"),
        (("upscale", "single.jpg", "--factor", "3"), "factor 3"),
        (("upscale", "single.jpg", "--model", "pixle"), "did you mean 'pixel-x"),
        (("upscale", "single.jpg", "--model", "pixel-x2", "--factor", "4"), "only for 2"),
        (("upscale", "single.jpg", "--model", "denoise"), "impasto restore"),
        (("upscale", "single.jpg", "--model", "single.jpg"), "not a safetensors file"),
        (("upscale", "single.jpg", "--color-match", "warm"), "histogram"),
        (("upscale", "single.jpg", "--tile", "0"), "--tile"),
        (("restore", "single.jpg"), "--model"),
        (("restore", "single.jpg", "--model", "pixel-x2"), "impasto upscale"),
    ],
    ids=str,
)
def test_wrong_usage_exits_2_and_writes_nothing(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert files(folder) == INPUTS


def test_without_bundled_models_the_way_out_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upscalers, "UPSCALERS_FOLDER", tmp_path / "none")
    result = run("upscale", "single.jpg")
    assert result.exit_code == 2
    assert "no upscaler for factor 4" in result.stderr
    assert "impasto train superres" in result.stderr
    assert result.stderr.count("\n") == 1


def test_restored_photos_keep_their_size_and_name_the_model(folder: Path) -> None:
    result = run("restore", "photos", "--model", "denoise")
    assert (result.stdout, result.exit_code) == ("restored 2 pictures in restored/\n", 0)
    assert files(folder / "restored") == {"one-denoise.png", "sub/two-denoise.jpg"}
    assert size_of("restored/one-denoise.png") == (10, 7)


def test_a_mask_says_what_is_filled(folder: Path) -> None:
    mask = np.zeros((7, 10), np.uint8)
    mask[2:5, 3:6] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    result = run("restore", "photos/one.png", "-m", "fill", "--mask", "mask.png", "-o", "f.png")
    assert result.exit_code == 0, result.output
    with Image.open("photos/one.png") as photo, Image.open("f.png") as filled:
        same = (np.asarray(photo) == np.asarray(filled)).all(-1)
    assert same[mask == 0].all()
    assert not same[mask > 0].any()
    assert "give a mask" in run("restore", "photos/one.png", "-m", "fill").stderr


class TestBoundedMemory:
    @pytest.fixture(autouse=True)
    def large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every photo is too large for the memory."""
        monkeypatch.setattr(TileWork, "fits", lambda *given, **options: False)  # noqa: ARG005

    def test_a_folder_of_photos_goes_from_file_to_file(self, folder: Path) -> None:
        limits = ("--max-memory", "40GB", "--scratch", "scratch", "--format", "png")
        result = run("upscale", "photos", "-o", "large", *limits)
        assert result.exit_code == 0, result.output
        for name in ("one.png", "two.jpg"):
            assert f"{name}: 40 x 28 px do not fit into memory; made from file" in result.stderr
        large = ("large/one-x4.png", "large/sub/two-x4.png")
        assert [size_of(path) for path in large] == [(40, 28), (40, 28)]
        assert list((folder / "scratch").iterdir()) == []

    def test_a_photo_is_restored_from_file_to_file(self) -> None:
        result = run("restore", "single.jpg", "--model", "denoise", "--max-memory", "40GB")
        assert result.exit_code == 0, result.output
        assert size_of("single-denoise.jpg") == (10, 7)

    def test_ctrl_c_tells_what_is_kept_and_the_same_command_goes_on(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        command = ("upscale", "photos/one.png", "--tile", "4", "--max-memory", "40GB")
        command += ("--scratch", "scratch")
        genuine = TileEngine.run

        def stopping(self: TileEngine, *rest: Any, region: Box, **options: Any) -> None:
            if region.top > 0:
                raise KeyboardInterrupt
            genuine(self, *rest, region=region, **options)

        with monkeypatch.context() as patch:
            patch.setattr(TileEngine, "run", stopping)
            stopped = run(*command)
        assert stopped.exit_code == 130
        assert "the same command goes on from there" in stopped.stderr
        assert not (folder / "one-x4.png").exists()
        result = run(*command)
        assert "going on after 2 finished steps" in result.stderr
        assert size_of("one-x4.png") == (40, 28)
        assert list((folder / "scratch").iterdir()) == []

    def test_one_photo_that_cannot_be_done_does_not_end_the_others(self, folder: Path) -> None:
        path = folder / "photos" / "broken.png"
        path.write_bytes((folder / "photos" / "one.png").read_bytes()[:90])
        result = run("upscale", "photos", "-o", "large", "--max-memory", "40GB")
        assert result.exit_code == 1
        assert "broken.png" in result.stderr
        assert len(files(folder / "large")) == 2

    @pytest.mark.parametrize("command", [("upscale",), ("restore", "--model", "denoise")])
    def test_a_size_that_is_none_is_wrong_usage(self, command: tuple[str, ...]) -> None:
        result = run(*command, "single.jpg", "--max-memory", "plenty")
        assert result.exit_code == 2
        assert "--max-memory: got 'plenty'" in result.stderr
