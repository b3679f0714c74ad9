"""The mirrored continuation that an image is painted in, and that nobody sees."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from impasto.engines.engine import Engine
from impasto.engines.memory import Way
from impasto.errors import OptionError
from impasto.media import read_picture
from impasto.models import StyleModel, load_style_model
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.plans.continuation import BORDER_PX

SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "chelsea.jpg"
GENERATOR = torch.Generator().manual_seed(3)
PLAIN = {"device": "cpu", "backend": "eager", "precision": "float32"}


def by_hand(model: StyleModel, image: Tensor, border: int) -> Tensor:
    """NumPy's reflection around the image, to sides that are multiples of 4; the middle of it."""
    border += -border % 4
    height, width = image.shape[-2:]
    sides = [(0, 0), (0, 0), *((border, border + -side % 4) for side in (height, width))]
    around = torch.from_numpy(np.pad(image.numpy(), sides, mode="reflect"))
    return model(around)[..., border : border + height, border : border + width]


@pytest.mark.parametrize("size_hw", [(2, 9), (3, 40), (36, 45), (61, 7)])
@pytest.mark.parametrize("way", Way)
def test_the_middle_of_a_painted_continuation(
    model: StyleModel,
    way: Way,
    size_hw: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = torch.rand(2, 3, *size_hw, generator=GENERATOR)
    monkeypatch.setattr(Engine, "_way", lambda *given: way)  # noqa: ARG005
    for border in (5, BORDER_PX):
        engine = Engine(model, **PLAIN, border=border, scratch=tmp_path)
        expected = by_hand(model, image, border)
        torch.testing.assert_close(engine(image), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_every_back_end_paints_in_it(model: StyleModel, backend: str) -> None:
    package = {"onnx": "onnxruntime"}.get(backend, backend)
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    image = torch.rand(1, 3, 50, 83, generator=GENERATOR)
    engine = Engine(model, device="cpu", backend=backend, precision="float32")
    expected = by_hand(model, image, BORDER_PX)
    torch.testing.assert_close(engine(image), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("architecture", "border"), [("modern", BORDER_PX), ("fast", BORDER_PX), ("paper", 0)]
)
def test_networks_that_bring_their_own_get_no_other(architecture: str, border: int) -> None:
    config = StyleNetworkConfig(architecture=architecture, width=0.25)
    network = build_style_network(config).eval().requires_grad_(False)
    model = StyleModel(name="random", network=network, config=config)
    image = torch.rand(1, 3, 40, 52, generator=GENERATOR)
    assert Engine(model, **PLAIN).border == border
    for wanted in (None, 0, 12):
        engine = Engine(model, **PLAIN, border=wanted)
        expected = by_hand(model, image, border if wanted is None else wanted)
        torch.testing.assert_close(engine(image), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("border", [-1, 2000, True, 1.5, "16"])
def test_what_is_no_border_is_refused(model: StyleModel, border: int) -> None:
    with pytest.raises(OptionError, match=r"a whole number from 0 \(none\) to 1024"):
        Engine(model, **PLAIN, border=border)


@pytest.mark.parametrize("style", ["starry-night", "composition-vii", "contrast-of-forms"])
def test_the_edges_of_bundled_styles_are_painted_as_far_from_any_edge(style: str) -> None:
    model = load_style_model(style)
    photo = read_picture(SAMPLE).pixels[..., 20:260, 100:400].contiguous()
    far = by_hand(model, photo, 64)

    def off(border: int) -> float:
        difference = (Engine(model, **PLAIN, border=border)(photo) - far).abs()
        difference[..., 4:-4, 4:-4] = 0
        return float(difference.sum())

    assert off(BORDER_PX) < 0.6 * off(0)
