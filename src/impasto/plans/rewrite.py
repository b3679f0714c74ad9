"""A network -> the plan of the same function with less to do: by the record of its architecture.

From a network that is there, or from a config and a file's tensors alone, without torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from impasto.networks.architectures import Architecture, architecture_of, config_of, resolved
from impasto.plans import plan
from impasto.plans.bounds import radius_px
from impasto.plans.plan import COLORS, Floats, Plan

if TYPE_CHECKING:
    from torch import nn

Tensors = Mapping[str, Floats]


@dataclass(frozen=True, kw_only=True)
class NetworkData:
    """A network as data: its config, and its tensors in eval mode by their names."""

    config: Any
    tensors: Tensors

    @property
    def architecture(self) -> Architecture:
        return architecture_of(self.config)

    @property
    def factor(self) -> int:
        """How many times as high and wide the output is."""
        return int(getattr(self.config, "factor", 1))

    @property
    def multiple(self) -> int:
        """Tiles start at multiples of this."""
        return self.architecture.multiple(self.config)

    @cached_property
    def radius_px(self) -> int:
        """How far an output pixel sees, in pixels of the input; not for `whole` architectures."""
        return radius_px(self.plan(), self.factor, self.multiple)

    def plan(self, *, subpixel: bool = True, split: bool = False) -> Plan:
        """See `rewrite`."""
        make = resolved(self.architecture.plan)
        with np.errstate(over="ignore", invalid="ignore"):  # of broken networks, see the bounds
            steps = tuple(make(self.config, self.tensors, subpixel=subpixel))
        return entered(steps, split=split)


def rewrite(
    network: "nn.Module | NetworkData", *, subpixel: bool = True, split: bool = False
) -> Plan:
    """The plan of a network in eval mode; its arrays are new, in the network's dtype.

    subpixel: up-sample the `modern` style network's maps by `doubling_kernel`. In half precision
    its summed taps round differently for the four pixels of a group, which shows as a fine chequer:
    pass False there. split: the plan takes parts of levels apart, see `to_levels`. Raises
    ModelError for networks without a plan.
    """
    return data_of(network).plan(subpixel=subpixel, split=split)


def data_of(network: "nn.Module | NetworkData") -> NetworkData:
    """The network as data; of a module a copy: a plan must not change with its network."""
    if isinstance(network, NetworkData):
        return network
    config = config_of(network)
    tensors = {
        name: np.array(tensor.detach().cpu().numpy())
        for name, tensor in network.state_dict().items()
    }
    return NetworkData(config=config, tensors=tensors)


def entered(steps: Plan, *, split: bool) -> Plan:
    """The first kernel twice, for whole levels and for parts of them, if they come `split`."""
    if not split:
        return steps
    first = next(index for index, step in enumerate(steps) if isinstance(step, plan.Convolve))
    before = tuple(
        # half of the constant for each of the two kernels
        replace(step, value=step.value / 2) if isinstance(step, plan.Pad) else step
        for step in steps[:first]
    )
    step = cast(plan.Convolve, steps[first])
    assert step.weight.shape[1] == COLORS
    twice = replace(step, weight=np.concatenate([step.weight, step.weight], axis=1))
    return (*before, twice, *steps[first + 1 :])
