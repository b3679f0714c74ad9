"""What the commands of `impasto train` share: flags that know whether they were given."""

from collections.abc import Callable, Mapping
from typing import Any

import typer


def flag(text: str, *names: str) -> Any:
    """An option whose default is None, so that one left out is told from one given."""
    return typer.Option(*names, help=text)


def given_options(
    ctx: typer.Context, parsers: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """The flags that were given, without --config, as the types that their config wants."""
    given = {key: value for key, value in ctx.params.items() if value not in (None, [], ())}
    given.pop("config", None)
    return {key: parsers.get(key, lambda same: same)(value) for key, value in given.items()}
