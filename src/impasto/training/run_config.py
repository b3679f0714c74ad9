"""What every training run is told, whatever it trains; and recipes, the files that tell it.

Never imports torch: flags and their help are made from these records.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from impasto.errors import OptionError
from impasto.options import Options, option

if TYPE_CHECKING:
    from impasto.training.task import Task

IN_OUT, SPEED = "Input and output", "Speed and memory"
LOSS, NETWORK, DATA, TRAINING, REPORTS = "Loss", "Network", "Data", "Training", "Reports"
Schedule = Literal["one-cycle", "cosine", "constant"]

OUTPUT: dict[str, Any] = {
    "help": "Folder of the run.",
    "flags": ("--output", "-o"),
    "group": IN_OUT,
    "free": True,
}
_EVERY: dict[str, Any] = {"at_least": 0, "group": REPORTS, "free": True}


def weight(default: float, help: str, card: str, **declared: Any) -> Any:
    """The declaration of a term's weight."""
    return option(default, help, at_least=0, group=LOSS, card=card, **declared)


def layers(default: tuple[str, ...], help: str, card: str = "", **declared: Any) -> Any:
    """The declaration of loss layers and how much each of them counts, at first all the same."""
    return option(
        help=help,
        factory=lambda: dict.fromkeys(default, 1.0),
        at_least=0,
        group=LOSS,
        card=card,
        **declared,
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig(Options):
    """Options that all kinds of training share; refuses nonsense with OptionError.

    Free options change neither the data nor the arithmetic: a run may go on with others.
    """

    photos: Path | tuple[Path, ...] = option(
        help="Folder of photos, with its subfolders.", group=IN_OUT, free=True
    )
    output: Path = option(**OUTPUT)
    loss_network: str = option("vgg16", "Name, file, or A+B.", group=LOSS)
    loss_network_family: str = option(
        "", "Family of a loss network's file: torchvision or caffe.", group=LOSS
    )
    initial: str = option(
        "", "Start from this model, bundled or a file, and not from random weights.", group=NETWORK
    )
    iterations: int = option(
        4000, "How many batches.", at_least=1, group=TRAINING, card="iterations"
    )
    batch_size: int = option(4, "Photos a batch.", at_least=1, group=TRAINING, card="batch_size")
    optimizer: Literal["adam", "muon"] = option(
        "adam",
        "The paper's is adam; muon needs fewer iterations.",
        group=TRAINING,
        card="optimizer",
    )
    learning_rate: float = option(
        1e-3, "The peak rate.", above=0, group=TRAINING, card="learning_rate"
    )
    schedule: Schedule = option(
        "one-cycle", "How the rate changes; the paper's is constant.", group=TRAINING,
        card="schedule",
    )  # fmt: skip
    clip_norm: float = option(
        1.0, "Limit of the gradient's norm; 0: none.", at_least=0, group=TRAINING
    )
    seed: int = option(0, "Of weights, crops and their order.", group=TRAINING, card="seed")
    precision: Literal["auto", "float32", "bfloat16"] = option(
        "auto", "Number format; auto takes bfloat16 where it is fast.", group=SPEED
    )
    compile: bool = option(False, "Use torch.compile.", flags=("--compile",), group=SPEED)
    device: str = option("auto", "Where to compute: auto, cpu, cuda, cuda:1 or mps.", group=SPEED)
    threads: int = option(
        0, "CPU threads; 0: all. The bits of the result depend on it.", at_least=0, group=SPEED
    )
    workers: int = option(1, "Processes that decode photos.", at_least=0, group=SPEED, free=True)
    log_every: int = option(20, "Iterations between reports.", at_least=1, group=REPORTS, free=True)
    checkpoint_every: int = option(200, "Iterations between checkpoints; 0: none.", **_EVERY)
    preview_every: int = option(200, "Iterations between preview sheets; 0: none.", **_EVERY)
    preview_photos: tuple[Path, ...] = option(
        (), "Photo of the preview sheet; repeat it.", flags=("--preview-photo",), group=REPORTS,
        free=True,
    )  # fmt: skip
    validate_every: int = option(1000, "Iterations between validations; 0: none.", **_EVERY)
    validation_photos: Path | None = option(
        None, "Folder of photos that are held out.", group=REPORTS, free=True
    )
    validation_count: int = option(16, "Photos held out.", flags=(), at_least=0, free=True)
    tensorboard: bool = option(
        False, "Also log for TensorBoard.", flags=("--tensorboard",), group=REPORTS, free=True
    )
    name: str = option("", "Of the model, in its card.", group=IN_OUT, free=True)
    licence: str = option("", "Of the model, in its card.", flags=(), free=True)

    @classmethod
    def suited(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """`options` of this record, with the defaults that suit them where it has several."""
        return dict(options)

    @classmethod
    def default_output(cls, options: Mapping[str, Any]) -> Path:
        """The folder of a run with these options, where none is given."""
        raise NotImplementedError

    @property
    def needs_loss_network(self) -> bool:
        """Whether a term of the loss looks at features."""
        return True

    def for_photos(self, count: int) -> Self:
        """The record for so many photos to train on."""
        del count
        return self

    def task(self) -> "type[Task[Any, Any]]":
        """What is trained."""
        raise NotImplementedError


def read_recipe(path: Path, record: type[RunConfig]) -> dict[str, Any]:
    """Options from a TOML file whose keys are the fields of `record`.

    Paths in it are relative to the folder of the recipe. Raises OptionError, which names file and
    key, for a file that is not TOML, unknown keys, and values of another type.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"`config` {path}: {error}") from error
    return record.from_mapping(values, f"`config` {path}", path.parent)
