"""Engine: anything that is an image in, the same kind out; its choices are seen and kept."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import impasto
from impasto.engines import engine as style_engine
from impasto.engines.backends import Choice
from impasto.engines.engine import Engine
from impasto.engines.memory import FIXED_BYTES, Way, tiles_bytes
from impasto.errors import ImageError, ModelError, OptionError
from impasto.events import Cancelled, CancelToken
from impasto.models import StyleModel
from impasto.networks import StyleNetworkConfig, build_style_network

IMAGE = torch.rand(1, 3, 36, 45, generator=torch.Generator().manual_seed(2))
SAMPLES = (IMAGE * 255).round()[0].permute(1, 2, 0).to(torch.uint8).numpy()


@pytest.fixture(scope="module")
def engine(model: StyleModel) -> Engine:
    return eager(model)


def eager(model: StyleModel, **options: Any) -> Engine:
    """The network alone: see test_continuation.py for what is painted around an image."""
    plain = {"device": "cpu", "backend": "eager", "precision": "float32", "border": 0}
    return Engine(model, **{**plain, **options})


def test_two_lines_paint_with_a_bundled_style() -> None:
    engine = impasto.Engine("starry-night", device="cpu", border=0)
    output = engine(IMAGE)
    expected = impasto.load("starry-night")(IMAGE)
    assert float((output - expected).square().mean()) < 10**-4.5


def test_a_tensor_gives_the_models_pixels(engine: Engine, model: StyleModel) -> None:
    batch = torch.cat([IMAGE, IMAGE.flip(-1)])
    torch.testing.assert_close(engine(batch), model(batch), rtol=0, atol=1e-4)
    assert not engine(batch.requires_grad_()).requires_grad


def test_an_array_gives_one_of_its_kind(engine: Engine, model: StyleModel) -> None:
    expected = model(torch.from_numpy(SAMPLES).permute(2, 0, 1)[None] / 255)
    painted = engine(SAMPLES)
    assert painted.dtype == np.uint8
    assert painted.shape == SAMPLES.shape
    difference = painted / 255 - expected[0].permute(1, 2, 0).numpy()
    assert np.abs(difference).max() <= 0.5 / 255 + 1e-4
    floats = engine(SAMPLES.astype(np.float64) / 255)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats, expected[0].permute(1, 2, 0), rtol=0, atol=1e-4)


def test_16_bits_and_alpha_are_kept(engine: Engine) -> None:
    deep = np.concatenate([SAMPLES, SAMPLES[..., :1]], axis=2).astype(np.uint16) * 257
    painted = engine(deep)
    assert painted.dtype == np.uint16
    assert np.array_equal(painted[..., 3], deep[..., 3])
    assert np.unique(painted[..., :3]).size > 256


def test_a_pillow_image_gives_a_pillow_image(engine: Engine) -> None:
    painted = engine(Image.fromarray(SAMPLES))
    assert painted.mode == "RGB"
    assert painted.size == (45, 36)
    assert np.array_equal(np.asarray(painted), engine(SAMPLES))
    clear = Image.fromarray(np.dstack([SAMPLES, np.full(SAMPLES.shape[:2], 90, np.uint8)]))
    assert np.array_equal(np.asarray(engine(clear).getchannel("A")), np.asarray(clear)[..., 3])


def test_what_is_no_image_is_refused(engine: Engine) -> None:
    for image in (torch.zeros(3, 8, 8), torch.zeros(1, 3, 0, 8), torch.full((1, 3, 8, 8), 255.0)):
        with pytest.raises(ImageError, match="wanted"):
            engine(image)
    with pytest.raises(ImageError, match="wanted"):
        engine(np.zeros((4, 4, 7), np.uint8))
    with pytest.raises(ImageError, match="image of type str"):
        engine("photo.jpg")  # type: ignore[type-var]


def test_the_choice_is_visible(engine: Engine) -> None:
    assert (engine.backend, engine.precision, engine.device.type) == ("eager", "float32", "cpu")
    assert repr(engine) == ("Engine('random', device='cpu', precision='float32', backend='eager')")


def test_16_bit_arrays_are_painted_in_float32_unless_a_precision_is_named(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Choice(backend="eager", precision="bfloat16")
    monkeypatch.setattr(style_engine, "choose", lambda *names: chosen)  # noqa: ARG005
    deep = SAMPLES.astype(np.uint16) * 257
    exact = np.asarray(model(torch.from_numpy(deep / 65535).permute(2, 0, 1)[None].float()))
    exact = exact[0].transpose(1, 2, 0) * 65535
    np.testing.assert_allclose(eager(model, precision="auto")(deep), exact, rtol=0, atol=1)
    assert np.abs(eager(model, precision="bfloat16")(deep) - exact).max() > 100


def test_nan_in_half_precision_is_painted_again_in_float32(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, notices = style_engine.make_backend, []

    def overflowing(choice: Choice, *rest: Any) -> Any:
        backend = genuine(choice, *rest)
        broken = float("nan") if choice.precision == "bfloat16" else 1.0
        return lambda image: backend(image) * broken

    monkeypatch.setattr(style_engine, "make_backend", overflowing)
    engine = eager(model, precision="bfloat16", on_notice=notices.append)
    torch.testing.assert_close(engine(IMAGE), model(IMAGE), rtol=0, atol=1e-4)
    assert notices == ["random leaves the range of bfloat16 here; painted again in float32"]


@pytest.mark.parametrize("backend", ["eager", "openvino", "onnx"])
def test_a_model_with_nan_in_it_is_blamed_by_every_back_end(backend: str) -> None:
    for package in {"openvino": ["openvino"], "onnx": ["onnx", "onnxruntime"]}.get(backend, []):
        pytest.importorskip(package)
    config = StyleNetworkConfig(width=0.25)
    network = build_style_network(config).eval().requires_grad_(False)
    next(network.parameters())[0, 0, 0, 0] = float("nan")
    notices: list[str] = []
    engine = eager(
        StyleModel(name="broken", network=network, config=config),
        backend=backend,
        on_notice=notices.append,
    )
    assert engine.backend == "eager"  # the others would turn NaN into some colour
    assert len(notices) == (backend != "eager")
    with pytest.raises(ModelError, match="'broken' gives NaN"):
        engine(IMAGE)


WAYS = {
    Way.tiles: "tile by tile",
    Way.lean_tiles: "tile by tile, the largest maps made twice",
    Way.scratch: "tile by tile, with maps on the disk",
}


@pytest.mark.parametrize("way", WAYS)
def test_images_that_do_not_fit_are_painted_in_tiles(
    model: StyleModel, way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    height, width = IMAGE.shape[-2:]
    monkeypatch.setitem(style_engine.WHOLE_IMAGE_BYTES, "eager", 1_000_000)
    monkeypatch.setattr("impasto.machine.memory.process_bytes", lambda device: 0)  # noqa: ARG005
    enough = {
        Way.tiles: tiles_bytes(model.network, (height, width)),
        Way.lean_tiles: tiles_bytes(model.network, (height, width), recompute=True),
        Way.scratch: 24 * height * width + FIXED_BYTES,
    }
    notices: list[str] = []
    engine = eager(model, max_memory=enough[way], scratch=tmp_path, on_notice=notices.append)
    torch.testing.assert_close(engine(IMAGE), model(IMAGE), rtol=0, atol=1e-4)
    assert notices == [f"45 x 36 px are too large for one piece; painted {WAYS[way]}"]
    assert not list(tmp_path.iterdir())

    shares: list[float] = []
    engine.paint(IMAGE, on_progress=shares.append)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    token = CancelToken()
    with pytest.raises(Cancelled):
        engine.paint(IMAGE, on_progress=lambda share: token.cancel(), cancel=token)  # noqa: ARG005
    assert not list(tmp_path.iterdir())


def test_maps_too_large_for_a_runtime_go_in_tiles(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    monkeypatch.setattr(style_engine, "MOST_MAP_BYTES", 1000)
    notices: list[str] = []
    engine = eager(model, backend="openvino", on_notice=notices.append)
    torch.testing.assert_close(engine(IMAGE), model(IMAGE), rtol=0, atol=1e-4)
    assert "too large for one piece" in notices[0]


def test_images_too_large_even_for_tiles_are_refused(model: StyleModel) -> None:
    with pytest.raises(OptionError, match=r"45 x 36 px needs about .* allow more memory"):
        eager(model, max_memory="1 KB")(IMAGE)


@pytest.mark.parametrize("size", ["4 elephants", "-1GB", 0, "", True])
def test_a_limit_that_is_none_is_refused(model: StyleModel, size: Any) -> None:
    with pytest.raises(OptionError, match="max_memory"):
        eager(model, max_memory=size)


def test_running_out_of_memory_is_an_option_error(
    model: StyleModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(image: Tensor) -> Tensor:
        return torch.empty(2**60, dtype=torch.uint8) + image.sum()

    monkeypatch.setattr(style_engine, "make_backend", lambda *parts: hungry)  # noqa: ARG005
    with pytest.raises(OptionError, match="not enough memory to paint 45 x 36 px"):
        eager(model)(IMAGE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"backend": "magic"}, "no backend 'magic'"),
        ({"precision": "int3"}, "no precision 'int3'"),
    ],
)
def test_unknown_options_are_refused(
    options: dict[str, str], message: str, model: StyleModel
) -> None:
    with pytest.raises(OptionError, match=message):
        eager(model, **options)


def test_autocast_has_no_part_in_it(engine: Engine) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = engine(IMAGE), impasto.painting.stylize_tensor(engine.model, IMAGE)
    assert torch.equal(inside[0], engine(IMAGE))
    assert torch.equal(inside[1], impasto.painting.stylize_tensor(engine.model, IMAGE))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_processes_default_number_format_has_no_part_in_it(dtype: torch.dtype) -> None:
    options: dict[str, Any] = {"device": "cpu", "backend": "eager", "precision": "float32"}
    expected = Engine("udnie", **options)(IMAGE)
    torch.set_default_dtype(dtype)
    try:
        assert torch.equal(Engine("udnie", **options)(IMAGE), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_paint_the_same(engine: Engine, copied: Callable[[Engine], Engine]) -> None:
    assert torch.equal(copied(engine)(IMAGE), engine(IMAGE))


def test_a_torch_device_is_taken_too(model: StyleModel) -> None:
    assert eager(model, device=torch.device("cpu")).device == torch.device("cpu")


@pytest.mark.parametrize(
    ("style", "options", "error", "message"),
    [
        (None, {}, ModelError, "model None: wanted a bundled model's name"),
        ("a" * 300, {}, ModelError, "no style 'aaa"),
        ("udnie", {"device": None}, OptionError, "device None"),
        ("udnie", {"scratch": 5}, OptionError, "scratch folder 5"),
        ("udnie", {"scratch": __file__}, OptionError, "is not a folder"),
    ],
)
def test_what_means_no_style_or_place_is_refused(
    style: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Engine(style, **options)


@pytest.mark.parametrize("image", [IMAGE.to("meta"), IMAGE.to_sparse()])
def test_tensors_without_values_are_refused(engine: Engine, image: Tensor) -> None:
    with pytest.raises(ImageError, match="without plain values"):
        engine(image)


def test_thin_images_are_not_taken_for_small_ones(model: StyleModel) -> None:
    """Borders are mirrored around them: an image of one row is one of a dozen to a network."""
    choice = Choice(backend="eager", precision="float32")
    thin, square = (
        style_engine.whole_image_bytes(model, choice, torch.Size((1, 3, *size_hw)))
        for size_hw in ((1, 400_000), (2000, 200))
    )
    assert 12 * square < thin
