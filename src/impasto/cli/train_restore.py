"""`impasto train restore`: flags over recipe over defaults, then one call and its progress."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli import train_flags as flags
from impasto.cli.train_flags import flag, given_options
from impasto.errors import OptionError


def train_restore_command(
    ctx: typer.Context,
    degradation: Annotated[
        str | None,
        flag("What to repair: noise, gray, jpeg, blur or holes. [noise]", "--degrade"),
    ] = None,
    degrade_range: Annotated[
        str | None,
        flag(
            "How bad, LOW:HIGH. noise: sigma in 8-bit units [5:50]; jpeg: quality [10:80]; "
            "blur: sigma in px [0.5:2.5]; holes: missing share [0.01:0.4].",
            "--range",
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None, flag("Folder of good photos, or a pattern; repeat it for several.")
    ] = None,
    output: Annotated[
        Path | None, flag("Folder of the run [runs/restore-DEGRADE].", "--output", "-o")
    ] = None,
    config: flags.Config = None,
    loss: Annotated[
        str | None, flag("pixel, perceptual or both. [pixel; gray and holes: both]")
    ] = None,
    width: flags.Width = None,
    blocks: Annotated[int | None, flag("Residual blocks. [6; gray and holes: 8]")] = None,
    shrink: Annotated[
        int | None, flag("1, 2 or 4: sees further, costs less. [2; gray and holes: 4]")
    ] = None,
    loss_network: flags.LossNetwork = None,
    loss_network_family: flags.LossNetworkFamily = None,
    content_layers: Annotated[
        str | None, flag("Features to reconstruct. [relu2_2; holes: relu1_2,relu2_2,relu3_3]")
    ] = None,
    content_weight: Annotated[
        float | None, flag("Feature error's weight. [1; gray 0.05; holes 0.03]")
    ] = None,
    pixel: Annotated[
        str | None, flag("charbonnier, absolute or squared; not for holes. [charbonnier]")
    ] = None,
    pixel_weight: flags.PixelWeight = None,
    hole_weight: Annotated[
        float | None, flag("Times the pixel error's weight, where pixels were missing. [6]")
    ] = None,
    style_layers: Annotated[
        str | None, flag("Of holes, as relu1_2,relu2_2:0.5. [relu1_2,relu2_2,relu3_3]")
    ] = None,
    style_weight: Annotated[float | None, flag("Of holes. [0.5]")] = None,
    tv_weight: Annotated[
        float | None, flag("Total variation's weight; holes: at the holes. [0; holes 0.01]")
    ] = None,
    patch_px: Annotated[
        int | None, flag("Side of patches, px. [96; gray and holes: 128]", "--patch")
    ] = None,
    iterations: flags.Iterations = None,
    batch_size: Annotated[int | None, flag("Patches a batch. [16; gray and holes: 8]")] = None,
    optimizer: flags.Optimizer = None,
    learning_rate: flags.LearningRate = None,
    schedule: flags.Schedule = None,
    initial: Annotated[str | None, flag("Start from this model file.")] = None,
    precision: flags.Precision = None,
    compile: flags.Compile = None,
    device: flags.Device = None,
    threads: flags.Threads = None,
    seed: Annotated[int | None, flag("Of weights, patches and their damage. [0]")] = None,
    workers: flags.Workers = None,
    log_every: flags.LogEvery = None,
    checkpoint_every: flags.CheckpointEvery = None,
    preview_every: flags.PreviewEvery = None,
    preview_photos: flags.PreviewPhotos = None,
    validate_every: flags.ValidateEvery = None,
    validation_photos: flags.ValidationPhotos = None,
    tensorboard: flags.Tensorboard = None,
    name: flags.Name = None,
) -> None:
    """Train a network that undoes --degrade. Killed? Run it again."""
    from impasto.cli.training_progress import TrainingProgress
    from impasto.training import (
        RestoreTrainingConfig,
        keep_freed_memory,
        parse_layers,
        parse_range,
        read_restore_recipe,
        restore_options,
        train_restore,
    )

    parsers: dict[str, Any] = {
        "degrade_range": parse_range,
        "photos": tuple,
        "preview_photos": tuple,
        "content_layers": parse_layers,
        "style_layers": parse_layers,
    }
    recipe = read_restore_recipe(config) if config else {}
    options = restore_options({**recipe, **given_options(ctx, parsers)})
    if "photos" not in options:
        raise OptionError("--photos is missing; give it as a flag or in --config")
    folder = f"restore-{options.get('degradation', 'noise')}"
    options.setdefault("output", Path("runs") / folder)
    settings = RestoreTrainingConfig(**options)
    keep_freed_memory()
    with TrainingProgress(baseline="input") as progress:
        model = train_restore(settings, progress)
    progress.finish(model, f"impasto restore PHOTO --model {model}")
