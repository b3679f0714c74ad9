"""The JavaScript example under Node: the exported file's picture is ours."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.engines.export import export_model
from impasto.models import StyleModel, SuperResModel, load_style_model, load_superres_model

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "javascript"
PHOTO = ROOT / "docs" / "sample" / "chelsea.jpg"
VARIABLE = "IMPASTO_NODE_MODULES"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with the modules it needs beside it."""
    modules = Path(os.environ.get(VARIABLE) or EXAMPLE / "node_modules").absolute()
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (modules / "onnxruntime-web").is_dir() or not (modules / "pngjs").is_dir():
        pytest.skip(f"no onnxruntime-web and pngjs: `npm install` there, or set {VARIABLE}")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("javascript")
    for path in EXAMPLE.glob("*.*"):
        if path.is_file():
            shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(modules)
    return folder


def paint_with_node(example: Path, model: Path, photo: Path) -> np.ndarray:
    painting = photo.with_name("painting.png")
    done = subprocess.run(
        ["node", "paint.mjs", model, photo, painting],
        cwd=example,
        env=os.environ | {"THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(painting) as image:
        return np.asarray(image.convert("RGB")).astype(np.float64)


def psnr_db(painting: np.ndarray, wanted: np.ndarray) -> float:
    assert painting.shape == wanted.shape
    error = float(np.square(painting - wanted).mean())
    return 10 * np.log10(255**2 / max(error, 1e-9))


def samples_of(model: StyleModel | SuperResModel, photo: Image.Image) -> np.ndarray:
    image = torch.from_numpy(np.array(photo)).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        painted = model(image) * 255
    return painted.round()[0].permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize("samples", ["float32", "uint8"])
def test_node_paints_the_same_picture(example: Path, tmp_path: Path, samples: str) -> None:
    model = load_style_model("starry-night")
    path = export_model(model, tmp_path / "night.onnx", samples=samples).files[0]
    with Image.open(PHOTO) as photo:
        small = photo.convert("RGB").resize((151, 101))  # sides that are no multiple of 4
    small.save(tmp_path / "photo.png")
    painting = paint_with_node(example, path, tmp_path / "photo.png")
    assert psnr_db(painting, samples_of(model, small)) >= 60


def test_node_enlarges_with_the_same_pixels(example: Path, tmp_path: Path) -> None:
    model = load_superres_model("perceptual-x2")
    path = export_model(model, tmp_path / "twice.onnx").files[0]
    with Image.open(PHOTO) as photo:
        small = photo.convert("RGB").resize((47, 31))
    small.save(tmp_path / "photo.png")
    painting = paint_with_node(example, path, tmp_path / "photo.png")
    assert psnr_db(painting, samples_of(model, small)) >= 60


def test_the_example_names_no_registry() -> None:
    assert not list(EXAMPLE.glob("package-lock.json"))
    assert all("http" not in path.read_text() for path in EXAMPLE.glob("*.*") if path.is_file())
