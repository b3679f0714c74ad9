"""Training speed against the loop that users copy today, measured in the same run.

    python benchmarks/training.py [--threads 2] [--steps 5] [--output training.json]

Baseline: the full-width network of the widely copied examples (reflection padding, nearest
resize, instance norm) and VGG-16 through relu4_3 in float32, NCHW, eager, batch 4 at 256 px; both
images go through all of VGG-16 every step, with the gradient kept for both. Ours: the same
network plan and the same VGG-16 layers in Impasto's training step. Then what a cheaper loss
network and the half-width network add. Weights are random: speed does not depend on them.
Rows are interleaved, so that a busy machine slows all of them alike; medians.
"""

import argparse
import json
import math
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from impasto.losses import LossWeights, PerceptualLoss
from impasto.machine.devices import choose_dtype
from impasto.networks import ModernStyleNetwork
from impasto.networks.loss import LossNetwork, load_loss_network
from impasto.networks.loss.architectures import tensor_shapes

BATCH, PX = 4, 256
VGG16 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512)
STYLE_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
TAPS = (1, 3, 6, 9)  # convolutions after which those layers lie


class PlainConv(nn.Module):
    """The examples' layer: resize, reflection pad, convolution, instance norm, ReLU."""

    def __init__(self, ins: int, outs: int, size: int, stride: int = 1, up: int = 1) -> None:
        super().__init__()
        self.up = up
        self.pad = nn.ReflectionPad2d(size // 2)
        self.conv = nn.Conv2d(ins, outs, size, stride)
        self.norm = nn.InstanceNorm2d(outs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.up > 1:
            x = F.interpolate(x, scale_factor=self.up, mode="nearest")
        return self.norm(self.conv(self.pad(x)))


class PlainNetwork(nn.Module):
    """c9s1-32, d64, d128, R128 x5, u64, u32, c9s1-3 in stock modules."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [PlainConv(3, 32, 9), PlainConv(32, 64, 3, 2), PlainConv(64, 128, 3, 2)]
        )
        self.blocks = nn.ModuleList(
            nn.ModuleList([PlainConv(128, 128, 3), PlainConv(128, 128, 3)]) for _ in range(5)
        )
        self.up = nn.ModuleList([PlainConv(128, 64, 3, up=2), PlainConv(64, 32, 3, up=2)])
        self.last = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(32, 3, 9))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.down:
            x = layer(x).relu()
        for first, second in self.blocks:
            x = x + second(first(x).relu())
        for layer in self.up:
            x = layer(x).relu()
        return self.last(x)


class PlainVgg(nn.Module):
    """VGG-16 through relu4_3, all four activations returned."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        channels = 3
        for item in VGG16:
            if isinstance(item, int):
                self.layers.append(nn.Conv2d(channels, item, 3, padding=1))
                channels = item
            else:
                self.layers.append(nn.MaxPool2d(2))
        self.requires_grad_(False)

    def forward(self, x: Tensor) -> list[Tensor]:
        found, convolutions = [], -1
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.Conv2d):
                x = x.relu()
                convolutions += 1
                if convolutions in TAPS:
                    found.append(x)
        return found


def plain_step() -> Callable[[Tensor], None]:
    """The loop that is copied from repository to repository."""
    network, vgg = PlainNetwork(), PlainVgg()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    mean = torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    deviation = torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1)

    def gram(features: Tensor) -> Tensor:
        count, channels, height, width = features.shape
        flat = features.view(count, channels, height * width)
        return flat.bmm(flat.transpose(1, 2)) / (channels * height * width)

    targets = [gram(features) for features in vgg(torch.rand(1, 3, PX, PX))]

    def step(images: Tensor) -> None:
        optimizer.zero_grad()
        output = network(images)
        painted = vgg((output - mean) / deviation)
        photo = vgg((images - mean) / deviation)
        loss = F.mse_loss(painted[1], photo[1])
        for features, target in zip(painted, targets, strict=True):
            loss = loss + F.mse_loss(gram(features), target.expand(len(images), -1, -1))
        loss.backward()
        optimizer.step()

    return step


def random_loss_network(architecture: str) -> LossNetwork:
    """A loss network of the right shapes, from a temporary file as a user would load it."""
    tensors = {
        name: torch.randn(shape) * (2 / max(math.prod(shape[1:]), 1)) ** 0.5
        for name, shape in tensor_shapes(architecture).items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{architecture}.safetensors"
        save_file(tensors, path, {"preprocessing": "torchvision"})
        return load_loss_network(path)


def our_step(width: float, loss_network: str, layers: tuple[str, ...]) -> Callable[[Tensor], None]:
    """Impasto's step: bfloat16 where native, channels_last, the photo only as deep as needed."""
    network = ModernStyleNetwork(width).to(memory_format=torch.channels_last)
    criterion = PerceptualLoss(
        random_loss_network(loss_network),
        content_layers=[layers[1]],
        style_layers=layers,
        weights=LossWeights(content=1.0, style=1.0, tv=0.0),
        relative=True,
    )
    criterion.set_style(torch.rand(1, 3, PX, PX))
    criterion = criterion.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    dtype = choose_dtype("auto", torch.device("cpu"))

    def step(images: Tensor) -> None:
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            terms = criterion.terms(network(images), images)
        optimizer.zero_grad(set_to_none=True)
        criterion.total(terms).backward()
        optimizer.step()

    return step


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("training.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    steps = {
        "plain loop, full width, VGG-16 (baseline)": plain_step(),
        "ours, full width, VGG-16": our_step(1.0, "vgg16", STYLE_LAYERS),
        "ours, half width, VGG-16": our_step(0.5, "vgg16", STYLE_LAYERS),
        "ours, half width, distilled VGG-19": our_step(
            0.5, "vgg19-distilled", ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(options.steps + 1):
        for name, step in steps.items():
            images = torch.rand(BATCH, 3, PX, PX)
            begin = time.perf_counter()
            step(images)
            if repeat:  # the first is warm-up
                seconds[name].append(time.perf_counter() - begin)
    base = statistics.median(next(iter(seconds.values())))
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        rows.append(
            {
                "what": name,
                "images_per_second": BATCH / median,
                "seconds": values,
                "ratio_to_baseline": base / median,
            }
        )
        print(f"{name:45s} {BATCH / median:6.2f} images/s  {base / median:5.2f}x")
    about = {
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "threads": options.threads,
        "batch": BATCH,
        "px": PX,
        "rows": rows,
    }
    options.output.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
