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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

from impasto.errors import OptionError
from impasto.option_types import (
    converted,
    fitted_to,
    in_words,
    literals,
    number_of,
    numbers_in,
    plain,
)

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


def shows_options(
    record: type[Options], leave_out: Sequence[str] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have help() and `inspect.signature` show a function's `**options` one by one.

    The function makes a record of them, which checks them. leave_out: fields that it takes by
    itself, or not at all.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        shown = [
            inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if each.default is MISSING else each.default,
                annotation=each.type,
            )
            for each in fields(record)
            if each.name not in {*leave_out, *signature.parameters}
        ]
        signature = signature.replace(parameters=[*own, *shown])
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
        return converted(hint, value, folder)
    except ValueError as error:  # OptionError is one
        raise OptionError(f"`{each.name}`: {error}") from error


def from_text(each: "Field[Any]", hint: Any, text: Any) -> Any:
    """What was typed for an option (for a repeatable one, a list of it) -> its checked value.

    Raises OptionError.
    """
    about = declaration(each)
    if isinstance(text, str) and (about is None or about.parse is None):
        text = number_of(hint, text)
    return _checked(each, hint, convert(each, hint, text))


def _fields(record: Any) -> list[tuple["Field[Any]", Any]]:
    return _fields_of(record)


@cache  # reading type hints takes longer than all checks
def _fields_of(record: Any) -> list[tuple["Field[Any]", Any]]:
    hints = get_type_hints(record)
    return [(each, hints[each.name]) for each in fields(record)]


def _checked(each: "Field[Any]", hint: Any, value: Any) -> Any:
    """The value, whole numbers as floats where those are wanted. Raises OptionError."""
    about = declaration(each)
    if about is None:
        return value
    fitted = fitted_to(hint, value)
    if fitted is MISSING or (about.choices and fitted is not None and fitted not in about.choices):
        raise OptionError(f"`{each.name}`: got {value!r}; {_wanted(hint, about)}")
    for number in numbers_in(fitted):
        too_low = about.at_least is not None and number < about.at_least
        not_above = about.above is not None and number <= about.above
        too_high = about.at_most is not None and number > about.at_most
        if too_low or not_above or too_high or not math.isfinite(number):
            raise OptionError(f"`{each.name}`: got {value!r}; {_wanted(hint, about)}")
    return fitted


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
    return ", ".join([f"wanted {in_words(hint)}{unit}", *bounds])
