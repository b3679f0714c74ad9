"""One safetensors file from which a run goes on as if it had never stopped."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from impasto.errors import TrainingError
from impasto.files.atomic import write_text, write_with

FORMAT = "impasto-checkpoint-1"
FILE_NAME = "checkpoint.safetensors"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that the next iteration depends on.

    The learning rate and the data are functions of the iteration and the seed, so they are not
    here; the generator's state is, for networks that draw random numbers themselves.
    """

    iteration: int
    network: dict[str, Tensor]
    optimizer: dict[int, dict[str, Tensor]]  # parameter number -> its step and moments
    rng_state: Tensor
    config: dict[str, Any]
    provenance: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write `folder`/checkpoint.safetensors atomically, and its JSON beside it for people."""
    tensors = {f"network.{name}": tensor for name, tensor in checkpoint.network.items()}
    for number, state in checkpoint.optimizer.items():
        tensors |= {f"optimizer.{number}.{name}": tensor for name, tensor in state.items()}
    tensors["rng_state"] = checkpoint.rng_state
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = {
        "format": FORMAT,
        "iteration": checkpoint.iteration,
        "config": checkpoint.config,
        "provenance": checkpoint.provenance,
    }
    path = folder / FILE_NAME
    write_with(path, lambda beside: save_file(stored, beside, {"about": json.dumps(about)}))
    write_text(path.with_suffix(".json"), json.dumps(about, indent=2) + "\n")
    return path


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint in `folder`, or None if there is none yet. Raises TrainingError if damaged."""
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as stream:
            about = json.loads((stream.metadata() or {}).get("about", "{}"))
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        if about.get("format") != FORMAT:
            raise ValueError(f"its format is {about.get('format')!r}, not {FORMAT!r}")
        return _from_tensors(tensors, about)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise TrainingError(
            f"cannot go on from {path}: {error}; delete it or use another `output` folder"
        ) from error


def _from_tensors(tensors: dict[str, Tensor], about: dict[str, Any]) -> Checkpoint:
    network: dict[str, Tensor] = {}
    optimizer: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "network":
            network[rest] = tensor
        elif kind == "optimizer":
            number, _, key = rest.partition(".")
            optimizer.setdefault(int(number), {})[key] = tensor
    return Checkpoint(
        iteration=int(about["iteration"]),
        network=network,
        optimizer=optimizer,
        rng_state=tensors["rng_state"],
        config=about["config"],
        provenance=about["provenance"],
    )


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """The optimiser's state by the number of the parameter."""
    state = optimizer.state_dict()["state"]
    return {int(number): dict(values) for number, values in state.items()}


def restore(checkpoint: Checkpoint, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put network, optimiser and random numbers back where the checkpoint was written."""
    try:
        network.load_state_dict(checkpoint.network)
    except RuntimeError as error:
        raise TrainingError(f"the checkpoint is of another network: {error}") from error
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state = optimizer.state_dict()
    state["state"] = {
        number: {name: _laid_out_as(value, parameters[number]) for name, value in values.items()}
        for number, values in checkpoint.optimizer.items()
    }
    optimizer.load_state_dict(state)
    torch.set_rng_state(checkpoint.rng_state)


def _laid_out_as(value: Tensor, parameter: Tensor) -> Tensor:
    """A moment with the strides of its parameter.

    Files hold plain NCHW. The fused Adam walks parameter and moments by memory, not by index: a
    channels_last parameter with NCHW moments would be updated with other weights' moments.
    """
    if value.shape != parameter.shape:
        return value  # the step counter
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
