"""Iterations of Gatys' method against one forward pass, beside the paper's table 1: `speed`."""

import statistics
import time
from collections.abc import Iterator, Mapping
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
from impasto.networks.winograd import pytorch_convolutions
from impasto.optimization.objective import PixelObjective
from impasto.painting import stylize_tensor
from research.reproductions import Reproduction

# Iterations that are timed, by size; they cost the same, so more only steady the median.
TIMED = {256: 30, 512: 15, 1024: 8, 0: 10}
WARM_UP = 2  # iterations left out: the first line search looks further
PASSES = 5


def plan_speed(config: Reproduction) -> Plan:
    """Four timings a size; raises what is wrong before anything is measured."""
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
        for objective in objectives:
            of = {
                "style": objective.name,
                "size_px": size_px,
                "photo": photo.to_json(),
                "objective": objective.facts,
                "network_sha256": objective.weights_sha256,
            }
            count = config.iterations_at(size_px, TIMED)
            timings = {
                "network": (partial(_time_network, objective, config.precision), PASSES, 0.5),
                "lbfgs": (partial(_time_lbfgs, objective, dtype), count, 1.1),
                "plain": (partial(_time_plain, objective), max(3, count // 3), 3.0),
            }
            for kind, (run, times, work) in timings.items():
                tasks.append(
                    Task(
                        key=f"{objective.name}, {size_px} px, {kind}",
                        of={**of, "kind": kind, "times": times},
                        work=work * (times + WARM_UP) * size_px**2 / 1e6,
                        run=partial(run, image, times),
                    )
                )
    return Plan(record=record, tasks=tasks, device=device)


def _summary(seconds: list[float]) -> dict[str, Any]:
    """The median counts; the fastest shows how steady the machine was."""
    return {"seconds_each": statistics.median(seconds), "fastest": min(seconds)}


def _time_network(
    objective: TrainedObjective, precision: Precision, image: Tensor, times: int, say: Say
) -> dict[str, Any]:
    taken = []
    for number in range(times + 1):
        say(f"pass {number}")
        begin = time.perf_counter()
        stylize_tensor(objective.model, image, precision=precision)
        settle(image.device)
        taken.append(time.perf_counter() - begin)
    return _summary(taken[1:])


def _time_lbfgs(
    objective: TrainedObjective, dtype: torch.dtype, image: Tensor, times: int, say: Say
) -> dict[str, Any]:
    image = image.contiguous(memory_format=torch.channels_last)
    objective.criterion.set_content(image)
    of_pixels = PixelObjective(objective.criterion, dtype=dtype)
    return _time_steps(gatys_steps(of_pixels, white_noise(image), times + WARM_UP), image, say)


def _time_plain(objective: TrainedObjective, image: Tensor, times: int, say: Say) -> dict[str, Any]:
    steps = _plain_steps(objective, image.contiguous(), times + WARM_UP)
    return _time_steps(steps, image, say)


def _time_steps(steps: Iterator[object], image: Tensor, say: Say) -> dict[str, Any]:
    next(steps)  # the start
    taken: list[float] = []
    while True:
        begin = time.perf_counter()
        if next(steps, None) is None:
            return _summary(taken[WARM_UP:] or taken)
        settle(image.device)
        taken.append(time.perf_counter() - begin)
        say(f"iteration {len(taken)}")


def _plain_steps(objective: TrainedObjective, image: Tensor, iterations: int) -> Iterator[object]:
    """The method as it is usually written: nothing is shared, all in float32, stock layers."""
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
        painting = objective.painting().to(image.device)
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
    for _ in range(iterations):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            pixels.clamp_(0, 1)
        yield pixels


COUNTS = (100, 300, 500)
# px -> seconds of Gatys' method after 100, 300 and 500 iterations, and of the network: the paper's
# table 1 as this project has it on record, on a Titan X.
PAPER: dict[int, tuple[tuple[float, float, float], float]] = {
    256: ((3.17, 9.52, 15.86), 0.015),
    512: ((10.97, 32.91, 54.85), 0.05),
    1024: ((42.89, 128.66, 214.44), 0.21),
}
PAPER_RATIOS: dict[int, tuple[int, int, int]] = {
    256: (212, 636, 1060),
    512: (205, 615, 1026),
    1024: (208, 625, 1042),
}
_HEAD = (
    "# Speed\n\nSeconds for projected L-BFGS (Gatys' method with the objective of the network's "
    "training) and for one forward pass of the network, and how many times faster the pass is. "
    "The iterations cost the same, so 100, 300 and 500 are multiples of the median iteration. "
    "The paper's own figures are of a Titan X."
)


def speed_markdown(record: Record) -> str:
    """Ours and the paper's in one row a size; then our iteration beside a plain loop's."""
    sizes = _sizes(record)
    if not sizes:
        return f"{_HEAD}\n\nNothing is measured yet.\n"
    header = ["style", "size px", *(f"L-BFGS {n}" for n in COUNTS), "network"]
    header += [f"ratio at {n}" for n in COUNTS]
    rows = []
    for (style, size_px), kinds in sizes.items():
        each, network = kinds["lbfgs"]["seconds_each"], kinds["network"]["seconds_each"]
        rows.append([style, str(size_px), *_cells([each * n for n in COUNTS], network)])
        if size_px in PAPER:
            seconds, forward = PAPER[size_px]
            ratios = [str(ratio) for ratio in PAPER_RATIOS[size_px]]
            texts = [f"{s:.2f}" for s in seconds]
            rows.append(["the paper", str(size_px), *texts, f"{forward:g}", *ratios])
    parts = [_HEAD, markdown_table(header, rows), _plain(sizes)]
    timed = ", ".join(
        f"{kinds['lbfgs']['of']['times']} at {size_px} px" for (_, size_px), kinds in sizes.items()
    )
    return "\n\n".join([*parts, f"{how_measured(record)}\n- iterations timed: {timed}"]) + "\n"


def _cells(seconds: list[float], network: float) -> list[str]:
    ratios = [f"{s / network:.0f}" for s in seconds]
    return [*(f"{s:.1f}" for s in seconds), f"{network:.3f}", *ratios]


def _plain(sizes: dict[tuple[str, int], dict[str, dict[str, Any]]]) -> str:
    rows = []
    for (style, size_px), kinds in sizes.items():
        if "plain" in kinds:
            ours, plain = kinds["lbfgs"]["seconds_each"], kinds["plain"]["seconds_each"]
            cells = [f"{ours:.3f}", f"{plain:.3f}", f"{plain / ours:.2f}"]
            rows.append([style, str(size_px), *cells])
    if not rows:
        return ""
    header = ["style", "size px", "s an iteration", "a plain PyTorch loop", "times faster"]
    text = "An iteration of ours beside one of a plain loop, in the same run:"
    return f"{text}\n\n{markdown_table(header, rows)}"


def _sizes(record: Record) -> dict[tuple[str, int], dict[str, dict[str, Any]]]:
    found: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for entry in record.entries.values():
        of = entry["of"]
        found.setdefault((of["style"], of["size_px"]), {})[of["kind"]] = entry
    return {k: v for k, v in sorted(found.items()) if {"lbfgs", "network"} <= set(v)}


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
