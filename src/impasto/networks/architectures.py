"""The record of every architecture: one entry for each kind of network. Never imports torch.

A new network is its modules in a file of this folder, its plan in `impasto.plans`, its name in the
config of its kind (`SuperResArchitecture`, `StyleNetworkConfig.architecture`), and an entry here;
nothing else asks which network it has got. Every network carries its `config`, and the record of a
config is `architecture_of(config)`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from impasto.errors import ModelError
from impasto.networks.layout import (
    BORDER_PX,
    LENGSTROM_STRIDE,
    STRIDE,
    fast_layout,
    layout_shapes,
    modern_layout,
)
from impasto.networks.style_config import StyleNetworkConfig
from impasto.networks.superres_config import SuperResConfig, superres_shapes

if TYPE_CHECKING:
    from torch import nn

    from impasto.networks.inversion_config import InversionConfig

    Config = StyleNetworkConfig | SuperResConfig | InversionConfig

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What there is to know about one kind of network.

    network: its class, as "module:Class". arguments: the fields of the config that the class
    takes (none: the config itself); `given` are further ones. plan: its function, as
    "module:function", (config, tensors, subpixel) -> steps, see `impasto.plans.rewrite`.
    multiple: sides of maps and tiles are multiples of it. whole: instance norms make every pixel
    depend on the whole picture; else it depends on a neighbourhood, whose radius follows from the
    plan. border: pixels of the picture mirrored around it by default, see
    `impasto.plans.continuation`. half: fit for half precision. strips: in bfloat16 large pictures
    are faster in strips, on a CPU. channels: of the input. shapes: of its tensors, where files of
    it are read without torch.
    """

    network: str
    arguments: tuple[str, ...]
    given: Mapping[str, Any] = field(default_factory=dict)
    plan: str
    multiple: Callable[[Any], int] = lambda config: 1  # noqa: ARG005
    whole: bool = False
    border: int = 0
    half: bool = True
    strips: bool = False
    channels: Callable[[Any], int] = lambda config: 3  # noqa: ARG005
    shapes: Callable[[Any], Shapes] | None = None

    def build(self, config: "Config") -> "nn.Module":
        """A new network with random weights."""
        make = resolved(self.network)
        if not self.arguments:
            return cast("nn.Module", make(config))
        options = {name: getattr(config, name) for name in self.arguments}
        return cast("nn.Module", make(**options, **self.given))


_MODERN = ("width", "blocks")
_SUPERRES = "impasto.networks.superres:"
_SUPERRES_PLANS = "impasto.plans.superres_plans:"
_STYLE_PLANS = "impasto.plans.style_plans:"

ARCHITECTURES: Mapping[str, Architecture] = {
    "style/modern": Architecture(
        network="impasto.networks.modern:ModernStyleNetwork",
        arguments=_MODERN,
        plan=_STYLE_PLANS + "modern_plan",
        multiple=lambda config: STRIDE,  # noqa: ARG005
        whole=True,
        border=BORDER_PX,
        strips=True,
        shapes=lambda config: layout_shapes(modern_layout(config.width, config.blocks)),
    ),
    "style/fast": Architecture(
        network="impasto.networks.modern:FastStyleNetwork",
        arguments=_MODERN,
        plan=_STYLE_PLANS + "fast_plan",
        multiple=lambda config: STRIDE,  # noqa: ARG005
        whole=True,
        border=BORDER_PX,
        shapes=lambda config: layout_shapes(fast_layout(config.width, config.blocks)),
    ),
    # the paper's brings a border of its own, and what was imported paints as where it came from
    "style/paper": Architecture(
        network="impasto.networks.paper:PaperStyleNetwork",
        arguments=("width", "norm"),
        plan=_STYLE_PLANS + "paper_plan",
        multiple=lambda config: STRIDE,  # noqa: ARG005
        whole=True,
    ),
    "style/pytorch-examples": Architecture(
        network="impasto.networks.imported:ExamplesStyleNetwork",
        arguments=_MODERN,
        plan=_STYLE_PLANS + "examples_plan",
        whole=True,
    ),
    "style/lengstrom": Architecture(
        network="impasto.networks.imported:LengstromStyleNetwork",
        arguments=("width",),
        plan=_STYLE_PLANS + "lengstrom_plan",
        multiple=lambda config: LENGSTROM_STRIDE,  # noqa: ARG005
        whole=True,
    ),
    "superres/modern": Architecture(
        network=_SUPERRES + "ModernSuperResNetwork",
        arguments=("factor", "width", "blocks", "in_channels", "shrink"),
        plan=_SUPERRES_PLANS + "modern_plan",
        multiple=lambda config: cast(int, config.shrink),
        channels=lambda config: cast(int, config.in_channels),
        shapes=superres_shapes,
    ),
    # these make the whole picture, whose smooth areas would show steps in half precision
    "superres/paper": Architecture(
        network=_SUPERRES + "PaperSuperResNetwork",
        arguments=("factor", "width"),
        plan=_SUPERRES_PLANS + "paper_plan",
        half=False,
        shapes=superres_shapes,
    ),
    "superres/srcnn-9-1-5": Architecture(
        network=_SUPERRES + "SRCNN",
        arguments=("factor",),
        given={"middle": 1},
        plan=_SUPERRES_PLANS + "srcnn_plan",
        half=False,
        shapes=superres_shapes,
    ),
    "superres/srcnn-9-5-5": Architecture(
        network=_SUPERRES + "SRCNN",
        arguments=("factor",),
        given={"middle": 5},
        plan=_SUPERRES_PLANS + "srcnn_plan",
        half=False,
        shapes=superres_shapes,
    ),
    "inversion/decoder": Architecture(
        network="impasto.networks.inversion:InversionNetwork",
        arguments=(),  # the config itself
        plan=_STYLE_PLANS + "decoder_plan",
        channels=lambda config: cast(int, config.channels),
    ),
}


def architecture_of(config: "Config") -> Architecture:
    """The record of what a config describes."""
    return ARCHITECTURES[f"{config.kind}/{getattr(config, 'architecture', 'decoder')}"]


def tensor_shapes(config: "Config") -> Shapes | None:
    """Name and shape of every tensor of the network; None where only torch can tell."""
    shapes = architecture_of(config).shapes
    return None if shapes is None else shapes(config)


def config_of(network: "nn.Module") -> "Config":
    """The config that a network carries. Raises ModelError for one that is not ours."""
    config = getattr(network, "config", None)
    if getattr(config, "kind", None) is None:
        raise ModelError(
            f"no plan for a network of type {type(network).__name__}; wanted one of Impasto's own"
        )
    return cast("Config", config)


def build_network(config: "Config") -> "nn.Module":
    """A new network with random weights, as the config describes it."""
    return architecture_of(config).build(config)


def build_style_network(config: StyleNetworkConfig) -> "nn.Module":
    """A new style network with random weights: (N, 3, H, W) in [0, 1] -> the same shape."""
    return build_network(config)


def build_superres_network(config: SuperResConfig) -> "nn.Module":
    """A new one: (N, in_channels, h, w) in [0, 1] -> (N, 3, h * factor, w * factor); clamp it.

    Its weights are random; `modern` and `srcnn` begin as the bicubic enlargement.
    """
    return build_network(config)


def resolved(name: str) -> Any:
    """What "module:attribute" names."""
    module, attribute = name.split(":")
    return getattr(import_module(module), attribute)
