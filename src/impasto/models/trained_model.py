"""What every trained model is: a network, ready to use, and its card; to files and back."""

import copy
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from impasto.errors import ModelError
from impasto.files.atomic import write_with
from impasto.models.kinds import KINDS, Config
from impasto.models.model_file import (
    ModelKind,
    check_tensors,
    read_model_file,
    with_sorted_header,
)
from impasto.networks.architectures import build_network

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrainedModel(Generic[ConfigT]):
    """A network with its config and its card (what it is, how it was trained).

    `network` is in eval mode, in float32, with frozen parameters. Calling the model gives the
    plain forward pass, clamped to [0, 1].
    """

    name: str
    network: nn.Module
    config: ConfigT
    card: dict[str, Any] = field(default_factory=dict)

    def __call__(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) RGB in [0, 1] -> the network's output, clamped to [0, 1]; any H, W >= 1."""
        return cast(Tensor, self.network(image)).clamp(0, 1)

    def __repr__(self) -> str:
        """One line: StyleModel('udnie', modern, width 0.5, 5 blocks, 426,243 parameters)."""
        count = sum(parameter.numel() for parameter in self.network.parameters())
        facts = ", ".join([repr(self.name), *self._facts(), f"{count:,} parameters"])
        return f"{type(self).__name__}({facts})"

    def _facts(self) -> list[str]:
        """What of the config stands in `repr`."""
        return []

    @property
    def device(self) -> torch.device:
        """Where the network's parameters are."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """This model on `device`: itself if it is there already, else a copy."""
        if torch.empty(0, device=device).device == self.device:  # "cuda" means its current index
            return self
        return replace(self, network=copy.deepcopy(self.network).to(device))


def save_model(
    path: Path | str,
    network: nn.Module,
    config: Config,
    card: dict[str, Any],
    *,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write the network (on any device, compiled or not) atomically, its floats as `dtype`.

    The config tells what kind of model it is. `card` must be JSON; "name" defaults to the file's
    stem, "task" to what the network is for, and "network" is filled in. Raises ModelError if the
    network is not the one that `config` describes, or holds values that are not finite in `dtype`;
    OSError if the file cannot be written.
    """
    path, kind = Path(path), KINDS[config.kind]
    network = getattr(network, "_orig_mod", network)  # torch.compile wraps what it compiles
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in network.state_dict().items()
    }
    remedy = "save the network that the config describes"
    check_tensors(path, tensors, _shapes(config), config, remedy)
    task = {} if kind.task is None else {"task": kind.task(config)}
    values = asdict(config)
    card = {"name": path.stem, **task, **card, "network": values}
    metadata = {
        "format": kind.format,
        "config": json.dumps(values),
        "card": json.dumps(card, ensure_ascii=False),
    }
    # Not save_file, whose files nobody but their owner may read.
    data = with_sorted_header(save(tensors, metadata))
    write_with(path, lambda temporary: temporary.write_bytes(data))


def load_model(path: Path, kind: ModelKind[ConfigT]) -> TrainedModel[ConfigT]:
    """Read and check a model file: its network is on the CPU.

    Raises ModelError, which names the file and says what to do, for files that are missing,
    damaged, or not of this kind.
    """
    file = read_model_file(path, kind)
    config = cast(Config, file.config)
    try:
        tensors = load(file.data)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{path}: damaged ({error}); {kind.remedy}") from error
    check_tensors(path, tensors, _shapes(config), config, kind.remedy)
    with torch.device("cpu"):  # whatever the process's default is
        network = build_network(config).float()
    network.load_state_dict(tensors)  # copies into float32
    network.eval().requires_grad_(False)
    return TrainedModel(name=file.name, network=network, config=file.config, card=file.card)


def _shapes(config: Config) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = build_network(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
