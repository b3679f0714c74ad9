"""Every figure and table of the paper by its name, each resumable."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from impasto.errors import ImpastoError, OptionError
from impasto.evaluation.record import Plan, carry_out, duration
from impasto.events import CancelToken, Notice, OnEvent, ignore
from impasto.losses import LossWeights, PerceptualLoss
from impasto.machine.devices import choose_device, choose_dtype
from impasto.networks import load_loss_network
from impasto.optimization.objective import PixelObjective
from research.figures import draw_figures
from research.objective_curves import plan_objective
from research.paper_table import plan_superres, reproduce_superres
from research.qualitative_sheet import plan_sheet
from research.reconstructions import plan_features, plan_styles
from research.reproductions import LOSS_NETWORK, Reproduction
from research.speed_table import plan_speed

# Options of which one value cannot fit several reproductions.
_OWN = ("sizes", "iterations", "count", "layers")
_ALL = ("output", "device", "overwrite")
# The super-resolution table, in the unit of Task.work; it takes a third of that on Set5 alone.
_SUPERRES_WORK, _SET5_WORK = 400.0, 30.0
_PROBE_PX = 160


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How it is planned, which options it takes, its defaults, and what --quick makes of them."""

    plan: Callable[[Reproduction], Plan] | None  # None: superres, which goes its own way
    takes: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    quick: Mapping[str, Any]


_PIXELS = ("sizes", "iterations", "precision")
REPRODUCTIONS: dict[str, _Kind] = {
    "features": _Kind(
        plan=plan_features,
        takes=(*_PIXELS, "content", "photos", "count", "loss_network", "layers"),
        defaults={"sizes": (256,)},
        quick={"sizes": (192,), "iterations": {0: 60}},
    ),
    "styles": _Kind(
        plan=plan_styles,
        takes=(*_PIXELS, "styles", "paintings", "loss_network", "layers"),
        defaults={"sizes": (256,), "styles": ("starry-night",)},
        quick={"sizes": (192,), "iterations": {0: 60}},
    ),
    "sheet": _Kind(
        plan=plan_sheet,
        takes=(*_PIXELS, "styles", "content", "photos", "count", "paintings"),
        defaults={"sizes": (384,), "count": 2},
        quick={
            "sizes": (192,),
            "iterations": {0: 100},
            "count": 1,
            "styles": ("starry-night", "the-scream"),
        },
    ),
    "objective": _Kind(
        plan=plan_objective,
        takes=(*_PIXELS, "styles", "photos", "count", "paintings", "baseline"),
        defaults={"count": 10},
        quick={
            "styles": ("great-wave",),
            "iterations": {256: 100, 512: 50, 1024: 15},
            "count": 2,
        },
    ),
    "speed": _Kind(
        plan=plan_speed,
        takes=(*_PIXELS, "styles", "photos", "paintings"),
        defaults={"styles": ("starry-night",)},
        quick={"iterations": {256: 6, 512: 4, 1024: 2}},
    ),
    "superres": _Kind(
        plan=None, takes=("data", "sets", "distances", "models"), quick={"sets": ("set5",)}
    ),
}


def find_reproductions(names: Sequence[str]) -> list[str]:
    """The names, each once; "all" is every one. Raises OptionError for an unknown one."""
    unknown = [name for name in names if name not in (*REPRODUCTIONS, "all")]
    if unknown or not names:
        raise OptionError(
            f"no reproduction {unknown[0] if unknown else ''!r}; choose from "
            f"{', '.join(REPRODUCTIONS)}, or all"
        )
    return list(REPRODUCTIONS) if "all" in names else list(dict.fromkeys(names))


def make_configs(
    names: Sequence[str], given: Mapping[str, Any], *, quick: bool = False
) -> dict[str, Reproduction]:
    """What each is asked, from the options given.

    Raises OptionError for an option that none of them takes, or that several cannot share.
    """
    for option in given:
        takers = [name for name, kind in REPRODUCTIONS.items() if option in (*kind.takes, *_ALL)]
        used = [name for name in names if name in takers]
        if not used:
            raise OptionError(
                f"`{option}` is not for {', '.join(names)}; it is for {', '.join(takers)}"
            )
        if option in _OWN and len(names) > 1:
            raise OptionError(f"`{option}` means another thing for each; run {used[0]} by itself")
    configs = {}
    for name in names:
        kind = REPRODUCTIONS[name]
        taken = {o: value for o, value in given.items() if o in (*kind.takes, *_ALL)}
        quickly = kind.quick if quick else {}
        configs[name] = Reproduction(**{**kind.defaults, **quickly, **taken})
    return configs


def reproduce(
    configs: Mapping[str, Reproduction],
    on_event: OnEvent = ignore,
    cancel: CancelToken | None = None,
) -> list[Path]:
    """Plan all, say how long it will take, then measure, save and draw one after the other.

    Returns the files written, for each reproduction its JSON first. What is measured already is
    kept. Raises what the plans raise, before anything is measured.
    """
    plans = {name: kind.plan(configs[name]) for name, kind in _kinds(configs) if kind.plan}
    tables = {name: plan_superres(configs[name]) for name, kind in _kinds(configs) if not kind.plan}
    _announce(configs, plans, on_event)
    files: list[Path] = []
    for name in configs:
        if name in plans:
            carry_out(plans[name], on_event, cancel)
            path = plans[name].record.path
        else:
            path = reproduce_superres(tables[name], on_event, cancel)
        files += [path, *draw_figures(path, path.parent)]
    return files


def _kinds(names: Iterable[str]) -> list[tuple[str, _Kind]]:
    return [(name, REPRODUCTIONS[name]) for name in names]


def _announce(
    configs: Mapping[str, Reproduction], plans: Mapping[str, Plan], on_event: OnEvent
) -> None:
    work = {name: plan.work() for name, plan in plans.items()}
    if "superres" in configs:
        few = configs["superres"].sets == ("set5",)
        work["superres"] = _SET5_WORK if few else _SUPERRES_WORK
    if not any(work.values()):
        return
    try:
        each = seconds_of_work(next((plan.device for plan in plans.values()), choose_device()))
    except ImpastoError:
        return  # without that loss network there is no estimate, and no need of one
    parts = [f"{name} {duration(pieces * each)}" for name, pieces in work.items() if pieces]
    total = duration(sum(work.values()) * each)
    on_event(Notice(message=f"this will take about {total}: {', '.join(parts)}"))


def seconds_of_work(device: torch.device) -> float:
    """What a megapixel costs through the usual loss network and back, now, on this machine."""
    criterion = PerceptualLoss(
        load_loss_network(LOSS_NETWORK).to(device),
        content_layers=("relu4_1",),
        style_layers=("relu1_2", "relu2_2", "relu3_1"),
        weights=LossWeights(content=1, style=1, tv=1),
        relative=True,
    ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = torch.rand(1, 3, _PROBE_PX, _PROBE_PX, device=device)
    image = image.contiguous(memory_format=torch.channels_last)
    criterion.set_style(image)
    criterion.set_content(image)
    objective = PixelObjective(criterion, dtype=choose_dtype("auto", device))
    taken = []
    for _ in range(4):
        begin = time.perf_counter()
        objective(image)
        taken.append(time.perf_counter() - begin)
    return min(taken) / (_PROBE_PX**2 / 1e6)
