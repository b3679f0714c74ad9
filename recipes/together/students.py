"""What is trained together, and what each network begins as."""

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.losses import PerceptualLoss
from impasto.models import load_style_model
from impasto.networks import LossNetwork, StyleNetworkConfig, build_style_network
from impasto.training import StyleTrainingConfig, read_recipe
from impasto.training.style_task import style_criterion

RECIPES = Path(__file__).parents[1]


@dataclass(frozen=True)
class Stage:
    """A part of the run: crops of `px` pixels, mirrored by `border` for the loss network.

    `zoom`: of the crops, up to which scale; None: that of the whole run.
    """

    share: float
    px: int
    border: int
    zoom: float | None = None


@dataclass
class Student:
    """One network in training; `network`'s parameters become views of the optimiser's stacks."""

    name: str
    config: StyleTrainingConfig
    network: nn.Module
    criterion: PerceptualLoss
    teacher: nn.Module | None
    about: dict[str, Any] = field(default_factory=dict)  # for the card


def parse_student(text: str) -> tuple[str, dict[str, str]]:
    """ "udnie,width=1" -> ("udnie", {"width": "1"})."""
    name, *options = text.split(",")
    return name, dict(option.split("=", 1) for option in options)


def recipe_of(name: str, special: dict[str, str]) -> Path:
    """The file that says how a student is trained."""
    return (RECIPES / "fast" if special.get("architecture") == "fast" else RECIPES) / f"{name}.toml"


def make_student(
    text: str, args: argparse.Namespace, loss_network: LossNetwork, device: torch.device
) -> Student:
    """From a recipe and what the command line adds to it."""
    name, special = parse_student(text)
    options = read_recipe(recipe_of(name, special), StyleTrainingConfig)
    overrides: dict[str, Any] = {
        "photos": args.photos,
        "output": args.output,
        "initial": special.get("initial", name),
        "optimizer": "muon",
        "learning_rate": args.learning_rate,
        "batch_size": args.batch_size,
        "zoom": args.zoom,
        "color_jitter": args.color_jitter,
        "crops": tuple((stage.share, stage.px) for stage in args.stages),
        "seed": args.seed,
        "teacher_only": 0.0,
    }
    kinds = {
        "width": float,
        "blocks": int,
        "grid_weight": float,
        "edge_weight": float,
        "teacher": str,
    }
    for key, kind in kinds.items():
        if key in special:
            overrides[key] = kind(special[key])
    config = StyleTrainingConfig(**{**options, **overrides})
    model = load_style_model(config.initial, config.initial_quality)
    network, about = adapted(model.network, model.config, config.network)
    teacher = None
    if config.teacher:
        teacher = load_style_model(config.teacher).to(device).network
    criterion = style_criterion(config, loss_network, device)
    return Student(
        name=special.get("name", config.name),
        config=config,
        network=network.to(device).train(),
        criterion=criterion,
        teacher=teacher,
        about=about,
    )


def adapted(
    network: nn.Module, found: StyleNetworkConfig, wanted: StyleNetworkConfig
) -> tuple[nn.Module, dict[str, Any]]:
    """The same function in a wider or deeper network, as `wanted` says; and what was done."""
    about: dict[str, Any] = {}
    state = network.state_dict()
    if wanted.blocks > found.blocks:
        state = deepened(state, found, wanted.blocks)
        found = replace(found, blocks=wanted.blocks)
        about["deepened_to_blocks"] = wanted.blocks
    while found.width < wanted.width:
        state = widened(state)
        found = replace(found, width=2 * found.width)
        about["widened_to"] = found.width
    if found != wanted:
        raise SystemExit(f"cannot make {wanted} from {found}")
    result = build_style_network(wanted)
    result.load_state_dict(state)
    return result, about


def widened(state: dict[str, Tensor], spread: float = 0.5) -> dict[str, Tensor]:
    """Twice as many filters, the same function: Net2Net (Chen et al. 2015) for normed layers.

    Each filter is there twice; what read one reads both, with unequal shares that add up to the
    old weight, or else the twins would learn the same for ever.
    """
    generator = torch.Generator().manual_seed(0)
    result = {}
    first, last = (f"layers.{index}.conv.weight" for index in (0, _last_layer(state)))
    for name, old in state.items():
        new = old
        if name.endswith("conv.weight"):
            if name != first:
                noise = torch.randn(old.shape, generator=generator) * old.std() * spread
                new = torch.stack([old / 2 + noise, old / 2 - noise], dim=2).flatten(1, 2)
            if name != last:
                twin = new
                if name != first:
                    noise = torch.randn(old.shape, generator=generator) * old.std() * spread
                    twin = torch.stack([old / 2 + noise, old / 2 - noise], dim=2).flatten(1, 2)
                new = torch.stack([new, twin], dim=1).flatten(0, 1)
        elif not name.startswith(f"layers.{_last_layer(state)}."):
            new = old.repeat_interleave(2)
        result[name] = new
    return result


def deepened(state: dict[str, Tensor], found: StyleNetworkConfig, blocks: int) -> dict[str, Tensor]:
    """More residual blocks behind the others, which at first add nothing."""
    more, last = blocks - found.blocks, 2 + found.blocks
    torch.manual_seed(0)
    fresh = build_style_network(replace(found, blocks=blocks)).state_dict()
    result = {}
    for name, tensor in state.items():
        index, rest = name.removeprefix("layers.").split(".", 1)
        place = int(index) + more if int(index) > last else int(index)
        result[f"layers.{place}.{rest}"] = tensor
    for name in fresh.keys() - result.keys():
        zero = name.endswith("second.norm.weight")
        result[name] = torch.zeros_like(fresh[name]) if zero else fresh[name]
    return {name: result[name] for name in fresh}


def _last_layer(state: dict[str, Tensor]) -> int:
    return max(int(name.split(".")[1]) for name in state)
