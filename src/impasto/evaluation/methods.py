"""What enlarges: a classical filter or a trained network, by name or file, with its provenance."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from impasto.errors import ModelError, OptionError
from impasto.media import imresize
from impasto.models import SuperResModel, list_upscalers, load_superres_model
from impasto.networks.loss.weight_file import hash_tensors
from impasto.painting import COLOR_MATCHES, upscale_tensor

Filter = Literal["bilinear", "bicubic", "lanczos"]
FILTERS: tuple[Filter, ...] = ("bilinear", "bicubic", "lanczos")

_DEFAULT_NETWORKS = ("srcnn", "pixel", "perceptual")


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to enlarge by a factor. `weights_sha256` is None for a filter.

    `enlarge`: (1, 3, h, w) -> (1, 3, h * factor, w * factor), both float32 on the CPU in [0, 1].
    `color_match` is what is done to the result's colours, "none" for nothing; `facts` go into
    results.
    """

    name: str
    enlarge: Callable[[Tensor], Tensor]
    weights_sha256: str | None = None
    color_match: str = "none"
    facts: dict[str, Any]


def default_models(factor: int) -> tuple[str, ...]:
    """The filters, and the usual networks as far as they are bundled for `factor`."""
    bundled = {entry.family for entry in list_upscalers() if entry.factor == factor}
    return (*FILTERS, *(name for name in _DEFAULT_NETWORKS if name in bundled))


def find_methods(
    names: Sequence[str],
    *,
    factor: int,
    color_matches: Sequence[str] = ("none",),
    device: torch.device | str = "cpu",
) -> list[Method]:
    """Methods by name: one of FILTERS, a bundled model, a model file, or LABEL=one of these.

    Each network comes once for each of `color_matches`, as NAME, NAME+histogram ...; filters come
    without. Raises OptionError for names that collide and unknown colour matches, ModelError for
    models that are unknown, damaged, of another factor, or no super-resolution.
    """
    if not names:
        raise OptionError(f"no models; name some of {list(FILTERS)}, bundled ones, or files")
    unknown = [match for match in color_matches if match not in COLOR_MATCHES]
    if unknown or not color_matches:
        raise OptionError(f"no colour match {unknown}; choose from {list(COLOR_MATCHES)}")
    methods = [
        method
        for name in names
        for method in _variants(name, factor, color_matches, torch.device(device))
    ]
    labels = [method.name for method in methods]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise OptionError(
            f"several models called {', '.join(twice)}; tell them apart as LABEL=NAME_OR_FILE"
        )
    return methods


def _variants(
    text: str, factor: int, color_matches: Sequence[str], device: torch.device
) -> list[Method]:
    label, name = _split(text)
    if name in FILTERS:
        return [_filter_method(label or name, name, factor)]
    try:
        model = load_superres_model(name, factor=factor)
    except ModelError as error:
        for near in difflib.get_close_matches(name, FILTERS, n=1):
            raise ModelError(f"{error}; or did you mean the filter {near!r}?") from error
        raise
    if model.task != "superres":
        raise ModelError(f"{name}: trained to {model.task}, not for super-resolution")
    label = label or _label(name, factor)
    facts = network_facts(model)
    return [_network_method(label, model.to(device), match, facts) for match in color_matches]


def _split(text: str) -> tuple[str | None, str]:
    """ "LABEL=NAME" -> both; a path may hold an equals sign, a label no separator."""
    label, equals, name = text.partition("=")
    if not equals or "/" in label or "\\" in label or not name:
        return None, text
    return label.strip(), name


def _label(name: str, factor: int) -> str:
    """A bundled name without its factor; a file's name, or its run's if that is "model"."""
    path = Path(name)
    if path.suffix.lower() == ".safetensors":
        return path.absolute().parent.name if path.stem == "model" else path.stem
    return name.removesuffix(f"-x{factor}")


def _filter_method(label: str, kernel: Filter, factor: int) -> Method:
    def enlarge(low_res: Tensor) -> Tensor:
        height, width = low_res.shape[-2:]
        return imresize(low_res, (height * factor, width * factor), kernel=kernel).clamp(0, 1)

    facts = {"kind": "filter", "filter": f"{kernel}, as MATLAB's imresize", "weights_sha256": None}
    return Method(name=label, enlarge=enlarge, facts=facts)


def _network_method(
    label: str, model: SuperResModel, color_match: str, facts: dict[str, Any]
) -> Method:
    def enlarge(low_res: Tensor) -> Tensor:
        # float32: scores that do not depend on which matrix units a processor has. A warning here
        # is about smaller tiles for want of memory, which change no pixel.
        return upscale_tensor(
            model, low_res, color_match=color_match, precision="float32", on_warning=_ignore
        )

    return Method(
        name=label if color_match == "none" else f"{label}+{color_match}",
        enlarge=enlarge,
        weights_sha256=facts["weights_sha256"],
        color_match=color_match,
        facts={**facts, "color_match": color_match},
    )


def network_facts(model: SuperResModel) -> dict[str, Any]:
    """What a result says of a network: its hash, its plan, and what it was trained for."""
    return {
        "kind": "network",
        "model": model.name,
        "weights_sha256": hash_tensors(model.network.state_dict()),
        "parameters": sum(parameter.numel() for parameter in model.network.parameters()),
        "config": asdict(model.config),
        "trained_degradation": model.card.get("degradation"),
        "recommended_color_match": model.card.get("color_match", "none"),
    }


def _ignore(warning: str) -> None:
    del warning
