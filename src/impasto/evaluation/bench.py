"""`impasto bench`: what is fastest on this machine, in about a minute."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from impasto.engines.backends import BACKENDS, PRECISIONS, Choice, choose
from impasto.errors import OptionError
from impasto.evaluation.environment import describe_environment
from impasto.evaluation.stopwatch import psnr_db, smooth_noise, take_turns
from impasto.machine.devices import choose_device
from impasto.models import StyleModel, as_style_model
from impasto.painting import Engine

FORMAT = "impasto-bench-1"
_MOST_ROUNDS = 9
_FOUR_K_MEGAPIXELS = 3840 * 2160 / 1e6
_WORTH_IT = 0.9  # of auto's time: a faster choice is told of


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """Which style, sizes in px a side, and about how long. Raises OptionError."""

    style: str = "starry-night"
    qualities: tuple[str, ...] = ("full",)
    sizes: tuple[int, ...] = (256, 512, 1024)
    seconds: float = 60.0
    device: str = "auto"

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < 16 or max(self.sizes) > 8192:
            raise OptionError(f"sizes {self.sizes}: wanted at least one, each from 16 to 8192 px")
        if not self.seconds > 0:
            raise OptionError(f"{self.seconds} seconds: wanted a positive number")


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

    @property
    def megapixels_per_second(self) -> float:
        return self.size_px**2 / 1e6 / self.seconds


@dataclass(frozen=True, kw_only=True)
class Bench:
    """All that was measured, and what was left out with the reason."""

    environment: dict[str, Any]
    config: BenchConfig
    rows: tuple[BenchRow, ...]
    left_out: dict[str, str]
    auto: Choice

    def fastest(self, quality: str, size_px: int) -> BenchRow:
        """Of one network at one size."""
        found = (row for row in self.rows if (row.quality, row.size_px) == (quality, size_px))
        return min(found, key=lambda row: row.seconds)

    def chosen(self, quality: str, size_px: int) -> BenchRow:
        """What "auto" takes."""
        return next(
            row
            for row in self.rows
            if (row.quality, row.size_px) == (quality, size_px)
            and (row.backend, row.precision) == (self.auto.backend, self.auto.precision)
        )

    def advice(self) -> list[str]:
        """The best settings, as sentences."""
        lines = [
            f"`impasto stylize` uses {self.auto.backend} in {self.auto.precision} here: "
            + ", ".join(
                f"{self.chosen(self.config.qualities[0], size).seconds * 1e3:.0f} ms at {size} px"
                for size in self.config.sizes
            )
            + "."
        ]
        lines += [text for quality in self.config.qualities for text in self._faster(quality)]
        largest = self.config.sizes[-1]
        for quality in self.config.qualities:
            rate = self.fastest(quality, largest).megapixels_per_second
            lines.append(
                f"A 4K picture (3840 x 2160) takes about {_FOUR_K_MEGAPIXELS / rate:.1f} s, "
                f"{quality} network."
            )
        return lines

    def _faster(self, quality: str) -> list[str]:
        """Choices that beat "auto" by more than noise, the sizes of each together."""
        sizes: dict[str, list[str]] = {}
        for size in self.config.sizes:
            best, auto = self.fastest(quality, size), self.chosen(quality, size)
            if best.seconds < _WORTH_IT * auto.seconds:
                flags = f"--backend {best.backend} --precision {best.precision}"
                ratio = auto.seconds / best.seconds
                gain = f"{ratio:.1f} times as fast at {size} px ({best.psnr_db:.0f} dB to float32)"
                sizes.setdefault(flags, []).append(gain)
        return [f"{flags} is {', '.join(texts)}." for flags, texts in sizes.items()]

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        best = [
            {"quality": quality, **vars(self.fastest(quality, size))}
            for quality in self.config.qualities
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
    config: BenchConfig,
    on_row: Callable[[BenchRow], object] = lambda row: None,  # noqa: ARG005
) -> Bench:
    """Measure every back end in every precision that this machine has, at every size.

    Raises OptionError for a device that is not there, ModelError for the style.
    """
    device = choose_device(config.device)
    models = {quality: as_style_model(config.style, quality) for quality in config.qualities}
    choices, left_out = available(config.device)
    rows: list[BenchRow] = []
    total = sum(size**2 for size in config.sizes) * len(models)
    for quality, model in models.items():
        engines = _engines(model, choices, config.device, left_out)
        for size in config.sizes:
            image = smooth_noise(size).to(device)
            timings, pictures = take_turns(
                engines,
                image,
                rounds=_MOST_ROUNDS,
                most_seconds=config.seconds * size**2 / total,
            )
            reference = model.to(device)(image)
            for name, timing in timings.items():
                row = BenchRow(
                    quality=quality,
                    backend=engines[name].backend,
                    precision=engines[name].precision,
                    size_px=size,
                    seconds=timing.seconds,
                    spread=timing.spread,
                    psnr_db=psnr_db(pictures[name], reference),
                )
                rows.append(row)
                on_row(row)
    return Bench(
        environment=describe_environment(device) | extras_versions(),
        config=config,
        rows=tuple(rows),
        left_out=left_out,
        auto=choose("auto", "auto", device),
    )


def available(device_name: str) -> tuple[list[Choice], dict[str, str]]:
    """What this machine can compute with, and why not with the rest that it might have.

    torch.compile is left out on CPUs: it takes half a minute for every size.
    """
    device = choose_device(device_name)
    choices, left_out = [], {}
    for backend in BACKENDS[1:]:
        if backend == "compile" and device.type == "cpu":
            left_out[backend] = "half a minute of compilation for every size"
            continue
        reasons = []
        for precision in PRECISIONS[1:]:
            try:
                choices.append(choose(backend, precision, device))
            except OptionError as error:
                reasons.append(str(error))
        if len(reasons) == len(PRECISIONS) - 1:
            left_out[backend] = reasons[0]
    return choices, left_out


def extras_versions() -> dict[str, str | None]:
    """Of the optional runtimes; None where one is not installed."""
    found: dict[str, str | None] = {}
    for name in ("openvino", "onnx", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


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
