"""Super-resolution measured: models on test sets by a protocol, into one results file."""

import statistics
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from impasto.data.degradations import to_8_bits
from impasto.errors import ImpastoError
from impasto.evaluation.configs import SuperResEvaluation
from impasto.evaluation.distances import Features, PerceptualDistance, load_distances
from impasto.evaluation.environment import describe_environment, number_of
from impasto.evaluation.image_sets import ImageSet, find_image_sets
from impasto.evaluation.methods import Method, default_models, find_methods
from impasto.evaluation.protocols import Protocol, find_protocol
from impasto.evaluation.record import file_stem, keep_picture
from impasto.evaluation.results import Results, Row, open_results
from impasto.evaluation.subjects import KeptPictures, Subject, chosen_images, read_subject
from impasto.events import CancelToken, Event, Failed, Notice, OnEvent, Progress, Scored, ignore
from impasto.machine.devices import choose_device

_SAVE_EVERY_S = 10.0
_WARM_UP_PX = 24


def evaluate_superres(
    config: SuperResEvaluation, on_event: OnEvent = ignore, cancel: CancelToken | None = None
) -> Results:
    """Score every model on every image, and return what is in `config.output` then.

    Everything is checked before the first image. Rows that the file has already, of the same image
    and weights, are kept, so that an interrupted evaluation goes on. An image that cannot be read
    or enlarged becomes a failure in the results, and the rest goes on.

    Raises OptionError, ModelError, WeightsError and DownloadError for what is unknown, missing,
    or cannot be written; Cancelled, with all rows saved, once `cancel` was told to.
    """
    protocol = find_protocol(config.protocol)
    device = choose_device(config.device)
    methods = find_methods(
        default_models(config.factor) if config.models is None else config.models,
        factor=config.factor,
        color_matches=config.color_matches,
        device=device,
    )

    def downloading(task: str, note: str, done: int, total: int | None) -> None:
        on_event(Progress(task=task, done=done, total=total, note=note))

    sets = find_image_sets(
        list(config.sets),
        data=config.data,
        on_image=lambda name, *count: downloading("images", f"downloading {name}", *count),
    )
    distances = load_distances(
        config.distances, on_progress=partial(downloading, "download", "weights of the distance")
    )
    measured = {
        "task": "superres",
        "factor": config.factor,
        "protocol": protocol.to_json(config.factor),
        "distances": [distance.to_json() for distance in distances],
    }
    run = _Run(
        config=config,
        protocol=protocol,
        methods=methods,
        distances=[distance.to(device) for distance in distances],
        results=open_results(config.output, measured, overwrite=config.overwrite),
        on_event=on_event,
        cancel=cancel or CancelToken(),
    )
    run.register(sets, describe_environment(device))
    run.results.save(config.output)
    try:
        run.score_all(sets)
    finally:
        run.results.save(config.output)
    return run.results


@dataclass(kw_only=True)
class _Run:
    """One evaluation under way: what is loaded, and the results that fill up."""

    config: SuperResEvaluation
    protocol: Protocol
    methods: list[Method]
    distances: list[PerceptualDistance]
    results: Results
    on_event: OnEvent
    cancel: CancelToken
    wanted: dict[str, Features] = field(default_factory=dict)  # of the present image, by distance
    environment: int = 0
    done: int = 0
    total: int = 0
    saved_s: float = field(default_factory=time.monotonic)

    @property
    def pictures(self) -> KeptPictures:
        """Small ones, beside the results."""
        return KeptPictures(self.config.output)

    def register(self, sets: list[ImageSet], environment: dict[str, Any]) -> None:
        """Enter environment, models and sets; what was measured of others of the name goes."""
        self.environment = number_of(self.results.environments, environment)
        self.results.register_models({method.name: method.facts for method in self.methods})
        for image_set in sets:
            known = len(image_set.known.hashes) if image_set.known else None
            self.results.register_set(image_set.name, list(image_set.images), known=known)
        self.results.forget_failures(
            [image_set.name for image_set in sets], [method.name for method in self.methods]
        )
        self.total = len(self.methods) * sum(len(image_set.images) for image_set in sets)

    def score_all(self, sets: list[ImageSet]) -> None:
        """Images outermost: each is read once, and a slow moment falls on all models alike."""
        self._warm_up()
        for image_set in sets:
            with_crops = set(chosen_images(len(image_set.images), self.config.crops))
            for index, name in enumerate(image_set.images):
                self._score_image(image_set, index, name, crop=index in with_crops)
            images = self.results.sets[image_set.name]["images"]
            doubt = image_set.doubt([bool(image.get("genuine")) for image in images])
            if doubt:
                self.on_event(Notice(message=doubt))

    def _warm_up(self) -> None:
        """The first call of a network pays for what later ones do not: keep it out of the times."""
        for method in self.methods:
            with suppress(Exception):  # it will fail again, and be reported, on an image
                method.enlarge(torch.rand(1, 3, _WARM_UP_PX, _WARM_UP_PX))

    def _score_image(self, image_set: ImageSet, index: int, name: str, *, crop: bool) -> None:
        factor = self.config.factor
        try:
            subject = read_subject(image_set, name, self.protocol, factor, crop=crop)
        except ImpastoError as error:
            self.done += len(self.methods)
            self._fail(image_set.name, name, None, error)
            return
        entry = self.results.sets[subject.set]["images"][index]
        same = entry.get("pixels_sha256") == subject.pixels_sha256
        kept = self.pictures.keep_subject(subject, entry.get("crop") if same else None, factor)
        self.results.register_image(subject.set, index, {**subject.to_json(), "crop": kept})
        self.wanted = {}
        for method in self.methods:
            self.cancel.check()
            self._score_method(subject, method)
            if time.monotonic() - self.saved_s > _SAVE_EVERY_S:
                self.results.save(self.config.output)
                self.saved_s = time.monotonic()

    def _score_method(self, subject: Subject, method: Method) -> None:
        row = self.results.rows.get((subject.set, subject.name, method.name))
        kept = row is not None and self._still_holds(row, subject, method)
        self.done += 1
        try:
            if row is None or not kept:
                self.results.rows.pop((subject.set, subject.name, method.name), None)
                row = self._score(subject, method)
                self.results.add(row)
        # One image must not end a long run, whatever it makes a network or the disk raise.
        except Exception as error:
            self._fail(subject.set, subject.name, method.name, error)
            return
        image = f"{subject.set}/{subject.name}"
        self._tell(Scored(image=image, model=method.name, psnr=row.psnr, kept=kept))

    def _still_holds(self, row: Row, subject: Subject, method: Method) -> bool:
        return (
            row.image_sha256 == subject.pixels_sha256
            and row.weights_sha256 == method.weights_sha256
            and (subject.box is None or self.pictures.has(row.crop))
            and (self.config.save_images is None or self.pictures.has(row.output))
        )

    def _score(self, subject: Subject, method: Method) -> Row:
        factor = self.config.factor
        seconds, output = [], subject.low_res
        for _ in range(self.config.repeats):
            begin = time.perf_counter()
            output = method.enlarge(subject.low_res)
            seconds.append(time.perf_counter() - begin)
        scores = self.protocol.scores(output, subject.high_res, factor, gray=subject.gray)
        output = to_8_bits(output)
        shaved = [self.protocol.shaved(x, factor) for x in (output, subject.high_res)]
        return Row(
            set=subject.set,
            image=subject.name,
            model=method.name,
            image_sha256=subject.pixels_sha256,
            weights_sha256=method.weights_sha256,
            psnr=scores.psnr,
            ssim=scores.ssim,
            distances={d.spec.name: self._distance(d, *shaved) for d in self.distances},
            seconds=statistics.median(seconds),
            megapixels=output.shape[-2] * output.shape[-1] / 1e6,
            environment=self.environment,
            crop=self.pictures.keep_output(subject, method.name, output),
            output=self._keep_whole(subject, method, output) if self.config.save_images else None,
        )

    def _distance(self, distance: PerceptualDistance, output: Tensor, high_res: Tensor) -> float:
        name = distance.spec.name
        if name not in self.wanted:
            self.wanted[name] = distance.features(high_res)
        return float(distance(output, high_res, self.wanted[name]))

    def _keep_whole(self, subject: Subject, method: Method, output: Tensor) -> dict[str, Any]:
        assert self.config.save_images is not None
        name = f"{file_stem(subject.name, method.name)}-x{self.config.factor}.png"
        path = self.config.save_images / file_stem(subject.set) / name
        return keep_picture(path, output, self.pictures.beside)

    def _fail(self, set_name: str, image: str, model: str | None, error: Exception) -> None:
        expected = isinstance(error, ImpastoError)
        reason = " ".join((str(error) if expected else f"{type(error).__name__}: {error}").split())
        self.results.failures.append(
            {"set": set_name, "image": image, "model": model, "reason": reason}
        )
        by = f" by {model}" if model else ""
        self._tell(Failed(name=f"{set_name}/{image}{by}", reason=reason))

    def _tell(self, event: Event) -> None:
        self.on_event(event)
        self.on_event(Progress(task="images", done=self.done, total=self.total))
