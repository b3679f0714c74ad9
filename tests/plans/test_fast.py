"""The fast networks run wherever the full ones do, and give the same picture there."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.media import read_picture
from impasto.models import list_styles, load_style_model
from impasto.painting import Engine, stylize_tensor
from impasto.painting.stylize import stylize

SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "coffee.jpg"
STYLES = [entry.name for entry in list_styles() if entry.fast]
LEAST_PSNR_DB = {"bfloat16": 45.0, "float32": 60.0}


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return read_picture(SAMPLE).pixels[..., 90:219, 180:331].contiguous()  # odd sides


@pytest.mark.parametrize(
    ("backend", "precision"),
    [("eager", "bfloat16"), ("openvino", "bfloat16"), ("openvino", "float32"), ("onnx", "float32")],
)
@pytest.mark.parametrize("style", STYLES)
def test_every_back_end_gives_the_networks_picture(
    style: str, backend: str, precision: str, photo: Tensor
) -> None:
    package = {"onnx": "onnxruntime"}.get(backend, backend)
    if backend != "eager" and find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    engine = Engine(
        style, network="fast", device="cpu", backend=backend, precision=precision, border=0
    )
    expected = load_style_model(style, "fast")(photo)
    error = (engine(photo) - expected).square().mean()
    assert float(-10 * torch.log10(error)) >= LEAST_PSNR_DB[precision]


def test_strips_give_the_whole_images_picture(photo: Tensor) -> None:
    model = load_style_model(STYLES[0], "fast")
    output = stylize_tensor(model, photo, precision="float32")
    torch.testing.assert_close(output, model(photo), rtol=0, atol=1e-4)


def test_stylize_takes_the_network_too() -> None:
    names = [
        stylize(SAMPLE, STYLES[0], network=network, size=64, device="cpu").tobytes()
        for network in ("full", "fast", "fast")
    ]
    assert names[0] != names[1] == names[2]


def test_a_loaded_model_has_no_other_quality() -> None:
    with pytest.raises(OptionError, match="leave network out, or load it with that network"):
        Engine(load_style_model(STYLES[0]), network="fast", device="cpu")
    with pytest.warns(DeprecationWarning, match="`quality` is now `network`"):
        assert Engine(STYLES[0], quality="fast", device="cpu").model.config.architecture == "fast"
