"""Time per image of every back end, beside the network as it is usually written in PyTorch.

    python benchmarks/inference.py [--threads 2] [--px 256 512 1024] [--rounds 15 9 5]
        [--networks examples starry-night starry-night:fast] [--output inference.json]
    python -m research figures inference.json      # its plot and tables

Networks: "examples" is the one of pytorch/examples' fast_neural_style, which is ours in width 1,
with random weights; others are bundled styles, NAME or NAME:fast, or style files. Baselines: each
network written as pytorch/examples writes it (up-sampling, reflection padding, convolution with
bias, affine instance norm, ReLU), eager, float32, NCHW. Ratios are told both to the baseline of the
same architecture and to pytorch/examples' own network. PSNR is to the network in float32. Rounds
are interleaved, so that a busy machine slows all alike; medians of wall-clock time count, and
processor time stands beside them: where it is less than wall time times threads, something else was
running. Also the machine's own rates, and of the fastest back end the time of each kind of layer.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from impasto import Engine
from impasto.engines.openvino import OpenVinoStyle
from impasto.errors import OptionError
from impasto.evaluation.bench import extras_versions
from impasto.evaluation.environment import describe_environment
from impasto.evaluation.stopwatch import Timing, machine_rates, psnr_db, smooth_noise, take_turns
from impasto.files.atomic import write_text
from impasto.models import StyleModel, as_style_model
from impasto.models.gallery import list_styles
from impasto.networks import StyleNetworkConfig, build_style_network
from impasto.networks.layout import Block, Conv, Layout, modern_layout
from impasto.painting import stylize_tensor
from impasto.plans.rewrite import rewrite

FORMAT = "impasto-inference-benchmark-1"
EXAMPLES = "examples"
STYLE = "starry-night"
BASELINE = "plain PyTorch, float32"
REFERENCE = "pytorch/examples, float32"
ENGINES = (
    ("eager", "float32"),
    ("eager", "bfloat16"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
    ("openvino", "int8"),
)
Paint = Callable[[Tensor], Tensor]


class PlainLayer(nn.Module):
    """As in pytorch/examples: up-sample, reflection pad, convolve, instance norm, ReLU."""

    def __init__(self, conv: Conv) -> None:
        super().__init__()
        size, channels = conv.kernel_size, conv.out_channels
        self.upsample = conv.upsample
        self.pad = nn.ReflectionPad2d(size // 2)
        self.conv = nn.Conv2d(conv.in_channels, channels, size, conv.stride)
        self.norm = nn.InstanceNorm2d(channels, affine=True) if conv.norm else nn.Identity()
        self.relu = nn.ReLU() if conv.relu and not conv.bare else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        if self.upsample > 1:
            features = F.interpolate(features, scale_factor=self.upsample, mode="nearest")
        return self.relu(self.norm(self.conv(self.pad(features))))


class PlainBlock(nn.Module):
    """Two layers and the input."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.body = nn.Sequential(*(PlainLayer(conv) for conv in block.layers.values()))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.body(features)


def plain_network(layout: Layout) -> nn.Sequential:
    """The layout as plain modules with random weights; pixel-shuffled if its end asks for it."""
    layers: list[nn.Module] = []
    for layer in layout:
        if isinstance(layer, Block):
            layers.append(PlainBlock(layer))
        elif layer.bare:
            size = layer.kernel_size
            layers.append(nn.Conv2d(layer.in_channels, layer.out_channels, size, bias=False))
        else:
            layers.append(PlainLayer(layer))
    factor = round((convs_of(layout)[-1].out_channels / 3) ** 0.5)
    return nn.Sequential(*layers, *([nn.PixelShuffle(factor)] if factor > 1 else [])).eval()


def convs_of(layout: Layout) -> list[Conv]:
    """Every convolution, in order."""
    found: list[Conv] = []
    for layer in layout:
        found += layer.layers.values() if isinstance(layer, Block) else [layer]
    return found


def operations(layout: Layout, px: int) -> float:
    """Multiplications and additions of the convolutions as they are written, for one image."""
    side, total = float(px), 0.0
    for conv in convs_of(layout):
        side = side * conv.upsample / conv.stride
        total += 2 * conv.in_channels * conv.out_channels * conv.kernel_size**2 * side**2
    return total


def least_bytes(layout: Layout, px: int) -> dict[str, float]:
    """What each kind of layer has to move at least, its maps in bfloat16; by `layer_times`' names.

    A norm reads its map for the statistics, reads it again and writes it; a border and an enlarged
    map are one reading and one writing.
    """
    side, value = float(px), 2
    moved = {"norm, scale and ReLU": 0.0, "borders": 0.0, "up-sampling": 0.0}
    for conv in convs_of(layout):
        entering = conv.in_channels * side**2 * value
        if conv.upsample > 1:
            moved["up-sampling"] += entering * (1 + conv.upsample**2)
            side *= conv.upsample
        elif conv.pad:
            moved["borders"] += 2 * entering
        side /= conv.stride
        if conv.norm and not conv.bare:
            moved["norm, scale and ReLU"] += 3 * conv.out_channels * side**2 * value
    return moved


def roofline(
    layout: Layout, px: int, milliseconds: Mapping[str, float], rates: Mapping[str, float]
) -> dict[str, float]:
    """By kind of layer: its least time, by the machine's rates, over the time that it took."""
    least = {kind: moved / rates["bytes"] for kind, moved in least_bytes(layout, px).items()}
    least["convolution"] = operations(layout, px) / rates["bfloat16"]
    return {
        kind: seconds * 1e3 / milliseconds[kind]
        for kind, seconds in least.items()
        if milliseconds.get(kind)
    }


# OpenVINO's node types -> what they are in the network
LAYER_KINDS = {
    "Convolution": "convolution",
    "MVN": "norm, scale and ReLU",
    "Pad": "borders",
    "Gather": "borders",
    "Concat": "borders",
    "Interpolate": "up-sampling",
    "Add": "residual sums",
    "Eltwise": "residual sums",
    "DepthToSpace": "last shuffle",
    "Reorder": "change of layout",
}
LAYER_ROUNDS = 5


def layer_times(
    model: StyleModel, size_px: int, *, threads: int, precision: str = "bfloat16"
) -> dict[str, Any]:
    """Milliseconds of one square image by kind of layer, means of a few runs.

    Raises OptionError where OpenVINO is not installed.
    """
    style = OpenVinoStyle(
        partial(rewrite, model.network), precision, threads=threads, profiled=True
    )
    generator = np.random.default_rng(0)
    levels = generator.integers(0, 256, (1, 3, size_px, size_px)).astype(np.float32)
    totals: dict[str, float] = {}
    for number in range(LAYER_ROUNDS + 1):
        style(levels)
        if number:
            for kind, seconds in style.profile():
                name = LAYER_KINDS.get(kind, "other")
                totals[name] = totals.get(name, 0.0) + seconds * 1e3 / LAYER_ROUNDS
    ordered = sorted(totals.items(), key=lambda item: -item[1])
    return {"precision": precision, "milliseconds": {kind: round(ms, 3) for kind, ms in ordered}}


@dataclass(frozen=True, kw_only=True)
class Network:
    """What to measure: a model with its name in the tables."""

    name: str
    model: StyleModel
    trained: bool

    @property
    def layout(self) -> Layout:
        layout = getattr(self.model.network, "layout", None)
        if layout is None:
            raise OptionError(f"{self.name}: the paper's network is not measured here")
        return cast(Layout, layout)


def find_networks(names: Sequence[str] | None) -> list[Network]:
    """By name; without names pytorch/examples' own and what is bundled of STYLE."""
    if names is None:
        qualities = next(entry.networks for entry in list_styles() if entry.name == STYLE)
        names = [EXAMPLES, *(STYLE if each == "full" else f"{STYLE}:{each}" for each in qualities)]
    networks = []
    for name in names:
        if name == EXAMPLES:
            config = StyleNetworkConfig(width=1.0)
            torch.manual_seed(0)
            network = build_style_network(config).eval().requires_grad_(False)
            model = StyleModel(name=name, network=network, config=config)
        else:
            style, _, quality = name.partition(":")
            model = as_style_model(style, quality or "full")
        networks.append(Network(name=name, model=model, trained=name != EXAMPLES))
    return networks


def contenders(network: Network) -> dict[str, Paint]:
    """What to time of one network; what is not installed is left out, and said."""
    rows: dict[str, Paint] = {BASELINE: partial(run_plain, plain_network(network.layout))}
    if network.name != EXAMPLES:
        rows[REFERENCE] = partial(run_plain, plain_network(modern_layout(1.0)))
    for precision in ("float32", "bfloat16"):
        rows[f"strips, {precision}"] = partial(
            stylize_tensor,
            network.model,
            precision=precision,  # type: ignore[arg-type]
        )
    for backend, precision in ENGINES:
        try:
            rows[f"{backend}, {precision}"] = Engine(
                network.model, device="cpu", backend=backend, precision=precision, border=0
            )
        except OptionError as error:
            print(f"left out: {error}")
    return rows


def run_plain(network: nn.Module, image: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(image)


def measure(network: Network, px: int, rounds: int) -> list[dict[str, Any]]:
    """A row for each contender."""
    image = smooth_noise(px)
    timings, pictures = take_turns(contenders(network), image, rounds=rounds)
    reference = network.model(image)
    own, examples = timings[BASELINE], timings.get(REFERENCE, timings[BASELINE])
    return [
        {
            "network": network.name,
            "px": px,
            "what": what,
            **timing.to_json(),
            **ratios(timing, own, examples),
            "operations_per_second": operations(network.layout, px) / timing.seconds,
            "psnr_db": None
            if what in (BASELINE, REFERENCE) or not network.trained
            else psnr_db(pictures[what], reference),
        }
        for what, timing in timings.items()
    ]


def ratios(timing: Timing, own: Timing, examples: Timing) -> dict[str, float]:
    """How many times as fast, by the clock and by processor time."""
    return {
        "times_as_fast": own.seconds / timing.seconds,
        "times_as_fast_processor": own.processor_seconds / timing.processor_seconds,
        "times_examples": examples.seconds / timing.seconds,
        "times_examples_processor": examples.processor_seconds / timing.processor_seconds,
    }


def told(row: dict[str, Any]) -> str:
    quality = "" if row["psnr_db"] is None else f"{row['psnr_db']:6.1f} dB"
    return (
        f"{row['network']:18s}{row['px']:5d} px  {row['what']:26s}"
        f"{row['seconds'] * 1e3:8.1f} ms ±{row['spread'] * 100:3.0f} %"
        f"{row['times_as_fast']:7.1f}x own{row['times_examples']:7.1f}x examples"
        f"   processor {row['processor_seconds'] * 1e3:8.1f} ms"
        f"{row['times_as_fast_processor']:6.1f}x{row['times_examples_processor']:6.1f}x  {quality}"
    )


def targets(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The fastest of each network and size, as ratios to its own plain form and to examples'.

    Without int8, which is not as exact.
    """
    lines = ["fastest but int8, beside the same architecture | beside pytorch/examples:"]
    for name in dict.fromkeys(row["network"] for row in rows):
        cells = []
        for px in dict.fromkeys(row["px"] for row in rows):
            there = [
                row
                for row in rows
                if (row["network"], row["px"]) == (name, px) and "int8" not in row["what"]
            ]
            if there:
                best = min(there, key=lambda row: row["seconds"])
                ratio = f"{best['times_as_fast']:.1f}x | {best['times_examples']:.1f}x"
                cells.append(f"{px} px {ratio} ({best['what']})")
        lines.append(f"  {name:18s}" + "; ".join(cells))
    return lines


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure, print, and write the JSON anew after each size."""
    torch.set_num_threads(options.threads)
    rounds = options.rounds * len(options.px) if len(options.rounds) == 1 else options.rounds
    results: dict[str, Any] = {
        "format": FORMAT,
        "environment": describe_environment() | extras_versions(),
        "rates": machine_rates(),
        "baseline": BASELINE,
        "reference": REFERENCE,
        "rows": [],
        "layers": [],
    }
    print({name: f"{rate:.3g}" for name, rate in results["rates"].items()}, flush=True)
    for network in find_networks(options.networks):
        for px, count in zip(options.px, rounds, strict=True):
            for row in measure(network, px, count):
                results["rows"].append(row)
                print(told(row), flush=True)
            try:
                layers = layer_times(network.model, px, threads=options.threads)
                reached = roofline(network.layout, px, layers["milliseconds"], results["rates"])
                record = {"network": network.name, "px": px, **layers, "share_of_roof": reached}
                results["layers"].append(record)
                print(f"{network.name}, {px} px, ms by layer: {layers['milliseconds']}")
                print(f"  of the machine's rates: { {k: round(v, 2) for k, v in reached.items()} }")
            except OptionError as error:
                print(f"left out: {error}")
            write_text(options.output, json.dumps(results, indent=2) + "\n")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--px", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--rounds", type=int, nargs="+", default=[15, 9, 5], help="one, or per px")
    parser.add_argument("--networks", "--styles", nargs="+", metavar="NAME")
    parser.add_argument("--output", type=Path, default=Path("inference.json"))
    options = parser.parse_args()
    if len(options.rounds) not in (1, len(options.px)):
        options.rounds = [5]
    print("\n".join(targets(run(options)["rows"])))


if __name__ == "__main__":
    main()
