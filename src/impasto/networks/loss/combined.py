"""Several loss networks behind one interface: "vgg19-normalised+vgg19-distilled"."""

import hashlib
from collections.abc import Sequence

from torch import Tensor, nn

from impasto.errors import OptionError
from impasto.networks.loss.network import LossNetwork, Provenance


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
        super().__init__(
            layer_names,
            Provenance(
                name="+".join(names),
                weights_hash=_hash_of_hashes(networks),
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


def _hash_of_hashes(networks: Sequence[LossNetwork]) -> str:
    joined = "\n".join(network.weights_hash for network in networks)
    return hashlib.sha256(joined.encode()).hexdigest()
