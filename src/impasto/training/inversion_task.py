"""Feed-forward inversion as the training loop sees it: decoder, crops, loss, previews, scores."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from impasto.data.photos import PhotoBatch, PhotoCrops, center_crop, photo_batches
from impasto.errors import TrainingError
from impasto.losses import content_terms, grid_loss, pixel_loss, squared_tv
from impasto.losses.terms import EMPTY_TARGET
from impasto.machine.devices import choose_dtype
from impasto.media import contact_sheet, psnr, read_picture, write_picture
from impasto.models import save_model
from impasto.models.inversion_model import load_inversion_model
from impasto.networks import LossNetwork
from impasto.networks.inversion import InversionNetwork, fitted
from impasto.networks.inversion_config import InversionConfig
from impasto.training.events import OnEvent, Saved, Validated
from impasto.training.inversion_config import InversionTrainingConfig
from impasto.training.split import readable
from impasto.training.superres_loss import shifted

VALIDATION_PX = 256
PREVIEW_COUNT = 4
MEASURED_PHOTOS = 16  # whose features set the decoder's scale
MODEL_FILE = "model.safetensors"


class InversionTask:
    """A decoder for the training loop: network, crops, loss, previews, validation."""

    def __init__(
        self,
        config: InversionTrainingConfig,
        network: InversionConfig,
        loss_network: LossNetwork,
        paths: Sequence[Path],
        held_out: Sequence[Path],
        device: torch.device,
        report: OnEvent,
    ) -> None:
        self.config = config
        self.network_config = network
        self.loss_network = loss_network.requires_grad_(False).eval()
        self.device = device
        self.report = report
        self.held_out = list(held_out)
        self.dtype = choose_dtype(config.precision, device)
        self.crops = PhotoCrops(paths, lambda _: config.crop_px, seed=config.seed, zoom=config.zoom)
        decoder = self._initial_network(paths).to(device)
        # twice `to`: PyTorch's stubs know no overload with both
        self.network: nn.Module = decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.previews = self._preview_photos([*self.held_out, *paths])
        self._loss = torch.compile(self._plain_loss) if config.compile else self._plain_loss

    def batches(self, start: int) -> Iterator[PhotoBatch]:
        config = self.config
        return photo_batches(
            self.crops,
            batch_size=config.batch_size,
            start=start,
            stop=config.iterations,
            workers=config.workers,
        )

    def loss(self, batch: PhotoBatch) -> tuple[Tensor, dict[str, Tensor]]:
        return self._loss(batch.images)

    def _plain_loss(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
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

    def after_step(self, iteration: int, terms: dict[str, float]) -> None:  # noqa: ARG002
        config = self.config
        last = iteration == config.iterations
        if config.preview_every and (iteration % config.preview_every == 0 or last):
            self._preview(iteration)
        if config.validate_every and self.held_out and iteration % config.validate_every == 0:
            self.validate(iteration, self.held_out[: config.validation_count])

    def finish(self, card: Callable[[Validated | None], dict[str, Any]]) -> Path:
        """Validate on every held-out photo and write the model with its card."""
        done = self.config.iterations
        objective = self.validate(done, self.held_out) if self.held_out else None
        path = self.config.output / MODEL_FILE
        save_model(path, self.network, self.network_config, card(objective))
        self.report(Saved(iteration=done, kind="model", path=path))
        return path

    @torch.no_grad()
    def validate(self, iteration: int, paths: Sequence[Path]) -> Validated:
        """Mean terms and PSNR at 256 px over held-out photos, beside their mean colour's."""
        self.network.eval()
        sums: dict[str, list[float]] = {}
        for pixels in readable(paths, len(paths)):
            image = center_crop(pixels, VALIDATION_PX).to(self.device)
            features = self._features(image)
            flat = image.mean(dim=(2, 3), keepdim=True).expand_as(image)
            for kind, output in (("output", self._decoded(features, image)), ("flat", flat)):
                terms = self._terms(output, image, features)
                scores = {name: float(term) for name, term in terms.items()}
                scores["total"] = float(self._total(terms))
                scores["psnr"] = float(psnr(output, image, data_range=1.0))
                for name, score in scores.items():
                    sums.setdefault(f"{kind} {name}", []).append(score)
        self.network.train()
        means = {name: sum(values) / len(values) for name, values in sums.items()}
        event = Validated(
            iteration=iteration,
            terms={k.split()[1]: v for k, v in means.items() if k.startswith("output")},
            untouched={k.split()[1]: v for k, v in means.items() if k.startswith("flat")},
        )
        self.report(event)
        return event

    def _decoded(self, features: Tensor, image: Tensor) -> Tensor:
        output = fitted(self.network(features), (image.shape[2], image.shape[3]))
        return output.float().clamp(0, 1)

    def _preview_photos(self, others: Sequence[Path]) -> list[Tensor]:
        """The middles that the preview sheet shows: of the photos named, else of four others."""
        config = self.config
        if not config.preview_every:
            return []
        chosen = config.preview_photos
        found = (
            [read_picture(path).pixels for path in chosen]
            if chosen
            else list(readable(others, PREVIEW_COUNT))
        )
        return [center_crop(pixels, VALIDATION_PX) for pixels in found]

    @torch.no_grad()
    def _preview(self, iteration: int) -> None:
        self.network.eval()
        decoded = []
        for photo in self.previews:
            image = photo.to(self.device)
            decoded.append(self._decoded(self._features(image), image).cpu())
        self.network.train()
        sheet = contact_sheet([self.previews, decoded])
        path = self.config.output / "previews" / f"{iteration:06d}.png"
        for target in (path, self.config.output / "preview.png"):
            write_picture(target, sheet)
        self.report(Saved(iteration=iteration, kind="preview", path=path))

    def _initial_network(self, paths: Sequence[Path]) -> nn.Module:
        network = InversionNetwork(self.network_config).train()
        if not self.config.initial:
            network.feature_rms.copy_(self._feature_rms(paths))
            return network
        model = load_inversion_model(self.config.initial)
        if model.config != self.network_config:
            raise TrainingError(
                f"--initial {self.config.initial} is {model.config}, but {self.network_config} is "
                "to be trained; give the same --loss-network, --layer, --width and --blocks"
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
