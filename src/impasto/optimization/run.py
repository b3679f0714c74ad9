"""One image optimised from stage to stage: tensors in, a tensor out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.events import CancelToken, OnEvent, ignore
from impasto.losses import content_terms, squared_tv
from impasto.losses.regions import layer_sizes, reduced, region_terms
from impasto.losses.strips import Strips, whole_features
from impasto.losses.terms import Scale, Term, lasting
from impasto.media import keep_colors, resize, scaled_size
from impasto.networks import LossNetwork
from impasto.optimization.canvas import Canvas
from impasto.optimization.config import ADAM_RATE, LEAST_PX, OptimizationConfig
from impasto.optimization.descent import Descent, Stage, descend
from impasto.optimization.memory import network_cost, strips_that_fit
from impasto.optimization.modes import DEFAULTS, StagePlan, plan_stages
from impasto.optimization.objective import PictureLoss
from impasto.optimization.pictures import check_picture, gray, size_of
from impasto.optimization.setup import (
    choose_layers,
    choose_weights,
    in_colors,
    open_loss_network,
    regions_of,
)


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What an optimisation looks at, all (1, 3, H, W) in [0, 1], masks (1, 1, H, W).

    masks: one for each style: where in the photo it goes. style_masks: one for each style or None:
    which part of the painting counts. init: an image to start from, in place of the config's.
    """

    content: Tensor
    styles: Sequence[Tensor]
    masks: Sequence[Tensor] = ()
    style_masks: Sequence[Tensor | None] = ()
    init: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class OptimizedImage:
    """The result, its objective and how it came down.

    image: (1, 3, H, W) in [0, 1] on the CPU. total and terms: the last stage's objective at the
    result, with the border that was cut off, in float32. history: the total after every iteration;
    each stage has an objective of its own size. iterations: how many were planned. loss_network:
    its name. interrupted: Ctrl-C or a token ended it early.
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
    pictures: Pictures,
    on_event: OnEvent = ignore,
    *,
    cancel: CancelToken | None = None,
    loss_network: LossNetwork | None = None,
    keep_interrupted: bool = False,
) -> OptimizedImage:
    """`optimize` for tensors. loss_network: a loaded one, in place of the config's name.

    It is moved to the device. keep_interrupted: on KeyboardInterrupt return what is there, if
    anything is. Raises as `optimize`, before the first iteration; later only OptimizationError,
    for an objective that becomes infinite on the way.
    """
    work = Optimization(config, pictures, on_event, cancel, loss_network)
    run = descend(work.stages(), on_event=on_event, shown=work.shown, cancel=cancel)
    return work.result(run.kept(on_interrupt=keep_interrupted))


class Optimization:
    """One optimisation, prepared and checked: its stages, and what they come to."""

    def __init__(
        self,
        config: OptimizationConfig,
        pictures: Pictures,
        on_event: OnEvent = ignore,
        cancel: CancelToken | None = None,
        loss_network: LossNetwork | None = None,
    ) -> None:
        content, styles = pictures.content, pictures.styles
        check_picture(content, "the photo")
        for number, style in enumerate(styles, start=1):
            check_picture(style, f"painting {number}")
        size_hw = result_size(config, content)
        hw = (content.shape[2], content.shape[3])
        regions = regions_of(config, styles, pictures.masks, pictures.style_masks, hw)
        if pictures.init is not None:
            check_picture(pictures.init, "the image to start from", may_be_blank=True)
        self.network, device, self.dtype = open_loss_network(
            config, on_event, cancel, pooling=config.pooling, loaded=loss_network
        )
        self.config = config
        self.canvas = canvas = Canvas(size_hw=size_hw, border=_border_px(config, size_hw))
        self.photo = resize(content.float(), size_hw)
        self.init = pictures.init
        colored = canvas.extended(content.float()).to(device)
        layers = choose_layers(config, self.network, colored, on_event)
        self.content_layers, self.style_layers = layers
        self.regions = [
            in_colors(canvas.extended_region(region), config, colored) for region in regions
        ]
        self.content = gray(colored) if config.colors == "luminance" else colored
        self.weights = choose_weights(
            config, self.network, self.content, self.content_layers, on_event
        )
        both = [*self.content_layers, *self.style_layers]
        self.cost = network_cost(self.network, both, self.dtype, device)
        narrowest = min(_short_side(style) for style in styles) * config.style_scale * canvas.share
        self.plans = plan_stages(config, canvas.whole_hw, narrowest)
        for plan in self.plans:
            self._check(plan)

    @property
    def scale(self) -> Scale:
        """How the terms are scaled."""
        if self.config.mode == "gatys":
            return "gatys"
        return "relative" if self.config.mode == "best" or self.config.relative else "absolute"

    def stages(self) -> list[Stage]:
        """From coarse to fine; the targets of each are computed when it begins."""
        return [
            Stage(
                iterations=plan.iterations,
                loss=partial(self.loss, plan),
                start=partial(self._start, plan),
                dtype=self.dtype,
                optimizer=self.config.optimizer,
                learning_rate=self.config.learning_rate or ADAM_RATE,
            )
            for plan in self.plans
        ]

    def _start(self, plan: StagePlan, best: Tensor | None) -> Tensor:
        config, size_hw = self.config, plan.size_hw
        if best is not None:
            return resize(best, size_hw)
        if self.init is not None:
            start = resize(self.canvas.extended(self.init.float()), size_hw)
        elif (config.init or DEFAULTS[config.mode].init) == "content":
            start = resize(self.content, size_hw)
        else:
            noise = torch.Generator().manual_seed(config.seed)
            start = torch.rand(1, 3, *size_hw, generator=noise)
        return start.to(self.content.device)

    def strips(self, plan: StagePlan) -> Strips | None:
        """How a stage is cut to fit into memory. Raises OptionError if it does not fit at all."""
        sizes = layer_sizes(self.network, self.content, list(self.content_layers)).values()
        area = self.content.shape[2] * self.content.shape[3]
        held = sum(4 * channels * math.prod(size_hw) for channels, size_hw in sizes) / area
        # A painting may be shown larger than the result: its strips must fit as well.
        paintings = [(self._shown_hw(each.style, plan), "none", 0.0) for each in self.regions]
        return strips_that_fit(
            [(plan.size_hw, self.config.optimizer, held), *paintings],
            self.cost,
            self.content.device,
            self.config.max_memory_bytes,
        )

    def _check(self, plan: StagePlan) -> None:
        """Raise OptionError if a stage's pictures are too large for the memory, or too small."""
        for number, region in enumerate(self.regions, start=1):
            height, width = self._shown_hw(region.style, plan)
            if min(height, width) < LEAST_PX:
                raise OptionError(
                    f"painting {number} would be shown as {width} x {height} px; {LEAST_PX} px a "
                    "side at least: choose a larger `size` or `style_scale`, or crop the painting"
                )
        self.strips(plan)

    def _shown_hw(self, painting: Tensor, plan: StagePlan) -> tuple[int, int]:
        """The size at which a stage sees a painting."""
        result_px = self.canvas.share * max(plan.size_hw)
        style_px = max(LEAST_PX, round(self.config.style_scale * result_px))
        # It is never enlarged beyond what it holds: its style would be blur.
        side = min(style_px, max(painting.shape[-2:]))
        return scaled_size((painting.shape[-2], painting.shape[-1]), side)

    def loss(self, plan: StagePlan) -> PictureLoss:
        """The objective of one stage, its targets computed at the stage's size."""
        network, strips = self.network, self.strips(plan)
        content = resize(self.content, plan.size_hw)
        wanted: list[Term] = []
        if self.weights.content:
            with lasting(content):
                found = whole_features(network, content, list(self.content_layers), strips)
            wanted += content_terms(found, self.content_layers, scale=self.scale)
        if self.weights.style:
            regions = [
                each.mapped(
                    lambda x: resize(x, self._shown_hw(x, plan)),
                    lambda x: reduced(x, plan.size_hw),
                )
                for each in self.regions
            ]
            wanted += region_terms(
                network, content, regions, self.style_layers, scale=self.scale, strips=strips
            )
        return PictureLoss(
            network,
            wanted,
            self.weights,
            tv=partial(squared_tv, reduction="mean" if self.scale == "relative" else "sum"),
            seen=gray if self.config.colors == "luminance" else None,
            strips=strips,
        )

    def shown(self, image: Tensor) -> Tensor:
        """The picture on the canvas; with the photo's colours if only luma is painted."""
        image = self.canvas.cut(image)
        if self.config.colors != "luminance":
            return image
        size_hw = (image.shape[2], image.shape[3])
        return keep_colors(image, resize(self.photo, size_hw).to(image.device))

    def result(self, run: Descent) -> OptimizedImage:
        """The last image at the size of the result, and its objective."""
        image, objective = run.images[-1], run.objectives[-1]
        total = objective.value(image)
        image = resize(image, self.plans[-1].size_hw)
        return OptimizedImage(
            image=self.shown(image).contiguous().cpu(),
            total=total,
            terms=dict(objective.terms),
            loss_network=self.network.name,
            iterations=run.iterations,
            history=run.history,
            interrupted=run.stopped is not None,
        )


def result_size(config: OptimizationConfig, content: Tensor) -> tuple[int, int]:
    """The size of the result. Raises OptionError if its shorter side leaves nothing to look at."""
    size_hw = size_of(content, config.size)
    if min(size_hw) < LEAST_PX:
        raise OptionError(
            f"the result would have {size_hw[1]} x {size_hw[0]} px; {LEAST_PX} px a side at least: "
            "choose a larger `size`, or crop the photo"
        )
    return size_hw


def _border_px(config: OptimizationConfig, size_hw: tuple[int, int]) -> int:
    """How far the canvas goes on beyond each edge of a result of this size."""
    if config.border is not None:
        return config.border
    return round(DEFAULTS[config.mode].border * max(size_hw))


def _short_side(picture: Tensor) -> float:
    """As a share of the long side."""
    return float(min(picture.shape[-2:]) / max(picture.shape[-2:]))
