"""Every architecture against a forward pass written by hand in double precision (NumPy)."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import correlate
from torch import Tensor

from impasto.networks.loss.architectures import plan_network
from impasto.networks.loss.network import Provenance, StagedLossNetwork
from impasto.networks.loss.weight_file import WeightFile

Array = NDArray[np.float64]
Weights = dict[str, Array]
DISTILLED_ORDER = ["11", "12", "P", "21", "22", "P", "31", "32", "33", "34", "P"]
DISTILLED_ORDER += ["41", "42", "43", "44", "P", "51"]
RandomFile = Callable[..., WeightFile]


def build(file: WeightFile, family: str | None = None, pooling: str = "max") -> StagedLossNetwork:
    plan = plan_network(file, family=family, pooling=pooling)  # type: ignore[arg-type]
    provenance = Provenance(
        name="test", weights_hash="", source="", license="", redistributable=False
    )
    return StagedLossNetwork(plan.stages, plan.mean, provenance).double()


def arrays(tensors: dict[str, Tensor]) -> Weights:
    return {name: tensor.double().numpy() for name, tensor in tensors.items()}


def conv(
    x: Array, weights: Weights, key: str, stride: int = 1, pad: int = 1, mode: str = "constant"
) -> Array:
    """(C, H, W) -> (O, h, w), with bias."""
    kernel, bias = weights[f"{key}.weight"], weights[f"{key}.bias"]
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)), mode=mode)  # type: ignore[call-overload]
    size = kernel.shape[-1]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return np.tensordot(kernel, windows, axes=([1, 2, 3], [0, 3, 4])) + bias[:, None, None]


def relu(x: Array) -> Array:
    return np.where(x > 0, x, 0.0)


def pool(x: Array, size: int = 2, stride: int = 2, pad: int = 0, ceil: bool = False) -> Array:
    """Maximum; with `ceil` a last window may hang over the edge, if it begins inside."""
    if pad:
        x = np.pad(x, ((0, 0), (pad, pad), (pad, pad)), constant_values=-np.inf)
    rows, columns = (
        [
            slice(start, min(start + size, length))
            for start in range(0, length, stride)
            if start + size <= length or (ceil and start - stride + size < length)
        ]
        for length in x.shape[1:]
    )
    return np.stack([np.stack([x[:, r, c].max((1, 2)) for c in columns], -1) for r in rows], 1)


def torchvision_input(image: Array) -> Array:
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return (image - mean[:, None, None]) / std[:, None, None]


def caffe_input(image: Array, mean_bgr: tuple[float, float, float]) -> Array:
    return image[::-1] * 255 - np.array(mean_bgr)[:, None, None]


def vgg(x: Array, weights: Weights, blocks: tuple[int, ...], mode: str) -> dict[str, Array]:
    found, index = {}, 0
    for block, count in enumerate(blocks, 1):
        for place in range(1, count + 1):
            x = relu(conv(x, weights, f"features.{index}", mode=mode))
            found[f"relu{block}_{place}"] = x
            index += 2
        x, index = pool(x), index + 1
    return found


def fire(x: Array, weights: Weights, key: str) -> Array:
    x = relu(conv(x, weights, f"{key}.squeeze", pad=0))
    one = relu(conv(x, weights, f"{key}.expand1x1", pad=0))
    return np.concatenate([one, relu(conv(x, weights, f"{key}.expand3x3"))])


def response_norm(x: Array) -> Array:
    """b = a / (1 + 1e-4 / 5 * sum of squares over the channels at most 2 away) ** 0.75."""
    out = np.empty_like(x)
    for channel in range(len(x)):
        near = x[max(0, channel - 2) : channel + 3]
        out[channel] = x[channel] / (1 + 1e-4 / 5 * (near**2).sum(0)) ** 0.75
    return out


def inception(x: Array, weights: Weights, key: str) -> Array:
    def branch(name: str, value: Array, pad: int = 0) -> Array:
        return relu(conv(value, weights, f"{key}/{name}", pad=pad))

    return np.concatenate(
        [
            branch("1x1", x),
            branch("3x3", branch("3x3_reduce", x), 1),
            branch("5x5", branch("5x5_reduce", x), 2),
            branch("pool_proj", pool(x, 3, 1, pad=1)),
        ]
    )


def assert_same(network: StagedLossNetwork, image: Array, expected: dict[str, Array]) -> None:
    """Shapes exactly, values to the float32 rounding of the folded first weights."""
    assert set(expected) == set(network.layer_names)
    found = network(torch.from_numpy(image.copy())[None], network.layer_names)
    for layer, value in expected.items():
        ours = found[layer][0].numpy()
        assert ours.shape == value.shape, layer
        assert np.abs(ours - value).max() < 1e-6 * np.abs(value).max(), layer
        assert np.count_nonzero(value) > 0.1 * value.size, layer  # the comparison means something


@pytest.fixture(scope="module")
def image() -> Array:
    """Odd sizes, so that pools drop a row or a column."""
    return np.random.default_rng(0).random((3, 35, 37))


@pytest.fixture(scope="module")
def larger_image() -> Array:
    return np.random.default_rng(1).random((3, 83, 70))


def test_the_hand_written_convolution_agrees_with_scipys_correlation() -> None:
    rng = np.random.default_rng(2)
    x, kernel = rng.random((3, 9, 8)), rng.random((2, 3, 3, 3))
    ours = conv(x, {"a.weight": kernel, "a.bias": np.zeros(2)}, "a", pad=0)
    for channel in range(2):
        assert np.allclose(ours[channel], correlate(x, kernel[channel], mode="valid")[0])


@pytest.mark.parametrize(
    ("name", "blocks"), [("vgg16", (2, 2, 3, 3, 3)), ("vgg19", (2, 2, 4, 4, 4))]
)
def test_vgg_with_torchvision_weights(
    random_file: RandomFile, image: Array, name: str, blocks: tuple[int, ...]
) -> None:
    file = random_file(name)
    expected = vgg(torchvision_input(image), arrays(file.tensors), blocks, "constant")
    assert_same(build(file, "torchvision"), image, expected)


def test_vgg_with_caffe_weights(random_file: RandomFile, image: Array) -> None:
    file = random_file("vgg16", first_scale=1 / 60, until="features.10")
    x = caffe_input(image, (103.939, 116.779, 123.68))
    expected = vgg(x, arrays(file.tensors), (2, 2, 1), "constant")
    assert_same(build(file, "caffe"), image, expected)


def test_normalised_vgg19_pads_by_reflection_after_its_own_preprocessing(
    random_file: RandomFile, image: Array
) -> None:
    file = random_file("vgg19-normalised")
    weights = arrays(file.tensors)
    x = conv(image, weights, "preproc", pad=0)
    assert_same(build(file), image, vgg(x, weights, (2, 2, 4, 4, 4), "reflect"))


def test_distilled_vgg19(random_file: RandomFile, image: Array) -> None:
    file = random_file("vgg19-distilled")
    weights = arrays(file.tensors)
    expected = {}
    x = conv(image, weights, "conv0", pad=0)
    for place in [
        "11",
        "12",
        "P",
        "21",
        "22",
        "P",
        "31",
        "32",
        "33",
        "34",
        "P",
        "41",
        "42",
        "43",
        "44",
        "P",
        "51",
    ]:
        if place == "P":
            x = pool(x)
            continue
        x = relu(conv(x, weights, f"conv{place}", mode="reflect"))
        if place[1] == "1":
            layer = f"relu{place[0]}_1"
            expected[layer] = relu(conv(x, weights, f"conv{place}_aux", pad=0))
    assert_same(build(file), image, expected)


def test_alexnet(random_file: RandomFile, larger_image: Array) -> None:
    file = random_file("alexnet")
    weights = arrays(file.tensors)
    one = relu(conv(torchvision_input(larger_image), weights, "features.0", stride=4, pad=2))
    two = relu(conv(pool(one, 3), weights, "features.3", pad=2))
    three = relu(conv(pool(two, 3), weights, "features.6"))
    four = relu(conv(three, weights, "features.8"))
    five = relu(conv(four, weights, "features.10"))
    expected = {"relu1": one, "relu2": two, "relu3": three, "relu4": four, "relu5": five}
    assert_same(build(file, "torchvision"), larger_image, expected)


def test_squeezenet(random_file: RandomFile, larger_image: Array) -> None:
    file = random_file("squeezenet1_1", first_scale=1 / 60)
    weights = arrays(file.tensors)
    x = caffe_input(larger_image, (104, 117, 123))
    x = relu(conv(x, weights, "features.0", stride=2, pad=0))
    expected = {"relu1": x}
    for number, index in enumerate((3, 4, 6, 7, 9, 10, 11, 12), 2):
        if index in (3, 6, 9):
            x = pool(x, 3, ceil=True)
        x = expected[f"fire{number}"] = fire(x, weights, f"features.{index}")
    assert_same(build(file, "caffe"), larger_image, expected)


def test_googlenet(random_file: RandomFile, larger_image: Array) -> None:
    file = random_file("googlenet", first_scale=1 / 60)
    weights = arrays(file.tensors)
    x = caffe_input(larger_image, (104, 117, 123))
    x = relu(conv(x, weights, "conv1/7x7_s2", stride=2, pad=3))
    expected = {"relu1": x}
    x = relu(conv(response_norm(pool(x, 3, ceil=True)), weights, "conv2/3x3_reduce", pad=0))
    x = expected["relu2"] = relu(conv(x, weights, "conv2/3x3"))
    x = response_norm(x)
    for block in ["3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"]:
        if block in ("3a", "4a", "5a"):
            x = pool(x, 3, ceil=True)
        x = expected[f"inception{block}"] = inception(x, weights, f"inception_{block}")
    assert_same(build(file, "caffe"), larger_image, expected)


def test_average_pooling_takes_the_mean_of_four(random_file: RandomFile, image: Array) -> None:
    file = random_file("vgg16", until="features.5")
    weights = arrays(file.tensors)
    x = torchvision_input(image)
    for index in (0, 2):
        x = relu(conv(x, weights, f"features.{index}"))
    x = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
    x = (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
    expected = relu(conv(x, weights, "features.5"))
    network = build(file, "torchvision", "average")
    found = network(torch.from_numpy(image)[None], ["relu2_1"])["relu2_1"][0].numpy()
    assert np.abs(found - expected).max() < 1e-6 * expected.max()
