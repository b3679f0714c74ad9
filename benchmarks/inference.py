"""Time per image of every back end, beside the network as it is usually written in PyTorch.

    python benchmarks/inference.py [--threads 2] [--rounds 7] [--px 256 512 1024]
        [--width 1 0.5] [--output inference.json]

Baseline: the plan of pytorch/examples' network (reflection padding, convolution, instance norm,
ReLU; nearest-neighbour up-sampling), eager, float32, NCHW, in the same width: width 1 is that
repository's own. Ours: the same function, from `Engine`, with every back end that is installed, and
the strips of `impasto stylize`. Weights are random, except at the bundled styles' width, where
PSNR against float32 is told as well. Rounds are interleaved, so that a busy machine slows all
alike; medians of wall-clock time count, and those of processor time stand beside them: where they
differ, something else was running. Also the machine's own rates: the largest bfloat16 and float32
matrix products per second and bytes copied per second, with the operations that the network needs.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto import Engine
from impasto.errors import OptionError
from impasto.evaluation.environment import describe_environment
from impasto.inference import stylize_tensor
from impasto.models import StyleModel, load_style_model
from impasto.networks import StyleNetworkConfig, build_style_network

STYLE = "starry-night"
BASELINE = "plain PyTorch, float32"
ENGINES = (
    ("eager", "float32"),
    ("eager", "bfloat16"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
Paint = Callable[[Tensor], Tensor]


class PlainLayer(nn.Module):
    """As in pytorch/examples: up-sample, reflection pad, convolve, instance norm, ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        upsample: int = 1,
        norm: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.upsample = upsample
        self.pad = nn.ReflectionPad2d(kernel_size // 2)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.norm = nn.InstanceNorm2d(out_channels, affine=True) if norm else nn.Identity()
        self.relu = nn.ReLU() if relu else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        if self.upsample > 1:
            features = F.interpolate(features, scale_factor=self.upsample, mode="nearest")
        return self.relu(self.norm(self.conv(self.pad(features))))


class PlainBlock(nn.Module):
    """Two layers and the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = PlainLayer(channels, channels, 3)
        self.second = PlainLayer(channels, channels, 3, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        return features + self.second(self.first(features))


def plain_network(width: float) -> nn.Sequential:
    """The network of pytorch/examples/fast_neural_style, with random weights."""
    few, some, many = (round(filters * width) for filters in (32, 64, 128))
    return nn.Sequential(
        PlainLayer(3, few, 9),
        PlainLayer(few, some, 3, stride=2),
        PlainLayer(some, many, 3, stride=2),
        *(PlainBlock(many) for _ in range(5)),
        PlainLayer(many, some, 3, upsample=2),
        PlainLayer(some, few, 3, upsample=2),
        PlainLayer(few, 3, 9, norm=False, relu=False),
    ).eval()


def operations(width: float, px: int) -> float:
    """Multiplications and additions of the convolutions as they are written, for one image."""
    few, some, many = (round(filters * width) for filters in (32, 64, 128))
    full, half, quarter = px**2, px**2 / 4, px**2 / 16
    products = (
        full * 81 * 3 * few * 2  # first and last layer
        + half * 9 * few * some
        + quarter * 9 * some * many
        + quarter * 9 * many * many * 10
        + half * 9 * many * some
        + full * 9 * some * few
    )
    return 2 * products


def contenders(width: float) -> dict[str, Paint]:
    """What to time at one width; what is not installed is left out, and said."""
    plain = plain_network(width)

    def baseline(image: Tensor) -> Tensor:
        with torch.inference_mode():
            return plain(image)

    model = model_of(width)
    rows: dict[str, Paint] = {BASELINE: baseline}
    for precision in ("float32", "bfloat16"):

        def strips(image: Tensor, precision: str = precision) -> Tensor:
            return stylize_tensor(model, image, precision=precision)  # type: ignore[arg-type]

        rows[f"strips, {precision}"] = strips
    for backend, precision in ENGINES:
        try:
            rows[f"{backend}, {precision}"] = Engine(
                model, device="cpu", backend=backend, precision=precision
            )
        except OptionError as error:
            print(f"left out: {error}")
    return rows


def model_of(width: float) -> StyleModel:
    """The bundled style where the width is its own, else random weights."""
    model = load_style_model(STYLE)
    if model.config.width == width:
        return model
    config = StyleNetworkConfig(width=width)
    torch.manual_seed(0)
    network = build_style_network(config).eval().requires_grad_(False)
    return StyleModel(name="random", network=network, config=config)


def measure(width: float, px: int, rounds: int) -> list[dict[str, Any]]:
    """Interleaved rounds after one for warm-up; a row for each contender."""
    paints = contenders(width)
    image = smooth_noise(px)
    wall: dict[str, list[float]] = {name: [] for name in paints}
    processor: dict[str, list[float]] = {name: [] for name in paints}
    pictures = {name: paint(image) for name, paint in paints.items()}
    for _ in range(rounds):
        for name, paint in paints.items():
            begin, begin_processor = time.perf_counter(), time.process_time()
            paint(image)
            wall[name].append(time.perf_counter() - begin)
            processor[name].append(time.process_time() - begin_processor)
    reference = model_of(width)(image)
    rows = []
    for name in paints:
        seconds, own = statistics.median(wall[name]), statistics.median(processor[name])
        error = float((pictures[name] - reference).square().mean())
        rows.append(
            {
                "what": name,
                "width": width,
                "px": px,
                "seconds": seconds,
                "processor_seconds": own,
                "all_seconds": wall[name],
                "times_as_fast": statistics.median(wall[BASELINE]) / seconds,
                "times_as_fast_processor": statistics.median(processor[BASELINE]) / own,
                "operations_per_second": operations(width, px) / own,
                "psnr_db": None if name == BASELINE else -10 * torch.tensor(error).log10().item(),
            }
        )
    return rows


def smooth_noise(px: int) -> Tensor:
    """Noise of every scale, in 8 bits, as photos are: (1, 3, px, px) in [0, 1]."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(1, 3, px, px)
    for side in (4, 16, 64, px):
        noise = torch.rand(1, 3, side, side, generator=generator)
        total += F.interpolate(noise, size=(px, px), mode="bilinear", align_corners=False)
    return (total / 4 * 255).round() / 255


def machine_rates() -> dict[str, float]:
    """Operations per second of large matrix products, bytes per second of a large copy."""
    rates = {}
    for dtype in (torch.bfloat16, torch.float32):
        left, right = (torch.rand(2048, 2048).to(dtype) for _ in range(2))
        seconds = fastest(lambda left=left, right=right: left @ right)
        rates[str(dtype).removeprefix("torch.")] = 2 * 2048**3 / seconds
    source = torch.rand(2**26)
    target = torch.empty_like(source)
    rates["bytes"] = 2 * source.nbytes / fastest(lambda: target.copy_(source))
    return rates


def fastest(work: Callable[[], object], rounds: int = 7) -> float:
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        taken.append((time.process_time() - begin) / torch.get_num_threads())
    return min(taken)


def packages() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name in ("openvino", "onnx", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--px", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--width", type=float, nargs="+", default=[1.0, 0.5])
    parser.add_argument("--output", type=Path, default=Path("inference.json"))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    about: dict[str, Any] = {
        "environment": describe_environment() | packages(),
        "rates": machine_rates(),
        "baseline": BASELINE,
        "rows": [],
    }
    print({name: f"{rate:.3g}" for name, rate in about["rates"].items()})
    for width in options.width:
        for px in options.px:
            for row in measure(width, px, options.rounds):
                about["rows"].append(row)
                quality = "" if row["psnr_db"] is None else f"{row['psnr_db']:6.1f} dB"
                print(
                    f"width {width:<4g} {px:5d} px  {row['what']:24s}"
                    f"{row['seconds'] * 1e3:9.1f} ms{row['times_as_fast']:7.1f}x"
                    f"   processor {row['processor_seconds'] * 1e3:9.1f} ms"
                    f"{row['times_as_fast_processor']:7.1f}x  {quality}",
                    flush=True,
                )
            options.output.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
