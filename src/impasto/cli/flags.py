"""Flags and their help from the declarations of options, see `impasto.options`.

Every flag reaches its command as text, if it was given at all, and becomes a value by the record's
own rules: one message for a wrong value, wherever it comes from.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field
from typing import Annotated, Any, get_args, get_origin

import typer

from impasto.errors import ImpastoError
from impasto.options import Declaration, Options, declared, from_text, literals


def with_flags(
    *records: type[Options], leave_out: Iterable[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag for each option of the records.

    The command takes `given` among its parameters: the options that were given, by name, as their
    records want them. A parameter of its own takes the place of an option of the same name.
    Messages of errors get flags in place of the options' `names`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())
        names = {each.name for each in own} | set(leave_out)
        found = {
            each.name: (each, hint, about)
            for record in records
            for each, hint, about in declared(record)
            if each.name not in names
        }

        def run(**values: Any) -> None:
            try:
                given = {
                    name: from_text(each, hint, values.pop(name))
                    for name, (each, hint, _) in found.items()
                    if values.get(name) not in (None, [], ())
                }
                rest = {name: value for name, value in values.items() if name not in found}
                command(**rest, given=given)
            except ImpastoError as error:
                error.args = (in_flags(str(error), records),)
                raise

        flags = [_parameter(each, hint, about) for each, hint, about in found.values()]
        parameters = [each for each in own if each.name != "given"] + flags
        keyword = inspect.Parameter.KEYWORD_ONLY
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [each.replace(kind=keyword) for each in parameters]
        )
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        run.__module__ = command.__module__
        return run

    return decorate


def flag_of(each: "Field[Any]", about: Declaration) -> str:
    """The option's long flag."""
    long = [flag for flag in about.flags if flag.startswith("--")]
    return long[0] if long else "--" + each.name.replace("_", "-")


def in_flags(message: str, records: Iterable[type[Options]]) -> str:
    """A message of the library with flags in place of the options' `names`."""
    flags: Mapping[str, str] = {
        each.name: flag_of(each, about) for record in records for each, _, about in declared(record)
    }
    return re.sub(r"`(\w+)`", lambda found: flags.get(found[1], found[0]), message)


def _parameter(each: "Field[Any]", hint: Any, about: Declaration) -> inspect.Parameter:
    boolean = hint is bool
    many = _repeats(hint) and about.parse is None
    names = list(about.flags) or ["--" + each.name.replace("_", "-")]
    if boolean and len(names) == 2 and names[1].startswith("--"):
        names = ["/".join(names)]  # typer's way to say which flag switches it off
    spelled = typer.Option(
        *names,
        help=_help(each, about),
        metavar=None if boolean else _metavar(hint, about),
        rich_help_panel=about.group or None,
        show_default=False,
    )
    kind: Any = bool | None if boolean else list[str] | None if many else str | None
    return inspect.Parameter(
        each.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, spelled],
    )


def _help(each: "Field[Any]", about: Declaration) -> str:
    """The option's sentence, and its default."""
    text = about.default_text
    if text is None and each.default not in (MISSING, None, "", (), False, True):
        text = f"{each.default:g}" if isinstance(each.default, float) else str(each.default)
    return f"{about.help} [{text}]" if text else about.help


def _metavar(hint: Any, about: Declaration) -> str | None:
    choices = about.choices or literals(hint)
    if choices:
        return "|".join(choices)
    return about.unit.upper() or None


def _repeats(hint: Any) -> bool:
    """Whether it is a tuple of any length, for which a flag is given several times."""
    return get_origin(hint) is tuple and get_args(hint)[-1] is Ellipsis
