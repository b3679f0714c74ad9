"""Imported networks paint what those who trained them see."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.engines.engine import Engine
from impasto.engines.export import export_model
from impasto.engines.stylize_tensor import stylize_in_strips
from impasto.errors import ModelError
from impasto.models import StyleModel, load_style_model, save_model
from impasto.models.importing import import_checkpoint
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.plans.plan_network import PlanNetwork
from impasto.plans.rewrite import rewrite

TOLERANCE = 1e-4


def examples_state(blocks: int = 5, width: int = 32, seed: int = 0) -> dict[str, Tensor]:
    """Random weights under the names of pytorch/examples' TransformerNet."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def convolution(name: str, inputs: int, outputs: int, size: int) -> None:
        std = 1 / (inputs * size * size) ** 0.5
        shape = (outputs, inputs, size, size)
        state[f"{name}.conv2d.weight"] = torch.randn(shape, generator=generator) * std
        state[f"{name}.conv2d.bias"] = torch.randn(outputs, generator=generator)

    def norm(name: str, channels: int) -> None:
        state[f"{name}.weight"] = 1 + 0.3 * torch.randn(channels, generator=generator)
        state[f"{name}.bias"] = 0.5 * torch.randn(channels, generator=generator)

    for index, (inputs, outputs, size) in enumerate(
        [(3, width, 9), (width, 2 * width, 3), (2 * width, 4 * width, 3)], 1
    ):
        convolution(f"conv{index}", inputs, outputs, size)
        norm(f"in{index}", outputs)
    for block in range(1, blocks + 1):
        for part in (1, 2):
            convolution(f"res{block}.conv{part}", 4 * width, 4 * width, 3)
            norm(f"res{block}.in{part}", 4 * width)
    for index, (inputs, outputs) in enumerate([(4 * width, 2 * width), (2 * width, width)], 1):
        convolution(f"deconv{index}", inputs, outputs, 3)
        norm(f"in{index + 3}", outputs)
    convolution("deconv3", width, 3, 9)
    state["deconv3.conv2d.weight"] *= 60  # levels: dark and light
    state["deconv3.conv2d.bias"] = state["deconv3.conv2d.bias"] * 20 + 127
    return state


def examples_picture(state: dict[str, Tensor], image: Tensor, blocks: int = 5) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> what their network paints, in [0, 1], in float64.

    Reflection padding, convolution with bias, affine instance norm (eps 1e-5); nearest-neighbour
    up-sampling; levels from 0 to 255 in and out, clamped by whoever writes the file.
    """
    weights = {name: value.double() for name, value in state.items()}

    def convolve(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.conv2d.weight"]
        x = F.pad(x, (weight.shape[-1] // 2,) * 4, mode="reflect")
        return F.conv2d(x, weight, weights[f"{name}.conv2d.bias"], stride)

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), unbiased=False, keepdim=True)
        x = (x - mean) / (variance + 1e-5).sqrt()
        weight, bias = (weights[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("weight", "bias"))
        return x * weight + bias

    x = image.double() * 255
    for index, stride in ((1, 1), (2, 2), (3, 2)):
        x = F.relu(norm(convolve(x, f"conv{index}", stride), f"in{index}"))
    for block in range(1, blocks + 1):
        y = F.relu(norm(convolve(x, f"res{block}.conv1"), f"res{block}.in1"))
        x = x + norm(convolve(y, f"res{block}.conv2"), f"res{block}.in2")
    for index in (1, 2):
        x = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
        x = F.relu(norm(convolve(x, f"deconv{index}"), f"in{index + 3}"))
    return convolve(x, "deconv3").clamp(0, 255) / 255


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return examples_state()


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Tensor]) -> StyleModel:
    path = tmp_path_factory.mktemp("examples") / "mosaic.pth"
    torch.save(OrderedDict(state), path)
    return import_checkpoint(path)


@pytest.fixture(scope="module")
def lengstrom() -> StyleModel:
    """Random weights; tests/recipes compares its pictures with theirs."""
    torch.manual_seed(0)
    config = StyleNetworkConfig(architecture="lengstrom", width=1.0)
    network = build_style_network(config)
    spread = {"conv.weight": (0, 0.1), "norm.bias": (0, 0.4), "norm.weight": (1, 0.3)}
    scale = torch.empty(0)
    for name, values in network.named_parameters():
        torch.nn.init.normal_(values, *spread[".".join(name.split(".")[-2:])])
        scale = values if name.endswith("norm.weight") else scale
    scale.data *= 0.5  # the last: less black and white than tanh has for noise
    card = {"imported": {"format": "lengstrom"}}
    network.eval().requires_grad_(False)
    return StyleModel(name="wave", network=network, config=config, card=card)


def image_of(height: int, width: int) -> Tensor:
    """Soft colours with some noise: a picture more than it is noise."""
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 4, 4)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return (smooth + 0.05 * torch.randn(1, 3, height, width)).clamp(0, 1)


@pytest.mark.parametrize("size_hw", [(64, 80), (37, 53), (5, 90), (18, 7)])
def test_a_network_of_pytorch_examples_paints_its_pictures(
    state: dict[str, Tensor], examples: StyleModel, size_hw: tuple[int, int]
) -> None:
    image = image_of(*size_hw)
    wanted = examples_picture(state, image)[..., : size_hw[0], : size_hw[1]]
    assert wanted.std() > 0.1  # there is something to compare
    torch.testing.assert_close(examples(image).double(), wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
@pytest.mark.parametrize("size_hw", [(1, 1), (3, 50), (33, 47)])
def test_other_sizes_give_pictures_of_that_size(
    request: pytest.FixtureRequest, which: str, size_hw: tuple[int, int]
) -> None:
    model = request.getfixturevalue(which)
    output = model(image_of(*size_hw))
    assert output.shape == (1, 3, *size_hw)
    assert torch.isfinite(output).all()


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
@pytest.mark.parametrize("subpixel", [True, False])
@pytest.mark.parametrize("split", [True, False])
def test_the_plan_is_the_network(
    request: pytest.FixtureRequest, which: str, subpixel: bool, split: bool
) -> None:
    model = request.getfixturevalue(which)
    network = PlanNetwork(rewrite(model.network, subpixel=subpixel, split=split))
    for size_hw in [(32, 40), (37, 53), (19, 7), (6, 90)]:
        image = image_of(*size_hw)
        torch.testing.assert_close(network(image), model(image), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
@pytest.mark.parametrize(
    ("backend", "precision", "psnr_db"),
    [
        ("eager", "float32", 60),
        ("eager", "bfloat16", 45),
        ("openvino", "float32", 60),
        ("openvino", "bfloat16", 45),
        ("onnx", "float32", 60),
    ],
)
def test_every_back_end_paints_it(
    request: pytest.FixtureRequest, which: str, backend: str, precision: str, psnr_db: float
) -> None:
    for package in {"openvino": ["openvino"], "onnx": ["onnx", "onnxruntime"]}.get(backend, []):
        pytest.importorskip(package)
    model = request.getfixturevalue(which)
    image = image_of(61, 83)
    painted = Engine(model, backend=backend, precision=precision, device="cpu")(image)
    error = (painted - model(image)).square().mean()
    assert -10 * torch.log10(error.clamp_min(1e-12)) >= psnr_db


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
def test_strips_are_the_whole_picture(request: pytest.FixtureRequest, which: str) -> None:
    model = request.getfixturevalue(which)
    image = image_of(75, 61)
    strips = stylize_in_strips(model.network, image, tile_hw=(16, 24)).clamp(0, 1)
    torch.testing.assert_close(strips, model(image), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("which", ["examples", "lengstrom"])
def test_a_saved_style_paints_the_same_and_can_be_exported(
    request: pytest.FixtureRequest, which: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = request.getfixturevalue(which)
    path = tmp_path / "imported.safetensors"
    save_model(path, model.network, model.config, model.card, dtype=torch.float32)
    loaded = load_style_model(path)
    image = image_of(20, 24)
    assert torch.equal(loaded(image), model(image))
    assert loaded.card["imported"]["format"] == model.config.architecture
    done = export_model(loaded, tmp_path / "imported.onnx", precision="float16")
    assert done.comparison.psnr_db > 50


def test_old_checkpoints_of_pytorch_examples_are_read(
    tmp_path: Path, state: dict[str, Tensor], examples: StyleModel
) -> None:
    """From before PyTorch 0.4: unused statistics in every norm, and the older kind of file."""
    old = dict(state)
    for name in [
        name for name in state if name.endswith(".weight") and "in" in name.split(".")[-2]
    ]:
        prefix = name.removesuffix("weight")
        old |= {
            f"{prefix}{part}": torch.ones(len(state[name]))
            for part in ("running_mean", "running_var")
        }
    assert any("running_mean" in name for name in old)
    path = tmp_path / "candy.model"
    torch.save(old, path, _use_new_zipfile_serialization=False)
    model = import_checkpoint(path)
    image = image_of(24, 28)
    assert torch.equal(model(image), examples(image))
    assert model.name == "candy"


@pytest.mark.parametrize("wrap", ["state_dict", "module."])
def test_wrapped_and_parallel_checkpoints_are_read(
    tmp_path: Path, state: dict[str, Tensor], examples: StyleModel, wrap: str
) -> None:
    wrapped = {wrap: state} if wrap == "state_dict" else {wrap + k: v for k, v in state.items()}
    torch.save(wrapped, tmp_path / "mosaic.pt")
    image = image_of(24, 28)
    assert torch.equal(import_checkpoint(tmp_path / "mosaic.pt")(image), examples(image))


def test_other_widths_and_depths_of_pytorch_examples_are_read(tmp_path: Path) -> None:
    state = examples_state(blocks=2, width=16, seed=3)
    torch.save(state, tmp_path / "slim.pth")
    model = import_checkpoint(tmp_path / "slim.pth")
    assert (model.config.width, model.config.blocks) == (0.5, 2)
    image = image_of(22, 26)
    wanted = examples_picture(state, image, blocks=2)[..., :22, :26]
    torch.testing.assert_close(model(image).double(), wanted, rtol=0, atol=TOLERANCE)


def test_the_card_says_where_it_came_from(tmp_path: Path, state: dict[str, Tensor]) -> None:
    torch.save(state, tmp_path / "rain_princess.pth")
    model = import_checkpoint(
        tmp_path / "rain_princess.pth", artist="Leonid Afremov", licence="BSD-3-Clause", title=""
    )
    assert model.card["artist"] == "Leonid Afremov"
    assert model.card["licence"] == "BSD-3-Clause"
    assert "title" not in model.card
    assert model.card["imported"]["file"] == "rain_princess.pth"
    assert len(model.card["imported"]["sha256"]) == 64


def test_what_is_no_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.pth: no such file"):
        import_checkpoint(tmp_path / "nothing.pth")
    with pytest.raises(ModelError, match=r"is no file; give a \.pth or \.model file"):
        import_checkpoint(tmp_path)


@pytest.mark.parametrize("given", ["", "fns.ckpt", "fns.ckpt.index", "fns.ckpt.meta", "old.ckpt"])
def test_tensorflow_checkpoints_are_told_from_others_and_what_to_do(
    tmp_path: Path, given: str
) -> None:
    for part in (".index", ".data-00000-of-00001", ".meta"):
        (tmp_path / f"fns.ckpt{part}").write_bytes(b"x" * 30)
    table = b"x" * 30 + (0xDB4775248B80FB57).to_bytes(8, "little")
    (tmp_path / "old.ckpt").write_bytes(table)
    with pytest.raises(ModelError, match=r"python recipes/import_lengstrom\.py CHECKPOINT -o"):
        import_checkpoint(tmp_path / given)


def test_missing_surplus_and_misshapen_tensors_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"

    def refused(state: dict[str, Any], complaint: str) -> None:
        torch.save(state, path)
        with pytest.raises(ModelError, match=complaint):
            import_checkpoint(path)

    state = examples_state()
    refused({k: v for k, v in state.items() if k != "in5.weight"}, r"in5\.weight is missing")
    refused(state | {"in6.weight": torch.ones(3)}, r"in6\.weight is not one of the tensors")
    refused(state | {"in5.weight": torch.ones(33)}, r"in5\.weight is \(33,\).*wanted \(32,\)")
    refused(state | {"in5.weight": torch.ones(32, dtype=torch.long)}, "wanted .* floats")
    refused({"features.0.weight": torch.ones(2)}, "not a network of pytorch/examples")
    torch.save([1, 2], path)
    with pytest.raises(ModelError, match="holds a list, not named tensors"):
        import_checkpoint(path)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    state = examples_state()
    state["res3.in2.bias"][4] = float("inf")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ModelError, match=r"a\.pth: res3\.in2\.bias holds NaN or infinity"):
        import_checkpoint(tmp_path / "a.pth")
