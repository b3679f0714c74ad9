"""One image optimised from stage to stage: tensors in, a tensor out."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from impasto.errors import OptionError
from impasto.events import CancelToken, OnEvent, ignore
from impasto.media import keep_colors, resize
from impasto.networks import LossNetwork
from impasto.optimization.canvas import Canvas
from impasto.optimization.config import ADAM_RATE, LEAST_PX, OptimizationConfig
from impasto.optimization.descent import Descent, Stage, descend
from impasto.optimization.modes import DEFAULTS, StagePlan, plan_stages
from impasto.optimization.pictures import check_picture, size_of
from impasto.optimization.setup import open_loss_network, prepare, regions_of


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
        network, device, self.dtype = open_loss_network(
            config, on_event, cancel, pooling=config.pooling, loaded=loss_network
        )
        self.config = config
        self.canvas = canvas = Canvas(size_hw=size_hw, border=_border_px(config, size_hw))
        self.photo = resize(content.float(), size_hw)
        self.init = pictures.init
        self.setup = prepare(
            config,
            network,
            canvas.extended(content.float()),
            [
                each if each.mask is None else replace(each, mask=canvas.extended_mask(each.mask))
                for each in regions
            ],
            dtype=self.dtype,
            device=device,
            on_event=on_event,
            result_share=canvas.share,
        )
        narrowest = min(_short_side(style) for style in styles) * config.style_scale * canvas.share
        self.plans = plan_stages(config, canvas.whole_hw, narrowest)
        for plan in self.plans:
            self.setup.check(plan)

    def stages(self) -> list[Stage]:
        """From coarse to fine; the targets of each are computed when it begins."""
        return [
            Stage(
                iterations=plan.iterations,
                loss=partial(self.setup.loss, plan),
                start=partial(self._start, plan),
                dtype=self.dtype,
                optimizer=plan.optimizer,
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
            start = resize(self.setup.content, size_hw)
        else:
            noise = torch.Generator().manual_seed(config.seed)
            start = torch.rand(1, 3, *size_hw, generator=noise)
        return start.to(self.setup.device)

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
            loss_network=self.setup.network.name,
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
