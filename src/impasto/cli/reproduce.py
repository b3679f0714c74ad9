"""`impasto reproduce`: the paper's figures and tables, ours beside its own."""

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli.options import Device, DeviceName
from impasto.errors import OptionError


def _flag(text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=text, **more)


def reproduce(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="LIST",
            help="all, or some of: features, styles, sheet, objective, speed, superres.",
        ),
    ],
    output: Annotated[Path, _flag("Folder of the results.", "--output", "-o")] = Path("reproduced"),
    quick: Annotated[
        bool, _flag("Small and few: all of it in ten minutes on two cores.", "--quick")
    ] = False,
    styles: Annotated[
        str | None, _flag("As starry-night,FILE: bundled styles or files. [all of them]")
    ] = None,
    photos: Annotated[
        Path | None, _flag("Folder of held-out photos; else $IMPASTO_DATA/photos/eval50.")
    ] = None,
    count: Annotated[int | None, _flag("How many of the photos.", min=1)] = None,
    content: Annotated[
        list[Path] | None, _flag("features, sheet: a photo to show; repeat it.", metavar="PHOTO")
    ] = None,
    paintings: Annotated[
        Path | None, _flag("Folder with the styles' paintings. [recipes/paintings]")
    ] = None,
    sizes: Annotated[str | None, _flag("In px, as 256,512,1024; one for pictures.")] = None,
    iterations: Annotated[
        str | None, _flag("As 200, or by size: 256:200,512:100. speed: how many are timed.")
    ] = None,
    loss_network: Annotated[
        str | None, _flag("features, styles: name or file.", metavar="NAME_OR_FILE")
    ] = None,
    layers: Annotated[str | None, _flag("features, styles: as relu1_2,relu2_2.")] = None,
    baseline: Annotated[
        str | None,
        _flag(
            "objective: a second curve, of torch.optim.LBFGS (torch) or of L-BFGS that begins at "
            "the network's picture (network)."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        _flag("superres: folder with the test sets as folders; else $IMPASTO_DATA/superres."),
    ] = None,
    distances: Annotated[
        str | None, _flag("superres: perceptual ones, as for `impasto evaluate`.")
    ] = None,
    model: Annotated[
        list[str] | None,
        _flag(
            "superres: another model for a row, as pixel-x4=FILE; repeat it.", metavar="ROLE=FILE"
        ),
    ] = None,
    device: Device = DeviceName.auto,
    precision: Annotated[
        str | None, _flag("Of L-BFGS: float32, bfloat16, or auto: the fast one. [auto]")
    ] = None,
    overwrite: Annotated[bool, _flag("Measure all of it again.", "--overwrite")] = False,
) -> None:
    """Make the paper's figures and tables again, our figures beside its own.

    features and styles: what each layer keeps. sheet: photo, painting, Gatys, ours. objective:
    against iterations of L-BFGS, with the network's level. speed. superres: the PSNR table.
    First JSON, then tables and figures from it alone. The same command again goes on where it
    stopped.
    """
    from impasto.cli.evaluation_progress import EvaluationProgress, comma_list
    from impasto.evaluation.reproduce import find_reproductions, make_configs
    from impasto.evaluation.reproduce import reproduce as run
    from impasto.machine.freed_memory import keep_freed_memory

    lists = {"styles": styles, "layers": layers, "distances": distances}
    given: dict[str, Any] = {
        name: comma_list(f"--{name}", text) for name, text in lists.items() if text is not None
    }
    given |= {"sizes": _sizes(sizes)} if sizes else {}
    given |= {"iterations": _iterations(iterations)} if iterations else {}
    given |= {"content": tuple(content)} if content else {}
    given |= {"models": dict(_role(text) for text in model)} if model else {}
    plain = {
        "photos": photos,
        "count": count,
        "paintings": paintings,
        "loss_network": loss_network,
        "baseline": baseline,
        "precision": precision,
        "data": data,
        "overwrite": overwrite or None,
        "device": None if device is DeviceName.auto else device.value,
    }
    given |= {name: value for name, value in plain.items() if value is not None}
    names = find_reproductions([name for text in what for name in comma_list("LIST", text)])
    configs = make_configs(names, output=output, quick=quick, given=given)
    keep_freed_memory()
    with EvaluationProgress.running() as progress:
        files = run(configs, progress)
    for path in files:
        if path.name in {f"{name}.md" for name in names}:
            typer.echo(path.read_text(encoding="utf-8"))
    typer.echo("\n".join(str(path) for path in files))
    progress.finish()


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_number("--sizes", part) for part in text.split(","))


def _iterations(text: str) -> dict[int, int]:
    """ "200" -> {0: 200}, for every size; "256:200,512:100" -> by size."""
    found = {}
    for part in text.split(","):
        size, _, count = part.rpartition(":")
        found[_number("--iterations", size) if size else 0] = _number("--iterations", count)
    return found


def _number(option: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise OptionError(f"{option}: got {text!r}; wanted whole numbers with commas between them")
    return int(text)


def _role(text: str) -> tuple[str, str]:
    role, equals, file = text.partition("=")
    if not (role and equals and file):
        raise OptionError(f"--model {text!r}: wanted ROLE=FILE, as pixel-x4=model.safetensors")
    return role, file
