"""`impasto train inversion`: flags over recipe over defaults, then one call and its progress."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

from pathlib import Path
from typing import Annotated

import typer

from impasto.cli import train_flags as flags
from impasto.cli.train_flags import flag, given_options
from impasto.errors import OptionError


def train_inversion_command(
    ctx: typer.Context,
    layer: Annotated[str | None, flag("Whose features are inverted. [relu3_1]")] = None,
    photos: Annotated[Path | None, flag("Folder of photos, with subfolders.")] = None,
    output: Annotated[
        Path | None, flag("Folder of the run [runs/inversion-LAYER].", "--output", "-o")
    ] = None,
    config: flags.Config = None,
    loss_network: flags.LossNetwork = None,
    loss_network_family: flags.LossNetworkFamily = None,
    content_weight: Annotated[float | None, flag("Relative feature error's weight. [1]")] = None,
    pixel_weight: Annotated[float | None, flag("Squared pixel error's weight. [5]")] = None,
    tv_weight: Annotated[float | None, flag("Total variation's weight. [0]")] = None,
    grid_weight: Annotated[
        float | None, flag("Weight against dots that repeat with the layer's stride. [100]")
    ] = None,
    shift_px: Annotated[
        int | None, flag("The loss sees crops cut off by up to this many px. [8]", "--shift")
    ] = None,
    width: Annotated[float | None, flag("Filters, 1 = 32 at full size. [1]")] = None,
    blocks: Annotated[int | None, flag("Residual blocks. [2]")] = None,
    crop_px: Annotated[int | None, flag("Side of crops, px. [128]", "--crop")] = None,
    zoom: Annotated[float | None, flag("Largest scale at which crops show a photo. [1]")] = None,
    iterations: Annotated[int | None, flag("How many batches. [4000]")] = None,
    batch_size: Annotated[int | None, flag("Photos a batch. [8]")] = None,
    optimizer: flags.Optimizer = None,
    learning_rate: flags.LearningRate = None,
    schedule: flags.Schedule = None,
    clip_norm: flags.ClipNorm = None,
    initial: Annotated[str | None, flag("Start from this model file.")] = None,
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
    name: flags.Name = None,
) -> None:
    """Train a network that turns a layer's features back into the photo. Killed? Run it again."""
    from impasto.cli.training_progress import TrainingProgress
    from impasto.training import keep_freed_memory
    from impasto.training.inversion import train_inversion
    from impasto.training.inversion_config import InversionTrainingConfig, read_inversion_recipe

    recipe = read_inversion_recipe(config) if config else {}
    options = {**recipe, **given_options(ctx, {"preview_photos": tuple})}
    if "photos" not in options:
        raise OptionError("--photos is missing; give it as a flag or in --config")
    named = options.get("layer", InversionTrainingConfig.layer).replace("/", "-")
    options.setdefault("output", Path("runs") / f"inversion-{named}")
    keep_freed_memory()
    with TrainingProgress(baseline="mean colour") as progress:
        model = train_inversion(InversionTrainingConfig(**options), progress)
    progress.finish(model, f"impasto invert PHOTO --model {model} -o OUT.png")
