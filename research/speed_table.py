"""Iterations of Gatys' method against one forward pass, beside the paper's table 1: `speed`."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from impasto.evaluation.held_out import photos_or
from impasto.evaluation.record import Plan, Record, Say, Task, open_record
from impasto.evaluation.stopwatch import settle
from impasto.evaluation.tables import how_measured, markdown_table
from impasto.evaluation.trained_styles import (
    HISTORY,
    TrainedObjective,
    TrainedObjectives,
    gatys_steps,
    style_names,
    white_noise,
)
from impasto.machine.devices import Precision, choose_device, choose_dtype
from impasto.networks.loss.winograd import pytorch_convolutions
from impasto.painting import stylize_tensor
from research.reproductions import Reproduction

# Of a style, an image and how many: what was prepared, then each step.
_Steps = Callable[[TrainedObjective, Tensor, int], Iterator[object]]

# Iterations that are timed, by size; they cost the same, so more only steady the median.
TIMED = {256: 30, 512: 15, 1024: 8, 0: 10}
WARM_UP = 2  # left out: the first line search looks further, the first pass gets memory
PASSES = 5

COUNTS = (100, 300, 500)
# px -> seconds of Gatys' method after 100, 300 and 500 iterations, and of the network: the paper's
# table 1 as this project has it on record, on a Titan X.
PAPER: dict[int, tuple[tuple[float, float, float], float]] = {
    256: ((3.17, 9.52, 15.86), 0.015),
    512: ((10.97, 32.91, 54.85), 0.05),
    1024: ((42.89, 128.66, 214.44), 0.21),
}
PAPER_RATIOS = {256: (212, 636, 1060), 512: (205, 615, 1026), 1024: (208, 625, 1042)}
_HEAD = (
    "# Speed\n\nSeconds for projected L-BFGS (Gatys' method with the objective of the network's "
    "training) and for one forward pass of the network, and how many times faster the pass is. "
    "The iterations cost the same, so 100, 300 and 500 are multiples of the median iteration. "
    "The paper's own figures are of a Titan X."
)


def plan_speed(config: Reproduction) -> Plan:
    """Three timings a size and style; raises what is wrong before anything is measured."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    photo = photos_or((), config.photos, 1)[0]
    objectives = TrainedObjectives(config.paintings, device).load_all(style_names(config.styles))
    settings = {
        "precision of L-BFGS and the network": str(dtype).removeprefix("torch."),
        "a plain PyTorch loop": "torch.optim.LBFGS, history 10, float32, Gram and mean squares "
        "written down as in the papers, PyTorch's convolutions",
        "threads": torch.get_num_threads(),
    }
    path = config.output / "speed.json"
    record = open_record(path, "speed", settings, overwrite=config.overwrite)
    tasks = []
    for size_px in config.sizes:
        image = photo.square(size_px).to(device)
        count = config.iterations_at(size_px, TIMED)
        ways: dict[str, tuple[_Steps, int, float]] = {  # with how many steps, and the work of one
            "network": (partial(_passes, config.precision), PASSES, 0.5),
            "lbfgs": (partial(_lbfgs_steps, dtype), count, 1.1),
            "plain": (_plain_steps, max(3, count // 3), 3.0),
        }
        for objective in objectives:
            of = {
                "style": objective.name,
                "size_px": size_px,
                "photo": photo.to_json(),
                "objective": objective.facts,
                "network_sha256": objective.weights_sha256,
            }
            tasks += [
                Task(
                    key=f"{objective.name}, {size_px} px, {kind}",
                    of={**of, "kind": kind, "times": times},
                    work=work * (times + WARM_UP) * size_px**2 / 1e6,
                    run=partial(_time, partial(steps, objective, image, times + WARM_UP), device),
                )
                for kind, (steps, times, work) in ways.items()
            ]
    return Plan(record=record, tasks=tasks, device=device)


def _time(begin_steps: Callable[[], Iterator[object]], device: torch.device, say: Say) -> Any:
    """Seconds of a step: the median counts; the fastest shows how steady the machine was."""
    steps = begin_steps()
    next(steps)  # what is prepared
    taken: list[float] = []
    begin = time.perf_counter()
    for _ in steps:
        settle(device)
        taken.append(time.perf_counter() - begin)
        say(f"step {len(taken)}")
        begin = time.perf_counter()
    kept = taken[WARM_UP:] or taken
    return {"seconds_each": statistics.median(kept), "fastest": min(kept)}


def _passes(
    precision: Precision, objective: TrainedObjective, image: Tensor, count: int
) -> Iterator[object]:
    yield image
    for _ in range(count):
        yield stylize_tensor(objective.model, image, precision=precision)


def _lbfgs_steps(
    dtype: torch.dtype, objective: TrainedObjective, image: Tensor, count: int
) -> Iterator[object]:
    image = image.contiguous(memory_format=torch.channels_last)
    return gatys_steps(objective.of_pixels(image, dtype), white_noise(image), count)


def _plain_steps(objective: TrainedObjective, image: Tensor, count: int) -> Iterator[object]:
    """The method as it is usually written: nothing is shared, all in float32, stock layers."""
    image = image.contiguous()
    loss_network = objective.criterion.loss_network
    content = objective.criterion.content_layers
    style = objective.criterion.style_layers
    names = list(dict.fromkeys([*content, *style]))

    def network(image: Tensor, layers: list[str]) -> dict[str, Tensor]:
        with pytorch_convolutions():
            found: dict[str, Tensor] = loss_network(image, layers)
            return found

    def gram(features: Tensor) -> Tensor:
        flat = features.flatten(2)
        return flat @ flat.transpose(1, 2) / features[0].numel()

    with torch.no_grad():
        wanted = network(image, names)
        painting = objective.images()[0].to(image.device)
        grams = {
            layer: gram(features) for layer, features in network(painting, list(style)).items()
        }
    pixels = torch.rand_like(image).requires_grad_(True)
    optimizer = torch.optim.LBFGS([pixels], lr=1, max_iter=1, history_size=HISTORY)

    def closure() -> Tensor:
        optimizer.zero_grad()
        found = network(pixels, names)
        loss = sum((functional.mse_loss(found[c], wanted[c]) for c in content), torch.zeros(()))
        for layer in style:
            loss = loss + functional.mse_loss(gram(found[layer]), grams[layer], reduction="sum")
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    yield pixels
    for _ in range(count):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            pixels.clamp_(0, 1)
        yield pixels


def speed_markdown(record: Record) -> str:
    """Ours and the paper's in one row a size; then our iteration beside a plain loop's."""
    found = record.grouped(lambda of: (of["style"], of["size_px"]))
    sizes = {at: kinds for at, kinds in sorted(found.items()) if {"lbfgs", "network"} <= set(kinds)}
    if not sizes:
        return f"{_HEAD}\n\nNothing is measured yet.\n"
    header = ["style", "size px", *(f"L-BFGS {n}" for n in COUNTS), "network"]
    header += [f"ratio at {n}" for n in COUNTS]
    rows, plain_rows = [], []
    for (style, size_px), kinds in sizes.items():
        each, network = kinds["lbfgs"]["seconds_each"], kinds["network"]["seconds_each"]
        texts = [f"{each * n:.1f}" for n in COUNTS]
        ratios = [f"{each * n / network:.0f}" for n in COUNTS]
        rows.append([style, str(size_px), *texts, f"{network:.3f}", *ratios])
        if size_px in PAPER:
            seconds, forward = PAPER[size_px]
            texts, ratios = [f"{s:.2f}" for s in seconds], [*map(str, PAPER_RATIOS[size_px])]
            rows.append(["the paper", str(size_px), *texts, f"{forward:g}", *ratios])
        if "plain" in kinds:
            plain = kinds["plain"]["seconds_each"]
            cells = [f"{each:.3f}", f"{plain:.3f}", f"{plain / each:.2f}"]
            plain_rows.append([style, str(size_px), *cells])
    parts = [_HEAD, markdown_table(header, rows)]
    if plain_rows:
        header = ["style", "size px", "s an iteration", "a plain PyTorch loop", "times faster"]
        parts.append("An iteration of ours beside one of a plain loop, in the same run:")
        parts.append(markdown_table(header, plain_rows))
    timed = [f"{kinds['lbfgs']['of']['times']} at {px} px" for (_, px), kinds in sizes.items()]
    parts.append(f"{how_measured(record)}\n- iterations timed: {', '.join(timed)}")
    return "\n\n".join(parts) + "\n"


def networks_markdown(results: Mapping[str, Any]) -> str:
    """What benchmarks/inference.py measured: a table a network, times and ratios to its own plain
    form.
    """
    tables = []
    for network in dict.fromkeys(row["network"] for row in results["rows"]):
        rows = [row for row in results["rows"] if row["network"] == network]
        sizes = list(dict.fromkeys(row["px"] for row in rows))
        cells: dict[str, dict[int, str]] = {}
        for row in rows:
            text = f"{row['seconds'] * 1e3:.0f} ms, {row['times_as_fast']:.1f}x"
            cells.setdefault(row["what"], {})[row["px"]] = text
        lines = [[way, *(texts[px] for px in sizes)] for way, texts in cells.items()]
        tables.append(markdown_table([network, *(f"{px} px" for px in sizes)], lines))
    return "\n\n".join(tables) + "\n"
