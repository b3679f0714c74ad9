"""Tiles by every runtime are PyTorch's, without torch where it is not wanted."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from impasto.engines.superres_options import SuperResOptions
from impasto.engines.tile_engine import TileEngine, is_hard, with_mask
from impasto.engines.tiles import Box
from impasto.events import Cancelled, CancelToken
from impasto.media import psnr, read_picture
from impasto.models import SuperResModel, list_upscalers, load_superres_model
from impasto.models.kinds import read_superres_tensors
from impasto.networks.superres_config import SuperResConfig
from impasto.painting import upscale_tensor

Make = Callable[..., SuperResModel]
CHELSEA = Path(__file__).parents[2] / "docs" / "sample" / "chelsea.jpg"
LEVEL = 1 / 255
RUNTIMES = {"openvino": ("openvino",), "onnx": ("onnx", "onnxruntime")}


def photo(height: int = 61, width: int = 83) -> torch.Tensor:
    return read_picture(CHELSEA).pixels[..., 60 : 60 + height, 100 : 100 + width].contiguous()


@pytest.mark.parametrize("entry", list_upscalers(), ids=lambda entry: entry.name)
@pytest.mark.parametrize("backend", list(RUNTIMES))
def test_every_bundled_model_is_pytorchs_within_a_level(entry: Any, backend: str) -> None:
    for package in RUNTIMES[backend]:
        pytest.importorskip(package)
    model, image = load_superres_model(entry.path), photo(31, 40)
    options: dict[str, Any] = {"precision": "float32", "tile_px": 16}
    output = upscale_tensor(model, image, backend=backend, **options)
    assert (output - upscale_tensor(model, image, **options)).abs().max() < LEVEL


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # the compiler's own
@pytest.mark.parametrize("backend", ["openvino", "onnx", "compile"])
@pytest.mark.parametrize(
    "config",
    [
        SuperResConfig(factor=3, width=0.125, blocks=1),
        SuperResConfig(factor=1, width=0.125, blocks=1, shrink=2, in_channels=4),
    ],
    ids=["enlarges", "fills holes"],
)
@pytest.mark.parametrize("strength", [1.0, 0.25])
def test_options_hold_for_every_runtime(
    make_upscaler: Make,
    backend: str,
    config: SuperResConfig,
    strength: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Odd sides, tiles of a size that divides neither."""
    # traced as for any compiler, but run as it is: compiling takes half a minute
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    for package in RUNTIMES.get(backend, ()):
        pytest.importorskip(package)
    model, image = make_upscaler(config), photo(37, 29)
    if config.in_channels == 4:
        holes = np.zeros((1, 1, 37, 29), np.float32)
        holes[..., 5:20, 7:9] = 1
        image = torch.from_numpy(with_mask(image.numpy(), holes))
    options: dict[str, Any] = {"strength": strength, "color_match": "none", "tile_px": 16}
    output = upscale_tensor(model, image, backend=backend, precision="float32", **options)
    expected = upscale_tensor(model, image, precision="float32", **options)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-4)


def test_in_bfloat16_openvino_keeps_the_enlargement_exact() -> None:
    pytest.importorskip("openvino")
    model, image = load_superres_model("perceptual-x4"), photo()
    half = upscale_tensor(model, image, backend="openvino", precision="bfloat16")
    exact = upscale_tensor(model, image, precision="float32")
    assert psnr(half, exact, data_range=1) > 50


def test_tiles_for_openvino_are_of_one_size(make_upscaler: Make) -> None:
    pytest.importorskip("openvino")
    engine = TileEngine(
        make_upscaler(SuperResConfig(factor=2, width=0.125, blocks=1)),
        SuperResOptions(precision="float32", backend="openvino", tile_px=16),
    )
    seen: list[Box] = []

    def see(window: Box) -> Any:
        seen.append(window)
        return np.full((1, 3, window.height, window.width), 0.5, np.float32)

    engine.run((50, 71), see=see, put=lambda part, place: None)  # noqa: ARG005
    assert len(seen) == 20
    assert {(box.height, box.width) for box in seen} == {(13 + 8, 15 + 8)}


def test_from_a_file_to_pixels_without_torch() -> None:
    pytest.importorskip("openvino")
    script = """
import sys
import numpy as np
from impasto.engines.tile_engine import SuperResOptions, TileEngine
from impasto.models.kinds import read_superres_tensors
(model,) = read_superres_tensors("perceptual-x2")
engine = TileEngine(model, SuperResOptions(device="cpu", strength=0.5, precision="float32"))
shape = []
engine.run(
    (20, 30),
    see=lambda box: np.zeros((1, 3, box.height, box.width), np.float32),
    put=lambda part, place: shape.append(part.shape),
)
alpha = engine.alpha(hard=True)
alpha.run(
    (20, 30),
    see=lambda box: np.eye(20, 30, dtype=np.float32)[None, None],
    put=lambda part, place: shape.append(part.shape),
)
assert engine.backend == "openvino", engine.backend
assert shape == [(1, 3, 40, 60), (1, 1, 40, 60)], shape
assert "torch" not in sys.modules
print(len([name for name in sys.modules if name.startswith("impasto")]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60


def test_a_models_tensors_run_in_pytorch_as_its_network_does() -> None:
    found = read_superres_tensors("pixel-x2")
    assert found is not None
    image, outputs = photo(20, 24).numpy(), []
    for model in (found[0], load_superres_model("pixel-x2")):
        engine = TileEngine(model, SuperResOptions(precision="float32", backend="eager"))
        outputs.append(engine(image))
    np.testing.assert_array_equal(*outputs)


def test_a_network_that_may_overflow_is_run_where_that_shows(make_upscaler: Make) -> None:
    pytest.importorskip("openvino")
    model, notes = make_upscaler(SuperResConfig(factor=2, width=0.125, blocks=1)), []
    nn.init.constant_(model.network.tail.weight, 3e38)
    options = SuperResOptions(backend="openvino", precision="float32", on_warning=notes.append)
    assert TileEngine(model, options).backend == "eager"
    assert "may leave the range of float32" in notes[0]


def test_cancelling_from_within(make_upscaler: Make) -> None:
    token, model = CancelToken(), make_upscaler(SuperResConfig(factor=2, width=0.125, blocks=1))
    shares: list[float] = []

    def on_progress(share: float) -> None:
        shares.append(share)
        token.cancel()

    with pytest.raises(Cancelled):
        upscale_tensor(model, photo(), tile_px=16, on_progress=on_progress, cancel=token)
    assert 0 < shares[0] < 0.1
    assert len(shares) == 1


def test_outlines_are_hard_or_soft() -> None:
    hard = np.zeros((1, 1, 40, 40), np.float32)
    hard[..., 10:30, 10:30] = 1
    soft = (hard + np.roll(hard, 1, 2) + np.roll(hard, 1, 3)) / 3
    for alpha, expected in ((hard, True), (soft, False), (np.ones_like(hard), False)):
        rows = alpha
        assert is_hard(lambda top, bottom, rows=rows: rows[:, :, top:bottom], (40, 40)) == expected
