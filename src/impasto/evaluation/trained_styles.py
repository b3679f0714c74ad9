"""Styles with the painting and the very objective that they were trained on, from their cards.

A painting is known by the sha256 of its file. `gatys_steps` optimises the pixels for that
objective, as Gatys et al. do: the baseline of a network's one pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from impasto.errors import ModelError, OptionError, WeightsError
from impasto.evaluation.record import file_sha256
from impasto.losses import LossWeights, PerceptualLoss
from impasto.media import find_images, read_picture, resize_long_side
from impasto.models import StyleModel, load_style_model
from impasto.models.gallery import list_styles
from impasto.networks import LossNetwork, load_loss_network
from impasto.networks.loss.weight_file import hash_tensors
from impasto.optimization.lbfgs import LbfgsStep, projected_lbfgs
from impasto.optimization.objective import PixelObjective

HISTORY = 10  # of L-BFGS
SEED = 0
_IN_CHECKOUT = Path("recipes", "paintings")


def find_paintings(model: StyleModel, folder: Path | None = None) -> list[Path]:
    """The files whose hashes the model's card names, from `folder` (default: recipes/paintings).

    Raises OptionError if the folder or a painting is not there: another file under the right name
    is another painting. ModelError if the card does not say.
    """
    wanted = model.card.get("trained", {}).get("style_sha256")
    if not wanted:
        raise ModelError(f"style {model.name!r}: its card does not say on which painting's file")
    folder = _default_folder() if folder is None else folder
    if not folder.is_dir():
        raise OptionError(f"`paintings` {folder}: no such folder")
    return [_find(str(digest), model.name, folder) for digest in wanted]


def _find(digest: str, name: str, folder: Path) -> Path:
    paths = find_images(folder)
    likely = sorted(paths, key=lambda path: path.stem != name)  # the one of its name first
    for path in likely:
        if file_sha256(path) == digest:
            return path
    other = [path.name for path in likely if path.stem == name]
    raise OptionError(
        f"`paintings` {folder}: none of its {len(paths)} pictures is the file that {name} was "
        f"trained on (sha256 {digest[:12]}…{f'; its {other[0]} is another one' if other else ''}); "
        "another painting would be another objective"
    )


def _default_folder() -> Path:
    candidates: Sequence[Path] = (Path.cwd(), *Path(__file__).parents[3:4])
    for root in candidates:
        if (root / _IN_CHECKOUT).is_dir():
            return root / _IN_CHECKOUT
    raise OptionError(
        "the paintings are not part of the package; name their folder, `paintings`, or run this in "
        f"a checkout, which has them in {_IN_CHECKOUT.as_posix()}"
    )


@dataclass(frozen=True, kw_only=True)
class TrainedStyle:
    """A style with the painting it was trained on. `facts`: what decides its objective, as JSON."""

    model: StyleModel
    paintings: tuple[Path, ...]
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def weights_sha256(self) -> str:
        """Hash of the style network. Not among the facts: the objective does not depend on it."""
        return hash_tensors(self.model.network.state_dict())

    def stylise(self, image: Tensor) -> Tensor:
        """One forward pass in float32, as in training's validation: the output clamped."""
        with torch.no_grad():
            return self.model(image)

    def images(self) -> list[Tensor]:
        """The paintings, each (1, 3, H, W), of the size on which the style was trained."""
        size_px = int(self.facts["style_size"])
        return [resize_long_side(read_picture(path).pixels, size_px) for path in self.paintings]


@dataclass(frozen=True, kw_only=True)
class TrainedObjective(TrainedStyle):
    """A style with its criterion: Gram targets set, content not."""

    criterion: PerceptualLoss

    def of_pixels(self, photo: Tensor, dtype: torch.dtype = torch.float32) -> PixelObjective:
        """The objective over the pixels of a picture of this photo, whose content it sets."""
        self.criterion.set_content(photo)
        return PixelObjective(self.criterion, dtype=dtype)


_TERMS = tuple(field.name for field in fields(LossWeights))


class TrainedObjectives:
    """Loads them; styles that share a loss network share it in memory too."""

    def __init__(self, paintings: Path | None, device: torch.device) -> None:
        self.paintings = paintings
        self.device = device
        self._networks: dict[str, LossNetwork] = {}

    def styles(self, names_or_files: Sequence[str]) -> list[TrainedStyle]:
        """Without loss networks. Raises ModelError for what lacks, OptionError for equal names."""
        models = [load_style_model(name) for name in names_or_files]
        if len({model.name for model in models}) < len(models):
            raise OptionError(f"`styles` {','.join(names_or_files)}: name each style once")
        return [
            TrainedStyle(
                model=model.to(self.device),
                paintings=tuple(find_paintings(model, self.paintings)),
                facts=objective_facts(model),
            )
            for model in models
        ]

    def load_all(self, names_or_files: Sequence[str]) -> list[TrainedObjective]:
        """All with criteria; raises ModelError, OptionError for what lacks, then WeightsError."""
        return [self.objective(style) for style in self.styles(names_or_files)]

    def objective(self, style: TrainedStyle) -> TrainedObjective:
        """The style with its criterion. Raises WeightsError."""
        facts = style.facts
        criterion = PerceptualLoss(
            self._network(facts, style.name),
            content_layers=facts["content_layers"],
            style_layers=facts["style_layers"],
            weights=LossWeights(**facts["weights"]),
            relative=True,
        )
        images = [image.to(self.device) for image in style.images()]
        criterion.set_style(images, facts["image_weights"])
        return TrainedObjective(
            model=style.model,
            paintings=style.paintings,
            facts=facts,
            criterion=criterion.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        )

    def _network(self, facts: Mapping[str, Any], style: str) -> LossNetwork:
        name = str(facts["loss_network"])
        if name not in self._networks:
            self._networks[name] = load_loss_network(name).to(self.device)
        network = self._networks[name]
        if network.weights_hash != facts["loss_network_sha256"]:
            raise WeightsError(
                f"the weights of {name!r} here are not those that {style!r} was trained with "
                f"(sha256 {network.weights_hash[:12]}…, wanted "
                f"{str(facts['loss_network_sha256'])[:12]}…)"
            )
        return network


def objective_facts(model: StyleModel) -> dict[str, Any]:
    """What decides the objective, from the card. Raises ModelError if it does not say."""
    trained = model.card.get("trained", {})
    try:
        return {
            "loss_network": trained["loss_network"],
            "loss_network_sha256": trained["loss_network_hash"],
            "content_layers": trained["content_layers"],
            "style_layers": trained["style_layers"],
            # What else was descended, such as the term against grids, only guided the training.
            "weights": {k: v for k, v in trained["weights"].items() if k in _TERMS},
            "style_size": trained["style_size"],
            "style_sha256": trained["style_sha256"],
            "image_weights": trained.get("style_image_weights") or None,
            "relative": True,
        }
    except KeyError as error:
        raise ModelError(
            f"style {model.name!r}: its card does not say {error} of its training, so its "
            "objective cannot be put together again"
        ) from error


def style_names(styles: Sequence[str]) -> list[str]:
    """The styles asked for, or every bundled one if none was."""
    return list(styles) or [entry.name for entry in list_styles()]


def white_noise(image: Tensor, seed: int = SEED) -> Tensor:
    """Evenly in [0, 1], of the image's shape and on its device; the same on every machine."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand(image.shape, generator=generator).to(image.device)
    return noise.contiguous(memory_format=torch.channels_last)


def gatys_steps(objective: PixelObjective, start: Tensor, iterations: int) -> Iterator[LbfgsStep]:
    """L-BFGS on the pixels, as `impasto optimize --mode paper` runs it; the start comes first."""
    return projected_lbfgs(
        objective, start, iterations=iterations, history=HISTORY, slack=objective.slack
    )
