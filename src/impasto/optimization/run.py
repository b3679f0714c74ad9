"""Optimise one image from stage to stage: tensors in, a tensor out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from impasto.machine.devices import choose_device, choose_dtype
from impasto.media import keep_colors, resize
from impasto.networks import LossNetwork, load_loss_network
from impasto.optimization.adam import averaged_adam
from impasto.optimization.canvas import Canvas
from impasto.optimization.config import ADAM_RATE, OptimizationConfig
from impasto.optimization.descent import BFLOAT16_SLACK
from impasto.optimization.events import Download, Notice, OnEvent, OptimizationStep, ignore
from impasto.optimization.lbfgs import LbfgsStep, Objective, projected_lbfgs
from impasto.optimization.loss_networks import AUTO, choose_loss_network
from impasto.optimization.modes import DEFAULTS, Stage, plan_stages
from impasto.optimization.objective import PixelObjective
from impasto.optimization.setup import (
    Setup,
    border_px,
    check_picture,
    prepare,
    regions_of,
    result_size,
    short_side,
)


@dataclass(frozen=True, kw_only=True)
class OptimizedImage:
    """The result, its objective and how it came down.

    image: (1, 3, H, W) in [0, 1] on the CPU. total and terms: the last stage's objective at the
    result, with the border that was cut off, in float32. history: the total after every iteration;
    each stage has an objective of its own size. iterations: how many were planned. loss_network:
    its name. interrupted: Ctrl-C ended it early.
    """

    image: Tensor
    total: float
    terms: dict[str, float]
    loss_network: str
    iterations: int
    history: list[float] = field(default_factory=list)
    interrupted: bool = False


def optimize_image(
    config: OptimizationConfig,
    content: Tensor,
    styles: Sequence[Tensor],
    on_event: OnEvent = ignore,
    *,
    masks: Sequence[Tensor] = (),
    style_masks: Sequence[Tensor | None] = (),
    init: Tensor | None = None,
    loss_network: LossNetwork | None = None,
    keep_interrupted: bool = False,
) -> OptimizedImage:
    """Paint `content` (1, 3, H, W) as the `styles` (1, 3, h, w) are, all in [0, 1].

    masks: (1, 1, H, W) in [0, 1], one for each style: where in the photo it goes. style_masks: one
    for each style or None: which part of the painting counts. init: an image to start from, in
    place of the config's. loss_network: a loaded one, in place of the config's name; it is moved
    to the device. keep_interrupted: on KeyboardInterrupt return what is there, if anything is.

    Raises ImageError, OptionError, WeightsError or OptimizationError before the first iteration;
    later only OptimizationError, for an objective that becomes infinite on the way.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = choose_device(config.device)
    check_picture(content, "the photo")
    for number, style in enumerate(styles, start=1):
        check_picture(style, f"painting {number}")
    size_hw = result_size(config, content)
    hw = (content.shape[2], content.shape[3])
    regions = regions_of(config, styles, masks, style_masks, hw)
    if init is not None:
        check_picture(init, "the image to start from", may_be_blank=True)
    network = _load(config, on_event) if loss_network is None else loss_network
    canvas = Canvas(size_hw=size_hw, border=border_px(config, size_hw))
    regions = [
        region if region.mask is None else replace(region, mask=canvas.extended_mask(region.mask))
        for region in regions
    ]
    setup = prepare(
        config,
        network.to(device).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        canvas.extended(content.float()),
        regions,
        dtype=choose_dtype(config.precision, device),
        device=device,
        on_event=on_event,
        result_share=canvas.share,
    )
    narrowest = min(short_side(style) for style in styles) * config.style_scale * canvas.share
    stages = plan_stages(config, canvas.whole_hw, narrowest)
    run = _Run(setup, stages, canvas, resize(content.float(), size_hw), on_event)
    return run.go(init, keep_interrupted=keep_interrupted)


def _load(config: OptimizationConfig, on_event: OnEvent) -> LossNetwork:
    name = choose_loss_network(config.loss_network)
    if config.loss_network == AUTO:
        on_event(Notice(message=f"the loss network is {name}"))
    return load_loss_network(
        name,
        family=config.loss_network_family or None,
        pooling=config.pooling,
        on_progress=lambda *counts: on_event(Download(*counts)),
    )


class _Run:
    """The stages of one optimisation, and the best image so far."""

    def __init__(
        self,
        setup: Setup,
        stages: Sequence[Stage],
        canvas: Canvas,
        photo: Tensor,
        on_event: OnEvent,
    ) -> None:
        self.setup = setup
        self.stages = stages
        self.canvas = canvas
        self.photo = photo
        self.on_event = on_event
        self.history: list[float] = []
        self.best: Tensor | None = None
        self.objective: PixelObjective | None = None

    def go(self, init: Tensor | None, *, keep_interrupted: bool) -> OptimizedImage:
        """All stages, then the result."""
        for stage in self.stages:
            self.setup.check(stage)
        interrupted = False
        try:
            start = self._start(init)
            for number, stage in enumerate(self.stages, start=1):
                start = self._stage(number, stage, resize(start, stage.size_hw))
        except KeyboardInterrupt:
            if not keep_interrupted or self.best is None:
                raise
            interrupted = True
        return self._result(interrupted)

    def _start(self, init: Tensor | None) -> Tensor:
        config, first = self.setup.config, self.stages[0]
        if init is not None:
            start = resize(self.canvas.extended(init.float()), first.size_hw)
        elif (config.init or DEFAULTS[config.mode].init) == "content":
            start = resize(self.setup.content, first.size_hw)
        else:
            noise = torch.Generator().manual_seed(config.seed)
            start = torch.rand(1, 3, *first.size_hw, generator=noise)
        return start.to(self.setup.device)

    def _stage(self, number: int, stage: Stage, start: Tensor) -> Tensor:
        objective = PixelObjective(self.setup.loss(stage), dtype=self.setup.dtype)
        start = start.contiguous(memory_format=torch.channels_last)
        if number == 1:
            objective.check(start)
        least = float("inf")
        tried: dict[float, dict[str, float]] = {}

        def watched(image: Tensor) -> tuple[float, Tensor]:
            value, gradient = objective(image)
            tried[value] = objective.terms
            return value, gradient

        since = time.perf_counter()
        for step in self._steps(watched, stage, start):
            if stage.optimizer == "adam" or step.value < least:
                # both at once: an interruption may come before the first step at a new size
                self.best, self.objective, least = step.point, objective, step.value
            now = time.perf_counter()
            if step.iteration:
                self.history.append(step.value)
                # The terms of the step that was taken, not of the last one that was tried.
                self._report(number, step, tried.get(step.value, {}), 1 / max(now - since, 1e-9))
                tried.clear()
            since = now
        assert self.best is not None
        return self.best

    def _steps(self, objective: Objective, stage: Stage, start: Tensor) -> Iterator[LbfgsStep]:
        if stage.optimizer == "adam":
            rate = self.setup.config.learning_rate or ADAM_RATE
            return averaged_adam(objective, start, iterations=stage.iterations, learning_rate=rate)
        slack = 0.0 if self.setup.dtype == torch.float32 else BFLOAT16_SLACK
        return projected_lbfgs(objective, start, iterations=stage.iterations, slack=slack)

    def _report(self, number: int, step: LbfgsStep, terms: dict[str, float], speed: float) -> None:
        before = sum(each.iterations for each in self.stages[: number - 1])
        self.on_event(
            OptimizationStep(
                iteration=before + step.iteration,
                iterations=sum(each.iterations for each in self.stages),
                stage=number,
                stages=len(self.stages),
                total=step.value,
                terms=terms,
                image=self._shown(step.point),
                images_per_second=speed,
            )
        )

    def _shown(self, image: Tensor) -> Tensor:
        """The picture on the canvas; with the photo's colours if only luma is painted."""
        image = self.canvas.cut(image)
        if self.setup.config.colors != "luminance":
            return image
        size_hw = (image.shape[2], image.shape[3])
        return keep_colors(image, resize(self.photo, size_hw).to(image.device))

    def _result(self, interrupted: bool) -> OptimizedImage:
        assert self.best is not None
        assert self.objective is not None
        total = self.objective.value(self.best)
        image = resize(self.best, self.stages[-1].size_hw)
        return OptimizedImage(
            image=self._shown(image).contiguous().cpu(),
            total=total,
            terms=dict(self.objective.terms),
            loss_network=self.setup.network.name,
            iterations=sum(each.iterations for each in self.stages),
            history=self.history,
            interrupted=interrupted,
        )
