"""Style and content distance by a network not used in training."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from impasto.data.photos import center_crop
from impasto.evaluation.configs import StyleEvaluation
from impasto.evaluation.held_out import HeldOutPhoto, held_out_photos
from impasto.evaluation.record import Plan, Record, Say, Task, carry_out, open_record
from impasto.evaluation.style_metric import (
    Look,
    StyleMetric,
    check_independent,
    load_metric_network,
)
from impasto.evaluation.trained_styles import (
    TrainedObjective,
    TrainedObjectives,
    TrainedStyle,
    gatys_steps,
    style_names,
    white_noise,
)
from impasto.events import CancelToken, OnEvent, ignore
from impasto.machine.devices import choose_device, choose_dtype, exact_float32


@exact_float32()
def evaluate_style(
    config: StyleEvaluation, on_event: OnEvent = ignore, cancel: CancelToken | None = None
) -> Record:
    """Measure every style on every photo, keep what is there already, and return the record.

    Raises OptionError, ModelError, WeightsError, ImageError before anything is measured;
    Cancelled, with all pieces saved, once `cancel` was told to.
    """
    plan = plan_style_evaluation(config)
    carry_out(plan, on_event, cancel)
    return plan.record


def plan_style_evaluation(config: StyleEvaluation) -> Plan:
    """The pieces: each photo untouched, then painted in each style; each painting itself."""
    device = choose_device(config.device)
    loader = TrainedObjectives(config.paintings, device)
    styles = loader.styles(style_names(config.styles))
    models = [style.model for style in styles]
    metric = StyleMetric(
        load_metric_network(config.loss_network, models).to(device),
        style_layers=config.style_layers,
        content_layers=config.content_layers,
    )
    if not config.allow_training_network:
        check_independent(metric.network, models)
    objectives = [loader.objective(style) for style in styles] if config.lbfgs else []
    photos = held_out_photos(config.photos, config.count)
    settings = {
        **metric.to_json(),
        "size_px": config.size_px,
        "photos": "middle square of the photo, its short side resized to the size",
        "paintings": "long side resized to that of the style's training",
        "precision": "float32",
        "nearest painting": "by |G - A|^2 / (|G|^2 + |A|^2), G and A Gram matrices",
        "styles": [style.name for style in styles],
    }
    record = open_record(config.output, "style", settings, overwrite=config.overwrite)
    measuring = _Measuring(config, metric, styles, {o.name: o for o in objectives}, device)
    tasks = measuring.painting_tasks()
    for number, photo in enumerate(photos):
        tasks += measuring.photo_tasks(photo, lbfgs=number < config.lbfgs)
    return Plan(record=record, tasks=tasks, device=device)


class _Measuring:
    """The metric, what it sees of the paintings, and the way to make tasks."""

    def __init__(
        self,
        config: StyleEvaluation,
        metric: StyleMetric,
        styles: Sequence[TrainedStyle],
        objectives: Mapping[str, TrainedObjective],
        device: torch.device,
    ) -> None:
        self.config, self.metric = config, metric
        self.styles, self.objectives, self.device = styles, objectives, device
        self.paintings = {s.name: metric.look(s.images()[0].to(device)) for s in styles}
        self.crops = {style.name: self._crop(style) for style in styles}
        self._photo: tuple[HeldOutPhoto | None, Tensor | None, Look | None] = (None, None, None)

    def painting_tasks(self) -> list[Task]:
        """The middle of each painting, as large as the photos: how near is a part to the whole?"""
        return [
            self._task(
                f"{style.name}, painting",
                0.3,
                partial(self._measure_painting, style.name),
                kind="painting",
                style=style.name,
            )
            for style in self.styles
        ]

    def photo_tasks(self, photo: HeldOutPhoto, *, lbfgs: bool) -> list[Task]:
        """Untouched, and in each style by its network (and by L-BFGS)."""
        task = partial(self._task, photo=photo.to_json())
        untouched = partial(self._measure_untouched, photo)
        tasks = [task(f"{photo.name}, untouched", 0.3, untouched, kind="untouched")]
        for style in self.styles:
            of: dict[str, Any] = {
                "kind": "network",
                "network_sha256": style.weights_sha256,
                "style": style.name,
            }
            run = partial(self._measure_network, photo, style)
            tasks.append(task(f"{photo.name}, {style.name}", 0.5, run, **of))
            if lbfgs:
                count = self.config.iterations
                of = {"kind": "lbfgs", "style": style.name, "objective": style.facts}
                run = partial(self._measure_lbfgs, photo, self.objectives[style.name])
                key = f"{photo.name}, {style.name}, L-BFGS"
                tasks.append(task(key, 1.1 * count, run, iterations=count, **of))
        return tasks

    def _task(
        self, key: str, passes: float, run: Callable[[Say], dict[str, Any]], **of: Any
    ) -> Task:
        """`passes`: how often a picture goes through a loss network and back, for estimates."""
        paintings = {style.name: style.facts["style_sha256"] for style in self.styles}
        inputs = {"size_px": self.config.size_px, "paintings": paintings, **self.metric.to_json()}
        work = passes * self.config.size_px**2 / 1e6
        return Task(key=key, of={**inputs, **of}, work=work, run=run)

    def _crop(self, style: TrainedStyle) -> Look:
        painting = style.images()[0].to(self.device)
        height, width = painting.shape[-2:]
        side = min(self.config.size_px, height, width)
        top, left = (height - side) // 2, (width - side) // 2
        middle = painting[..., top : top + side, left : left + side]
        return self.metric.look(center_crop(middle, self.config.size_px))

    def _square(self, photo: HeldOutPhoto) -> tuple[Tensor, Look]:
        """The present photo is asked for once a style: it is kept till the next one comes."""
        known, image, look = self._photo
        if known != photo or image is None or look is None:
            image = photo.square(self.config.size_px).to(self.device)
            look = self.metric.look(image)
            self._photo = (photo, image, look)
        return image, look

    def _styles(self, look: Look) -> dict[str, Any]:
        """Both distances to every painting."""
        paintings, metric = self.paintings.items(), self.metric
        return {
            "style_distances": {name: metric.style_distance(look, p) for name, p in paintings},
            "ranking_distances": {name: metric.ranking_distance(look, p) for name, p in paintings},
        }

    def _measure_painting(self, name: str, _: Say) -> dict[str, Any]:
        return self._styles(self.crops[name])

    def _measure_untouched(self, photo: HeldOutPhoto, _: Say) -> dict[str, Any]:
        look = self._square(photo)[1]
        contents = {
            name: self.metric.content_distance(crop, look) for name, crop in self.crops.items()
        }
        return {**self._styles(look), "content_of_paintings": contents}

    def _measure_network(self, photo: HeldOutPhoto, style: TrainedStyle, _: Say) -> dict[str, Any]:
        image, look = self._square(photo)
        return self._distances(style.stylise(image), look)

    def _measure_lbfgs(
        self, photo: HeldOutPhoto, objective: TrainedObjective, say: Say
    ) -> dict[str, Any]:
        image, look = self._square(photo)
        of_pixels = objective.of_pixels(image, choose_dtype("auto", self.device))
        count, painted = self.config.iterations, white_noise(image)
        for number, step in enumerate(gatys_steps(of_pixels, painted, count)):
            painted = step.point
            say(f"iteration {number} of {count}")
        return self._distances(painted, look)

    def _distances(self, painted: Tensor, photo: Look) -> dict[str, Any]:
        look = self.metric.look(painted)
        return {
            **self._styles(look),
            "content_distance": self.metric.content_distance(look, photo),
        }
