"""The types that options have: what fits, what text becomes of them, and what they are called.

Whole numbers, numbers, truth values, texts, paths, choices (Literal), any of these or None, lists
(tuples) of them, and names with numbers (Mapping[str, float]). Never imports torch.
"""

import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from impasto.errors import OptionError

AUTO = "auto"  # a choice that is left to what there is


def parse_weights(text: str) -> dict[str, float]:
    """ "relu1_2,relu2_2:0.5" -> {"relu1_2": 1.0, "relu2_2": 0.5}. Raises OptionError."""
    weights: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, weight = part.partition(":")
        if name in weights:
            raise OptionError(f"{name!r} is named twice in {text!r}; name it once")
        try:
            weights[name] = float(weight) if weight else 1.0
        except ValueError as error:
            raise OptionError(f"the weight {weight!r} of {name!r} is not a number") from error
    return weights


def check_weight(value: float, name: str) -> None:
    """Raise OptionError unless `value` is a finite number >= 0."""
    if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
        raise OptionError(f"got {value!r} for {name}; wanted a finite number, 0 or above")


def layer_weights(layers: Sequence[str] | Mapping[str, float], kind: str) -> dict[str, float]:
    """Return layer -> weight, 1 each for a sequence of names; `kind` names it in errors.

    Raises OptionError for a bare string, a name given twice, or a bad weight.
    """
    if isinstance(layers, str):
        raise OptionError(f"got {kind} layers {layers!r}; wanted a sequence: [{layers!r}]")
    weights = dict(layers) if isinstance(layers, Mapping) else dict.fromkeys(layers, 1.0)
    if len(weights) != len(layers):
        raise OptionError(f"got {kind} layers {list(layers)}; wanted each layer once")
    for layer, weight in weights.items():
        check_weight(weight, f"the weight of {kind} layer {layer!r}")
    return weights


def as_text(value: Any) -> str:
    """A value as a flag's text says it: 2, 1,0.5, relu1_2,relu2_2:0.5 or 0.7:160,0.3:256."""
    if isinstance(value, Mapping):
        pairs = value.items()
        return ",".join(name if weight == 1 else f"{name}:{weight:g}" for name, weight in pairs)
    if isinstance(value, tuple | list):
        return ",".join(
            ":".join(map(as_text, item)) if isinstance(item, tuple | list) else as_text(item)
            for item in value
        )
    return f"{value:g}" if isinstance(value, float) else str(value)


def repeats(hint: Any) -> bool:
    """Whether it is a tuple, of any length, of texts or paths: its flag is given several times."""
    kind = _without_none(hint)
    inner = get_args(kind)
    return get_origin(kind) is tuple and inner[-1] is Ellipsis and inner[0] in (str, Path)


def plain(value: Any) -> Any:
    """A value as JSON has it: paths as text, tuples as lists."""
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _without_none(hint: Any) -> Any:
    """The type that an option has when it is given."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007  # made at run time


def converted(hint: Any, value: Any, folder: Path | None) -> Any:
    """Lists to tuples, texts to paths; whatever does not fit is left for `_checked` to refuse."""
    hint = _without_none(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(value, str) and _is_mapping(origin):
        return parse_weights(value)
    if isinstance(value, str) and origin is tuple and not repeats(hint):
        numbers = tuple(number_of(inner[0], part.strip()) for part in value.split(","))
        return value if any(isinstance(each, str) for each in numbers) else numbers
    if hint is Path and isinstance(value, str):
        return Path(value) if folder is None else folder / value
    if origin is tuple and inner[-1] is Ellipsis:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple):
            return tuple(converted(inner[0], item, folder) for item in items)
    elif origin is tuple and isinstance(value, list | tuple) and len(value) == len(inner):
        return tuple(converted(kind, item, folder) for kind, item in zip(inner, value, strict=True))
    return value


def number_of(hint: Any, text: str) -> Any:
    """Text as a number where one is wanted; as it is where it is none, for `_checked` to refuse."""
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def fitted_to(hint: Any, value: Any) -> Any:
    """The value if it is of the type, else MISSING."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        found = (fitted_to(kind, value) for kind in inner)
        return next((each for each in found if each is not MISSING), MISSING)
    if hint is type(None):
        return None if value is None else MISSING
    if origin is Literal:
        return value if isinstance(value, str) and value in inner else MISSING
    if hint is str and isinstance(value, Path):
        return str(value)
    if hint is bool or hint is str:
        return value if isinstance(value, hint) else MISSING
    if hint is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else MISSING
    if hint is float:
        return _as_float(value)
    if hint is Path:
        return Path(value) if isinstance(value, str | Path) else MISSING
    if origin is tuple:
        return _fitted_tuple(inner, value)
    if _is_mapping(origin):
        if not isinstance(value, Mapping) or not all(isinstance(key, inner[0]) for key in value):
            return MISSING
        items = {key: fitted_to(inner[1], item) for key, item in value.items()}
        return MISSING if MISSING in items.values() else items
    if origin is not None and issubclass(origin, Sequence):
        return _fitted_tuple((inner[0], Ellipsis), value)
    return value if isinstance(value, origin or hint) else MISSING


def _fitted_tuple(inner: tuple[Any, ...], value: Any) -> Any:
    if not isinstance(value, tuple | list):
        return MISSING
    kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
    if len(kinds) != len(value):
        return MISSING
    items = tuple(fitted_to(kind, item) for kind, item in zip(kinds, value, strict=True))
    return MISSING if any(item is MISSING for item in items) else items


def _as_float(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING
    try:
        return float(value)
    except OverflowError:
        return MISSING


def numbers_in(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def literals(hint: Any) -> tuple[str, ...]:
    """The texts that a type allows; empty for types that are not made of texts."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(text for kind in get_args(hint) for text in literals(kind))


def in_words(hint: Any) -> str:
    """ "a whole number", "a list of paths": what a message says of a type."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    words[Path] = "a path"
    if hint in words:
        return words[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(kind) for kind in inner if kind is not type(None))
    if _is_mapping(origin):
        return "names with numbers, as relu2_2:0.5"
    each = words.get(inner[0], "") if inner else ""
    return f"a list of {each.removeprefix('a ')}s" if each else "a list"
