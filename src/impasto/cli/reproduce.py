"""`impasto reproduce`: the paper's tables and figures, ours beside its own."""

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.options import Device, DeviceName
from impasto.errors import OptionError

reproduce_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Make the paper's tables again, our figures beside its own.",
)


@reproduce_app.callback()
def _reproduce() -> None:
    """Make a table of the paper again. Run the same command again to go on where it stopped."""


def _flag(text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, **more)


@reproduce_app.command("superres")
def reproduce_superres_command(
    output: Annotated[Path, _flag("Folder of the results.", "--output", "-o")] = Path(
        "reproduced/superres"
    ),
    quick: Annotated[bool, _flag("On Set5 alone.", "--quick")] = False,
    data: Annotated[
        Path | None, _flag("Folder with the test sets as folders; else $IMPASTO_DATA/superres.")
    ] = None,
    distances: Annotated[str, _flag("Perceptual ones, as for `impasto evaluate`.")] = "auto",
    model: Annotated[
        list[str] | None,
        _flag("Another model for a row, as pixel-x4=FILE; repeat it.", metavar="ROLE=FILE"),
    ] = None,
    device: Device = DeviceName.auto,
) -> None:
    """PSNR and SSIM of bicubic, pixel loss, SRCNN and feature loss at factors 4 and 8.

    Set5, Set14 and BSD100 by the protocols standard and blur, with perceptual distances and the
    modern networks too. First JSON, then the table and figures from it.
    """
    from impasto.cli.evaluation_progress import EvaluationProgress, comma_list
    from impasto.evaluation.reproduce_superres import SuperResReproduction, reproduce_superres

    config = SuperResReproduction(
        output=output,
        quick=quick,
        data=data,
        distances=comma_list("--distances", distances),
        models=dict(_role(text) for text in model or ()),
        device=device.value,
    )
    with EvaluationProgress.running() as progress:
        files = reproduce_superres(config, progress)
    typer.echo(files[1].read_text(encoding="utf-8"))
    typer.echo("\n".join(str(path) for path in files))
    progress.finish()


def _role(text: str) -> tuple[str, str]:
    role, equals, file = text.partition("=")
    if not (role and equals and file):
        raise OptionError(f"--model {text!r}: wanted ROLE=FILE, as pixel-x4=model.safetensors")
    return role, file
