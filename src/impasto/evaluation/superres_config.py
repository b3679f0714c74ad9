"""What `impasto evaluate superres` is asked to do."""

from dataclasses import dataclass
from pathlib import Path

from impasto.errors import OptionError

FACTORS = (2, 3, 4, 8)


@dataclass(frozen=True, kw_only=True)
class SuperResEvaluation:
    """What to evaluate, and into which JSON file. Raises OptionError for nonsense.

    `models`, `color_matches`: see `find_methods`; `sets`, `data`: `find_image_sets`; `distances`:
    `load_distances`. Of `crops` images a set small pictures are kept beside the results, for
    figures; `save_images` is a folder for whole outputs. An image is enlarged `repeats` times, and
    the median time counts.
    """

    models: tuple[str, ...]
    sets: tuple[str, ...] = ("set5", "set14", "bsd100")
    factor: int = 4
    protocol: str = "standard"
    output: Path
    data: Path | None = None
    distances: tuple[str, ...] = ("auto",)
    color_matches: tuple[str, ...] = ("none",)
    crops: int = 3
    save_images: Path | None = None
    device: str = "auto"
    repeats: int = 1
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.factor not in FACTORS:
            raise OptionError(f"no factor {self.factor!r}; choose from {list(FACTORS)}")
        if self.crops < 0 or self.repeats < 1:
            raise OptionError(
                f"got {self.crops} crops and {self.repeats} repeats; wanted at least 0 and 1"
            )
        if self.output.suffix.lower() != ".json" or self.output.is_dir():
            raise OptionError(f"--output {self.output}: wanted the name of a .json file")
        if self.save_images is not None and self.save_images.is_file():
            raise OptionError(f"--save-images {self.save_images}: is a file; wanted a folder")
