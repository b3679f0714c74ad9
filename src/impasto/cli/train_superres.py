"""`impasto train superres`: flags over recipe over defaults, then one call and its progress."""

# The flags are read from the context, so that one left out is told from one given its default.
# ruff: noqa: ARG001

from pathlib import Path
from typing import Annotated, Any

import typer

from impasto.cli import train_flags as flags
from impasto.cli.train_flags import flag, given_options
from impasto.errors import OptionError


def train_superres_command(
    ctx: typer.Context,
    photos: Annotated[
        list[Path] | None, flag("Folder of sharp photos, or a pattern; repeat it for several.")
    ] = None,
    output: Annotated[
        Path | None, flag("Folder of the run [runs/LOSS-xFACTOR].", "--output", "-o")
    ] = None,
    config: flags.Config = None,
    factor: Annotated[int | None, flag("2, 3, 4 or 8. [4]")] = None,
    loss: Annotated[str | None, flag("perceptual, pixel or both. [perceptual]")] = None,
    degradation: Annotated[
        str | None, flag("standard (bicubic), blur (the paper's) or photo. [standard]")
    ] = None,
    architecture: Annotated[
        str | None, flag("modern, paper, srcnn-9-1-5 or srcnn-9-5-5. [modern]")
    ] = None,
    width: flags.Width = None,
    blocks: Annotated[int | None, flag("Residual blocks of modern. [6]")] = None,
    loss_network: flags.LossNetwork = None,
    loss_network_family: flags.LossNetworkFamily = None,
    content_layers: Annotated[
        str | None, flag("Features to reconstruct, as relu2_2. [relu2_2]")
    ] = None,
    content: Annotated[
        str | None, flag("Feature error: squared (the paper's) or absolute. [squared]")
    ] = None,
    feature_reduce: Annotated[
        int | None, flag("The loss network sees means of N x N pixels. [1]")
    ] = None,
    content_weight: Annotated[float | None, flag("Feature error's weight. [1]")] = None,
    pixel: Annotated[
        str | None, flag("charbonnier, absolute or squared (MSE). [charbonnier]")
    ] = None,
    pixel_weight: flags.PixelWeight = None,
    tv_weight: Annotated[float | None, flag("Total variation's weight. [0]")] = None,
    unit_feature_weight: Annotated[
        float | None, flag("Weight of LPIPS' distance with equal channel weights. [0]")
    ] = None,
    unit_feature_layers: Annotated[str | None, flag("Its layers. [relu1_2,relu2_2]")] = None,
    grid_weight: Annotated[
        float | None, flag("Weight against the dots of a feature loss. [0]")
    ] = None,
    detail_weight: Annotated[
        float | None, flag("Weight against fine screens of a feature loss. [0]")
    ] = None,
    relative: Annotated[
        bool | None,
        flag("Divide the feature error by the target's size. [relative]", "--relative/--absolute"),
    ] = None,
    patch_px: Annotated[
        int | None, flag("Side of high-resolution patches, px. [192]", "--patch")
    ] = None,
    scales: Annotated[
        str | None, flag("Photos are also used reduced by these. [1,0.75,0.5]")
    ] = None,
    shift_px: Annotated[
        int | None, flag("Random offset of what the loss sees, px. [8]", "--shift")
    ] = None,
    iterations: flags.Iterations = None,
    batch_size: Annotated[int | None, flag("Patches a batch. [16]")] = None,
    optimizer: flags.Optimizer = None,
    learning_rate: flags.LearningRate = None,
    schedule: flags.Schedule = None,
    clip_norm: flags.ClipNorm = None,
    initial: Annotated[
        str | None, flag("Start from this model, bundled or a file; of any factor.")
    ] = None,
    precision: flags.Precision = None,
    compile: flags.Compile = None,
    device: flags.Device = None,
    threads: flags.Threads = None,
    seed: Annotated[int | None, flag("Of weights and patches. [0]")] = None,
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
    """Train a network that enlarges photos by --factor. Killed? Run it again."""
    from impasto.cli.training_progress import TrainingProgress
    from impasto.training import (
        SuperResTrainingConfig,
        keep_freed_memory,
        parse_layers,
        parse_scales,
        read_superres_recipe,
        train_superres,
    )

    parsers: dict[str, Any] = {
        "photos": tuple,
        "preview_photos": tuple,
        "content_layers": parse_layers,
        "unit_feature_layers": parse_layers,
        "scales": parse_scales,
    }
    recipe = read_superres_recipe(config) if config else {}
    options = {**recipe, **given_options(ctx, parsers)}
    if "photos" not in options:
        raise OptionError("--photos is missing; give it as a flag or in --config")
    folder = f"{options.get('loss', 'perceptual')}-x{options.get('factor', 4)}"
    options.setdefault("output", Path("runs") / folder)
    settings = SuperResTrainingConfig(**options)
    keep_freed_memory()
    with TrainingProgress() as progress:
        model = train_superres(settings, progress)
    progress.finish(model, f"impasto upscale PHOTO --factor {settings.factor} --model {model}")
