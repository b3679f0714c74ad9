"""`impasto train`: flags over recipe over defaults, then one run and its progress."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.flags import with_flags
from impasto.cli.progress import LiveLine
from impasto.cli.root import App
from impasto.errors import OptionError
from impasto.training import (
    InversionTrainingConfig,
    RestoreTrainingConfig,
    RunConfig,
    StyleTrainingConfig,
    SuperResTrainingConfig,
    read_recipe,
)

Recipe = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="TOML recipe with options; flags override it.",
        rich_help_panel="Input and output",
    ),
]

train_app = App(
    help="Train a network of your own: a style, super-resolution, restoration or inversion."
)


@train_app.callback()
def _train() -> None:
    """Train a network. Run the same command again to go on where it stopped."""


@train_app.command("style")
@with_flags(StyleTrainingConfig)
def style(ctx: typer.Context, given: dict[str, Any], config: Recipe = None) -> None:
    """Train a network that paints photos in the style of --style. Killed? Run it again."""
    _run(ctx, StyleTrainingConfig, given, config, "impasto stylize PHOTO --style {model}")


@train_app.command("superres")
@with_flags(SuperResTrainingConfig)
def superres(ctx: typer.Context, given: dict[str, Any], config: Recipe = None) -> None:
    """Train a network that enlarges photos by --factor. Killed? Run it again."""
    use = "impasto upscale PHOTO --factor {factor} --model {model}"
    _run(ctx, SuperResTrainingConfig, given, config, use, "bicubic")


@train_app.command("restore")
@with_flags(RestoreTrainingConfig)
def restore(ctx: typer.Context, given: dict[str, Any], config: Recipe = None) -> None:
    """Train a network that undoes --degrade. Killed? Run it again."""
    use = "impasto restore PHOTO --model {model}"
    _run(ctx, RestoreTrainingConfig, given, config, use, "input")


@train_app.command("inversion")
@with_flags(InversionTrainingConfig)
def inversion(ctx: typer.Context, given: dict[str, Any], config: Recipe = None) -> None:
    """Train a network that turns a layer's features back into the photo. Killed? Run it again."""
    use = "impasto invert PHOTO --model {model} -o OUT.png"
    _run(ctx, InversionTrainingConfig, given, config, use, "mean colour")


def _run(
    ctx: typer.Context,
    record: type[RunConfig],
    given: dict[str, Any],
    recipe: Path | None,
    use: str,
    baseline: str = "untouched photos",
) -> None:
    """Train; say where the model is, and the command that uses it."""
    options = record.suited({**(read_recipe(recipe, record) if recipe else {}), **given})
    for each in fields(record):
        needed = each.default is MISSING and each.default_factory is MISSING
        if needed and each.name not in {*options, "output"}:
            raise OptionError(f"`{each.name}` is missing; give it as a flag or in `config`")
    options.setdefault("output", record.default_output(options))
    settings = record(**options)

    from impasto.machine.memory import keep_freed_memory
    from impasto.training import run

    keep_freed_memory()
    with LiveLine(every_s=0.0, baseline=baseline, command=ctx.command) as line:
        model = run(settings, line)
    print(f"trained: {model}\nuse it: {use.format(model=model, **vars(settings))}")
