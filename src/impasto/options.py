"""One declaration of an option: a field of a frozen record, from which all else follows.

    @dataclass(frozen=True, kw_only=True)
    class Look(Options):
        size: int | None = option(None, "Long side of the result.", unit="px", at_least=1)

The record checks itself when it is made. Its flag and help (`impasto.cli.flags`), the keys of a
recipe with their conversion (`from_mapping`) and the entries of a card (`to_json`) are read from
the same field. Never imports torch.

Messages name options by their Python names between backticks, as `patch_px`; the command line
puts its flags in their place.
"""

import inspect
import math
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from impasto.errors import OptionError

_DECLARED = "option"
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """What a field says of itself beside its type and its default.

    help: one plain sentence. unit: as "px". at_least, above, at_most: bounds of numbers, and of
    every number in a tuple or mapping. choices: the texts allowed. parse: from the text of a flag
    or recipe to the value, for types that text does not say by itself; raises ValueError or
    OptionError. (Numbers, lists of numbers as 1,0.5, and names with numbers as relu1_2,relu2_2:0.5
    are read without it.) default_text: for the help, where the default depends on something.
    flags: names on the command line, if others than --the-name; for a truth value the second one
    switches it off; an empty tuple: none, it is for recipes and Python alone. group: the heading
    that it stands under in the help. free: it changes neither the data nor the arithmetic, so a
    run may go on with another value. card: where a model's card tells it, as "weights.style";
    card_when_off: it is told there even if it is 0, empty or false.
    """

    help: str
    unit: str = ""
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    choices: tuple[str, ...] = ()
    parse: Callable[[str], Any] | None = None
    default_text: str | None = None
    flags: tuple[str, ...] | None = None
    group: str = ""
    free: bool = False
    card: str = ""
    card_when_off: bool = True


def option(
    default: Any = MISSING,
    help: str = "",
    *,
    factory: Callable[[], Any] | None = None,
    **declared: Any,
) -> Any:
    """A field of a record of options. `declared`: the rest of a `Declaration`."""
    metadata = {_DECLARED: Declaration(help=help, **declared)}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of records of options: refuses nonsense with OptionError when it is made."""

    def __post_init__(self) -> None:
        for each, hint in _fields(type(self)):
            value = _checked(each, hint, getattr(self, each.name))
            object.__setattr__(self, each.name, value)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str, folder: Path) -> dict[str, Any]:
        """The values of a recipe, converted to the fields' types; paths relative to `folder`.

        Not yet a record, so that others can be put over them. `source` names the recipe in
        messages. Raises OptionError for unknown keys and for values that cannot be converted.
        """
        known = {each.name: (each, hint) for each, hint in _fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise OptionError(f"{source}: unknown options {unknown}; known are {sorted(known)}")
        converted = {}
        for name, value in values.items():
            each, hint = known[name]
            try:
                converted[name] = _checked(each, hint, convert(each, hint, value, folder))
            except OptionError as error:
                raise OptionError(f"{source}: {error}") from error
        return converted

    def to_json(self) -> dict[str, Any]:
        """Plain values, paths as text."""
        return {name: plain(value) for name, value in asdict(self).items()}

    @classmethod
    def defaults_json(cls) -> dict[str, Any]:
        """Those of `to_json`, of the options that have a default."""
        found: dict[str, Any] = {}
        for each in fields(cls):
            if each.default is not MISSING:
                found[each.name] = plain(each.default)
            elif each.default_factory is not MISSING:
                found[each.name] = plain(each.default_factory())
        return found

    def card_entries(self) -> dict[str, Any]:
        """What a model's card tells of the options, by `Declaration.card`."""
        entries: dict[str, Any] = {}
        for each, _, about in declared(type(self)):
            value = plain(getattr(self, each.name))
            if not about.card or not (value or about.card_when_off):
                continue
            *within, name = about.card.split(".")
            place = entries
            for part in within:
                place = place.setdefault(part, {})
            place[name] = value
        return entries


def takes(
    *records: type[Options], leave_out: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let `help()` show the records' options in place of a function's `**options`.

    The function makes a record of them, which checks them. leave_out: options that it takes by
    itself, or not at all.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(function)
        named = [each for each in own.parameters.values() if each.kind is not each.VAR_KEYWORD]
        shown = [
            inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if each.default is MISSING else each.default,
                annotation=hint,
            )
            for record in records
            for each, hint, _ in declared(record)
            if each.name not in {*leave_out, *own.parameters}
        ]
        signature = own.replace(parameters=[*named, *shown])
        function.__signature__ = signature  # type: ignore[attr-defined]
        return function

    return decorate


def declaration(each: "Field[Any]") -> Declaration | None:
    """What a field declares; None for a field that is no option."""
    return each.metadata.get(_DECLARED)


def declared(record: type[Options]) -> list[tuple["Field[Any]", Any, Declaration]]:
    """The options of a record: field, type and declaration, in order."""
    found = ((each, hint, declaration(each)) for each, hint in _fields(record))
    return [(each, hint, about) for each, hint, about in found if about is not None]


def free_options(record: type[Options]) -> frozenset[str]:
    """Names of the options that a run may go on with other values of."""
    return frozenset(each.name for each, _, about in declared(record) if about.free)


def convert(each: "Field[Any]", hint: Any, value: Any, folder: Path | None = None) -> Any:
    """A recipe's value, or a flag's text -> the field's own type. Raises OptionError."""
    about = declaration(each)
    try:
        if about is not None and about.parse is not None and isinstance(value, str):
            return about.parse(value)
        return _converted(hint, value, folder)
    except ValueError as error:  # OptionError is one
        raise OptionError(f"`{each.name}`: {error}") from error


def from_text(each: "Field[Any]", hint: Any, text: Any) -> Any:
    """What was typed for an option (for a repeatable one, a list of it) -> its checked value.

    Raises OptionError.
    """
    about = declaration(each)
    if isinstance(text, str) and (about is None or about.parse is None):
        text = _number(hint, text)
    return _checked(each, hint, convert(each, hint, text))


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


def _fields(record: Any) -> list[tuple["Field[Any]", Any]]:
    return _fields_of(record)


@cache  # reading type hints takes longer than all checks
def _fields_of(record: Any) -> list[tuple["Field[Any]", Any]]:
    hints = get_type_hints(record)
    return [(each, hints[each.name]) for each in fields(record)]


def _without_none(hint: Any) -> Any:
    """The type that an option has when it is given."""
    if get_origin(hint) not in (Union, types.UnionType):
        return hint
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007  # made at run time


def _converted(hint: Any, value: Any, folder: Path | None) -> Any:
    """Lists to tuples, texts to paths; whatever does not fit is left for `_checked` to refuse."""
    hint = _without_none(hint)
    origin, inner = get_origin(hint), get_args(hint)
    if isinstance(value, str) and _is_mapping(origin):
        return parse_weights(value)
    if isinstance(value, str) and origin is tuple and not repeats(hint):
        numbers = tuple(_number(inner[0], part.strip()) for part in value.split(","))
        return value if any(isinstance(each, str) for each in numbers) else numbers
    if hint is Path and isinstance(value, str):
        return Path(value) if folder is None else folder / value
    if origin is tuple and inner[-1] is Ellipsis:
        items = [value] if isinstance(value, str) else value
        if isinstance(items, list | tuple):
            return tuple(_converted(inner[0], item, folder) for item in items)
    elif origin is tuple and isinstance(value, list | tuple) and len(value) == len(inner):
        return tuple(
            _converted(kind, item, folder) for kind, item in zip(inner, value, strict=True)
        )
    return value


def _number(hint: Any, text: str) -> Any:
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


def _checked(each: "Field[Any]", hint: Any, value: Any) -> Any:
    """The value, whole numbers as floats where those are wanted. Raises OptionError."""
    about = declaration(each)
    if about is None:
        return value
    fitted = _fitted(hint, value)
    if fitted is MISSING or (about.choices and fitted is not None and fitted not in about.choices):
        raise OptionError(f"`{each.name}`: got {value!r}; {_wanted(hint, about)}")
    for number in _numbers(fitted):
        too_low = about.at_least is not None and number < about.at_least
        not_above = about.above is not None and number <= about.above
        too_high = about.at_most is not None and number > about.at_most
        if too_low or not_above or too_high or not math.isfinite(number):
            raise OptionError(f"`{each.name}`: got {value!r}; {_wanted(hint, about)}")
    return fitted


def _fitted(hint: Any, value: Any) -> Any:
    """The value if it is of the type, else MISSING."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        found = (_fitted(kind, value) for kind in inner)
        return next((each for each in found if each is not MISSING), MISSING)
    if hint is type(None):
        return None if value is None else MISSING
    if origin is Literal:
        return value if isinstance(value, str) and value in inner else MISSING
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
        items = {key: _fitted(inner[1], item) for key, item in value.items()}
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
    items = tuple(_fitted(kind, item) for kind, item in zip(kinds, value, strict=True))
    return MISSING if any(item is MISSING for item in items) else items


def _as_float(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING
    try:
        return float(value)
    except OverflowError:
        return MISSING


def _numbers(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _wanted(hint: Any, about: Declaration) -> str:
    """ "wanted a whole number of px, 1 or more": what a message asks for."""
    choices = about.choices or literals(hint)
    if choices:
        return f"choose from {', '.join(choices)}"
    bounds = []
    if about.at_least is not None:
        bounds.append(f"{about.at_least:g} or more")
    if about.above is not None:
        bounds.append(f"above {about.above:g}")
    if about.at_most is not None:
        bounds.append(f"{about.at_most:g} at most")
    unit = f" of {about.unit}" if about.unit else ""
    return ", ".join([f"wanted {_in_words(hint)}{unit}", *bounds])


def literals(hint: Any) -> tuple[str, ...]:
    """The texts that a type allows; empty for types that are not made of texts."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(text for kind in get_args(hint) for text in literals(kind))


def _in_words(hint: Any) -> str:
    """ "a whole number", "a list of paths": what a message says of a type."""
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    words[Path] = "a path"
    if hint in words:
        return words[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(_in_words(kind) for kind in inner if kind is not type(None))
    if _is_mapping(origin):
        return "names with numbers, as relu2_2:0.5"
    each = words.get(inner[0], "") if inner else ""
    return f"a list of {each.removeprefix('a ')}s" if each else "a list"
