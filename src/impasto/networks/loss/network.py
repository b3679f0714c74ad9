"""A loss network: RGB image in, named activations out (the paper's phi, section 3.2)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from impasto.errors import OptionError

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the weights of a loss network come from."""

    name: str
    weights_hash: str  # sha256 over the tensors in use, as they came from the file
    source: str
    license: str
    redistributable: bool  # may a model trained with these weights be given away?


@dataclass(frozen=True)
class Stage:
    """One step of the forward pass; its result is offered as `layer`, through `head` if given."""

    module: nn.Module
    layer: str | None = None
    head: nn.Module | None = None


class LossNetwork(nn.Module):
    """Frozen feature extractor: (N, 3, H, W) RGB in [0, 1] -> activations after the ReLU, by name.

    Always in evaluation mode, whatever `train()` is told, and without trainable parameters;
    gradients flow to the image. Use :func:`impasto.networks.loss.load_loss_network` to make one.
    """

    layer_names: tuple[str, ...]
    name: str
    weights_hash: str
    source: str
    license: str
    redistributable: bool

    def __init__(self, layer_names: Sequence[str], provenance: Provenance) -> None:
        super().__init__()
        self.layer_names = tuple(layer_names)
        for fact, value in vars(provenance).items():
            setattr(self, fact, value)

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Activations of `layers`, in the order asked, each (N, C, h, w).

        `image` is (N, 3, H, W) RGB in [0, 1]. Nothing is computed past the deepest layer asked
        for. Raises KeyError for a layer that this network does not have, OptionError for an image
        of another shape or too small for the layers.
        """
        raise NotImplementedError

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - a loss network never trains
        """Stay in evaluation mode."""
        return super().train(False)

    def extra_repr(self) -> str:
        return f"name={self.name!r}, layers={self.layer_names[0]}..{self.layer_names[-1]}"

    def unknown_layer(self, layer: str) -> KeyError:
        """The error for a layer that is not there; the caller raises it."""
        return KeyError(
            f"no layer {layer!r} in loss network {self.name!r}; "
            f"choose from {list(self.layer_names)}"
        )


class StagedLossNetwork(LossNetwork):
    """A loss network that is one chain of stages, which can stop after any of them.

    `mean` is the colour (R, G, B in [0, 1]) that the first stage expects to be subtracted. Scale
    and channel order are already in the first convolution's weights: those fold exactly under zero
    padding too, and a mean-centred input keeps its precision when autocast rounds it to bfloat16.
    """

    mean: Tensor

    def __init__(
        self, stages: Sequence[Stage], mean: Sequence[float], provenance: Provenance
    ) -> None:
        super().__init__([stage.layer for stage in stages if stage.layer], provenance)
        self.stages = nn.ModuleList(stage.module for stage in stages)
        self.heads = nn.ModuleDict(
            {stage.layer: stage.head for stage in stages if stage.layer and stage.head}
        )
        self._stage_layers = tuple(stage.layer for stage in stages)
        self._depth = {stage.layer: i for i, stage in enumerate(stages) if stage.layer}
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.train()

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        for layer in layers:
            if layer not in self._depth:
                raise self.unknown_layer(layer)
        if image.dim() != 4 or image.shape[1] != 3:
            raise OptionError(f"a loss network takes (N, 3, H, W), not {tuple(image.shape)}")
        if not layers:
            return {}
        deepest = max(self._depth[layer] for layer in layers)
        # In float32 even if autocast made the image bfloat16; the convolutions cast by themselves.
        features = (image - self.mean).to(self.mean.dtype)
        found: dict[str, Tensor] = {}
        for index in range(deepest + 1):
            features = self.stages[index](features)
            name = self._stage_layers[index]
            if name is not None and name in layers:
                found[name] = self.heads[name](features) if name in self.heads else features
        return {layer: found[layer] for layer in layers}


class CombinedLossNetwork(LossNetwork):
    """A layer belongs to the first network that has it; "vgg19-distilled/relu3_1" names one.

    Only the networks that own a layer asked for are run, each as deep as needed. Two networks of
    one name are told apart as "vgg16" and "vgg16#2". Raises OptionError for an empty list.
    """

    def __init__(self, networks: Sequence[LossNetwork]) -> None:
        if not networks:
            raise OptionError("a combined loss network needs at least one network, got none")
        names = _unique([network.name for network in networks])
        owner: dict[str, tuple[int, str]] = {}
        for index, network in enumerate(networks):
            for layer in network.layer_names:
                owner.setdefault(layer, (index, layer))
        layer_names = tuple(owner)
        for index, network in enumerate(networks):
            for layer in network.layer_names:
                owner[f"{names[index]}/{layer}"] = (index, layer)
        hashes = "\n".join(network.weights_hash for network in networks)
        super().__init__(
            layer_names,
            Provenance(
                name="+".join(names),
                weights_hash=hashlib.sha256(hashes.encode()).hexdigest(),
                source=" + ".join(network.source for network in networks),
                license=" + ".join(dict.fromkeys(network.license for network in networks)),
                redistributable=all(network.redistributable for network in networks),
            ),
        )
        self.networks = nn.ModuleList(networks)
        self._owner = owner
        self.train()

    def forward(self, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        asked: dict[int, list[str]] = {}
        for name in layers:
            if name not in self._owner:
                raise self.unknown_layer(name)
            index, layer = self._owner[name]
            asked.setdefault(index, []).append(layer)
        found = {index: self.networks[index](image, wanted) for index, wanted in asked.items()}
        return {name: found[self._owner[name][0]][self._owner[name][1]] for name in layers}


def _unique(names: Sequence[str]) -> list[str]:
    counts: dict[str, int] = {}
    unique = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        unique.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return unique
