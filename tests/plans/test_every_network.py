"""Every architecture has a record, and its plan gives the network's numbers in every runtime."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from impasto.engines import stylize_tensor
from impasto.networks.architectures import ARCHITECTURES, architecture_of, build_network
from impasto.networks.inversion_config import InversionConfig
from impasto.networks.style_config import StyleNetworkConfig
from impasto.networks.superres_config import SUPERRES_ARCHITECTURES, SuperResConfig
from impasto.plans.bounds import cannot_overflow
from impasto.plans.plan import Normalise, Relu
from impasto.plans.plan_network import Held, PlanNetwork, TorchGraph
from impasto.plans.rewrite import NetworkData, data_of, rewrite

CONFIGS: list[Any] = [
    StyleNetworkConfig(width=0.125, blocks=1),
    StyleNetworkConfig(architecture="fast", width=0.125, blocks=1),
    StyleNetworkConfig(architecture="paper", width=0.125),
    StyleNetworkConfig(architecture="paper", width=0.125, norm="batch"),
    StyleNetworkConfig(architecture="pytorch-examples", width=0.125, blocks=1),
    StyleNetworkConfig(architecture="lengstrom", width=0.125),
    SuperResConfig(factor=3, width=0.125, blocks=1),
    SuperResConfig(factor=1, width=0.125, blocks=1, shrink=2),
    SuperResConfig(architecture="paper", factor=4, width=0.125),
    SuperResConfig(architecture="srcnn-9-1-5", factor=2),
    SuperResConfig(architecture="srcnn-9-5-5", factor=3),
    InversionConfig(channels=8, stride=4, width=0.25),
    InversionConfig(channels=5, stride=1, width=0.25, blocks=0),
]


def awake(config: Any) -> nn.Module:
    """Random everywhere, statistics included."""
    torch.manual_seed(0)
    network = build_network(config).eval().requires_grad_(False)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            away = 0.5 if name.endswith(("var", "rms")) else 0.0
            tensor.copy_(tensor + away + 0.1 * torch.rand(tensor.shape))
    return network


def test_every_record_is_of_one_of_these() -> None:
    found = [architecture_of(config) for config in CONFIGS]
    missing = [name for name, record in ARCHITECTURES.items() if record not in found]
    assert missing == []
    names = {name.removeprefix("superres/") for name in ARCHITECTURES if "superres/" in name}
    assert names == set(SUPERRES_ARCHITECTURES)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("runtime", ["torch", "openvino", "onnx"])
def test_a_plan_is_its_network_in_every_runtime(config: Any, runtime: str) -> None:
    network, channels = awake(config), architecture_of(config).channels(config)
    steps = rewrite(network)
    image = torch.rand(1, channels, 20, 27, generator=torch.Generator().manual_seed(1))
    expected = network(image).clamp(0, 1)
    if runtime == "torch":
        output = TorchGraph(steps, channels=channels)(image).numpy()
    elif runtime == "openvino":
        pytest.importorskip("openvino")
        from impasto.machine.extras import openvino_core
        from impasto.plans.openvino_graph import openvino_model

        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        graph = openvino_model(steps, channels=channels)
        output = openvino_core().compile_model(graph, "CPU", settings)({0: image.numpy()})[0]
    else:
        runtime_of_onnx = pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
        from impasto.plans.onnx_graph import onnx_model

        factor = expected.shape[-1] // image.shape[-1]
        graph = onnx_model(steps, channels=channels, factor=factor).SerializeToString()
        session = runtime_of_onnx.InferenceSession(graph, providers=["CPUExecutionProvider"])
        output = session.run(None, {"image": image.numpy()})[0]
    np.testing.assert_allclose(output, expected.numpy(), rtol=0, atol=1e-4)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_record_names_every_tensor(config: Any) -> None:
    shapes = architecture_of(config).shapes
    if shapes is not None:
        tensors = build_network(config).state_dict()
        assert shapes(config) == {name: tuple(each.shape) for name, each in tensors.items()}


def test_the_radius_follows_from_the_plan() -> None:
    """By hand: blocks of two 3 x 3 and two more; 9 x 9, blocks, and the finer grids after it."""
    for config, radius in [
        (SuperResConfig(factor=4, width=0.125, blocks=6), 14),
        (SuperResConfig(factor=1, width=0.125, blocks=1, shrink=2), 9),
        (SuperResConfig(architecture="paper", factor=4, width=0.125), 15),
        (SuperResConfig(architecture="srcnn-9-1-5", factor=2), 5),
    ]:
        assert data_of(build_network(config)).radius_px == radius


def test_networks_without_norms_are_proven_to_stay_in_range() -> None:
    network = awake(SuperResConfig(factor=2, width=0.25, blocks=2))
    data = data_of(network)
    assert cannot_overflow(data.plan())
    huge = dict(data.tensors, **{"head.weight": data.tensors["head.weight"] * np.float32(1e38)})
    assert not cannot_overflow(NetworkData(config=data.config, tensors=huge).plan())


def test_arrays_made_while_writing_are_not_taken_for_one_another() -> None:
    held = Held()
    first = held.held(np.full(3, 2.0, np.float32).reshape(1, -1, 1, 1), "float32")
    second = held.held(np.full(3, 5.0, np.float32).reshape(1, -1, 1, 1), "float32")
    assert (first * second).unique().tolist() == [10.0]


def test_a_norm_that_stands_alone_has_its_statistics_in_strips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = awake(StyleNetworkConfig(width=0.125, blocks=1))
    steps = list(rewrite(network))
    after = next(index for index, step in enumerate(steps) if isinstance(step, Normalise))
    alone = replace(steps[after], weight=steps[after].weight * 3)
    steps[after + 2 : after + 2] = [alone, Relu()]  # behind that norm's own ReLU
    monkeypatch.setattr(stylize_tensor, "rewrite", lambda *given, **kwargs: tuple(steps))  # noqa: ARG005
    image = torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    strips = stylize_tensor.stylize_in_strips(network, image, tile_hw=(20, 30))
    with torch.no_grad():
        whole = PlanNetwork(tuple(steps), torch.float32)(image)
    torch.testing.assert_close(strips, whole, rtol=0, atol=1e-4)
