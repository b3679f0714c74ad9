"""A trained super-resolution or restoration network, ready to use."""

from dataclasses import dataclass

from impasto.models.trained_model import TrainedModel
from impasto.networks.superres import SuperResConfig
from impasto.networks.superres.config import as_superres


@dataclass(frozen=True, kw_only=True, eq=False)
class SuperResModel(TrainedModel):
    """A super-resolution network with its config and its card (degradation, provenance).

    Calling it gives (N, in_channels, h, w) -> (N, 3, h * factor, w * factor) in one pass;
    `impasto.painting` upscales photos of any size with it in bounded memory.
    """

    config: SuperResConfig

    @property
    def factor(self) -> int:
        """How many times longer each side becomes; 1 for restoration."""
        return self.config.factor

    @property
    def radius_px(self) -> int:
        """How many low-resolution samples on each side an output pixel depends on."""
        return as_superres(self.network).radius_px

    @property
    def task(self) -> str:
        """ "superres" or "restore", as the card says; without a card the factor tells."""
        return str(self.card.get("task") or task_of_factor(self.config.factor))


def task_of_factor(factor: int) -> str:
    """ "restore" for factor 1, else "superres"."""
    return "restore" if factor == 1 else "superres"
