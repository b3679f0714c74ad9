"""`impasto bench`: what is fastest on this machine, in about a minute."""

from dataclasses import dataclass
from typing import Any

import torch

from impasto.engines.backends import BACKENDS, PRECISIONS, Choice, choose
from impasto.errors import OptionError
from impasto.evaluation.configs import BenchConfig
from impasto.evaluation.environment import describe_environment, extras_versions
from impasto.evaluation.stopwatch import psnr_db, smooth_noise, take_turns
from impasto.events import CancelToken, OnEvent, Progress, ignore
from impasto.machine.devices import choose_device, choose_dtype
from impasto.models import StyleModel, as_style_model
from impasto.models.cards import path_of
from impasto.models.gallery import find_style
from impasto.painting import Engine

FORMAT = "impasto-bench-1"
_MOST_ROUNDS, _LEAST_ROUNDS = 9, 3
_FOUR_K_PIXELS = 3840 * 2160
_WORTH_IT = 0.9  # of auto's time: what saves less is not worth a flag


@dataclass(frozen=True, kw_only=True)
class BenchRow:
    """One way to paint one size: median seconds, spread, and PSNR to float32 PyTorch."""

    quality: str
    backend: str
    precision: str
    size_px: int
    seconds: float
    spread: float
    psnr_db: float

    def beats(self, other: "BenchRow") -> bool:
        """Whether it saves a tenth of the time, and more than the repeats of both differ."""
        slow, fast = self.seconds * (1 + self.spread), other.seconds * (1 - other.spread)
        return self.seconds < _WORTH_IT * other.seconds and slow < fast


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that was measured, and what was left out with the reason."""

    environment: dict[str, Any]
    config: BenchConfig
    rows: tuple[BenchRow, ...]
    left_out: dict[str, str]
    auto: Choice

    @property
    def qualities(self) -> tuple[str, ...]:
        """The networks that were measured: "full", "fast"."""
        return tuple(dict.fromkeys(row.quality for row in self.rows))

    def fastest(self, quality: str, size_px: int) -> BenchRow:
        """The fastest way for one network at one size."""
        found = (row for row in self.rows if (row.quality, row.size_px) == (quality, size_px))
        return min(found, key=lambda row: row.seconds)

    def chosen(self, quality: str, size_px: int) -> BenchRow:
        """What "auto" takes."""
        wanted = quality, size_px, self.auto.backend, self.auto.precision
        return next(
            row
            for row in self.rows
            if (row.quality, row.size_px, row.backend, row.precision) == wanted
        )

    def advice(self) -> list[str]:
        """The best settings, as sentences."""
        milliseconds = [
            f"{self.chosen(self.qualities[0], size).seconds * 1e3:.0f} ms at {size} px"
            for size in self.config.sizes
        ]
        uses = f"`impasto stylize` uses {self.auto.backend} in {self.auto.precision} here"
        lines = [f"{uses}: {', '.join(milliseconds)}."]
        lines += [text for quality in self.qualities for text in self._faster(quality)]
        for quality in self.qualities:
            largest = self.fastest(quality, self.config.sizes[-1])
            seconds = largest.seconds * _FOUR_K_PIXELS / largest.size_px**2
            takes = f"A 4K picture (3840 x 2160) takes about {seconds:.1f} s"
            lines.append(f"{takes}, {quality} network.")
        return lines

    def _faster(self, quality: str) -> list[str]:
        """Choices that beat "auto" by more than noise, the sizes of each together."""
        sizes: dict[str, list[str]] = {}
        for size in self.config.sizes:
            best, auto = self.fastest(quality, size), self.chosen(quality, size)
            if best.beats(auto):
                flags = f"--backend {best.backend} --precision {best.precision}"
                ratio = auto.seconds / best.seconds
                gain = f"{ratio:.1f} times as fast at {size} px ({best.psnr_db:.0f} dB to float32)"
                sizes.setdefault(flags, []).append(gain)
        return [f"{flags} is {', '.join(texts)}." for flags, texts in sizes.items()]

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        best = [
            {"quality": quality, **vars(self.fastest(quality, size))}
            for quality in self.qualities
            for size in self.config.sizes
        ]
        return {
            "format": FORMAT,
            "environment": self.environment,
            "style": self.config.style,
            "auto": vars(self.auto),
            "rows": [vars(row) for row in self.rows],
            "best": best,
            "left_out": self.left_out,
            "advice": self.advice(),
        }


def run_bench(
    config: BenchConfig, on_event: OnEvent = ignore, cancel: CancelToken | None = None
) -> Bench:
    """Measure every back end in every precision that this machine has, at every size.

    Raises OptionError for a device that is not there, ModelError for the style, Cancelled between
    two sizes.
    """
    device = choose_device(config.device)
    named = path_of(config.style) is None
    qualities = find_style(config.style).networks if named else ("full",)
    choices, left_out = available(config.device)
    rows: list[BenchRow] = []
    pixels = sum(size**2 for size in config.sizes) * len(qualities)
    for quality in qualities:
        model = as_style_model(config.style, quality)
        engines = _engines(model, choices, config.device, left_out)
        for size in config.sizes:
            if cancel is not None:
                cancel.check()
            image = smooth_noise(size).to(device)
            note = f"{quality} network, {size} px"
            total = len(qualities) * len(config.sizes) * len(engines)
            on_event(Progress(task="timings", done=len(rows), total=total, note=note))
            timings, pictures = take_turns(
                engines,
                image,
                rounds=_MOST_ROUNDS,
                least_rounds=_LEAST_ROUNDS,
                most_seconds=config.seconds * size**2 / pixels,
            )
            reference = model.to(device)(image)
            rows += [
                BenchRow(
                    quality=quality,
                    backend=engines[name].backend,
                    precision=engines[name].precision,
                    size_px=size,
                    seconds=timing.seconds,
                    spread=timing.spread,
                    psnr_db=psnr_db(pictures[name], reference),
                )
                for name, timing in timings.items()
            ]
    return Bench(
        environment=describe_environment(device) | extras_versions(),
        config=config,
        rows=tuple(rows),
        left_out=left_out,
        auto=choose("auto", "auto", device),
    )


def available(device_name: str) -> tuple[list[Choice], dict[str, str]]:
    """What this machine can compute with, and why not with the rest that it might have.

    torch.compile is left out on CPUs: it takes half a minute for every size. bfloat16 is left out
    on CPUs that do not multiply it: there it is float32 by another name, or slower.
    """
    device = choose_device(device_name)
    choices, left_out = [], {}
    precisions = list(PRECISIONS[1:])
    if device.type == "cpu" and choose_dtype("auto", device) != torch.bfloat16:
        precisions.remove("bfloat16")
        left_out["bfloat16"] = "this processor has no instructions for it"
    for backend in BACKENDS[1:]:
        if backend == "compile" and device.type == "cpu":
            left_out[backend] = "half a minute of compilation for every size"
            continue
        reasons = []
        for precision in precisions:
            try:
                choices.append(choose(backend, precision, device))
            except OptionError as error:
                reasons.append(str(error))
        if len(reasons) == len(precisions):
            left_out[backend] = reasons[0]
    return choices, left_out


def _engines(
    model: StyleModel, choices: list[Choice], device: str, left_out: dict[str, str]
) -> dict[str, Engine]:
    """By name; what cannot be made here, a provider that is missing say, is left out."""
    engines = {}
    for choice in choices:
        try:
            engine = Engine(
                model,
                device=device,
                backend=choice.backend,
                precision=choice.precision,
                border=0,  # the network alone, as its reference is
            )
        except OptionError as error:
            left_out[choice.backend] = str(error)
            continue
        if (engine.backend, engine.precision) == (choice.backend, choice.precision):
            engines[f"{choice.backend}, {choice.precision}"] = engine
    return engines
