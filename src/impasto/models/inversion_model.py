"""A trained decoder of a loss network's features: what it is, to files and back."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from impasto.errors import ModelError
from impasto.files.user_files import user_path
from impasto.models.kinds import INVERSION
from impasto.models.trained_model import TrainedModel, load_model
from impasto.networks import LossNetwork
from impasto.networks.inversion import invert_in_one_pass
from impasto.networks.inversion_config import InversionConfig


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class InversionModel(TrainedModel[InversionConfig]):
    """A decoder with its config (loss network and layer) and its card.

    Calling it decodes features, (N, channels, h, w) -> (N, 3, h * stride, w * stride).
    """

    def _facts(self) -> list[str]:
        config = self.config
        return [f"{config.loss_network} {config.layer}", f"width {config.width:g}"]

    def invert(self, loss_network: LossNetwork, image: Tensor) -> Tensor:
        """What the layer saw of an image, in one pass: (N, 3, H, W) in [0, 1] -> the same.

        Raises ModelError if `loss_network` is not the one that the decoder was trained with.
        """
        wanted = self.config.weights_hash
        if wanted and loss_network.weights_hash != wanted:
            raise ModelError(
                f"the inversion model {self.name!r} was trained with {self.config.loss_network} "
                f"({wanted[:12]}), not with {loss_network.name} "
                f"({loss_network.weights_hash[:12]}); give that loss network"
            )
        output = invert_in_one_pass(self.network, loss_network, image, self.config)
        return output.clamp(0, 1)


def load_inversion_model(path: Path | str) -> InversionModel:
    """Read a model file, on the CPU. Raises ModelError, which says what to do."""
    return InversionModel(**vars(load_model(user_path(path), INVERSION)))
