"""An optimisation of pixels on the terminal: one live line, what matters above it."""

from impasto.cli.live_line import LiveLine
from impasto.optimization.events import Download, Event, Notice, OptimizationStep


class OptimizationProgress(LiveLine):
    """Made by :meth:`running`; its `on_event` is the callback of an optimisation."""

    def __init__(self) -> None:
        super().__init__()
        self.latest: OptimizationStep | None = None

    def on_event(self, event: Event) -> None:
        """Show the event."""
        match event:
            case OptimizationStep():
                self.latest = event
                self.update(event.iteration, event.iterations, describe_step(event))
            case Download():
                text = f"downloading the loss network: {event.done / 1e6:.0f} MB"
                self.update(event.done, event.total, text)
            case Notice():
                self.say(f"note: {event.message}")


def describe_step(step: OptimizationStep) -> str:
    """Stage, size, total and each term that is not 0; the terms of single layers in brackets.

    `style relu1_2` is the layer's part of `style`.
    """
    height, width = step.image.shape[-2:]
    stage = f"stage {step.stage}/{step.stages}  " if step.stages > 1 else ""
    whole = {name: value for name, value in step.terms.items() if " " not in name and value}
    parts = {name: value for name, value in step.terms.items() if " " in name}
    terms = "  ".join(f"{name} {_short(value)}" for name, value in whole.items())
    layers = " ".join(f"{name.split(' ', 1)[1]} {_short(value)}" for name, value in parts.items())
    speed = f"{step.images_per_second:.2f} it/s"
    shown = f"{stage}{width}x{height}  total {_short(step.total)}  {terms}"
    return f"{shown}  [{layers}]  {speed}" if layers else f"{shown}  {speed}"


def _short(value: float) -> str:
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"
