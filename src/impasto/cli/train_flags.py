"""What the commands of `impasto train` share: flags that know whether they were given."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def flag(text: str, *names: str) -> Any:
    """An option whose default is None, so that one left out is told from one given."""
    return typer.Option(*names, help=text)


Config = Annotated[Path | None, flag("TOML recipe; flags override it.")]
LossNetwork = Annotated[str | None, flag("Name, file, or A+B. [vgg16]")]
LossNetworkFamily = Annotated[str | None, flag("Of a file: torchvision or caffe.")]
Optimizer = Annotated[str | None, flag("adam, or muon, which needs fewer iterations. [adam]")]
LearningRate = Annotated[float | None, flag("The peak rate. [0.001]")]
Schedule = Annotated[str | None, flag("one-cycle, cosine or constant. [one-cycle]")]
ClipNorm = Annotated[float | None, flag("Limit of the gradient's norm; 0: none. [1]")]
Precision = Annotated[str | None, flag("auto, float32 or bfloat16. [auto]")]
Compile = Annotated[bool | None, flag("Use torch.compile.", "--compile")]
Device = Annotated[str | None, flag("auto, cpu, cuda or mps. [auto]")]
Threads = Annotated[int | None, flag("CPU threads; 0: all. [0]")]
CheckpointEvery = Annotated[int | None, flag("Iterations between checkpoints. [200]")]
PreviewPhotos = Annotated[
    list[Path] | None, flag("Photo of the preview sheet; repeat.", "--preview-photo")
]
ValidateEvery = Annotated[int | None, flag("Iterations between validations. [1000]")]
ValidationPhotos = Annotated[Path | None, flag("Folder of held-out photos.")]
Tensorboard = Annotated[bool | None, flag("Also log there.", "--tensorboard")]
Width = Annotated[float | None, flag("Filters, 1 = 64. [1]")]
PixelWeight = Annotated[float | None, flag("Pixel error's weight. [1]")]
Iterations = Annotated[int | None, flag("How many batches. [20000]")]
Workers = Annotated[int | None, flag("Processes that prepare patches. [1]")]
LogEvery = Annotated[int | None, flag("Iterations between reports. [50]")]
PreviewEvery = Annotated[int | None, flag("Iterations between preview sheets. [1000]")]
Name = Annotated[str | None, flag("Of the model, in its card.")]


def given_options(
    ctx: typer.Context, parsers: Mapping[str, Callable[[Any], Any]]
) -> dict[str, Any]:
    """The flags that were given, without --config, as the types that their config wants."""
    given = {key: value for key, value in ctx.params.items() if value not in (None, [], ())}
    given.pop("config", None)
    return {key: parsers.get(key, lambda same: same)(value) for key, value in given.items()}
