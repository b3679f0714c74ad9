"""Flags and their help from the declarations of options, see `impasto.options`.

Every flag reaches its command as text, if it was given at all, and becomes a value by the record's
own rules: one message for a wrong value, wherever it comes from. `Command` puts flags in the place
of the names that the library's messages speak of.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from typer.core import TyperCommand

from impasto.errors import ImpastoError
from impasto.option_types import as_text, literals, repeats
from impasto.options import Declaration, Options, declared, from_text

OTHER_OPTIONS = "Options"  # the heading of those that declare no group; --help is among them
_FIRST, _LAST = ("Arguments", "Input and output"), ("Speed and memory", OTHER_OPTIONS)


class Command(TyperCommand):
    """A command whose help has a heading for each group of options, and whose errors name flags."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ImpastoError as error:
            error.args = (named_for(self, str(error)),)
            raise

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            group = getattr(param, "rich_help_panel", None) or OTHER_OPTIONS
            if param.param_type_name == "argument":
                group = "Arguments"
                record = (record[0].partition(" <")[0], record[1])  # PHOTO, not PHOTO <str>
            flag, text = record
            sections.setdefault(group, []).append((flag, named_for(self, text)))
        middle = [heading for heading in sections if heading not in _FIRST + _LAST]
        for heading in (*_FIRST, *middle, *_LAST):
            if records := sections.get(heading):
                with formatter.section(heading):
                    formatter.write_dl(records)


def with_flags(
    *records: type[Options],
    group: str = "",
    complete: Mapping[str, Callable[[str], list[str]]] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command a flag for each option of the records.

    The command takes `given` among its parameters: the options that were given, by name, as their
    records want them. A parameter of its own takes the place of an option of the same name.
    group: the heading of options that declare none. complete: what a shell offers for an option,
    given its beginning.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())
        names = {each.name for each in own}
        found = {
            each.name: (each, hint, about)
            for record in records
            for each, hint, about in declared(record)
            if each.name not in names and about.flags != ()
        }

        def run(**values: Any) -> None:
            given = {
                name: from_text(each, hint, values.pop(name))
                for name, (each, hint, _) in found.items()
                if values.get(name) not in (None, [], ())
            }
            rest = {name: value for name, value in values.items() if name not in found}
            command(**rest, given=given)

        options = sorted(found.values(), key=lambda option: _has_default(option[0]))
        completions = complete or {}
        flags = [_parameter(*option, group, completions.get(option[0].name)) for option in options]
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


def names_of(command: Any) -> dict[str, str]:
    """What a command's user calls each of its parameters: --patch, or PHOTO."""
    names = {}
    for param in command.params:
        long = [flag for flag in param.opts if flag.startswith("--")]
        if param.param_type_name == "argument":
            names[param.name] = (param.metavar or param.name.upper()).rstrip(".")
        else:
            names[param.name] = (long or param.opts)[0]
    return names


def named_for(command: Any, message: str) -> str:
    """A message of the library with the command's flags in place of the options' `names`."""
    names = names_of(command)
    return re.sub(r"`(\w+)`", lambda found: names.get(found[1], found[0]), message)


def _has_default(each: "Field[Any]") -> bool:
    return each.default is not MISSING or each.default_factory is not MISSING


def _parameter(
    each: "Field[Any]", hint: Any, about: Declaration, group: str, complete: Any
) -> inspect.Parameter:
    boolean = hint is bool
    many = repeats(hint) and about.parse is None
    names = list(about.flags or ["--" + each.name.replace("_", "-")])
    if boolean and len(names) == 2 and names[1].startswith("--"):
        names = ["/".join(names)]  # typer's way to say which flag switches it off
    spelled = typer.Option(
        *names,
        help=_help(each, about),
        metavar=None if boolean else _metavar(hint, about),
        rich_help_panel=about.group or group or None,
        autocompletion=complete,
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
    if text is None:
        value = each.default if each.default_factory is MISSING else each.default_factory()
        said = value is not MISSING and value is not None and not isinstance(value, bool)
        text = as_text(value) if said else ""
    return f"{about.help} [{text}]" if text else about.help


def _metavar(hint: Any, about: Declaration) -> str:
    choices = about.choices or literals(hint)
    if choices:
        return "|".join(choices)
    words = {int: "INTEGER", float: "NUMBER", Path: "PATH"}
    if get_origin(hint) not in (None, Union, UnionType) and not repeats(hint):
        return "LIST"
    kinds = [words[kind] for kind in (hint, *get_args(hint)) if kind in words]
    return about.unit.upper() or (kinds[0] if kinds else "TEXT")
