"""`impasto train style`: flags over recipe over defaults, then one call and its progress."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli import train_flags as flags
from impasto.cli.root import App
from impasto.cli.train_flags import flag, given_options
from impasto.cli.train_inversion import train_inversion_command
from impasto.cli.train_restore import train_restore_command
from impasto.cli.train_superres import train_superres_command
from impasto.errors import OptionError

train_app = App(
    help="Train a network of your own: a style, super-resolution, restoration or inversion."
)


@train_app.callback()
def _train() -> None:
    """Train a network. Run the same command again to go on where it stopped."""


train_app.command("superres")(train_superres_command)
train_app.command("restore")(train_restore_command)
train_app.command("inversion")(train_inversion_command)


@train_app.command("style")
def train_style_command(
    ctx: typer.Context,
    style: Annotated[list[Path] | None, flag("The painting; repeat it for several.")] = None,
    photos: Annotated[Path | None, flag("Folder of photos, with subfolders.")] = None,
    output: Annotated[
        Path | None, flag("Folder of the run [runs/PAINTING].", "--output", "-o")
    ] = None,
    config: flags.Config = None,
    loss_network: flags.LossNetwork = None,
    loss_network_family: flags.LossNetworkFamily = None,
    style_weight: Annotated[float | None, flag("Relative style error's weight. [2]")] = None,
    content_weight: Annotated[float | None, flag("Relative content error's weight. [1]")] = None,
    tv_weight: Annotated[float | None, flag("Total variation's weight. [5]")] = None,
    grid_weight: Annotated[float | None, flag("Against patterns of period 4 px. [0]")] = None,
    edge_weight: Annotated[float | None, flag("Against a frame around pictures. [0]")] = None,
    border_px: Annotated[int | None, flag("Mirrored around pictures for the loss. [0]")] = None,
    style_layers: Annotated[
        str | None,
        flag("As relu1_2,relu2_2:0.5 [relu1_2,relu2_2,relu3_3,relu4_3]"),
    ] = None,
    content_layers: Annotated[str | None, flag("As relu3_3. [relu3_3]")] = None,
    style_size: Annotated[
        int | None, flag("Long side of the painting, px: brush size. [640]")
    ] = None,
    style_image_weights: Annotated[str | None, flag("One for each --style, as 1,0.5.")] = None,
    iterations: Annotated[int | None, flag("How many batches. [4000]")] = None,
    epochs: Annotated[float | None, flag("Instead of --iterations.")] = None,
    batch_size: Annotated[int | None, flag("Photos a batch. [4]")] = None,
    crops: Annotated[
        str | None, flag("Side in px, or share:px,... as 0.7:160,0.3:256. [0.7:160,0.3:256]")
    ] = None,
    zoom: Annotated[float | None, flag("Largest scale at which crops show a photo. [2]")] = None,
    color_jitter: Annotated[float | None, flag("Change the crops' colours, 0 to 1. [0]")] = None,
    optimizer: flags.Optimizer = None,
    learning_rate: flags.LearningRate = None,
    schedule: flags.Schedule = None,
    clip_norm: flags.ClipNorm = None,
    architecture: Annotated[str | None, flag("modern, fast or paper. [modern]")] = None,
    width: Annotated[float | None, flag("Filters, 1 = the paper's. [0.5]")] = None,
    blocks: Annotated[int | None, flag("Residual blocks. [5]")] = None,
    norm: Annotated[str | None, flag("instance or batch (paper only). [instance]")] = None,
    initial: Annotated[str | None, flag("Start from this style or model file.")] = None,
    teacher: Annotated[
        str | None, flag("Also come near to what this style or model file paints.")
    ] = None,
    teacher_weight: Annotated[
        float | None, flag("Weight of the distance to the teacher's pictures. [1]")
    ] = None,
    teacher_only: Annotated[
        float | None, flag("Share of the iterations, the first, without the loss network. [0]")
    ] = None,
    precision: flags.Precision = None,
    compile: flags.Compile = None,
    device: flags.Device = None,
    threads: flags.Threads = None,
    seed: Annotated[int | None, flag("Of weights, crops and order. [0]")] = None,
    workers: Annotated[int | None, flag("Processes that decode photos. [1]")] = None,
    log_every: Annotated[int | None, flag("Iterations between reports. [20]")] = None,
    checkpoint_every: flags.CheckpointEvery = None,
    preview_every: Annotated[int | None, flag("Iterations between preview sheets. [200]")] = None,
    preview_photos: flags.PreviewPhotos = None,
    validate_every: flags.ValidateEvery = None,
    validation_photos: flags.ValidationPhotos = None,
    tensorboard: flags.Tensorboard = None,
    name: Annotated[str | None, flag("Of the style, in the model's card.")] = None,
) -> None:
    """Train a network that paints photos in the style of --style. Killed? Run it again."""
    from impasto.cli.training_progress import TrainingProgress
    from impasto.training import StyleTrainingConfig, keep_freed_memory, read_recipe, train_style

    recipe = read_recipe(config) if config else {}
    options = {**recipe, **given_options(ctx, _parsers())}
    for needed in ("style", "photos"):
        if needed not in options:
            raise OptionError(f"--{needed} is missing; give it as a flag or in --config")
    options.setdefault("output", Path("runs") / options["style"][0].stem)
    keep_freed_memory()
    with TrainingProgress() as progress:
        model = train_style(StyleTrainingConfig(**options), progress)
    progress.finish(model, f"impasto stylize PHOTO --style {model}")


def _parsers() -> dict[str, Any]:
    """Flags' text -> the types of StyleTrainingConfig."""
    from impasto.training import parse_crops, parse_layers

    return {
        "style": tuple,
        "preview_photos": tuple,
        "style_layers": parse_layers,
        "content_layers": parse_layers,
        "crops": parse_crops,
        "style_image_weights": _numbers,
    }


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise OptionError(
            f"--style-image-weights: got {text!r}; wanted numbers, as 1,0.5"
        ) from error
