"""`impasto reproduce`: every figure and table of the paper by its name, each resumable."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from impasto.errors import ImpastoError, OptionError
from impasto.evaluation.events import Notice, OnEvent, ignore
from impasto.evaluation.figures import draw_figures
from impasto.evaluation.reproduce_objective import ObjectiveReproduction, plan_objective
from impasto.evaluation.reproduce_reconstructions import (
    LOSS_NETWORK,
    FeaturesReproduction,
    StylesReproduction,
    plan_features,
    plan_styles,
)
from impasto.evaluation.reproduce_sheet import SheetReproduction, plan_sheet
from impasto.evaluation.reproduce_speed import SpeedReproduction, plan_speed
from impasto.evaluation.reproduce_superres import SuperResReproduction, reproduce_superres
from impasto.evaluation.tasks import Plan, carry_out, duration
from impasto.losses import LossWeights, PerceptualLoss
from impasto.machine.devices import choose_device, choose_dtype
from impasto.networks import load_loss_network
from impasto.optimization.objective import PixelObjective

# Options of which one value cannot fit several reproductions.
_OWN = ("sizes", "iterations", "count", "layers")
# The super-resolution table, in the unit of Task.work; it takes a third of that on Set5 alone.
_SUPERRES_WORK = {True: 30.0, False: 400.0}
_PROBE_PX = 160


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A figure or table: its options, how it is planned, and what --quick makes of the options."""

    config: Callable[..., Any]
    plan: Callable[[Any], Plan] | None  # None: superres, which goes its own way
    quick: Mapping[str, Any]


REPRODUCTIONS: dict[str, Reproduction] = {
    "features": Reproduction(
        config=FeaturesReproduction,
        plan=plan_features,
        quick={"sizes": (192,), "iterations": {0: 60}},
    ),
    "styles": Reproduction(
        config=StylesReproduction,
        plan=plan_styles,
        quick={"sizes": (192,), "iterations": {0: 60}},
    ),
    "sheet": Reproduction(
        config=SheetReproduction,
        plan=plan_sheet,
        quick={
            "sizes": (192,),
            "iterations": {0: 100},
            "count": 1,
            "styles": ("starry-night", "the-scream"),
        },
    ),
    "objective": Reproduction(
        config=ObjectiveReproduction,
        plan=plan_objective,
        quick={
            "styles": ("great-wave",),
            "iterations": {256: 100, 512: 50, 1024: 15},
            "count": 2,
        },
    ),
    "speed": Reproduction(
        config=SpeedReproduction, plan=plan_speed, quick={"iterations": {256: 6, 512: 4, 1024: 2}}
    ),
    "superres": Reproduction(config=SuperResReproduction, plan=None, quick={"quick": True}),
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
    names: Sequence[str], *, output: Path, quick: bool, given: Mapping[str, Any]
) -> dict[str, Any]:
    """A config for each name from the options given, by their field's name.

    Raises OptionError for an option that none of them has, or that several cannot share.
    """
    configs = {}
    takers: dict[str, list[str]] = {}
    for name, reproduction in REPRODUCTIONS.items():
        for field in fields(reproduction.config):  # type: ignore[arg-type]
            takers.setdefault(field.name, []).append(name)
    for option in given:
        used = [name for name in names if name in takers.get(option, ())]
        flag = f"--{option.replace('_', '-')}"
        if not used:
            raise OptionError(
                f"{flag} is not for {', '.join(names)}; it is for {', '.join(takers[option])}"
            )
        if option in _OWN and len(names) > 1:
            raise OptionError(f"{flag} means another thing for each; run {used[0]} by itself")
    for name in names:
        reproduction = REPRODUCTIONS[name]
        options = {option: value for option, value in given.items() if name in takers[option]}
        quickly = dict(reproduction.quick) if quick else {}
        configs[name] = reproduction.config(output=output, **{**quickly, **options})
    return configs


def reproduce(configs: Mapping[str, Any], on_event: OnEvent = ignore) -> list[Path]:
    """Plan all, say how long it will take, then measure, save and draw one after the other.

    Returns the files written, for each reproduction its JSON first. What is measured already is
    kept. Raises what the plans raise, before anything is measured.
    """
    plans: dict[str, Plan] = {}
    for name, config in configs.items():
        plan = REPRODUCTIONS[name].plan
        if plan is not None:
            plans[name] = plan(config)
    _announce(configs, plans, on_event)
    files: list[Path] = []
    for name, config in configs.items():
        if name in plans:
            carry_out(plans[name], on_event)
            path = plans[name].record.path
            files += [path, *draw_figures(path, path.parent)]
        else:
            files += reproduce_superres(config, on_event)
    return files


def _announce(configs: Mapping[str, Any], plans: Mapping[str, Plan], on_event: OnEvent) -> None:
    work = {name: plan.work() for name, plan in plans.items()}
    if "superres" in configs:
        work["superres"] = _SUPERRES_WORK[configs["superres"].quick]
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
