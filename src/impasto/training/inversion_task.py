"""Feed-forward inversion in training: a decoder from a layer's features back to the image.

Dosovitskiy & Brox 2016, arXiv 1506.02753.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.data.photos import PhotoBatch, PhotoCrops, center_crop, photo_batches
from impasto.errors import OptionError, TrainingError
from impasto.losses import content_terms, grid_loss, pixel_loss, squared_tv
from impasto.losses.terms import EMPTY_TARGET
from impasto.media import psnr
from impasto.models.inversion_model import load_inversion_model
from impasto.networks import LossNetwork
from impasto.networks.inversion import InversionNetwork, fitted, layer_geometry
from impasto.networks.inversion_config import InversionConfig
from impasto.training.inversion_config import InversionTrainingConfig
from impasto.training.superres_loss import shifted
from impasto.training.task import Scores, Setup, Task, channels_last, readable

VALIDATION_PX = 256
MEASURED_PHOTOS = 16  # whose features set the decoder's scale


class InversionTask(Task[InversionTrainingConfig, PhotoBatch]):
    """A decoder for the training loop; scores are terms and PSNR at 256 px."""

    untouched_name = "mean_color"

    def __init__(self, setup: Setup[InversionTrainingConfig]) -> None:
        super().__init__(setup)
        config = setup.config
        assert setup.loss_network is not None
        self.network_config = _network_config(config, setup.loss_network)
        loss_network: LossNetwork = channels_last(setup.loss_network.to(setup.device))
        self.loss_network = loss_network.requires_grad_(False).eval()
        crops = PhotoCrops(setup.paths, self._crop_px_of_sample, seed=config.seed, zoom=config.zoom)
        self.sampled = partial(photo_batches, crops)
        decoder = self._initial_network(setup.paths).to(setup.device)
        self.network: nn.Module = channels_last(decoder)
        photos = self.preview_photos([*setup.held_out, *setup.paths])
        self._previews = [center_crop(pixels, VALIDATION_PX) for pixels in photos]

    def _crop_px_of_sample(self, index: int) -> int:
        del index
        return self.config.crop_px

    def terms_of(self, *tensors: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        (images,) = tensors
        features = self._features(images)
        output = fitted(self.network(features), (images.shape[2], images.shape[3]))
        terms = self._terms(output, images, features, shift_px=self.config.shift_px)
        return self._total(terms), terms

    def _features(self, images: Tensor) -> Tensor:
        layer = self.config.layer
        with torch.no_grad():
            features: Tensor = self.loss_network(images, [layer])[layer]
        return features

    def _terms(
        self, output: Tensor, images: Tensor, features: Tensor, *, shift_px: int = 0
    ) -> dict[str, Tensor]:
        """Unweighted terms; those without a weight are left out. `features` are of the images."""
        config = self.config
        terms: dict[str, Tensor] = {}
        if config.grid_weight:
            terms["grid"] = grid_loss(output, images, factor=self.network_config.stride)
        if shift_px:
            output, images = shifted(output, images, shift_px)
            features = self._features(images)
        if config.content_weight:
            seen = self.loss_network(output, [config.layer])[config.layer]
            wanted = {config.layer: features}
            (content,) = content_terms(wanted, {config.layer: 1.0}, scale="relative")
            terms["content"] = content.error(content.sums(seen))
        if config.pixel_weight:
            terms["pixel"] = pixel_loss(output, images)
        if config.tv_weight:
            terms["tv"] = squared_tv(output, reduction="mean")
        return terms

    def _total(self, terms: dict[str, Tensor]) -> Tensor:
        config = self.config
        weights = {
            "content": config.content_weight,
            "pixel": config.pixel_weight,
            "tv": config.tv_weight,
            "grid": config.grid_weight,
        }
        return torch.stack([weights[name] * term.float() for name, term in terms.items()]).sum()

    def scores(self, pixels: Tensor, number: int) -> tuple[Scores, Scores]:
        del number
        image = center_crop(pixels, VALIDATION_PX).to(self.device)
        features = self._features(image)
        flat = image.mean(dim=(2, 3), keepdim=True).expand_as(image)
        decoded = self._decoded(features, image)
        return self._score(decoded, image, features), self._score(flat, image, features)

    def _score(self, output: Tensor, image: Tensor, features: Tensor) -> Scores:
        terms = self._terms(output, image, features)
        scores = {name: float(term) for name, term in terms.items()}
        scores["total"] = float(self._total(terms))
        scores["psnr"] = float(psnr(output, image, data_range=1.0))
        return scores

    def _decoded(self, features: Tensor, image: Tensor) -> Tensor:
        output = fitted(self.network(features), (image.shape[2], image.shape[3]))
        return output.float().clamp(0, 1)

    def preview_rows(self) -> list[list[Tensor]]:
        decoded = []
        for photo in self._previews:
            image = photo.to(self.device)
            decoded.append(self._decoded(self._features(image), image).cpu())
        return [self._previews, decoded] if decoded else []

    def card(self) -> dict[str, Any]:
        config = self.config
        name = config.name or f"inversion-{config.layer.replace('/', '-')}"
        return {"name": name, "licence": config.licence}

    def _initial_network(self, paths: Sequence[Path]) -> nn.Module:
        network = InversionNetwork(self.network_config).train()
        if not self.config.initial:
            network.feature_rms.copy_(self._feature_rms(paths))
            return network
        model = load_inversion_model(self.config.initial)
        if model.config != self.network_config:
            raise TrainingError(
                f"`initial` {self.config.initial} is {model.config}, but {self.network_config} is "
                "to be trained; give the same `loss_network`, `layer`, `width` and "
                "`blocks`"
            )
        return model.network.requires_grad_(True).train()

    def _feature_rms(self, paths: Sequence[Path]) -> Tensor:
        """Root mean square of each channel over some photos; at least a hundredth of all's."""
        squares = [
            self._features(center_crop(pixels, self.config.crop_px).to(self.device))
            .square()
            .mean(dim=(0, 2, 3))
            for pixels in islice(readable(paths, len(paths)), MEASURED_PHOTOS)
        ]
        if not squares:
            raise TrainingError(f"none of the photos can be read, {paths[0]} to begin with")
        mean = torch.stack(squares).mean(0).cpu()
        # a channel that these photos hardly wake must not be blown up where it wakes
        return mean.clamp_min(max(float(mean.mean()) * 1e-2, EMPTY_TARGET)).sqrt()


def _network_config(config: InversionTrainingConfig, loss_network: LossNetwork) -> InversionConfig:
    """The decoder for the layer. Raises OptionError for a layer or crops that cannot be."""
    channels, stride = layer_geometry(loss_network, config.layer)
    if config.crop_px % stride or config.crop_px < 2 * stride:
        raise OptionError(
            f"`crop_px`: got {config.crop_px}; {config.layer} has a sample for each {stride} px, "
            f"wanted a multiple of that, {2 * stride} or more"
        )
    return InversionConfig(
        loss_network=config.loss_network,
        weights_hash=loss_network.weights_hash,
        layer=config.layer,
        channels=channels,
        stride=stride,
        width=config.width,
        blocks=config.blocks,
    )
