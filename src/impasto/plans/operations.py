"""What a runtime must be able to do, for plans to be written for it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from impasto.plans import plan

CHANNELS, SPATIAL = 1, (2, 3)  # the axis of channels, and those of height and width


class Operations(ABC):
    """A runtime's operations; values of the graph are whatever the runtime takes them to be."""

    @abstractmethod
    def constant(self, values: Any) -> Any: ...

    @abstractmethod
    def side_of(self, image: Any, axis: int) -> Any:
        """The image's height or width, an int64 scalar."""

    @abstractmethod
    def joined(self, scalars: Sequence[Any]) -> Any:
        """Scalars as one list."""

    @abstractmethod
    def cast(self, values: Any, kind: str) -> Any:
        """Values as `kind`: "uint8" or a Precision."""

    @abstractmethod
    def round(self, values: Any) -> Any:
        """To the nearest whole numbers, halves to even ones."""

    @abstractmethod
    def joined_maps(self, maps: Sequence[Any], axis: int) -> Any:
        """Maps one behind the other along an axis."""

    @abstractmethod
    def channels(self, features: Any, start: int, stop: int) -> Any:
        """Some channels of a map."""

    @abstractmethod
    def where_set(self, mask: Any, yes: Any, no: Any) -> Any:
        """`yes` where the mask is above 0, else `no`."""

    @abstractmethod
    def add(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def subtract(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def multiply(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def maximum(self, left: Any, right: Any) -> Any: ...

    @abstractmethod
    def remainder(self, left: Any, right: Any) -> Any:
        """Of integers, with the sign of `right`."""

    @abstractmethod
    def absolute(self, values: Any) -> Any: ...

    @abstractmethod
    def range(self, start: Any, stop: Any) -> Any: ...

    @abstractmethod
    def gather(self, features: Any, index: Any, axis: int) -> Any: ...

    @abstractmethod
    def part(self, features: Any, start: Any, stop: Any) -> Any:
        """From `start` to `stop`, in the two axes of SPATIAL."""

    @abstractmethod
    def pad(self, features: Any, step: plan.Pad) -> Any: ...

    @abstractmethod
    def convolve(self, features: Any, weight: Any, bias: Any | None, stride: int) -> Any: ...

    @abstractmethod
    def normalise(self, features: Any, step: plan.Normalise) -> Any: ...

    @abstractmethod
    def shuffle(self, features: Any, factor: int) -> Any: ...

    @abstractmethod
    def enlarge(self, features: Any) -> Any: ...

    @abstractmethod
    def relu(self, features: Any) -> Any: ...

    @abstractmethod
    def sigmoid(self, features: Any) -> Any: ...

    @abstractmethod
    def clamp(self, values: Any, top: float) -> Any:
        """Into [0, top]."""
