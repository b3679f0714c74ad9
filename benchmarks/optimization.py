"""Time per iteration of `impasto optimize --mode paper` beside a plain PyTorch loop.

    python benchmarks/optimization.py [--threads 2] [--iterations 6] [--px 256 512]
        [--loss-network NAME_OR_FILE] [--output optimization.json]

Baseline: Gatys' method as it is usually written in PyTorch (neural-style-pt and the tutorials):
the layers of VGG-16 in a row, in-place ReLU, losses on the way, float32, NCHW, torch.optim.LBFGS
without a line search, the image clamped in the closure. Ours: the same layers and losses (eq. 5,
not relative) with projected L-BFGS and its line search, in the precision that "auto" chooses here,
in float32, and in float32 with PyTorch's convolutions instead of Winograd's. Without
--loss-network the weights are random: speed does not depend on them, and an iteration of ours that
searches longer counts in full. Rounds are interleaved, so that a busy machine slows all alike;
medians.
"""

import argparse
import contextlib
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from impasto.evaluation.environment import describe_environment
from impasto.events import Step
from impasto.machine.devices import choose_dtype
from impasto.media import imresize
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.architectures import tensor_shapes
from impasto.networks.loss.blocks import ConvRelu, Pool
from impasto.networks.loss.network import StagedLossNetwork
from impasto.networks.loss.winograd import pytorch_convolutions
from impasto.optimization.config import OptimizationConfig
from impasto.optimization.run import Pictures, optimize_image

STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
CONTENT_LAYER = "relu3_3"
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT = 1.0, 5.0, 1e-6
BASELINE = "plain PyTorch, float32, torch.optim.LBFGS"


def random_loss_network() -> LossNetwork:
    """VGG-16 with random weights, from a temporary file as a user would load it."""
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.randn(shape, generator=generator) * (2 / max(math.prod(shape[1:]), 1)) ** 0.5
        for name, shape in tensor_shapes("vgg16").items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vgg16.safetensors"
        save_file(tensors, path, {"preprocessing": "torchvision"})
        return load_loss_network(path)


class PlainLoss(nn.Module):
    """The network as stock modules in a row, with the losses taken on the way."""

    def __init__(self, network: StagedLossNetwork, layers: list[str]) -> None:
        super().__init__()
        self.rows = nn.ModuleList()
        self.names: list[str | None] = []
        self.mean = network.mean
        named = list(network.layer_names)
        deepest = max(named.index(layer) for layer in layers)
        for stage in network.stages:
            if isinstance(stage, ConvRelu):
                stock = stage.convolution
                conv = nn.Conv2d(stock.in_channels, stock.out_channels, 3, padding=1)
                conv.weight.data.copy_(stock.weight)
                conv.bias.data.copy_(stock.bias)  # type: ignore[union-attr]
                self.rows.append(nn.Sequential(conv, nn.ReLU(inplace=True)))
                self.names.append(named[sum(name is not None for name in self.names)])
                if self.names[-1] == named[deepest]:
                    break
            elif isinstance(stage, Pool):
                self.rows.append(nn.MaxPool2d(2))
                self.names.append(None)
        self.requires_grad_(False)
        self.style: dict[str, Tensor] = {}
        self.content: Tensor | None = None

    def features(self, image: Tensor) -> dict[str, Tensor]:
        x, found = image - self.mean, {}
        for name, row in zip(self.names, self.rows, strict=True):
            x = row(x)
            if name is not None:
                found[name] = x
        return found

    def gram(self, x: Tensor) -> Tensor:
        _, channels, height, width = x.shape
        flat = x.view(channels, height * width)
        return torch.mm(flat, flat.t()).div(channels * height * width)

    def forward(self, image: Tensor) -> Tensor:
        found = self.features(image)
        loss = CONTENT_WEIGHT * F.mse_loss(found[self.content_layer], self.content)
        for layer, target in self.style.items():
            loss = loss + STYLE_WEIGHT * F.mse_loss(
                self.gram(found[layer]), target, reduction="sum"
            )
        down = image[:, :, 1:, :] - image[:, :, :-1, :]
        across = image[:, :, :, 1:] - image[:, :, :, :-1]
        return loss + TV_WEIGHT * (down.square().sum() + across.square().sum())

    def set_targets(self, photo: Tensor, painting: Tensor, style: list[str], content: str) -> None:
        self.content_layer = content
        self.content = self.features(photo)[content].detach().clone()
        painted = self.features(painting)
        self.style = {layer: self.gram(painted[layer]).detach() for layer in style}


def plain_iterations(
    network: LossNetwork, photo: Tensor, painting: Tensor, style: list[str], content: str
) -> Iterator[None]:
    """One iteration a `next`."""
    assert isinstance(network, StagedLossNetwork)
    loss_of = PlainLoss(network, [*style, content])
    loss_of.set_targets(photo, painting, style, content)
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(photo.shape, generator=generator).requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [image], max_iter=1, history_size=100, tolerance_change=-1, tolerance_grad=-1
    )

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        loss = loss_of(image)
        loss.backward()
        return loss

    while True:
        optimizer.step(closure)
        yield


class Stop(Exception):  # noqa: N818 - not an error
    """Raised from the callback once enough iterations were timed."""


def our_seconds(
    network: LossNetwork,
    photo: Tensor,
    painting: Tensor,
    layers: dict[str, Any],
    precision: str,
    *,
    direct: bool = False,
) -> Callable[[int], list[float]]:
    """A function: so many iterations of the mode `paper` -> the seconds of each.

    `direct`: with PyTorch's convolutions.
    """
    config = OptimizationConfig(
        mode="paper",
        relative=False,
        content_weight=CONTENT_WEIGHT,
        style_weight=STYLE_WEIGHT,
        tv_weight=TV_WEIGHT,
        size=max(photo.shape),
        precision=precision,
        **layers,
    )

    def run(count: int) -> list[float]:
        times: list[float] = []

        def note(event: object) -> None:
            if isinstance(event, Step):
                times.append(1 / event.images_per_second)
                if len(times) == count:
                    raise Stop

        with (
            contextlib.suppress(Stop),
            pytorch_convolutions() if direct else contextlib.nullcontext(),
        ):
            pictures = Pictures(content=photo, styles=[painting])
            optimize_image(config, pictures, note, loss_network=network)
        return times

    return run


def measure(network: LossNetwork, px: int, iterations: int, rounds: int) -> list[dict[str, Any]]:
    """Rows for one size, baseline first."""
    generator = torch.Generator().manual_seed(1)
    photo, painting = (
        imresize(torch.rand(1, 3, 16, 16, generator=generator), (px, px)).clamp(0, 1)
        for _ in range(2)
    )
    style = [layer for layer in STYLE_LAYERS if layer in network.layer_names]
    content = CONTENT_LAYER if CONTENT_LAYER in network.layer_names else style[-1]
    layers = {
        "style_layers": dict.fromkeys(style, 1.0),
        "content_layers": {content: 1.0},
    }
    plain = plain_iterations(network, photo, painting, style, content)
    automatic = str(choose_dtype("auto", torch.device("cpu"))).removeprefix("torch.")
    ours = {
        f"ours, {precision}": our_seconds(network, photo, painting, layers, precision)
        for precision in dict.fromkeys((automatic, "float32"))
    }
    ours["ours, float32, PyTorch's convolutions"] = our_seconds(
        network, photo, painting, layers, "float32", direct=True
    )
    seconds: dict[str, list[float]] = {name: [] for name in (BASELINE, *ours)}
    next(plain)  # warm-up, and the gradient step that every L-BFGS begins with
    for _ in range(rounds):
        for _ in range(iterations):
            begin = time.perf_counter()
            next(plain)
            seconds[BASELINE].append(time.perf_counter() - begin)
        for name, run in ours.items():
            seconds[name] += run(iterations + 1)[1:]  # the first one looks for its step length
    base = statistics.median(seconds[BASELINE])
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        rows.append(
            {
                "what": name,
                "px": px,
                "seconds_per_iteration": median,
                "seconds": values,
                "times_as_fast_as_baseline": base / median,
            }
        )
        print(f"{px:5d} px  {name:45s} {median:8.3f} s/iteration  {base / median:5.2f}x")
    return rows


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--px", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--loss-network", help="one VGG; without it: VGG-16 of random weights")
    parser.add_argument("--output", type=Path, default=Path("optimization.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    named = options.loss_network
    network = load_loss_network(named) if named else random_loss_network()
    rows = [
        row for px in options.px for row in measure(network, px, options.iterations, options.rounds)
    ]
    about = {
        "environment": describe_environment(),
        "loss_network": named or "vgg16, random weights",
        "style_layers": STYLE_LAYERS,
        "content_layer": CONTENT_LAYER,
        "baseline": BASELINE,
        "rows": rows,
    }
    options.output.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
