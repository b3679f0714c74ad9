"""What inversion and texture share from picture to picture: network, size, interruption."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.machine.devices import PRECISIONS, choose_device, choose_dtype
from impasto.media import Picture, resize
from impasto.media.colors import fill_hidden
from impasto.networks import LossNetwork, load_loss_network
from impasto.optimization.events import Download, Event, OnEvent, OptimizationStep
from impasto.optimization.loss_networks import AUTO, choose_loss_network

DEFAULT_SIZE = 512  # long side, px; more takes long
MAX_SIZE = 8192


@dataclass(frozen=True, kw_only=True)
class SeeingConfig:
    """Options that `invert` and `texture` share; refuses nonsense with OptionError.

    loss_network: a name or file as for `load_loss_network`; "auto": the best that is here.
    iterations None: the default. threads 0: PyTorch's choice.
    """

    loss_network: str = AUTO
    loss_network_family: str = ""
    iterations: int | None = None
    seed: int = 0
    precision: str = "auto"
    device: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        check_whole("iterations", self.iterations, least=1)
        check_whole("threads", self.threads, least=0)
        if self.precision not in PRECISIONS:
            raise OptionError(f"no precision {self.precision!r}; choose from {list(PRECISIONS)}")

    def open(
        self, on_event: OnEvent, *, loss_network: str | None = None
    ) -> tuple[LossNetwork, torch.device, torch.dtype]:
        """The loss network on its device (`loss_network` in place of "auto"), and what to use."""
        if self.threads:
            torch.set_num_threads(self.threads)
        device = choose_device(self.device)
        named = self.loss_network != AUTO or loss_network is None
        network = load_loss_network(
            choose_loss_network(self.loss_network if named else loss_network or AUTO),
            family=self.loss_network_family or None,
            on_progress=lambda *counts: on_event(Download(*counts)),
        )
        network = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network, device, choose_dtype(self.precision, device)


def check_whole(name: str, value: int | None, *, least: int) -> None:
    """Raise OptionError unless `value` is None or a whole number from `least` on."""
    if value is not None and (isinstance(value, bool) or value != int(value) or value < least):
        flag = "--" + name.replace("_", "-")
        raise OptionError(f"{flag}: got {value!r}; wanted a whole number from {least} on")


def visible(picture: Picture, size_hw: tuple[int, int]) -> Tensor:
    """The pixels at that size, with nearby colours for what transparency hides."""
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = fill_hidden(pixels, picture.alpha)
    return resize(pixels, size_hw)


def size_of(
    pixels: Tensor, size: int | None, *, limit: int | None = DEFAULT_SIZE
) -> tuple[int, int]:
    """(H, W) with `size` px on the long side; None: the picture's own, `limit` at most.

    Raises OptionError for a size that is out of range.
    """
    height, width = pixels.shape[-2:]
    check_whole("size", size, least=1)
    if size is not None and size > MAX_SIZE:
        raise OptionError(f"--size {size}: {MAX_SIZE} px at most")
    side = size or min(max(height, width), limit or MAX_SIZE)
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


class Latest:
    """Passes events on, and keeps the image of the latest step."""

    def __init__(self, on_event: OnEvent) -> None:
        self.on_event = on_event
        self.image: Tensor | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, OptimizationStep):
            self.image = event.image
        self.on_event(event)


def until_interrupted(work: Callable[[OnEvent], Tensor], on_event: OnEvent) -> tuple[Tensor, bool]:
    """What `work` gives, and False; on KeyboardInterrupt its latest image, and True.

    KeyboardInterrupt is raised if there is no image yet.
    """
    latest = Latest(on_event)
    try:
        return work(latest), False
    except KeyboardInterrupt:
        if latest.image is None:
            raise
        return latest.image, True
