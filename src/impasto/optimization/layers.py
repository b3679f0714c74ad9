"""Which layers of a loss network to take, by what its weights reach."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from impasto.errors import OptionError
from impasto.networks import LossNetwork
from impasto.optimization.config import Mode


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Layer -> weight for both losses; `substitutes` has (wanted, taken) where they differ."""

    content: dict[str, float]
    style: dict[str, float]
    substitutes: tuple[tuple[str, str], ...] = ()


# What the papers (Gatys et al. 2016; Johnson et al. 2016) take from VGG, and what looked best.
VGG_LAYERS: dict[Mode, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "best": (("relu4_2",), ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")),
    "paper": (("relu3_3",), ("relu1_2", "relu2_2", "relu3_3", "relu4_3")),
    "gatys": (("relu4_2",), ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")),
}
# Layers of the same strides in networks of other kinds: (content, style).
OTHER_LAYERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "alexnet": (("relu3",), ("relu1", "relu2", "relu3", "relu4", "relu5")),
    "squeezenet": (("fire5",), ("relu1", "fire2", "fire4", "fire6", "fire8")),
    "googlenet": (
        ("inception3b",),
        ("relu1", "relu2", "inception3a", "inception4a", "inception4d"),
    ),
}
# What the bundled styles' recipes take from their loss networks, and took from the first two alone.
VGG_PAIR = "vgg19-normalised+vgg19-distilled"
RECIPES: dict[str, Layers] = {
    VGG_PAIR: Layers(
        content={"vgg19-distilled/relu3_1": 0.5, "vgg19-distilled/relu4_1": 0.5},
        style=dict.fromkeys(("relu1_2", "relu2_2", "relu3_1", "relu4_1"), 1.0),
    ),
    f"{VGG_PAIR}+squeezenet1_1-caffe": Layers(
        content={"vgg19-distilled/relu3_1": 0.35, "vgg19-distilled/relu4_1": 0.35, "fire5": 0.3},
        style={
            **dict.fromkeys(("relu1_2", "relu2_2", "relu3_1", "relu4_1"), 0.6),
            **{"relu1": 0.2, "fire3": 0.4, "fire5": 0.5, "fire8": 0.5},
        },
    ),
}


def default_layers(network: LossNetwork, mode: Mode) -> Layers:
    """The mode's layers, each replaced by the nearest that `network` has; equal layers once.

    Raises OptionError for a network of which no layer is known.
    """
    if mode == "paper" and network.name in RECIPES:
        return RECIPES[network.name]
    if _place(network.layer_names[0]) is None:
        return _other_layers(network)
    taken = [
        [(layer, _nearest(layer, network.layer_names)) for layer in layers]
        for layers in VGG_LAYERS[mode]
    ]
    content, style = (dict.fromkeys((found for _, found in pairs), 1.0) for pairs in taken)
    return Layers(
        content=content,
        style=style,
        substitutes=tuple(pair for pairs in taken for pair in pairs if pair[0] != pair[1]),
    )


def _other_layers(network: LossNetwork) -> Layers:
    found = next((v for k, v in OTHER_LAYERS.items() if network.name.startswith(k)), None)
    if found is None:
        raise OptionError(
            f"no default layers for the loss network {network.name!r}; name content and style "
            f"layers among {list(network.layer_names)}"
        )
    content, style = ([name for name in names if name in network.layer_names] for names in found)
    if not content or not style:
        raise OptionError(
            f"the weights of {network.name!r} reach only {list(network.layer_names)}; name content "
            "and style layers among them"
        )
    return Layers(content=dict.fromkeys(content, 1.0), style=dict.fromkeys(style, 1.0))


def _nearest(wanted: str, names: Sequence[str]) -> str:
    """The VGG layer of the same block whose place is nearest, else the deepest above it."""
    block, place = _place(wanted) or (0, 0)
    places = {name: found for name in names if (found := _place(name)) is not None}
    return min(
        places,
        key=lambda name: (
            places[name][0] > block,  # one of too deep a block only if there is no other
            abs(places[name][0] - block),
            abs(places[name][1] - place) if places[name][0] == block else -places[name][1],
        ),
    )


def _place(layer: str) -> tuple[int, int] | None:
    """ "relu3_2" -> (3, 2)."""
    match = re.fullmatch(r"relu(\d)_(\d)", layer)
    return (int(match[1]), int(match[2])) if match else None
